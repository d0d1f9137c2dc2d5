#include "daemon/linux/socket_owners.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

constexpr uint32_t kMostOfProcess = 3;
constexpr uint32_t kMostOfUser = 4;

class SocketOwnersTest : public testing::Test {
 protected:
  std::shared_ptr<SocketOwner> OwnerOf(pid_t pid, uid_t uid) {
    PeerIdentity identity;
    identity.pid = pid;
    identity.uid = uid;
    identity.start_time_ticks = 1;
    return owners_->Of(ProcessKey::Of(identity, ""), identity);
  }

  static uid_t OtherUser() { return geteuid() + 4711; }

  const std::shared_ptr<SocketOwners> owners_ = SocketOwners::Create([] {
    UserLimits limits;
    limits.sockets = kMostOfUser;
    return limits;
  }());
};

TEST_F(SocketOwnersTest, AProcessHasALimitOfItsOwn) {
  const auto owner = OwnerOf(1, OtherUser());
  EXPECT_EQ(owner->Count(kMostOfProcess, 1), 0);
  EXPECT_EQ(owner->Count(kMostOfProcess, 1), 0);
  EXPECT_EQ(owner->Count(kMostOfProcess, 1), EMFILE);
  EXPECT_EQ(owner->sockets, 2u);
  EXPECT_EQ(owner->user->sockets, 2u);
  owner->Uncount();
  EXPECT_EQ(owner->Count(kMostOfProcess, 1), 0);
}

TEST_F(SocketOwnersTest, AUsersProcessesHaveOneTogether) {
  const auto one = OwnerOf(1, OtherUser());
  const auto other = OwnerOf(2, OtherUser());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(one->Count(kMostOfProcess, 0), 0);
    EXPECT_EQ(other->Count(kMostOfProcess, 0), 0);
  }
  EXPECT_EQ(one->Count(kMostOfProcess, 0), ENFILE);
  EXPECT_EQ(one->sockets, 2u);
  // No other user is the worse for it.
  EXPECT_EQ(OwnerOf(3, OtherUser() + 1)->Count(kMostOfProcess, 0), 0);
  other->Uncount();
  EXPECT_EQ(one->Count(kMostOfProcess, 0), 0);
  EXPECT_EQ(other->Count(kMostOfProcess, 0), ENFILE);
}

TEST_F(SocketOwnersTest, RootAndTheDaemonsUserHaveNone) {
  for (const uid_t uid : {uid_t{0}, geteuid()}) {
    const auto owner = OwnerOf(1, uid);
    EXPECT_FALSE(owner->user->is_limited());
    for (uint32_t i = 0; i < 2 * kMostOfUser; ++i) {
      EXPECT_EQ(owner->Count(100, 0), 0);
    }
  }
}

TEST_F(SocketOwnersTest, AUserIsRememberedAsLongAsHisProcesses) {
  auto one = OwnerOf(1, OtherUser());
  const auto other = OwnerOf(2, OtherUser());
  EXPECT_EQ(one->Count(kMostOfProcess, 0), 0);
  one->Uncount();
  one.reset();
  EXPECT_EQ(OwnerOf(3, OtherUser())->user, other->user);
}

// Else who begins a new process for each burst has no limit.
TEST_F(SocketOwnersTest, RatesOutliveTheUsersProcesses) {
  UserLimits limits;
  limits.rates = {1000, 1};
  const auto owners = SocketOwners::Create(limits);
  const auto owner_of = [&](pid_t pid, uid_t uid) {
    PeerIdentity identity;
    identity.pid = pid;
    identity.uid = uid;
    identity.start_time_ticks = 1;
    return owners->Of(ProcessKey::Of(identity, ""), identity);
  };
  auto first = owner_of(1, OtherUser());
  first->quota->CountSent(1 << 20);
  first.reset();
  EXPECT_GT(owner_of(2, OtherUser())->quota->SendWait(), absl::Minutes(1));
  EXPECT_EQ(owner_of(3, OtherUser() + 1)->quota->SendWait(),
            absl::ZeroDuration());
  EXPECT_FALSE(owner_of(4, geteuid())->quota->applies());
  EXPECT_TRUE(owners->HasRates(OtherUser()));
  EXPECT_FALSE(owners->HasRates(geteuid()));
}

