#include "tests/conformance/sock_addr.h"

#include <cstring>

namespace wspd::conformance {
namespace {

constexpr u_long kLoopback = 0x7f000001;       // 127.0.0.1
constexpr u_long kDocumentation = 0xc0000201;  // 192.0.2.1

}  // namespace

SockAddr::SockAddr() : storage_(), length_(sizeof(storage_)) {}

SockAddr SockAddr::Any(Family family, uint16_t port) {
  SockAddr address;
  address.set_family(static_cast<short>(AddressFamily(family)));
  address.set_port(port);
  address.set_length(AddressLength(family));
  return address;
}

SockAddr SockAddr::Loopback(Family family, uint16_t port) {
  SockAddr address = Any(family, port);
  if (family == Family::kIpv4) {
    address.in_.sin_addr.s_addr = htonl(kLoopback);
  } else {
    address.in6_.sin6_addr = in6addr_loopback;
  }
  return address;
}

SockAddr SockAddr::MappedLoopback(uint16_t port) {
  SockAddr address = Any(Family::kIpv6, port);
  const u_long loopback = htonl(kLoopback);
  address.in6_.sin6_addr.s6_words[5] = 0xffff;
  std::memcpy(&address.in6_.sin6_addr.s6_bytes[12], &loopback,
              sizeof(loopback));
  return address;
}

SockAddr SockAddr::Foreign(Family family, uint16_t port) {
  SockAddr address = Any(family, port);
  if (family == Family::kIpv4) {
    address.in_.sin_addr.s_addr = htonl(kDocumentation);
  } else {
    const unsigned char prefix[] = {0x20, 0x01, 0x0d, 0xb8};
    std::memcpy(&address.in6_.sin6_addr, prefix, sizeof(prefix));
    address.in6_.sin6_addr.s6_bytes[15] = 1;
  }
  return address;
}

uint16_t SockAddr::port() const { return ntohs(in_.sin_port); }

void SockAddr::set_port(uint16_t port) { in_.sin_port = htons(port); }

Endpoint SockAddr::ToEndpoint() const {
  return {family() == AF_INET6 ? Family::kIpv6 : Family::kIpv4, port()};
}

bool SockAddr::operator==(const SockAddr& other) const {
  if (family() != other.family() || port() != other.port()) return false;
  if (family() == AF_INET) {
    return in_.sin_addr.s_addr == other.in_.sin_addr.s_addr;
  }
  return IN6_ADDR_EQUAL(&in6_.sin6_addr, &other.in6_.sin6_addr);
}

std::ostream& operator<<(std::ostream& out, const SockAddr& address) {
  out << "family " << address.family() << " port " << address.port()
      << " address ";
  const char* const data = reinterpret_cast<const char*>(address.get());
  const int begin = address.family() == AF_INET6 ? 8 : 4;
  const int size = address.family() == AF_INET6 ? 16 : 4;
  for (int i = 0; i < size; ++i) {
    out << (i == 0 ? "" : ".") << int{static_cast<uint8_t>(data[begin + i])};
  }
  return out;
}

int AddressLength(Family family) {
  return family == Family::kIpv4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

int AddressFamily(Family family) {
  return family == Family::kIpv4 ? AF_INET : AF_INET6;
}

}  // namespace wspd::conformance
