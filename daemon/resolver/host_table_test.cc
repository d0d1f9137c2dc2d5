#include "daemon/resolver/host_table.h"

#include <arpa/inet.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Addresses(const HostTable::Host& host) {
  std::vector<std::string> texts;
  for (const NetAddress& address : host.addresses) {
    char text[INET6_ADDRSTRLEN];
    const void* bytes = &address.v4().sin_addr;
    if (address.family() == AF_INET6) bytes = &address.v6().sin6_addr;
    texts.emplace_back(inet_ntop(address.family(), bytes, text, sizeof(text)));
  }
  return texts;
}

constexpr char kFile[] =
    "# 192.0.2.9 commented\n"
    "192.0.2.1\tWeb.example.com web  www # web.old\n"
    "2001:db8::1 web6.example.com web\r\n"
    "192.0.2.2 web\n"
    "not-an-address web\n"
    "192.0.2.3\n"
    "192.0.2.1 second.example.com";

TEST(HostTableTest, ANameHasTheAddressesOfAllItsLinesInTheirOrder) {
  HostTable::Host host;
  ASSERT_TRUE(HostTable(kFile).FindName("web", AF_UNSPEC, &host));
  EXPECT_THAT(Addresses(host),
              ElementsAre("192.0.2.1", "2001:db8::1", "192.0.2.2"));
}

TEST(HostTableTest, TheFirstLinesFirstNameIsTheCanonicalOne) {
  HostTable::Host host;
  ASSERT_TRUE(HostTable(kFile).FindName("web", AF_UNSPEC, &host));
  EXPECT_EQ(host.canonical_name, "Web.example.com");
  EXPECT_THAT(host.aliases, ElementsAre("web", "www", "web6.example.com"));
}

TEST(HostTableTest, OnlyAddressesOfTheFamilyCount) {
  HostTable::Host host;
  ASSERT_TRUE(HostTable(kFile).FindName("web", AF_INET6, &host));
  EXPECT_THAT(Addresses(host), ElementsAre("2001:db8::1"));
  EXPECT_EQ(host.canonical_name, "web6.example.com");
  HostTable::Host none;
  EXPECT_FALSE(HostTable(kFile).FindName("www", AF_INET6, &none));
}

TEST(HostTableTest, CaseAndAFinalDotMakeNoDifference) {
  HostTable::Host host;
  EXPECT_TRUE(HostTable(kFile).FindName("WEB.EXAMPLE.COM.", AF_INET, &host));
}

TEST(HostTableTest, CommentsAndBrokenLinesAreNotThere) {
  const HostTable table(kFile);
  HostTable::Host host;
  EXPECT_FALSE(table.FindName("commented", AF_UNSPEC, &host));
  EXPECT_FALSE(table.FindName("web.old", AF_UNSPEC, &host));
  EXPECT_FALSE(table.FindName("", AF_UNSPEC, &host));
}

TEST(HostTableTest, NamesThatAreNoPrintableAsciiAreLeftOut) {
  const HostTable table("192.0.2.1 \xff\xfe good\n192.0.2.2 b\x01z");
  HostTable::Host host;
  ASSERT_TRUE(table.FindName("good", AF_INET, &host));
  EXPECT_EQ(host.canonical_name, "good");
  EXPECT_THAT(host.aliases, IsEmpty());
  EXPECT_FALSE(table.FindName("b\x01z", AF_INET, &host));
}

TEST(HostTableTest, AnAddressHasTheNamesOfItsFirstLine) {
  const HostTable table(kFile);
  HostTable::Host host;
  ASSERT_TRUE(
      table.FindAddress(ParseNumericAddress("192.0.2.1").WithPort(80), &host));
  EXPECT_EQ(host.canonical_name, "Web.example.com");
  EXPECT_THAT(host.aliases, ElementsAre("web", "www"));
  ASSERT_TRUE(table.FindAddress(ParseNumericAddress("2001:db8:0::1"), &host));
  EXPECT_EQ(host.canonical_name, "web6.example.com");
  EXPECT_FALSE(table.FindAddress(ParseNumericAddress("192.0.2.3"), &host));
}

}  // namespace
}  // namespace wspd
