#include "daemon/network/address_order.h"

#include <arpa/inet.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace wspd {
namespace {

NetAddress Parse(const std::string& text) {
  if (text.empty()) return NetAddress();
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    return NetAddress(v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr), 1) << text;
  return NetAddress(v6);
}

struct Pair {
  const char* to;
  const char* from;
};

// The destinations as they are ordered.
std::vector<std::string> Order(const std::vector<Pair>& pairs) {
  std::vector<Destination> destinations;
  for (const Pair& pair : pairs) {
    destinations.push_back({Parse(pair.to), Parse(pair.from)});
  }
  std::vector<std::string> ordered;
  for (uint32_t index : OrderDestinations(destinations)) {
    ordered.push_back(pairs[index].to);
  }
  return ordered;
}

using Expected = std::vector<std::string>;

// The examples of RFC 6724, section 10.2.
TEST(AddressOrderTest, MatchingScopeIsBetter) {
  EXPECT_EQ(Order({{"198.51.100.121", "169.254.13.78"},
                   {"2001:db8:1::1", "2001:db8:1::2"}}),
            (Expected{"2001:db8:1::1", "198.51.100.121"}));
  EXPECT_EQ(Order({{"2001:db8:1::1", "fe80::1"},
                   {"198.51.100.121", "198.51.100.117"}}),
            (Expected{"198.51.100.121", "2001:db8:1::1"}));
}

TEST(AddressOrderTest, HigherPrecedenceIsBetter) {
  EXPECT_EQ(
      Order({{"10.1.2.3", "10.1.2.4"}, {"2001:db8:1::1", "2001:db8:1::2"}}),
      (Expected{"2001:db8:1::1", "10.1.2.3"}));
}

TEST(AddressOrderTest, SmallerScopeIsBetter) {
  EXPECT_EQ(Order({{"2001:db8:1::1", "2001:db8:1::2"}, {"fe80::1", "fe80::2"}}),
            (Expected{"fe80::1", "2001:db8:1::1"}));
}

TEST(AddressOrderTest, MatchingLabelIsBetter) {
  EXPECT_EQ(Order({{"2001:db8:1::1", "2002:c633:6401::2"},
                   {"2002:c633:6401::1", "2002:c633:6401::2"}}),
            (Expected{"2002:c633:6401::1", "2001:db8:1::1"}));
}

TEST(AddressOrderTest, LongerMatchIsBetterAmongEquals) {
  EXPECT_EQ(Order({{"2001:db8:3ffe::1", "2001:db8:3f44::2"},
                   {"2001:db8:3f45::1", "2001:db8:3f44::2"}}),
            (Expected{"2001:db8:3f45::1", "2001:db8:3ffe::1"}));
}

TEST(AddressOrderTest, WhatNoRouteLeadsToComesLast) {
  EXPECT_EQ(Order({{"2001:db8:1::1", ""}, {"10.1.2.3", "10.1.2.4"}}),
            (Expected{"10.1.2.3", "2001:db8:1::1"}));
}

TEST(AddressOrderTest, EqualsKeepTheirOrder) {
  EXPECT_EQ(Order({{"2001:db8::2", ""}, {"2001:db8::1", ""}, {"::1", ""}}),
            (Expected{"::1", "2001:db8::2", "2001:db8::1"}));
  EXPECT_EQ(Order({}), Expected());
}

}  // namespace
}  // namespace wspd
