#include "daemon/quota/token_bucket.h"

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace wspd {
namespace {

constexpr int64_t kSecond = 1000000000;
// Any time.
constexpr int64_t kNow = 12345 * kSecond;

TEST(TokenBucketTest, BeginsWithABurst) {
  TokenBucket bucket(1000, 50);
  EXPECT_EQ(bucket.WaitFor(50, kNow), 0);
  EXPECT_EQ(bucket.TakeUpTo(20, kNow), 20u);
  EXPECT_EQ(bucket.TakeUpTo(100, kNow), 30u);
  EXPECT_EQ(bucket.TakeUpTo(1, kNow), 0u);
}

TEST(TokenBucketTest, FillsAtItsRateUpToTheBurst) {
  TokenBucket bucket(1000, 50);
  ASSERT_EQ(bucket.TakeUpTo(50, kNow), 50u);
  EXPECT_EQ(bucket.TakeUpTo(50, kNow + kSecond / 100), 10u);
  EXPECT_EQ(bucket.TakeUpTo(500, kNow + kSecond), 50u);
}

TEST(TokenBucketTest, SaysHowLongItTakes) {
  TokenBucket bucket(1000, 50);
  ASSERT_EQ(bucket.TakeUpTo(50, kNow), 50u);
  const int64_t wait = bucket.WaitFor(20, kNow);
  EXPECT_EQ(wait, kSecond / 50);
  EXPECT_EQ(bucket.TakeUpTo(20, kNow + wait - 1), 19u);
  // More than the burst there never are.
  EXPECT_EQ(bucket.WaitFor(1000, kNow + kSecond), 0);
}

TEST(TokenBucketTest, WhatIsOwedFillsFirst) {
  TokenBucket bucket(1000, 50);
  bucket.TakeUsed(80, kNow);
  EXPECT_EQ(bucket.TakeUpTo(1, kNow), 0u);
  EXPECT_EQ(bucket.WaitFor(1, kNow), 31 * kSecond / 1000);
  EXPECT_EQ(bucket.TakeUpTo(1, kNow + kSecond / 1000 * 30), 0u);
  EXPECT_EQ(bucket.TakeUpTo(50, kNow + kSecond / 1000 * 40), 10u);
  // After a pause there is a burst, whatever was used before.
  bucket.TakeUsed(10, kNow + 10 * kSecond);
  EXPECT_EQ(bucket.TakeUpTo(500, kNow + 10 * kSecond), 40u);
}

TEST(TokenBucketTest, TakesBackWhatWasNotUsed) {
  TokenBucket bucket(1000, 50);
  ASSERT_EQ(bucket.TakeUpTo(50, kNow), 50u);
  bucket.GiveBack(30);
  EXPECT_EQ(bucket.TakeUpTo(50, kNow), 30u);
  // Never more than a burst.
  bucket.GiveBack(50);
  bucket.GiveBack(50);
  EXPECT_EQ(bucket.TakeUpTo(500, kNow + kSecond), 50u);
}

TEST(TokenBucketTest, AClockThatGoesBackGivesNothing) {
  TokenBucket bucket(1000, 50);
  ASSERT_EQ(bucket.TakeUpTo(50, kNow), 50u);
  EXPECT_EQ(bucket.TakeUpTo(50, kNow - kSecond), 0u);
  EXPECT_EQ(bucket.TakeUpTo(50, kNow + kSecond / 100), 10u);
}

TEST(TokenBucketTest, TheExtremesFit) {
  TokenBucket fast(1000000000000, uint64_t{1} << 40);
  EXPECT_EQ(fast.TakeUpTo(uint64_t{1} << 40, kNow), uint64_t{1} << 40);
  EXPECT_EQ(fast.TakeUpTo(UINT64_MAX, kNow + 1), 1000u);
  TokenBucket slow(1, 1);
  EXPECT_EQ(slow.TakeUpTo(5, kNow), 1u);
  EXPECT_EQ(slow.WaitFor(1, kNow), kSecond);
  EXPECT_EQ(slow.TakeUpTo(5, kNow + kSecond - 1), 0u);
  EXPECT_EQ(slow.TakeUpTo(5, kNow + kSecond), 1u);
}

// Whoever asks how often and for how much: never above rate and burst, and all
// of it for those who want it.
TEST(TokenBucketTest, KeepsTheRateForAllThatAsk) {
  std::mt19937 random(7);
  for (const uint64_t rate : {1ull, 999ull, 65536ull, 1000000007ull}) {
    TokenBucket bucket(rate, rate / 10 + 1);
    int64_t now = kNow;
    uint64_t taken = 0;
    for (int i = 0; i < 20000; ++i) {
      now += random() % (kSecond / 1000);
      const uint64_t got = bucket.TakeUpTo(random() % (rate / 50 + 2), now);
      const uint64_t unused = got == 0 ? 0 : random() % (got + 1) / 8;
      bucket.GiveBack(unused);
      taken += got - unused;
    }
    const double most =
        static_cast<double>(now - kNow) / kSecond * static_cast<double>(rate) +
        static_cast<double>(rate / 10 + 1);
    EXPECT_LE(static_cast<double>(taken), most + 1) << rate;
    EXPECT_GE(static_cast<double>(taken), most * 0.8) << rate;
  }
}

TEST(TokenBucketTest, ThreadsShareIt) {
  TokenBucket bucket(1000, 100000);
  std::atomic<uint64_t> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 50000; ++j) taken += bucket.TakeUpTo(3, kNow);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken.load(), 100000u);
}

