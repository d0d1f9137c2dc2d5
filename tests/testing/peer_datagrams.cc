#include "tests/testing/peer_datagrams.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <algorithm>

namespace wspd::testing {
namespace {

constexpr size_t kMostBytes = 64 << 10;

struct Address {
  sockaddr_in6 storage = {};
  socklen_t length = sizeof(storage);

  Address() = default;
  explicit Address(const Endpoint& endpoint) {
    if (endpoint.family == Family::kIpv6) {
      storage.sin6_family = AF_INET6;
      storage.sin6_addr = in6addr_loopback;
    } else {
      in()->sin_family = AF_INET;
      in()->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      length = sizeof(sockaddr_in);
    }
    // At the same place in both.
    storage.sin6_port = htons(endpoint.port);
  }

  sockaddr_in* in() { return reinterpret_cast<sockaddr_in*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  Endpoint ToEndpoint() const {
    return {storage.sin6_family == AF_INET6 ? Family::kIpv6 : Family::kIpv4,
            ntohs(storage.sin6_port)};
  }
};

}  // namespace

PeerDatagrams::PeerDatagrams(Family family)
    : fd_(socket(family == Family::kIpv4 ? AF_INET : AF_INET6,
                 SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  Address address(Endpoint{family, 0});
  if (bind(fd_.get(), address.get(), address.length) != 0 ||
      getsockname(fd_.get(), address.get(), &address.length) != 0) {
    abort();
  }
  endpoint_ = address.ToEndpoint();
}

bool PeerDatagrams::Send(const std::string& data, const Endpoint& to) {
  Address address(to);
  return sendto(fd_.get(), data.data(), data.size(), 0, address.get(),
                address.length) == static_cast<ssize_t>(data.size());
}

PeerDatagrams::Datagram PeerDatagrams::Receive(Clock::duration deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline).count();
  pollfd wait = {fd_.get(), POLLIN, 0};
  Datagram datagram;
  if (poll(&wait, 1, static_cast<int>(left)) != 1) return datagram;
  datagram.data.resize(kMostBytes);
  Address address;
  const ssize_t size =
      recvfrom(fd_.get(), &datagram.data[0], datagram.data.size(), 0,
               address.get(), &address.length);
  datagram.came = size >= 0;
  datagram.data.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
  datagram.from = address.ToEndpoint();
  return datagram;
}

}  // namespace wspd::testing
