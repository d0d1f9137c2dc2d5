#include "daemon/session/name_history.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/winsock/wsa_error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uid_t kAlice = 70001;
constexpr uid_t kBob = 70002;

NetAddress Ipv4(uint32_t number) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(number);
  return NetAddress(address);
}

LookupAnswer Found(const std::vector<uint32_t>& numbers,
                   const std::string& canonical_name = "host.example") {
  LookupAnswer answer;
  answer.canonical_name = canonical_name;
  for (const uint32_t number : numbers) {
    answer.addresses.push_back({Ipv4(number), SOCK_STREAM});
  }
  return answer;
}

absl::Time At(int64_t seconds) { return absl::FromUnixSeconds(seconds); }

class NameHistoryTest : public ::testing::Test {
 protected:
  static void Find(const std::unique_ptr<ClientNames>& client,
                   const std::string& name, int64_t second = 1) {
    client->Note(name, AF_UNSPEC, 0, Found({1}), At(second));
  }
  static void Fail(const std::unique_ptr<ClientNames>& client,
                   const std::string& name, uint32_t error,
                   int64_t second = 1) {
    client->Note(name, AF_UNSPEC, error, {}, At(second));
  }
  static std::vector<std::string> NamesOf(
      const std::unique_ptr<ClientNames>& client) {
    std::vector<std::string> names;
    for (const LookedUpName& name : client->List()) names.push_back(name.name);
    return names;
  }

  const std::shared_ptr<NameHistory> history_ = NameHistory::Create();
  const std::unique_ptr<ClientNames> client_ = history_->Of(kAlice);
};

TEST_F(NameHistoryTest, ANameHasWhatWasFound) {
  client_->Note("WWW.Example.", AF_INET, 0, Found({7, 8}), At(5));
  const auto names = client_->List();
  ASSERT_THAT(names, SizeIs(1));
  const LookedUpName& name = names[0];
  EXPECT_EQ(name.name, "www.example");
  EXPECT_EQ(name.family, AF_INET);
  EXPECT_EQ(name.canonical_name, "host.example");
  ASSERT_THAT(name.addresses, SizeIs(2));
  EXPECT_TRUE(name.addresses[0].SameEndpoint(Ipv4(7)));
  EXPECT_TRUE(name.addresses[1].SameEndpoint(Ipv4(8)));
  EXPECT_EQ(name.address_count, 2u);
  EXPECT_EQ(name.wsa_error, 0u);
  EXPECT_EQ(name.lookups, 1u);
  EXPECT_EQ(name.failures, 0u);
  EXPECT_EQ(name.first_at, At(5));
  EXPECT_EQ(name.last_at, At(5));
  EXPECT_EQ(name.found_at, At(5));
}

TEST_F(NameHistoryTest, NamesComeInTheOrderOfTheirFirstLookups) {
  const auto other = history_->Of(kBob);
  Find(client_, "b.example", 3);
  Find(other, "x.example", 2);
  Find(client_, "a.example", 1);
  Find(client_, "B.example", 9);
  EXPECT_THAT(NamesOf(client_), ElementsAre("b.example", "a.example"));
  EXPECT_THAT(NamesOf(other), ElementsAre("x.example"));
  const auto names = client_->List();
  EXPECT_EQ(names[0].number, 1u);
  EXPECT_EQ(names[0].lookups, 2u);
  EXPECT_EQ(names[0].first_at, At(3));
  EXPECT_EQ(names[0].last_at, At(9));
  EXPECT_EQ(names[1].number, 3u);
}

TEST_F(NameHistoryTest, FamiliesAreToldOfSeparately) {
  client_->Note("a.example", AF_INET, 0, Found({1}), At(1));
  client_->Note("a.example", AF_INET6, kWsaNoData, {}, At(1));
  const auto names = client_->List();
  ASSERT_THAT(names, SizeIs(2));
  EXPECT_EQ(names[0].wsa_error, 0u);
  EXPECT_EQ(names[1].family, AF_INET6);
  EXPECT_EQ(names[1].wsa_error, kWsaNoData);
}