// Else who cleans up and starts up again for each burst has no limit.
TEST_F(SocketOwnersTest, RatesOutliveAProcesssAttachments) {
  const auto owners = SocketOwners::Create({}, {1000, 1});
  const auto owner_of = [&](pid_t pid) {
    PeerIdentity identity;
    identity.pid = pid;
    identity.uid = OtherUser();
    identity.start_time_ticks = 1;
    return owners->Of(ProcessKey::Of(identity, ""), identity);
  };
  for (int i = 0; i < 3; ++i) {
    // Each time it owes more.
    EXPECT_EQ(owner_of(1)->quota->SendWait() > absl::Minutes(10 * i), i > 0);
    owner_of(1)->quota->CountSent(1 << 20);
  }
  EXPECT_EQ(owner_of(2)->quota->SendWait(), absl::ZeroDuration());
  // Many others are remembered too, but not without end.
  for (pid_t pid = 3; pid < 1000; ++pid) {
    owner_of(pid)->quota->CountSent(1 << 20);
  }
  EXPECT_GT(owner_of(1)->quota->SendWait(), absl::Minutes(30));
  // One that has an owner isn't forgotten.
  const auto held = owner_of(3);
  for (pid_t pid = 1000; pid < 10000; ++pid) {
    owner_of(pid)->quota->CountSent(1 << 20);
  }
  EXPECT_EQ(owner_of(1)->quota->SendWait(), absl::ZeroDuration());
  EXPECT_GT(owner_of(3)->quota->SendWait(), absl::Minutes(10));
}

TEST_F(SocketOwnersTest, CountsThatAreReplacedTakeNothing) {
  const auto owner = OwnerOf(1, OtherUser());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(owner->Count(100, 0), 0);
  UserLimits limits;
  limits.sockets = 2;
  owners_->SetLimits(limits, {});
  EXPECT_EQ(owner->user->sockets, 3u);
  EXPECT_EQ(owner->Count(100, 0), ENFILE);
  owner->Uncount();
  EXPECT_EQ(owner->Count(100, 0), ENFILE);
  owner->Uncount();
  EXPECT_EQ(owner->Count(100, 0), 0);
  limits.sockets = 3;
  owners_->SetLimits(limits, {});
  EXPECT_EQ(owner->Count(100, 0), 0);
  EXPECT_EQ(owner->Count(100, 0), ENFILE);
}

TEST_F(SocketOwnersTest, RatesThatAreReplacedHoldForWhoIsThere) {
  const auto owner = OwnerOf(1, OtherUser());
  const auto own = OwnerOf(2, geteuid());
  owner->quota->CountSent(uint64_t{1} << 40);
  EXPECT_EQ(owner->quota->SendWait(), absl::ZeroDuration());
  // Of what was before it nothing is owed.
  owners_->SetLimits({}, {1 << 20, 0});
  EXPECT_EQ(owner->quota->SendWait(), absl::ZeroDuration());
  owner->quota->CountSent(1 << 30);
  EXPECT_GT(owner->quota->SendWait(), absl::Minutes(10));
  EXPECT_TRUE(own->quota->applies());
  // What is owed stays owed.
  owners_->SetLimits({}, {1 << 10, 0});
  EXPECT_GT(owner->quota->SendWait(), absl::Hours(200));
  owners_->SetLimits({}, {1 << 21, 0});
  EXPECT_GT(owner->quota->SendWait(), absl::Minutes(7));
  EXPECT_LT(owner->quota->SendWait(), absl::Minutes(10));
  // Also of who isn't there at the moment.
  UserLimits limits;
  limits.rates = {0, 1};
  owners_->SetLimits(limits, {1 << 21, 0});
  EXPECT_TRUE(owners_->HasRates(geteuid()));
  EXPECT_EQ(owner->quota->TakeConnection(), absl::ZeroDuration());
  owners_->SetLimits(limits, {});
  EXPECT_FALSE(owners_->HasRates(geteuid()));
  EXPECT_FALSE(own->quota->applies());
  EXPECT_TRUE(owner->quota->applies());
  EXPECT_EQ(owner->quota->SendWait(), absl::ZeroDuration());
}

TEST_F(SocketOwnersTest, WhatWhoIsGoneOwesStaysOwedAtOtherRates) {
  owners_->SetLimits({}, {1 << 20, 0});
  OwnerOf(1, OtherUser())->quota->CountSent(1 << 30);
  owners_->SetLimits({}, {1 << 19, 0});
  EXPECT_GT(OwnerOf(1, OtherUser())->quota->SendWait(), absl::Minutes(20));
}

// Else who has many processes would have the daemon look as many times as
// often.
TEST_F(SocketOwnersTest, WhatWaitsForAUsersProcessesIsSpreadTogether) {
  const auto owners = SocketOwners::Create({}, {1000, 0});
  const auto owner_of = [&](pid_t pid, uid_t uid) {
    PeerIdentity identity;
    identity.pid = pid;
    identity.uid = uid;
    identity.start_time_ticks = 1;
    return owners->Of(ProcessKey::Of(identity, ""), identity);
  };
  const auto first = owner_of(1, OtherUser());
  const auto second = owner_of(2, OtherUser());
  const auto stranger = owner_of(3, OtherUser() + 1);
  for (int i = 0; i < 100000; ++i) first->quota->BeginWait({});
  absl::Duration longest;
  for (int i = 0; i < 100; ++i) {
    longest = std::max(longest, second->quota->BeginWait({}));
  }
  EXPECT_GT(longest, absl::Milliseconds(500));
  EXPECT_EQ(stranger->quota->BeginWait({}), absl::Milliseconds(10));
}

}  // namespace
}  // namespace wspd
