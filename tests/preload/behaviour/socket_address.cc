#include "tests/preload/behaviour/socket_address.h"

#include <arpa/inet.h>
#include <string.h>

#include <algorithm>

namespace wspd::preload {
namespace {

sockaddr_in* V4(sockaddr* address) {
  return reinterpret_cast<sockaddr_in*>(address);
}
sockaddr_in6* V6(sockaddr* address) {
  return reinterpret_cast<sockaddr_in6*>(address);
}

}  // namespace

SocketAddress SocketAddress::Wildcard(int family, uint16_t port) {
  SocketAddress address;
  address.storage_.ss_family = static_cast<sa_family_t>(family);
  address.size_ =
      family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  return address.WithPort(port);
}

SocketAddress SocketAddress::Loopback(int family, uint16_t port) {
  SocketAddress address = Wildcard(family, port);
  if (family == AF_INET) {
    V4(address.buffer())->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  } else {
    V6(address.buffer())->sin6_addr = in6addr_loopback;
  }
  return address;
}

SocketAddress SocketAddress::MappedLoopback(uint16_t port) {
  SocketAddress address = Wildcard(AF_INET6, port);
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &V6(address.buffer())->sin6_addr);
  return address;
}

SocketAddress SocketAddress::Foreign(int family) {
  SocketAddress address = Wildcard(family);
  if (family == AF_INET) {
    inet_pton(AF_INET, "192.0.2.1", &V4(address.buffer())->sin_addr);
  } else {
    inet_pton(AF_INET6, "2001:db8::1", &V6(address.buffer())->sin6_addr);
  }
  return address;
}

SocketAddress SocketAddress::LocalOf(int fd) {
  SocketAddress address;
  if (getsockname(fd, address.buffer(), address.room()) != 0) return {};
  return address;
}

SocketAddress SocketAddress::RemoteOf(int fd) {
  SocketAddress address;
  if (getpeername(fd, address.buffer(), address.room()) != 0) return {};
  return address;
}

socklen_t* SocketAddress::room() {
  size_ = sizeof(storage_);
  return &size_;
}

uint16_t SocketAddress::port() const {
  // In the same place in both.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
}

SocketAddress SocketAddress::WithPort(uint16_t port) const {
  SocketAddress address = *this;
  V4(address.buffer())->sin_port = htons(port);
  return address;
}

bool operator==(const SocketAddress& a, const SocketAddress& b) {
  return a.size_ == b.size_ && memcmp(&a.storage_, &b.storage_, a.size_) == 0;
}

std::ostream& operator<<(std::ostream& out, const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "no address";
  sockaddr_storage storage = address.storage_;
  auto* const any = reinterpret_cast<sockaddr*>(&storage);
  if (address.family() == AF_INET) {
    inet_ntop(AF_INET, &V4(any)->sin_addr, text, sizeof(text));
  } else if (address.family() == AF_INET6) {
    inet_ntop(AF_INET6, &V6(any)->sin6_addr, text, sizeof(text));
  }
  return out << text << " port " << address.port() << " (" << address.size_
             << " bytes)";
}

}  // namespace wspd::preload
