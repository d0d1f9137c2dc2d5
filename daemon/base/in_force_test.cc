#include "daemon/base/in_force.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace wspd {
namespace {

struct Pair {
  int one = 0;
  int other = 0;
  bool operator==(const Pair& pair) const {
    return one == pair.one && other == pair.other;
  }
};

TEST(InForceTest, TheLastThatWasSetIs) {
  InForce<Pair> pairs({1, -1});
  EXPECT_EQ(pairs.get().one, 1);
  pairs.Set({2, -2});
  EXPECT_EQ(pairs.get().other, -2);
}

TEST(InForceTest, WhatWasBeforeStaysForWhoHasIt) {
  InForce<Pair> pairs({1, -1});
  const Pair& first = pairs.get();
  pairs.Set({2, -2});
  EXPECT_EQ(first.one, 1);
  // And is kept once.
  pairs.Set({1, -1});
  EXPECT_EQ(&pairs.get(), &first);
}

TEST(InForceTest, NobodySeesHalfOfOne) {
  InForce<Pair> pairs({0, 0});
  std::atomic<bool> ends{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!ends) {
        const Pair& pair = pairs.get();
        EXPECT_EQ(pair.one, -pair.other);
      }
    });
  }
  for (int i = 1; i <= 1000; ++i) pairs.Set({i, -i});
  ends = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace wspd
