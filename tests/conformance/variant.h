#ifndef WSPD_TESTS_CONFORMANCE_VARIANT_H_
#define WSPD_TESTS_CONFORMANCE_VARIANT_H_

#include <string>

#include "gtest/gtest.h"
#include "tests/testing/endpoint.h"

namespace wspd::conformance {

using testing::Family;

enum class Protocol { kTcp, kUdp };

// What a case is run for. A group names the combinations that its rows apply
// to. The data plane isn't here: it is the provider's own affair how bytes
// travel, and the runner's to run all cases once more on another plane.
struct Variant {
  Family family = Family::kIpv4;
  Protocol protocol = Protocol::kTcp;
};

inline std::string FamilyName(Family family) {
  return family == Family::kIpv4 ? "Ipv4" : "Ipv6";
}

// "TcpIpv4", as in the names of cases.
inline std::string VariantName(const Variant& variant) {
  return (variant.protocol == Protocol::kTcp ? "Tcp" : "Udp") +
         FamilyName(variant.family);
}

inline std::ostream& operator<<(std::ostream& out, const Variant& variant) {
  return out << VariantName(variant);
}

// Instantiates the cases of `Fixture`, which has the parameter Family.
#define WSPD_FOR_BOTH_FAMILIES(Fixture)                     \
  INSTANTIATE_TEST_SUITE_P(                                 \
      , Fixture,                                            \
      ::testing::Values(::wspd::testing::Family::kIpv4,     \
                        ::wspd::testing::Family::kIpv6),    \
      [](const auto& info) {                                \
        return ::wspd::conformance::FamilyName(info.param); \
      })

// The same for a fixture with the parameter Variant: TCP and UDP, IPv4 and
// IPv6.
#define WSPD_FOR_ALL_VARIANTS(Fixture)                                        \
  INSTANTIATE_TEST_SUITE_P(                                                   \
      , Fixture,                                                              \
      ::testing::Values(                                                      \
          ::wspd::conformance::Variant{::wspd::testing::Family::kIpv4,        \
                                       ::wspd::conformance::Protocol::kTcp},  \
          ::wspd::conformance::Variant{::wspd::testing::Family::kIpv6,        \
                                       ::wspd::conformance::Protocol::kTcp},  \
          ::wspd::conformance::Variant{::wspd::testing::Family::kIpv4,        \
                                       ::wspd::conformance::Protocol::kUdp},  \
          ::wspd::conformance::Variant{::wspd::testing::Family::kIpv6,        \
                                       ::wspd::conformance::Protocol::kUdp}), \
      [](const auto& info) {                                                  \
        return ::wspd::conformance::VariantName(info.param);                  \
      })

}  // namespace wspd::conformance

#endif  // WSPD_TESTS_CONFORMANCE_VARIANT_H_
