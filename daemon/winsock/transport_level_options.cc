// The options of the levels IPPROTO_TCP and IPPROTO_UDP (reference, section
// 4.10).
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <algorithm>
#include <limits>

#include "daemon/winsock/option_rule.h"

namespace wspd {
namespace {

using Value = wsp::v1::OptionValue;

// The kernel's bounds of TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT.
constexpr int64_t kMostKeepSeconds = 32767;
constexpr int64_t kMostKeepProbes = 127;
constexpr int kDefaultSynRetries = 6;

// TCP_MAXRT is in seconds, TCP_MAXRTMS in milliseconds, as is the kernel's
// TCP_USER_TIMEOUT; -1 is for ever, which Linux calls 0.
WsaError SetMaxRetransmission(const OptionRule& rule,
                              const OptionTarget& target, const Value& value) {
  uint32_t number;
  if (WsaError error = ReadNumber(rule, value, &number); !error.ok()) {
    return error;
  }
  const int64_t unit = rule.option == 5 ? 1000 : 1;
  const int64_t most = std::numeric_limits<int>::max();
  const int64_t time = number == UINT32_MAX ? 0 : number * unit;
  return SetInt(target.socket.fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
                static_cast<int>(std::min(time, most)));
}

WsaError GetMaxRetransmission(const OptionRule& rule,
                              const OptionTarget& target, Value* value) {
  int time = 0;
  WsaError error =
      GetInt(target.socket.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &time);
  const int unit = rule.option == 5 ? 1000 : 1;
  value->set_number(time == 0 ? UINT32_MAX
                              : static_cast<uint32_t>(time / unit));
  return error;
}

// Linux doesn't do with none.
WsaError SetNoSynRetries(const OptionRule& rule, const OptionTarget& target,
                         const Value& value) {
  WsaError error = SetFlag(rule, target, value);
  if (!error.ok()) return error;
  return SetInt(target.socket.fd, IPPROTO_TCP, TCP_SYNCNT,
                target.options->no_syn_retries ? 1 : kDefaultSynRetries);
}

// Whether the next byte is the urgent one.
WsaError GetAtMark(const OptionRule&, const OptionTarget& target,
                   Value* value) {
  int at_mark = 0;
  if (ioctl(target.socket.fd, SIOCATMARK, &at_mark) != 0 && errno != EINVAL) {
    return WsaError::FromErrno(errno);
  }
  value->set_number(at_mark != 0);
  return 0;
}

// Of a connection, whether it has them; before, what was asked for, though
// Linux decides by itself.
WsaError GetTimestamps(const OptionRule& rule, const OptionTarget& target,
                       Value* value) {
  if (target.socket.connected_seconds < 0) return GetFlag(rule, target, value);
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(target.socket.fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
    return WsaError::FromErrno(errno);
  }
  value->set_number((info.tcpi_options & TCPI_OPT_TIMESTAMPS) != 0);
  return 0;
}

// For listeners; there is no way to connect with data.
WsaError SetFastOpen(const OptionRule& rule, const OptionTarget& target,
                     const Value& value) {
  // Connections whose handshake isn't over, as many as may wait for an accept.
  constexpr int kQueue = 4096;
  uint32_t on;
  WsaError error = ReadNumber(rule, value, &on);
  if (error.ok()) {
    error = SetInt(target.socket.fd, IPPROTO_TCP, TCP_FASTOPEN,
                   on != 0 ? kQueue : 0);
  }
  if (error.ok()) target.options->fast_open = on != 0;
  return error;
}

WsaError SetCoalescing(const OptionRule& rule, const OptionTarget& target,
                       const Value& value) {
  WsaError error = SetKernelFlag(rule, target, value);
  return error.ok() ? SetNumber(rule, target, value) : error;
}

OptionRule Tcp(int option, SetOptionFunction set, GetOptionFunction get,
               int kernel_option = 0, int64_t least = 0,
               int64_t most = UINT32_MAX) {
  return {option,      kOnStream,     kWsaNoProtoOpt, set, get,
          IPPROTO_TCP, kernel_option, least,          most};
}

OptionRule TcpFlag(int option, bool SocketOptions::*flag,
                   SetOptionFunction set = &SetFlag) {
  OptionRule rule = Tcp(option, set, &GetFlag);
  rule.flag = flag;
  return rule;
}

OptionRule TcpKeep(int option, int kernel_option, int64_t most,
                   uint32_t SocketOptions::*number) {
  OptionRule rule =
      Tcp(option, &SetKernelAndNumber, &GetNumber, kernel_option, 1, most);
  rule.number = number;
  return rule;
}

OptionRule Timestamps() {
  OptionRule rule = TcpFlag(10, &SocketOptions::timestamps);
  rule.get = &GetTimestamps;
  return rule;
}

OptionRule Udp(int option, SetOptionFunction set, GetOptionFunction get,
               int kernel_level = 0, int kernel_option = 0) {
  return {option, kOnDatagram,  kWsaNoProtoOpt, set,
          get,    kernel_level, kernel_option};
}

OptionRule UdpChecksumCoverage() {
  OptionRule rule = Udp(20, &SetFlag, &GetFlag);
  rule.flag = &SocketOptions::covers_checksum;
  return rule;
}

// The kernel coalesces as much as a datagram could have.
OptionRule UdpCoalescing() {
  OptionRule rule = Udp(3, &SetCoalescing, &GetNumber, IPPROTO_UDP, UDP_GRO);
  rule.number = &SocketOptions::most_coalesced;
  return rule;
}

}  // namespace

OptionRules TcpLevelOptions() {
  static const OptionRule kRules[] = {
      Tcp(1, &SetKernelFlag, &GetKernelFlag, TCP_NODELAY),
      TcpFlag(2, &SocketOptions::urgent_by_rfc1122),
      TcpKeep(3, TCP_KEEPIDLE, kMostKeepSeconds, &SocketOptions::keep_idle),
      Tcp(4, &SetKernelNumber, &GetKernelNumber, TCP_MAXSEG),
      Tcp(5, &SetMaxRetransmission, &GetMaxRetransmission),
      TcpFlag(6, &SocketOptions::urgent_by_rfc1122),  // TCP_STDURG
      Tcp(7, &SetOff, &GetOff),                       // TCP_NOURG
      Tcp(8, nullptr, &GetAtMark),
      TcpFlag(9, &SocketOptions::no_syn_retries, &SetNoSynRetries),
      Timestamps(),
      // TCP_DELAY_FIN_ACK, of which Linux has nothing.
      TcpFlag(13, &SocketOptions::delays_fin_ack),
      Tcp(14, &SetMaxRetransmission, &GetMaxRetransmission),
      TcpFlag(15, &SocketOptions::fast_open, &SetFastOpen),
      TcpKeep(16, TCP_KEEPCNT, kMostKeepProbes, &SocketOptions::keep_count),
      TcpKeep(17, TCP_KEEPINTVL, kMostKeepSeconds,
              &SocketOptions::keep_interval),
      // TCP_FAIL_CONNECT_ON_ICMP_ERROR, as Linux's connects always do.
      TcpFlag(18, &SocketOptions::fails_on_icmp_error),
      TcpFlag(0x7000, &SocketOptions::bsd_urgent),
  };
  return kRules;
}

OptionRules UdpLevelOptions() {
  static const OptionRule kRules[] = {
      Udp(1, &SetKernelFlag, &GetKernelFlag, SOL_SOCKET, SO_NO_CHECK),
      Udp(2, &SetKernelNumber, &GetKernelNumber, IPPROTO_UDP, UDP_SEGMENT),
      UdpCoalescing(),
      UdpChecksumCoverage(),
  };
  return kRules;
}

}  // namespace wspd
