#include "daemon/policy/ip_prefix.h"

#include <arpa/inet.h>

#include "gtest/gtest.h"

namespace wspd {
namespace {

IpAddress V4(const char* text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  EXPECT_EQ(inet_pton(AF_INET, text, &address.sin_addr), 1);
  return ToIpAddress(NetAddress(address));
}

IpAddress V6(const char* text) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  EXPECT_EQ(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
  return ToIpAddress(NetAddress(address));
}

TEST(IpPrefixTest, AMappedAddressIsTheIPv4One) {
  EXPECT_FALSE(V6("::ffff:192.0.2.1").v6);
  EXPECT_EQ(V6("::ffff:192.0.2.1").bits, V4("192.0.2.1").bits);
  EXPECT_TRUE(V6("::fffe:192.0.2.1").v6);
  EXPECT_TRUE(V6("::192.0.2.1").v6);
  EXPECT_TRUE(V6("1::ffff:192.0.2.1").v6);
}

TEST(IpPrefixTest, HasWhatBeginsLikeIt) {
  const IpPrefix v4 = ParsePrefix("10.128.0.0/9").value();
  EXPECT_TRUE(v4.Contains(V4("10.128.0.0")));
  EXPECT_TRUE(v4.Contains(V4("10.255.255.255")));
  EXPECT_TRUE(v4.Contains(V6("::ffff:10.200.0.1")));
  EXPECT_FALSE(v4.Contains(V4("10.127.255.255")));
  EXPECT_FALSE(v4.Contains(V4("11.0.0.0")));
  const IpPrefix v6 = ParsePrefix("2001:db8:8000::/33").value();
  EXPECT_TRUE(v6.Contains(V6("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")));
  EXPECT_FALSE(v6.Contains(V6("2001:db8:7fff::")));
  EXPECT_FALSE(v6.Contains(V4("10.0.0.1")));
}

TEST(IpPrefixTest, AllAddressesOfAFamilyAreOne) {
  EXPECT_TRUE(ParsePrefix("0.0.0.0/0")->Contains(V4("255.255.255.255")));
  EXPECT_FALSE(ParsePrefix("0.0.0.0/0")->Contains(V6("::1")));
  EXPECT_TRUE(ParsePrefix("::/0")->Contains(V6("ffff::")));
  EXPECT_FALSE(ParsePrefix("::/0")->Contains(V4("1.2.3.4")));
}

TEST(IpPrefixTest, AnAddressAloneIsOne) {
  EXPECT_EQ(ParsePrefix("192.0.2.7")->length, 32);
  EXPECT_EQ(ParsePrefix("::1")->length, 128);
}

TEST(IpPrefixTest, AMappedPrefixIsTheIPv4One) {
  const IpPrefix prefix = ParsePrefix("::ffff:10.0.0.0/104").value();
  EXPECT_FALSE(prefix.v6);
  EXPECT_EQ(prefix.length, 8);
  EXPECT_TRUE(prefix.Contains(V4("10.9.8.7")));
}

TEST(IpPrefixTest, AnythingElseIsRefused) {
  for (const char* text :
       {"", "10", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8",
        "10.0.0.0/ 8", "10.0.0.0/8/8", "10.0.0.0/-1", "10.1.0.0/8", "::/129",
        "2001:db8::1/64", "example.com", "10.0.0.0/0008", "1.2.3.4 "}) {
    EXPECT_FALSE(ParsePrefix(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace wspd