TEST(TokenBucketTest, WithoutARateThereIsWhateverIsWanted) {
  TokenBucket bucket(0, 1);
  EXPECT_FALSE(bucket.has_rate());
  EXPECT_EQ(bucket.TakeUpTo(UINT64_MAX, kNow), UINT64_MAX);
  bucket.TakeUsed(UINT64_MAX, kNow);
  bucket.GiveBack(UINT64_MAX);
  EXPECT_EQ(bucket.WaitFor(UINT64_MAX, kNow), 0);
}

TEST(TokenBucketTest, WhatIsOwedStaysOwedAtAnotherRate) {
  TokenBucket bucket(1000, 50);
  bucket.TakeUsed(80, kNow);
  ASSERT_EQ(bucket.WaitFor(1, kNow), 31 * kSecond / 1000);
  bucket.SetRate(100, 10, kNow);
  EXPECT_EQ(bucket.WaitFor(1, kNow), 31 * kSecond / 100);
  bucket.SetRate(10000, 10, kNow);
  EXPECT_EQ(bucket.WaitFor(1, kNow), 31 * kSecond / 10000);
}

TEST(TokenBucketTest, WhatThereIsStaysAsFarAsTheBurstHasRoom) {
  TokenBucket bucket(1000, 50);
  ASSERT_EQ(bucket.TakeUpTo(20, kNow), 20u);
  bucket.SetRate(10, 100, kNow);
  EXPECT_EQ(bucket.TakeUpTo(100, kNow), 30u);
  EXPECT_EQ(bucket.TakeUpTo(100, kNow + kSecond), 10u);
  // Full, it fills to the new burst.
  bucket.SetRate(10, 20, kNow + 100 * kSecond);
  EXPECT_EQ(bucket.TakeUpTo(100, kNow + 100 * kSecond), 20u);
}

TEST(TokenBucketTest, WhereThereWasNoRateNothingIsOwed) {
  TokenBucket bucket(1000, 50);
  bucket.TakeUsed(1000000, kNow);
  bucket.SetRate(0, 1, kNow);
  EXPECT_EQ(bucket.TakeUpTo(1000, kNow), 1000u);
  bucket.SetRate(1000, 50, kNow);
  EXPECT_EQ(bucket.TakeUpTo(1000, kNow), 50u);
}

TEST(TokenBucketTest, ADebtThatCantBePaidIsBounded) {
  TokenBucket bucket(1000000000000, 1);
  bucket.TakeUsed(uint64_t{1} << 55, kNow);
  bucket.SetRate(1, 1, kNow);
  EXPECT_LE(bucket.WaitFor(1, kNow), (1000000001) * kSecond);
  EXPECT_GT(bucket.WaitFor(1, kNow), kSecond);
}

// Whatever they read of the old rate and the new one.
TEST(TokenBucketTest, RatesMayBeSetWhileOthersTake) {
  TokenBucket bucket(1000, 50);
  std::atomic<bool> ends{false};
  std::vector<std::thread> takers;
  for (int i = 0; i < 2; ++i) {
    takers.emplace_back([&] {
      for (int64_t now = kNow; !ends; now += kSecond / 1000) {
        bucket.TakeUpTo(3, now);
        bucket.TakeUsed(2, now);
        bucket.GiveBack(1);
        EXPECT_GE(bucket.WaitFor(1, now), 0);
      }
    });
  }
  constexpr uint64_t kRates[] = {0, 1, 1000, 1000000000};
  for (int i = 0; i < 4000; ++i) {
    bucket.SetRate(kRates[i % 4], 50, kNow);
  }
  ends = true;
  for (std::thread& taker : takers) taker.join();
}

}  // namespace
}  // namespace wspd
