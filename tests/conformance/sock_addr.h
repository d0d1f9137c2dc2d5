#ifndef WSPD_TESTS_CONFORMANCE_SOCK_ADDR_H_
#define WSPD_TESTS_CONFORMANCE_SOCK_ADDR_H_

#include <winsock2.h>
#include <ws2tcpip.h>

#include <cstdint>
#include <ostream>

#include "tests/testing/endpoint.h"

namespace wspd::conformance {

using testing::Endpoint;
using testing::Family;

// A socket address as the SPI lays it out, IPv4 or IPv6, with its length.
class SockAddr {
 public:
  // Room for a name that a call gives: 128 bytes, none of them set.
  SockAddr();

  static SockAddr Loopback(Family family, uint16_t port = 0);
  static SockAddr Any(Family family, uint16_t port = 0);
  // 127.0.0.1 as ::ffff:127.0.0.1.
  static SockAddr MappedLoopback(uint16_t port = 0);
  // An address for documentation, which no interface has (RFC 5737, 3849).
  static SockAddr Foreign(Family family, uint16_t port = 0);
  static SockAddr Of(const Endpoint& endpoint) {
    return Loopback(endpoint.family, endpoint.port);
  }

  sockaddr* get() { return &generic_; }
  const sockaddr* get() const { return &generic_; }
  sockaddr_in& in() { return in_; }
  sockaddr_in6& in6() { return in6_; }

  int length() const { return length_; }
  // As a function's in and out parameter.
  int* length_pointer() { return &length_; }
  void set_length(int length) { length_ = length; }
  void set_family(short family) { in_.sin_family = family; }

  short family() const { return in_.sin_family; }
  uint16_t port() const;
  void set_port(uint16_t port);
  // The loopback interface is taken for granted.
  Endpoint ToEndpoint() const;

  // Whether family, address and port are the same.
  bool operator==(const SockAddr& other) const;

 private:
  union {
    sockaddr generic_;
    sockaddr_in in_;
    sockaddr_in6 in6_;
    sockaddr_storage storage_;
  };
  int length_;
};

std::ostream& operator<<(std::ostream& out, const SockAddr& address);

// The length of an address of the family: 16 or 28.
int AddressLength(Family family);

// AF_INET or AF_INET6, as the SPI numbers them.
int AddressFamily(Family family);

}  // namespace wspd::conformance

#endif  // WSPD_TESTS_CONFORMANCE_SOCK_ADDR_H_
