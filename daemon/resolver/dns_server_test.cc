#include "daemon/resolver/dns_server.h"

#include "gtest/gtest.h"

namespace wspd {
namespace {

TEST(DnsServerTest, APortMayBeLeftOut) {
  EXPECT_EQ(ParseDnsServer("192.0.2.1")->port(), 53);
  EXPECT_EQ(ParseDnsServer("192.0.2.1:5353")->port(), 5353);
  EXPECT_EQ(ParseDnsServer("192.0.2.1")->family(), AF_INET);
}

TEST(DnsServerTest, AnIpv6AddressWithAPortIsInBrackets) {
  EXPECT_EQ(ParseDnsServer("2001:db8::1")->port(), 53);
  EXPECT_EQ(ParseDnsServer("[2001:db8::1]")->port(), 53);
  EXPECT_EQ(ParseDnsServer("[2001:db8::1]:5353")->port(), 5353);
  EXPECT_EQ(ParseDnsServer("[2001:db8::1]:5353")->family(), AF_INET6);
}

TEST(DnsServerTest, EverythingElseIsRefused) {
  for (const char* text :
       {"", "example.com", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
        "192.0.2.1:53x", "192.0.2", "[2001:db8::1", "[2001:db8::1]5353"}) {
    EXPECT_FALSE(ParseDnsServer(text).ok()) << text;
  }
}

}  // namespace
}  // namespace wspd
