// The ioctls that look at the socket or change it (reference, section 4.9).
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <algorithm>
#include <cstring>

#include "daemon/winsock/ioctls.h"

namespace wspd {
namespace {

using Request = wsp::v1::IoctlRequest;
using Result = wsp::v1::IoctlResult;

// Winsock's numbers of levels and options.
constexpr int kLevelSocket = 0xffff;
constexpr int kLevelTcp = 6;
constexpr int kLevelIp = 0;
constexpr int kLevelIpv6 = 41;
constexpr int kSoKeepAlive = 8;
constexpr int kTcpKeepIdle = 3;
constexpr int kTcpKeepInterval = 17;
// The same in IPv4 and IPv6.
constexpr int kMulticastTtl = 10;
constexpr int kMulticastLoop = 11;

WsaError SetOption(const IoctlTarget& target, int level, int option,
                   uint32_t value) {
  wsp::v1::SetSockOptRequest request;
  request.set_level(level);
  request.set_option(option);
  request.mutable_value()->set_number(value);
  return target.engine->WithFd([&](int fd) {
    SocketView view = target.view;
    view.fd = fd;
    // Only of the option itself it is an error.
    view.lost = 0;
    return SetSocketOption(request, view, target.options);
  });
}

// --------------------------------------------------------------- what is there

// Of datagrams all that are queued, as Windows 10 does; the manual says: the
// first.
WsaError CountReadable(const Request&, const IoctlTarget& target,
                       Result* result) {
  uint64_t bytes = 0;
  const bool stream = target.view.type == SOCK_STREAM;
  const int error = stream ? target.engine->CountUnread(&bytes)
                           : target.engine->CountDatagrams(&bytes);
  result->set_number(
      static_cast<uint32_t>(std::min<uint64_t>(bytes, UINT32_MAX)));
  // Linux refuses on a listener, where Winsock counts nothing.
  return stream && error == EINVAL ? WsaError(0) : WsaError::FromErrno(error);
}

WsaError IsAtMark(const Request&, const IoctlTarget& target, Result* result) {
  const bool ahead =
      target.view.type == SOCK_STREAM && target.engine->UrgentIsAhead();
  result->set_number(!ahead);
  return 0;
}

// What the connection can have on its way, by the window that it has found out,
// and never less than Windows says at its beginning.
WsaError QueryIdealBacklog(const Request&, const IoctlTarget& target,
                           Result* result) {
  constexpr uint64_t kLeastBacklog = 64 << 10;
  if (target.view.connected_seconds < 0) return kWsaNotConn;
  tcp_info info{};
  socklen_t size = sizeof(info);
  const int error = target.engine->WithFd([&](int fd) {
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? 0 : errno;
  });
  if (error != 0) return WsaError::FromErrno(error);
  const uint64_t window = uint64_t{info.tcpi_snd_cwnd} * info.tcpi_snd_mss;
  result->set_number(static_cast<uint32_t>(
      std::clamp<uint64_t>(window, kLeastBacklog, UINT32_MAX)));
  return 0;
}

// ----------------------------------------------------------------- keep-alive

// struct tcp_keepalive, times in milliseconds.
struct WinsockKeepAlive {
  uint32_t on;
  uint32_t time;
  uint32_t interval;
};

// Linux knows seconds, of which it is at least one.
uint32_t KeepAliveSeconds(uint32_t milliseconds) {
  constexpr uint32_t kMostSeconds = 32767;
  return std::clamp((milliseconds + uint64_t{999}) / 1000, uint64_t{1},
                    uint64_t{kMostSeconds});
}

WsaError SetKeepAlive(const Request& request, const IoctlTarget& target,
                      Result*) {
  WinsockKeepAlive values;
  if (request.input().size() != sizeof(values)) return kWsaFault;
  memcpy(&values, request.input().data(), sizeof(values));
  if (values.on != 0) {
    WsaError error = SetOption(target, kLevelTcp, kTcpKeepIdle,
                               KeepAliveSeconds(values.time));
    if (error.ok()) {
      error = SetOption(target, kLevelTcp, kTcpKeepInterval,
                        KeepAliveSeconds(values.interval));
    }
    if (!error.ok()) return error;
  }
  return SetOption(target, kLevelSocket, kSoKeepAlive, values.on != 0);
}

// --------------------------------------------------------------------- others

WsaError SetMulticast(const IoctlTarget& target, int option, uint32_t value) {
  const int level = target.view.family == AF_INET ? kLevelIp : kLevelIpv6;
  return SetOption(target, level, option, value);
}

WsaError SetMulticastLoop(const Request& request, const IoctlTarget& target,
                          Result*) {
  return SetMulticast(target, kMulticastLoop, request.number());
}

WsaError SetMulticastScope(const Request& request, const IoctlTarget& target,
                           Result*) {
  return SetMulticast(target, kMulticastTtl, request.number());
}

WsaError SetReportsUnreachable(const Request& request,
                               const IoctlTarget& target, Result*) {
  target.engine->SetReportsUnreachable(request.number() != 0);
  return 0;
}

// struct TCP_INITIAL_RTO_PARAMETERS: 16 bits of milliseconds, which Linux has
// no say about, and how often a SYN is sent again.
WsaError SetInitialRto(const Request& request, const IoctlTarget& target,
                       Result*) {
  constexpr uint8_t kUnspecified = 0xff, kNone = 0xfe;
  const auto retries = static_cast<uint8_t>(request.number() >> 16);
  if (retries == kUnspecified) return 0;
  // Linux doesn't do with none.
  const int count = retries == kNone ? 1 : std::max<int>(retries, 1);
  return WsaError::FromErrno(target.engine->WithFd([&](int fd) {
    return setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &count, sizeof(count)) == 0
               ? 0
               : errno;
  }));
}

// What Linux does anyway, or never does, and whoever asks needn't know.
WsaError Accept(const Request&, const IoctlTarget&, Result*) { return 0; }

// ------------------------------------------------------------------ the table

enum : uint8_t { kOnStream = 1, kOnDatagram = 2, kOnAll = 3 };

struct IoctlRule {
  uint32_t code;
  uint8_t types;
  // What the other types say.
  uint32_t elsewhere;
  WsaError (*run)(const Request&, const IoctlTarget&, Result*);
};
constexpr IoctlRule kRules[] = {
    // FIONREAD, SIOCATMARK
    {0x4004667f, kOnAll, 0, &CountReadable},
    {0x40047307, kOnAll, 0, &IsAtMark},
    // SIO_ENABLE_CIRCULAR_QUEUEING; Linux drops the newest datagram.
    {0x28000002, kOnDatagram, kWsaNoProtoOpt, &Accept},
    // SIO_MULTIPOINT_LOOPBACK, SIO_MULTICAST_SCOPE
    {0x88000009, kOnDatagram, kWsaNoProtoOpt, &SetMulticastLoop},
    {0x8800000a, kOnDatagram, kWsaNoProtoOpt, &SetMulticastScope},
    // SIO_KEEPALIVE_VALS
    {0x98000004, kOnStream, kWsaNoProtoOpt, &SetKeepAlive},
    // SIO_UDP_CONNRESET
    {0x9800000c, kOnDatagram, kWsaOpNotSupp, &SetReportsUnreachable},
    // SIO_LOOPBACK_FAST_PATH, SIO_TCP_INITIAL_RTO
    {0x98000010, kOnStream, kWsaOpNotSupp, &Accept},
    {0x98000011, kOnStream, kWsaOpNotSupp, &SetInitialRto},
    // SIO_IDEAL_SEND_BACKLOG_QUERY
    {0x4004747b, kOnStream, kWsaOpNotSupp, &QueryIdealBacklog},
};

}  // namespace

WsaError SocketIoctl(const Request& request, const IoctlTarget& target,
                     Result* result) {
  const uint8_t type =
      target.view.type == SOCK_STREAM ? kOnStream : kOnDatagram;
  for (const IoctlRule& rule : kRules) {
    if (rule.code != request.code()) continue;
    if ((rule.types & type) == 0) return rule.elsewhere;
    return rule.run(request, target, result);
  }
  return kWsaOpNotSupp;
}

}  // namespace wspd