TEST_F(NameHistoryTest, AFailureKeepsWhatWasFoundBefore) {
  client_->Note("a.example", AF_UNSPEC, 0, Found({7}), At(1));
  Fail(client_, "a.example", kWsaTryAgain, 2);
  Fail(client_, "none.example", kWsaHostNotFound, 3);
  auto names = client_->List();
  ASSERT_THAT(names, SizeIs(2));
  EXPECT_EQ(names[0].wsa_error, kWsaTryAgain);
  EXPECT_EQ(names[0].lookups, 2u);
  EXPECT_EQ(names[0].failures, 1u);
  EXPECT_EQ(names[0].last_at, At(2));
  EXPECT_EQ(names[0].found_at, At(1));
  EXPECT_THAT(names[0].addresses, SizeIs(1));
  EXPECT_EQ(names[1].wsa_error, kWsaHostNotFound);
  EXPECT_EQ(names[1].found_at, absl::InfinitePast());
  EXPECT_THAT(names[1].addresses, IsEmpty());

  client_->Note("a.example", AF_UNSPEC, 0, Found({9}), At(4));
  names = client_->List();
  EXPECT_EQ(names[0].wsa_error, 0u);
  ASSERT_THAT(names[0].addresses, SizeIs(1));
  EXPECT_TRUE(names[0].addresses[0].SameEndpoint(Ipv4(9)));
}

TEST_F(NameHistoryTest, OfManyAddressesTheFirstAreKeptAndAllCounted) {
  std::vector<uint32_t> numbers;
  for (uint32_t i = 0; i < 40; ++i) {
    // As of a service with two transports.
    numbers.insert(numbers.end(), {100 + i, 100 + i});
  }
  client_->Note("a.example", AF_UNSPEC, 0,
                Found(numbers, std::string(1000, 'c')), At(1));
  const auto names = client_->List();
  ASSERT_THAT(names[0].addresses, SizeIs(NameHistory::kMostAddresses));
  EXPECT_TRUE(names[0].addresses[1].SameEndpoint(Ipv4(101)));
  EXPECT_EQ(names[0].address_count, 40u);
  EXPECT_THAT(names[0].canonical_name, SizeIs(NameHistory::kMostNameBytes));
}

TEST_F(NameHistoryTest, OfAClientTheLastOnesAreKept) {
  const int most = NameHistory::kMostOfClient;
  for (int i = 0; i < most; ++i) Find(client_, absl::StrCat(i, ".example"));
  EXPECT_THAT(NamesOf(client_), SizeIs(most));
  // By now the second one is the oldest, whatever the clock says.
  Find(client_, "0.example", 0);
  Fail(client_, "new.example", kWsaHostNotFound, 0);
  const auto names = NamesOf(client_);
  ASSERT_THAT(names, SizeIs(most));
  EXPECT_EQ(names.front(), "0.example");
  EXPECT_EQ(names[1], "2.example");
  EXPECT_EQ(names.back(), "new.example");
}

TEST_F(NameHistoryTest, ANameThatWasForgottenIsANewOne) {
  Find(client_, "a.example");
  for (size_t i = 0; i < NameHistory::kMostOfClient; ++i) {
    Find(client_, absl::StrCat(i, ".example"));
  }
  Find(client_, "a.example");
  const LookedUpName last = client_->List().back();
  EXPECT_EQ(last.name, "a.example");
  EXPECT_EQ(last.number, NameHistory::kMostOfClient + 2);
  EXPECT_EQ(last.lookups, 1u);
}

TEST_F(NameHistoryTest, OfAUserTheLastOnesAreKept) {
  const auto stranger = history_->Of(kBob);
  Find(stranger, "stranger.example");
  Find(client_, "first.example");
  Find(client_, "second.example");
  std::vector<std::unique_ptr<ClientNames>> others;
  size_t left = NameHistory::kMostOfUser - 2;
  while (left > 0) {
    others.push_back(history_->Of(kAlice));
    for (size_t i = 0; i < NameHistory::kMostOfClient && left > 0; ++i) {
      Find(others.back(), absl::StrCat(i, ".example"));
      --left;
    }
  }
  EXPECT_THAT(NamesOf(client_), ElementsAre("first.example", "second.example"));
  Find(client_, "first.example");
  others.push_back(history_->Of(kAlice));
  Find(others.back(), "one.example");
  EXPECT_THAT(NamesOf(client_), ElementsAre("first.example"));
  Find(others.back(), "two.example");
  EXPECT_THAT(NamesOf(others.front()), SizeIs(NameHistory::kMostOfClient - 1));
  EXPECT_THAT(NamesOf(others.back()),
              ElementsAre("one.example", "two.example"));
  EXPECT_THAT(NamesOf(stranger), ElementsAre("stranger.example"));

  // What ends makes room.
  others.erase(others.begin());
  Find(others.back(), "three.example");
  EXPECT_THAT(NamesOf(client_), ElementsAre("first.example"));
}

TEST_F(NameHistoryTest, NamesEndWithTheirClient) {
  auto other = history_->Of(kAlice);
  Find(other, "a.example");
  Find(client_, "a.example");
  other.reset();
  EXPECT_THAT(NamesOf(client_), ElementsAre("a.example"));
  other = history_->Of(kAlice);
  EXPECT_THAT(NamesOf(other), IsEmpty());
}

}  // namespace
}  // namespace wspd
