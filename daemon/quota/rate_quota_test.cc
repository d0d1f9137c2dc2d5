#include "daemon/quota/rate_quota.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

constexpr uint64_t kPerSecond = 100 << 20;
constexpr uint64_t kBurst = kPerSecond / 10;
// Connections that take a quarter of an hour and more.
constexpr uint64_t kMany = 2000;

Rates Bytes(uint64_t per_second) { return {per_second, 0}; }
Rates Connections(uint64_t per_second) { return {0, per_second}; }

std::shared_ptr<RateBuckets> Buckets(const Rates& rates) {
  return std::make_shared<RateBuckets>(rates);
}

TEST(RateQuotaTest, WhoeverHasNoRatesHasNone) {
  EXPECT_EQ(RateQuota::Create({}, nullptr), nullptr);
  EXPECT_NE(RateQuota::Create(Bytes(1), nullptr), nullptr);
  EXPECT_NE(RateQuota::Create({}, Buckets(Bytes(1))), nullptr);
}

TEST(RateQuotaTest, EachWayHasItsOwn) {
  const auto quota = RateQuota::Create(Bytes(kPerSecond), nullptr);
  EXPECT_EQ(quota->turn_bytes(), kBurst);
  quota->CountSent(10000 * kBurst);
  EXPECT_GT(quota->SendWait(), absl::ZeroDuration());
  EXPECT_LE(quota->SendWait(), absl::Seconds(1000));
  EXPECT_EQ(quota->ReceiveWait(), absl::ZeroDuration());
  quota->CountReceived(10000 * kBurst);
  EXPECT_GT(quota->ReceiveWait(), absl::ZeroDuration());
  EXPECT_EQ(quota->TakeConnection(), absl::ZeroDuration());
}

TEST(RateQuotaTest, BytesOfAUserWaitForAllHisClients) {
  const auto user = Buckets(Bytes(kPerSecond));
  const auto one = RateQuota::Create(Bytes(100 * kPerSecond), user);
  const auto other = RateQuota::Create({}, user);
  EXPECT_EQ(one->turn_bytes(), kBurst);
  one->CountSent(10000 * kBurst);
  EXPECT_GT(other->SendWait(), absl::Seconds(100));
  EXPECT_EQ(other->ReceiveWait(), absl::ZeroDuration());
  EXPECT_FALSE(user->full(0));
}

TEST(RateQuotaTest, TheLongerWaitCounts) {
  const auto user = Buckets(Bytes(1000));
  const auto one = RateQuota::Create(Bytes(1 << 20), user);
  one->CountSent(1 << 20);
  // Of its own no more than a second; of its user's a thousand.
  EXPECT_GT(one->SendWait(), absl::Seconds(900));
}

// Takes all that there are; returns how long the next one is off.
absl::Duration TakeAllConnections(RateQuota* quota) {
  absl::Duration wait;
  do {
    wait = quota->TakeConnection();
  } while (wait == absl::ZeroDuration());
  return wait;
}

TEST(RateQuotaTest, ConnectionsAreTakenOneByOne) {
  const auto user = Buckets(Connections(2));
  const auto quota = RateQuota::Create({}, user);
  EXPECT_EQ(quota->turn_bytes(), UINT64_MAX);
  EXPECT_EQ(quota->TakeConnection(), absl::ZeroDuration());
  EXPECT_EQ(quota->TakeConnection(), absl::ZeroDuration());
  EXPECT_LE(TakeAllConnections(quota.get()), absl::Seconds(1));
  // However long the next statement is in coming, some are still owed.
  user->connections.TakeUsed(kMany, RateQuota::NowNs());
  EXPECT_GT(quota->TakeConnection(), absl::ZeroDuration());
  for (uint64_t i = 0; i <= kMany; ++i) quota->GiveBackConnection();
  EXPECT_EQ(quota->TakeConnection(), absl::ZeroDuration());
}

TEST(RateQuotaTest, AConnectionThatTheUserHasNoneOfCostsTheClientNothing) {
  const auto user = Buckets(Connections(1));
  const auto one = RateQuota::Create(Connections(2), user);
  user->connections.TakeUsed(kMany, RateQuota::NowNs());
  for (int i = 0; i < 10; ++i) {
    EXPECT_GT(one->TakeConnection(), absl::Seconds(100));
  }
  // The user has some again.
  for (uint64_t i = 0; i <= kMany; ++i) user->connections.GiveBack(1);
  EXPECT_EQ(one->TakeConnection(), absl::ZeroDuration());
}

TEST(RateQuotaTest, OperationsWaitForThoseThatWereMore) {
  const auto user = Buckets({0, 0, 100});
  const auto one = RateQuota::Create({0, 0, 1000000}, user);
  const auto other = RateQuota::Create({}, user);
  EXPECT_TRUE(user->any());
  EXPECT_EQ(one->CallWait(), absl::ZeroDuration());
  one->CountCalls(kMany);
  EXPECT_FALSE(user->full(RateQuota::NowNs()));
  EXPECT_GT(other->CallWait(), absl::Seconds(1));
  EXPECT_LE(other->CallWait(), absl::Seconds(kMany / 100));
  // Others are another matter.
  EXPECT_EQ(one->SendWait(), absl::ZeroDuration());
  EXPECT_EQ(one->RelayedSendWait(), absl::ZeroDuration());
  EXPECT_EQ(one->RelayedReceiveWait(), absl::ZeroDuration());
  EXPECT_EQ(one->TakeConnection(), absl::ZeroDuration());
  user->Set({}, RateQuota::NowNs());
  EXPECT_EQ(other->CallWait(), absl::ZeroDuration());
}

