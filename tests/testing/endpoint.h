#ifndef WSPD_TESTS_TESTING_ENDPOINT_H_
#define WSPD_TESTS_TESTING_ENDPOINT_H_

#include <cstdint>
#include <ostream>

namespace wspd::testing {

enum class Family { kIpv4, kIpv6 };

// What one option is called for each family; the two may be the same number.
inline int OfFamily(Family family, int ipv4, int ipv6) {
  return family == Family::kIpv4 ? ipv4 : ipv6;
}

// A TCP endpoint on the loopback interface, without the types of either kind of
// socket headers.
struct Endpoint {
  Family family = Family::kIpv4;
  uint16_t port = 0;

  bool operator==(const Endpoint& other) const {
    return family == other.family && port == other.port;
  }
};

inline std::ostream& operator<<(std::ostream& out, Family family) {
  return out << (family == Family::kIpv4 ? "IPv4" : "IPv6");
}

inline std::ostream& operator<<(std::ostream& out, const Endpoint& endpoint) {
  return out << endpoint.family << " port " << endpoint.port;
}

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_ENDPOINT_H_
