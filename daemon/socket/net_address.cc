#include "daemon/socket/net_address.h"

#include <arpa/inet.h>

#include <cstring>

namespace wspd {

NetAddress NetAddress::Read(int fd, NameCall call) {
  NetAddress address;
  socklen_t size = sizeof(address.data_);
  if (call(fd, &address.data_.base, &size) != 0 ||
      (address.family() != AF_INET && address.family() != AF_INET6)) {
    return NetAddress();
  }
  return address;
}

NetAddress NetAddress::Any(int family, uint16_t port) {
  NetAddress address;
  address.data_.base.sa_family = static_cast<sa_family_t>(family);
  return address.WithPort(port);
}

NetAddress NetAddress::LocalOf(int fd) { return Read(fd, &getsockname); }

NetAddress NetAddress::PeerOf(int fd) { return Read(fd, &getpeername); }

uint16_t NetAddress::port() const {
  return ntohs(family() == AF_INET6 ? data_.v6.sin6_port : data_.v4.sin_port);
}

NetAddress NetAddress::WithPort(uint16_t port) const {
  NetAddress address = *this;
  if (family() == AF_INET) address.data_.v4.sin_port = htons(port);
  if (family() == AF_INET6) address.data_.v6.sin6_port = htons(port);
  return address;
}

bool NetAddress::is_any() const {
  if (family() == AF_INET) return data_.v4.sin_addr.s_addr == INADDR_ANY;
  if (family() != AF_INET6) return false;
  const in6_addr& address = data_.v6.sin6_addr;
  if (IN6_IS_ADDR_UNSPECIFIED(&address)) return true;
  return IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr32[3] == 0;
}

bool NetAddress::is_multicast() const {
  if (family() == AF_INET) return IN_MULTICAST(ntohl(data_.v4.sin_addr.s_addr));
  if (family() != AF_INET6) return false;
  const in6_addr& address = data_.v6.sin6_addr;
  if (IN6_IS_ADDR_MULTICAST(&address)) return true;
  return IN6_IS_ADDR_V4MAPPED(&address) &&
         IN_MULTICAST(ntohl(address.s6_addr32[3]));
}

bool NetAddress::SameEndpoint(const NetAddress& other) const {
  if (family() != other.family() || port() != other.port()) return false;
  if (family() == AF_INET) {
    return data_.v4.sin_addr.s_addr == other.data_.v4.sin_addr.s_addr;
  }
  return memcmp(&data_.v6.sin6_addr, &other.data_.v6.sin6_addr,
                sizeof(in6_addr)) == 0;
}

}  // namespace wspd
