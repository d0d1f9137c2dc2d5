#include "tests/bench/statistics.h"

#include "gtest/gtest.h"

namespace wspd::bench {
namespace {

TEST(StatisticsTest, MedianIsTheMiddleOrTheMeanOfTheMiddleTwo) {
  EXPECT_EQ(Median({3, 1, 2}), 2);
  EXPECT_EQ(Median({4, 1, 2, 3}), 2.5);
}

TEST(StatisticsTest, IntervalLeavesOutAsManyAsTheBinomialAllows) {
  const auto one_to = [](int n) {
    std::vector<double> values;
    for (int i = n; i >= 1; --i) values.push_back(i);
    return MedianInterval(values);
  };
  // The ranks of published tables of the sign test's interval.
  EXPECT_EQ(one_to(5).lo, 1);
  EXPECT_EQ(one_to(6).lo, 1);
  EXPECT_EQ(one_to(9).lo, 2);
  EXPECT_EQ(one_to(9).hi, 8);
  EXPECT_EQ(one_to(10).lo, 2);
  EXPECT_EQ(one_to(10).hi, 9);
  EXPECT_EQ(one_to(15).lo, 4);
  EXPECT_EQ(one_to(20).lo, 6);
  EXPECT_EQ(one_to(20).hi, 15);
}

TEST(StatisticsTest, RatiosArePaired) {
  EXPECT_EQ(PairedRatios({2, 9}, {1, 3}), (std::vector<double>{2, 3}));
}

}  // namespace
}  // namespace wspd::bench