TEST(RateQuotaTest, WhatIsRelayedWaitsEachWay) {
  const auto user = Buckets({0, 0, 100});
  const auto one = RateQuota::Create({}, user);
  one->CountRelayedReceives(kMany);
  EXPECT_FALSE(user->full(RateQuota::NowNs()));
  EXPECT_GT(one->RelayedReceiveWait(), absl::Seconds(1));
  EXPECT_EQ(one->RelayedSendWait(), absl::ZeroDuration());
  EXPECT_EQ(one->CallWait(), absl::ZeroDuration());
  one->CountRelayedSends(kMany);
  EXPECT_GT(one->RelayedSendWait(), absl::Seconds(1));
  EXPECT_EQ(one->SendWait(), absl::ZeroDuration());
}

TEST(RateQuotaTest, WhatIsRelayedWaitsForItsBytes) {
  const auto quota = RateQuota::Create({kPerSecond, 0, 1000000}, nullptr);
  quota->CountSent(10000 * kBurst);
  EXPECT_GT(quota->RelayedSendWait(), absl::Seconds(1));
  EXPECT_EQ(quota->RelayedReceiveWait(), absl::ZeroDuration());
  quota->CountReceived(10000 * kBurst);
  EXPECT_GT(quota->RelayedReceiveWait(), absl::Seconds(1));
}

TEST(RateQuotaTest, BucketsAreFullAgainInTime) {
  const auto user = Buckets({1000, 10});
  EXPECT_TRUE(user->full(1));
  user->connections.TakeUpTo(1, 1);
  EXPECT_FALSE(user->full(1));
  EXPECT_TRUE(user->full(1000000000));
}

// The longest of a hundred waits for no time.
absl::Duration LongestWait(RateQuota* quota) {
  absl::Duration longest;
  for (int i = 0; i < 100; ++i) {
    longest = std::max(longest, quota->BeginWait(absl::ZeroDuration()));
    quota->EndWait();
  }
  return longest;
}

TEST(RateQuotaTest, AllThatWaitsForOneUserCounts) {
  const auto waits = std::make_shared<WaitSpreader>();
  const auto one = RateQuota::Create(Bytes(1), nullptr, waits);
  const auto other = RateQuota::Create(Bytes(1), nullptr, waits);
  const auto stranger = RateQuota::Create(Bytes(1), nullptr);
  for (int i = 0; i < 100000; ++i) one->BeginWait(absl::ZeroDuration());
  EXPECT_GT(LongestWait(other.get()), absl::Milliseconds(500));
  EXPECT_EQ(LongestWait(stranger.get()), absl::Milliseconds(10));
  for (int i = 0; i < 100000; ++i) one->EndWait();
  EXPECT_EQ(LongestWait(other.get()), absl::Milliseconds(10));
}

TEST(RateQuotaTest, ThreadsShareIt) {
  const auto user = Buckets(Connections(1000));
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto quota = RateQuota::Create({}, user);
      const absl::Time end = absl::Now() + absl::Milliseconds(200);
      while (absl::Now() < end) {
        if (quota->TakeConnection() == absl::ZeroDuration()) ++taken;
        quota->CountSent(1);
      }
    });
  }
  const absl::Time begin = absl::Now();
  for (std::thread& thread : threads) thread.join();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin) + 0.1;
  EXPECT_GE(taken, 1000);
  EXPECT_LE(taken, 1000 + seconds * 1000);
}

TEST(RateQuotaTest, RatesThatAreSetHoldForWhoHasTheBuckets) {
  const auto user = Buckets({});
  const auto quota = RateQuota::Create({}, user);
  EXPECT_FALSE(quota->applies());
  EXPECT_EQ(RateQuota::InForce(quota), nullptr);
  EXPECT_EQ(RateQuota::InForce(nullptr), nullptr);
  quota->CountSent(1 << 30);
  for (uint64_t i = 0; i < kMany; ++i) {
    ASSERT_EQ(quota->TakeConnection(), absl::ZeroDuration());
  }
  user->Set({1000, 2}, RateQuota::NowNs());
  EXPECT_EQ(RateQuota::InForce(quota), quota.get());
  EXPECT_EQ(quota->turn_bytes(), RateBuckets::ByteBurstOf(1000));
  // A burst, whatever went before.
  EXPECT_EQ(quota->SendWait(), absl::ZeroDuration());
  EXPECT_EQ(quota->TakeConnection(), absl::ZeroDuration());
  quota->CountSent(1 << 30);
  user->connections.TakeUsed(kMany, RateQuota::NowNs());
  EXPECT_GT(quota->SendWait(), absl::Hours(200));
  EXPECT_GT(quota->ConnectionWait(), absl::Seconds(900));
  EXPECT_EQ(quota->ReceiveWait(), absl::ZeroDuration());
  user->Set({0, 2}, RateQuota::NowNs());
  EXPECT_EQ(quota->SendWait(), absl::ZeroDuration());
  EXPECT_EQ(quota->turn_bytes(), UINT64_MAX);
  EXPECT_GT(quota->TakeConnection(), absl::Seconds(900));
  user->Set({}, RateQuota::NowNs());
  EXPECT_EQ(quota->TakeConnection(), absl::ZeroDuration());
  EXPECT_TRUE(user->full(RateQuota::NowNs()));
}

}  // namespace
}  // namespace wspd
