#include "daemon/winsock/kernel_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

namespace wspd {
namespace {

// Those of the tables of options that are an int of the kernel's.
constexpr struct {
  int level;
  int option;
} kOptions[] = {
    {SOL_SOCKET, SO_KEEPALIVE},
    {SOL_SOCKET, SO_OOBINLINE},
    {IPPROTO_TCP, TCP_NODELAY},
    {IPPROTO_TCP, TCP_KEEPIDLE},
    {IPPROTO_TCP, TCP_KEEPINTVL},
    {IPPROTO_TCP, TCP_KEEPCNT},
    {IPPROTO_TCP, TCP_USER_TIMEOUT},
    {IPPROTO_TCP, TCP_SYNCNT},
    {IPPROTO_IP, IP_TOS},
    {IPPROTO_IP, IP_TTL},
    {IPPROTO_IP, IP_MTU_DISCOVER},
    {IPPROTO_IP, IP_UNICAST_IF},
    {IPPROTO_IPV6, IPV6_V6ONLY},
    {IPPROTO_IPV6, IPV6_TCLASS},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER},
    {IPPROTO_IPV6, IPV6_UNICAST_IF},
};

void SetBuffer(int fd, int option, uint32_t bytes) {
  if (bytes == SocketOptions::kNotSet) return;
  const int size = static_cast<int>(std::min<uint32_t>(bytes, INT32_MAX));
  setsockopt(fd, SOL_SOCKET, option, &size, sizeof(size));
}

}  // namespace

KernelOptions KernelOptions::Of(int fd) {
  static_assert(sizeof(kOptions) / sizeof(kOptions[0]) == kCount,
                "one value for each");
  KernelOptions options;
  for (size_t i = 0; i < kCount; ++i) {
    int value = 0;
    socklen_t size = sizeof(value);
    if (getsockopt(fd, kOptions[i].level, kOptions[i].option, &value, &size) ==
        0) {
      options.values_[i] = value;
    }
  }
  return options;
}

int KernelOptions::ApplyTo(int fd, const SocketOptions& options) const {
  for (size_t i = 0; i < kCount; ++i) {
    if (!values_[i].has_value()) continue;
    const int value = *values_[i];
    setsockopt(fd, kOptions[i].level, kOptions[i].option, &value,
               sizeof(value));
  }
  SetBuffer(fd, SO_SNDBUF, options.send_buffer);
  SetBuffer(fd, SO_RCVBUF, options.receive_buffer);
  return ApplyInterfaces(fd, options);
}

}  // namespace wspd
