#include "daemon/winsock/socket_options.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>

#include "daemon/winsock/wsa_error.h"

namespace wspd {
namespace {

// Winsock's numbers.
constexpr int kLevelSocket = 0xffff;
constexpr int kLevelTcp = 6;
constexpr int kLevelIpv6 = 41;
enum SocketLevelOption : int {
  kDebug = 0x1,
  kAcceptConn = 0x2,
  kReuseAddr = 0x4,
  kExclusiveAddrUse = ~0x4,
  kKeepAlive = 0x8,
  kDontRoute = 0x10,
  kBroadcast = 0x20,
  kLinger = 0x80,
  kDontLinger = ~0x80,
  kOobInline = 0x100,
  kSendBuffer = 0x1001,
  kReceiveBuffer = 0x1002,
  kSendTimeout = 0x1005,
  kReceiveTimeout = 0x1006,
  kError = 0x1007,
  kType = 0x1008,
  kConditionalAccept = 0x3002,
  kConnectTime = 0x700c,
};
constexpr int kTcpNoDelay = 1;
constexpr int kIpv6Only = 27;

// An option that the kernel has too, as an int.
struct KernelOption {
  int level;
  int option;
  int kernel_level;
  int kernel_option;
};
constexpr KernelOption kKernelOptions[] = {
    {kLevelSocket, kKeepAlive, SOL_SOCKET, SO_KEEPALIVE},
    {kLevelSocket, kOobInline, SOL_SOCKET, SO_OOBINLINE},
    {kLevelTcp, kTcpNoDelay, IPPROTO_TCP, TCP_NODELAY},
    {kLevelIpv6, kIpv6Only, IPPROTO_IPV6, IPV6_V6ONLY},
};

const KernelOption* FindKernelOption(int level, int option) {
  for (const KernelOption& entry : kKernelOptions) {
    if (entry.level == level && entry.option == option) return &entry;
  }
  return nullptr;
}

uint32_t UnknownOption(int level) {
  return level == kLevelSocket || level == kLevelTcp || level == kLevelIpv6
             ? kWsaNoProtoOpt
             : kWsaInval;
}

WsaError SetKernel(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0
             ? WsaError(0)
             : WsaError::FromErrno(errno);
}

WsaError SetBuffer(int fd, int option, uint32_t size, uint32_t* shadow) {
  constexpr uint32_t kMax = std::numeric_limits<int>::max() / 2;
  const int value = static_cast<int>(std::min(size, kMax));
  const WsaError error = SetKernel(fd, SOL_SOCKET, option, value);
  if (error.ok()) *shadow = size;
  return error;
}

// SO_REUSEADDR and SO_EXCLUSIVEADDRUSE exclude each other.
WsaError SetAddressUse(const SocketView& socket, bool on, bool other,
                       bool* value) {
  if (on && other) return kWsaInval;
  if (socket.bound && on) return kWsaInval;
  *value = on;
  return 0;
}

WsaError SetAtSocketLevel(int option, uint32_t number, const SocketView& socket,
                          SocketOptions* options) {
  const bool on = number != 0;
  switch (option) {
    case kDebug:
      options->debug = on;
      return 0;
    case kDontRoute:
      options->dont_route = on;
      return 0;
    case kBroadcast:
      if (socket.type != SOCK_DGRAM) return kWsaNoProtoOpt;
      return SetKernel(socket.fd, SOL_SOCKET, SO_BROADCAST, on);
    case kReuseAddr: {
      const WsaError error = SetAddressUse(
          socket, on, options->exclusive_address, &options->reuse_address);
      return !error.ok() ? error
                         : SetKernel(socket.fd, SOL_SOCKET, SO_REUSEADDR, on);
    }
    case kExclusiveAddrUse:
      return SetAddressUse(socket, on, options->reuse_address,
                           &options->exclusive_address);
    case kDontLinger:
      if (socket.type != SOCK_STREAM) return kWsaNoProtoOpt;
      options->linger_on = !on;
      return 0;
    case kSendBuffer:
      return SetBuffer(socket.fd, SO_SNDBUF, number, &options->send_buffer);
    case kReceiveBuffer:
      return SetBuffer(socket.fd, SO_RCVBUF, number, &options->receive_buffer);
    case kSendTimeout:
      options->send_timeout = number;
      return 0;
    case kReceiveTimeout:
      options->receive_timeout = number;
      return 0;
    case kError:
      *socket.so_error = number;
      return 0;
    case kConditionalAccept:
      if (socket.listening) return kWsaInval;
      options->conditional_accept = on;
      return 0;
    default:
      return kWsaNoProtoOpt;
  }
}

WsaError ReadBuffer(int fd, int option, uint32_t shadow, uint32_t* number) {
  if (shadow != 0) {
    *number = shadow;
    return 0;
  }
  int value = 0;
  socklen_t size = sizeof(value);
  if (getsockopt(fd, SOL_SOCKET, option, &value, &size) != 0) {
    return WsaError::FromErrno(errno);
  }
  *number = static_cast<uint32_t>(value);
  return 0;
}

WsaError GetAtSocketLevel(int option, const SocketView& socket,
                          const SocketOptions& options, uint32_t* number) {
  switch (option) {
    case kDebug:
      *number = options.debug;
      return 0;
    case kDontRoute:
      *number = options.dont_route;
      return 0;
    case kBroadcast:
      if (socket.type != SOCK_DGRAM) return kWsaNoProtoOpt;
      return ReadBuffer(socket.fd, SO_BROADCAST, 0, number);
    case kAcceptConn:
      *number = socket.listening;
      return 0;
    case kReuseAddr:
      *number = options.reuse_address;
      return 0;
    case kExclusiveAddrUse:
      *number = options.exclusive_address;
      return 0;
    case kDontLinger:
      if (socket.type != SOCK_STREAM) return kWsaNoProtoOpt;
      *number = !options.linger_on;
      return 0;
    case kSendBuffer:
      return ReadBuffer(socket.fd, SO_SNDBUF, options.send_buffer, number);
    case kReceiveBuffer:
      return ReadBuffer(socket.fd, SO_RCVBUF, options.receive_buffer, number);
    case kSendTimeout:
      *number = options.send_timeout;
      return 0;
    case kReceiveTimeout:
      *number = options.receive_timeout;
      return 0;
    case kError:
      *number = *socket.so_error;
      return 0;
    case kType:
      // SOCK_STREAM and SOCK_DGRAM have the same numbers in Winsock.
      *number = static_cast<uint32_t>(socket.type);
      return 0;
    case kConditionalAccept:
      *number = options.conditional_accept;
      return 0;
    case kConnectTime:
      *number = static_cast<uint32_t>(socket.connected_seconds);
      return 0;
    default:
      return kWsaNoProtoOpt;
  }
}

}  // namespace

WsaError SetSocketOption(const wsp::v1::SetSockOptRequest& request,
                         const SocketView& socket, SocketOptions* options) {
  const wsp::v1::OptionValue& value = request.value();
  if (request.level() == kLevelSocket && request.option() == kLinger) {
    if (socket.type != SOCK_STREAM) return kWsaNoProtoOpt;
    if (!value.has_linger()) return kWsaFault;
    options->linger_on = value.linger().on();
    options->linger_seconds = static_cast<uint16_t>(
        std::min<uint32_t>(value.linger().seconds(), 0xffff));
    return 0;
  }
  if (const KernelOption* option =
          FindKernelOption(request.level(), request.option())) {
    if (value.value_case() != wsp::v1::OptionValue::kNumber) return kWsaFault;
    return SetKernel(socket.fd, option->kernel_level, option->kernel_option,
                     value.number() != 0);
  }
  if (request.level() != kLevelSocket) return UnknownOption(request.level());
  if (value.value_case() != wsp::v1::OptionValue::kNumber) return kWsaFault;
  return SetAtSocketLevel(request.option(), value.number(), socket, options);
}

WsaError GetSocketOption(const wsp::v1::GetSockOptRequest& request,
                         const SocketView& socket, const SocketOptions& options,
                         wsp::v1::OptionValue* value) {
  if (request.level() == kLevelSocket && request.option() == kLinger) {
    if (socket.type != SOCK_STREAM) return kWsaNoProtoOpt;
    value->mutable_linger()->set_on(options.linger_on);
    value->mutable_linger()->set_seconds(options.linger_seconds);
    return 0;
  }
  if (const KernelOption* option =
          FindKernelOption(request.level(), request.option())) {
    int number = 0;
    socklen_t size = sizeof(number);
    if (getsockopt(socket.fd, option->kernel_level, option->kernel_option,
                   &number, &size) != 0) {
      return WsaError::FromErrno(errno);
    }
    value->set_number(number != 0);
    return 0;
  }
  if (request.level() != kLevelSocket) return UnknownOption(request.level());
  uint32_t number = 0;
  const WsaError error =
      GetAtSocketLevel(request.option(), socket, options, &number);
  if (error.ok()) value->set_number(number);
  return error;
}

}  // namespace wspd
