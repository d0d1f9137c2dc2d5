#include "daemon/resolver/service_table.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kFile[] =
    "# comment\n"
    "domain 53/udp\n"
    "domain\t\t53/tcp nameserver  # Domain Name Server\n"
    "http 80/tcp www web\n"
    "odd 70000/tcp\n"
    "stream 99/sctp\n"
    "www 81/tcp\n"
    "short\n";

TEST(ServiceTableTest, ANameHasAPortForEachTransportTcpFirst) {
  const auto found = ServiceTable(kFile).FindName("domain", 0);
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[0].type, SOCK_STREAM);
  EXPECT_EQ(found[1].type, SOCK_DGRAM);
  EXPECT_EQ(found[0].port, 53);
  EXPECT_THAT(found[0].aliases, ElementsAre("nameserver"));
  EXPECT_THAT(found[1].aliases, IsEmpty());
}

TEST(ServiceTableTest, OnlyTheTypeThatIsAskedForCounts) {
  const ServiceTable table(kFile);
  EXPECT_THAT(table.FindName("domain", SOCK_DGRAM), SizeIs(1));
  EXPECT_THAT(table.FindName("http", SOCK_DGRAM), IsEmpty());
}

TEST(ServiceTableTest, AnAliasLeadsToItsFirstService) {
  const auto found = ServiceTable(kFile).FindName("www", SOCK_STREAM);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].name, "http");
  EXPECT_EQ(found[0].port, 80);
  EXPECT_THAT(found[0].aliases, ElementsAre("www", "web"));
}

TEST(ServiceTableTest, NamesAreComparedExactly) {
  EXPECT_THAT(ServiceTable(kFile).FindName("HTTP", 0), IsEmpty());
}

TEST(ServiceTableTest, BrokenLinesAreNotThere) {
  const ServiceTable table(kFile);
  for (const char* name : {"odd", "stream", "short", "#"}) {
    EXPECT_THAT(table.FindName(name, 0), IsEmpty()) << name;
  }
}

TEST(ServiceTableTest, APortIsFoundAndAnUnknownOneIsNameless) {
  const ServiceTable table(kFile);
  const auto http = table.Find("80", 0);
  ASSERT_THAT(http, SizeIs(2));
  EXPECT_EQ(http[0].name, "http");
  EXPECT_EQ(http[1].name, "");
  EXPECT_EQ(http[1].port, 80);
  EXPECT_EQ(http[1].type, SOCK_DGRAM);
  EXPECT_THAT(table.Find("65536", 0), IsEmpty());
  EXPECT_THAT(table.Find("99999999999", 0), IsEmpty());
}

}  // namespace
}  // namespace wspd
