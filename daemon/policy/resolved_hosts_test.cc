#include "daemon/policy/resolved_hosts.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace wspd {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1000000);

std::vector<std::string> NamesOf(const ResolvedHosts& hosts,
                                 const IpAddress& address, absl::Time now) {
  const ResolvedHosts::Reader reader(hosts);
  const auto found = reader.Find(address, now);
  return {found.begin(), found.end()};
}

using Names = std::vector<std::string>;

TEST(ResolvedHostsTest, KnowsAllNamesOfAnAddressTheNewestFirst) {
  ResolvedHosts hosts;
  EXPECT_EQ(NamesOf(hosts, {false, 1}, kNow), Names());
  hosts.Add({"a", "canonical"}, {{false, 1}, {true, 1}}, kNow);
  hosts.Add({"b"}, {{false, 1}}, kNow + absl::Seconds(1));
  EXPECT_EQ(NamesOf(hosts, {false, 1}, kNow), Names({"b", "a", "canonical"}));
  EXPECT_EQ(NamesOf(hosts, {true, 1}, kNow), Names({"a", "canonical"}));
  EXPECT_EQ(NamesOf(hosts, {false, 2}, kNow), Names());
}

TEST(ResolvedHostsTest, ANameHoldsForAnHourAfterItWasFoundLast) {
  ResolvedHosts hosts;
  hosts.Add({"a"}, {{false, 1}}, kNow);
  hosts.Add({"b"}, {{false, 1}}, kNow + absl::Minutes(30));
  const absl::Time after = kNow + absl::Minutes(61);
  EXPECT_EQ(NamesOf(hosts, {false, 1}, kNow + absl::Minutes(59)),
            Names({"b", "a"}));
  EXPECT_EQ(NamesOf(hosts, {false, 1}, after), Names({"b"}));
  hosts.Add({"b"}, {{false, 1}}, after);
  EXPECT_EQ(NamesOf(hosts, {false, 1}, kNow + absl::Minutes(100)),
            Names({"b"}));
  EXPECT_EQ(NamesOf(hosts, {false, 1}, after + absl::Minutes(61)), Names());
}

TEST(ResolvedHostsTest, IsBounded) {
  ResolvedHosts hosts;
  for (size_t i = 0; i < ResolvedHosts::kMostAddresses; ++i) {
    hosts.Add({"a"}, {{false, i}}, kNow + absl::Milliseconds(i));
  }
  EXPECT_EQ(NamesOf(hosts, {false, 0}, kNow), Names({"a"}));
  hosts.Add({"a"}, {{false, 9999}}, kNow + absl::Minutes(1));
  EXPECT_EQ(NamesOf(hosts, {false, 0}, kNow), Names());
  EXPECT_EQ(NamesOf(hosts, {false, 9999}, kNow), Names({"a"}));
  EXPECT_EQ(NamesOf(hosts, {false, ResolvedHosts::kMostAddresses - 1}, kNow),
            Names({"a"}));
  // All at once.
  std::vector<IpAddress> many;
  for (size_t i = 0; i < 3 * ResolvedHosts::kMostAddresses; ++i) {
    many.push_back({true, i});
  }
  hosts.Add({"b"}, many, kNow + absl::Minutes(2));
  size_t known = 0;
  for (const IpAddress& address : many) {
    known += NamesOf(hosts, address, kNow).empty() ? 0 : 1;
  }
  EXPECT_GT(known, 0u);
  EXPECT_LE(known, ResolvedHosts::kMostAddresses);
  for (size_t i = 0; i < 2 * ResolvedHosts::kMostHostsOfAddress; ++i) {
    hosts.Add({"n" + std::to_string(i)}, {{false, 9999}}, kNow);
  }
  EXPECT_EQ(NamesOf(hosts, {false, 9999}, kNow).size(),
            ResolvedHosts::kMostHostsOfAddress);
}

}  // namespace
}  // namespace wspd
