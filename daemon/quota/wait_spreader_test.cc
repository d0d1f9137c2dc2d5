#include "daemon/quota/wait_spreader.h"

#include <functional>
#include <queue>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/quota/token_bucket.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kLeast = WaitSpreader::kLeastNs;
constexpr int64_t kForEach = WaitSpreader::kForEachNs;

TEST(WaitSpreaderTest, WhoIsAloneWaitsAsLongAsItTakes) {
  WaitSpreader spreader;
  EXPECT_EQ(spreader.Enter(5 * kSecond), 5 * kSecond);
  spreader.Leave();
  EXPECT_EQ(spreader.Enter(1), kLeast);
}

TEST(WaitSpreaderTest, TheMoreTheyAreTheFartherApartTheyLook) {
  WaitSpreader spreader;
  std::set<int64_t> different;
  int64_t sum = 0;
  for (int i = 0; i < 1000; ++i) {
    const int64_t wait = spreader.Enter(1);
    EXPECT_GE(wait, kLeast);
    EXPECT_LE(wait, kLeast + i * kForEach);
    sum += wait - kLeast;
    different.insert(wait);
  }
  EXPECT_GE(different.size(), 900u);
  // About a quarter of the last one's, since they came one by one.
  EXPECT_GE(sum / 1000, 200 * kForEach);
  EXPECT_LE(sum / 1000, 300 * kForEach);
}

TEST(WaitSpreaderTest, WhoHasLeftDoesntCount) {
  WaitSpreader spreader;
  for (int i = 0; i < 1000; ++i) spreader.Enter(1);
  for (int i = 0; i < 1000; ++i) spreader.Leave();
  EXPECT_EQ(spreader.Enter(1), kLeast);
}

// Many more than there is room for in any burst: they look no more often than
// they may, and among them have all that there is.
TEST(WaitSpreaderTest, HoweverManyWaitTheyHaveTheirRate) {
  constexpr int kWaiters = 50000;
  constexpr uint64_t kRate = 10000;
  constexpr int64_t kTime = 10 * kSecond;
  TokenBucket bucket(kRate, kRate / 10);
  WaitSpreader spreader;
  using Look = std::pair<int64_t, int>;
  std::priority_queue<Look, std::vector<Look>, std::greater<Look>> looks;
  const auto wait = [&](int64_t now, int who) {
    looks.emplace(now + spreader.Enter(bucket.WaitFor(1, now)), who);
  };
  for (int i = 0; i < kWaiters; ++i) wait(0, i);
  uint64_t taken = 0;
  int64_t looked = 0;
  std::set<int> served;
  while (looks.top().first < kTime) {
    const auto [now, who] = looks.top();
    looks.pop();
    spreader.Leave();
    ++looked;
    const uint64_t got = bucket.TakeUpTo(1, now);
    taken += got;
    if (got > 0) served.insert(who);
    wait(now, who);
  }
  EXPECT_GE(taken, kRate * (kTime / kSecond) * 95 / 100);
  EXPECT_LE(looked, 2 * kTime / kForEach * 11 / 10 + kWaiters);
  // It isn't the same ones each time.
  EXPECT_GE(served.size(), size_t{kWaiters} * 3 / 4);
}

TEST(WaitSpreaderTest, ThreadsShareIt) {
  WaitSpreader spreader;
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&spreader] {
      for (int j = 0; j < 10000; ++j) {
        const int64_t wait = spreader.Enter(1);
        EXPECT_GE(wait, kLeast);
        EXPECT_LT(wait, kLeast + kThreads * kForEach);
        spreader.Leave();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(spreader.Enter(1), kLeast);
}

}  // namespace
}  // namespace wspd
