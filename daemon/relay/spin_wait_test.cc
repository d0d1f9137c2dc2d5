#include "daemon/relay/spin_wait.h"

#include <chrono>

#include "gtest/gtest.h"

namespace wspd {
namespace {

class SpinWaitTest : public ::testing::Test {
 protected:
  // Whether it has looked at all, where there is nothing to be found.
  bool LooksInVain() {
    int looks = 0;
    EXPECT_FALSE(wait_.Run([&looks] {
      ++looks;
      return false;
    }));
    return looks > 0;
  }
  // How often it doesn't, until it does.
  int CountSkipped() {
    int skipped = 0;
    while (!LooksInVain()) ++skipped;
    return skipped;
  }

  SpinWait wait_;
};

TEST_F(SpinWaitTest, SaysWhatWasFound) {
  int looks = 0;
  EXPECT_TRUE(wait_.Run([&looks] { return ++looks > 0; }));
  EXPECT_EQ(looks, 1);
  EXPECT_TRUE(wait_.Run([] { return true; }));
}

TEST_F(SpinWaitTest, EndsByItself) { EXPECT_TRUE(LooksInVain()); }

TEST_F(SpinWaitTest, IsTriedLessAndLessWhereItIsInVain) {
  EXPECT_EQ(CountSkipped(), 0);
  EXPECT_EQ(CountSkipped(), 1);
  EXPECT_EQ(CountSkipped(), 3);
  for (int i = 0; i < 10; ++i) CountSkipped();
  EXPECT_EQ(CountSkipped(), SpinWait::kMostSkipped);
}

TEST_F(SpinWaitTest, IsTriedAgainAfterAShortSleep) {
  for (int i = 0; i < 10; ++i) CountSkipped();
  wait_.OnSlept(std::chrono::milliseconds(1));
  EXPECT_FALSE(LooksInVain());
  wait_.OnSlept(std::chrono::microseconds(1));
  EXPECT_TRUE(LooksInVain());
}

TEST_F(SpinWaitTest, IsTriedAgainOnceSomethingWasFound) {
  for (int i = 0; i < 10; ++i) CountSkipped();
  while (!wait_.Run([] { return true; })) {
  }
  EXPECT_EQ(CountSkipped(), 0);
}

// Whoever else wants the CPU has it: a look that takes long isn't repeated.
TEST_F(SpinWaitTest, EndsOnceItHasNotHadTheCpu) {
  int looks = 0;
  EXPECT_FALSE(wait_.Run([&looks] {
    ++looks;
    const auto end =
        SpinWait::Clock::now() + SpinWait::kYield + SpinWait::kYield;
    while (SpinWait::Clock::now() < end) {
    }
    return false;
  }));
  EXPECT_EQ(looks, 1);
}

}  // namespace
}  // namespace wspd
