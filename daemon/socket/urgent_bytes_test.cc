#include "daemon/socket/urgent_bytes.h"

#include <string>

#include "gtest/gtest.h"

namespace wspd {
namespace {

// What is left of a stretch of the stream from where the reader is.
std::string LeftOf(const UrgentBytes& urgent, std::string data) {
  data.resize(urgent.LeaveOut(&data[0], data.size()));
  return data;
}

std::string TakeAll(UrgentBytes* urgent) {
  std::string all;
  for (; urgent->any_waits(); urgent->TakeOldest()) all += urgent->oldest();
  return all;
}

std::string TakePassed(UrgentBytes* urgent, bool peeks = false) {
  std::string data(100, '?');
  data.resize(urgent->TakePassed(&data[0], data.size(), peeks));
  return data;
}

TEST(UrgentBytesTest, TheyAreLeftOutOfTheStreamWhereTheyAre) {
  UrgentBytes urgent;
  EXPECT_EQ(LeftOf(urgent, "abc"), "abc");
  urgent.Add('1', 2);
  urgent.Add('2', 3);
  urgent.Add('3', 5);
  EXPECT_EQ(LeftOf(urgent, "ab12c3d"), "abcd");
  EXPECT_EQ(LeftOf(urgent, "ab"), "ab");
  EXPECT_EQ(urgent.CountAmong(2), 0u);
  EXPECT_EQ(urgent.CountAmong(3), 1u);
  EXPECT_EQ(urgent.CountAmong(100), 3u);
  urgent.Advance(2);
  EXPECT_TRUE(urgent.is_next());
  urgent.Advance(1);
  urgent.Advance(1);
  EXPECT_FALSE(urgent.is_next());
  EXPECT_EQ(LeftOf(urgent, "c3d"), "cd");
  urgent.Advance(2);
  EXPECT_FALSE(urgent.any_place());
  EXPECT_EQ(urgent.count(), 3u);
  EXPECT_EQ(TakeAll(&urgent), "123");
}

TEST(UrgentBytesTest, Of65ThatWaitTheNewestIsDropped) {
  UrgentBytes urgent;
  for (size_t i = 0; i < 64; ++i) urgent.Add('!', i);
  EXPECT_EQ(LeftOf(urgent, std::string(64, '!')), "");
  urgent.Add('?', 64);
  EXPECT_EQ(LeftOf(urgent, std::string(65, '!') + "a"), "a");
  EXPECT_EQ(urgent.count(), 65u);
  urgent.TakeOldest();
  urgent.Add('+', 65);
  EXPECT_EQ(TakeAll(&urgent), std::string(63, '!') + "+");
}

TEST(UrgentBytesTest, ThereIsRoomFor1024Places) {
  UrgentBytes urgent;
  for (size_t i = 0; i < 1024; ++i) {
    EXPECT_TRUE(urgent.has_room());
    urgent.Add('!', i);
  }
  EXPECT_FALSE(urgent.has_room());
  urgent.Advance(1);
  EXPECT_TRUE(urgent.has_room());
}

TEST(UrgentBytesTest, WhatWaitsAheadIsPutBack) {
  UrgentBytes urgent;
  urgent.Add('1', 0);
  urgent.Add('2', 2);
  urgent.Add('3', 3);
  urgent.Add('4', 4);
  urgent.Advance(2);
  // It was received, which can't be undone.
  urgent.TakeOldest();
  EXPECT_EQ(urgent.oldest(), '2');
  urgent.TakeOldest();
  urgent.PutBack();
  EXPECT_EQ(LeftOf(urgent, "234b"), "34b");
  EXPECT_FALSE(urgent.any_waits());
}

TEST(UrgentBytesTest, WhatThePassedReaderHasNotReceivedStaysWaiting) {
  UrgentBytes urgent;
  urgent.Add('1', 1);
  urgent.Add('2', 4);
  urgent.Advance(3);
  urgent.PutBack();
  EXPECT_EQ(LeftOf(urgent, "b2c"), "b2c");
  EXPECT_EQ(TakeAll(&urgent), "1");
}

TEST(UrgentBytesTest, WhatWasPassedJustNowCanBeHadInLine) {
  UrgentBytes urgent;
  urgent.Add('1', 0);
  urgent.Advance(2);
  EXPECT_EQ(urgent.passed_just_now(), 0u);
  urgent.Add('2', 0);
  urgent.Advance(1);
  urgent.Add('3', 0);
  urgent.Advance(1);
  EXPECT_EQ(urgent.passed_just_now(), 2u);
  EXPECT_EQ(TakePassed(&urgent, true), "23");
  EXPECT_EQ(TakePassed(&urgent), "23");
  EXPECT_EQ(TakePassed(&urgent), "");
  EXPECT_EQ(TakeAll(&urgent), "1");
}

TEST(UrgentBytesTest, WhatWasReceivedCannotBeHadInLine) {
  UrgentBytes urgent;
  urgent.Add('1', 1);
  urgent.Add('2', 2);
  urgent.Advance(3);
  EXPECT_EQ(urgent.passed_just_now(), 2u);
  urgent.TakeOldest();
  EXPECT_EQ(TakePassed(&urgent), "2");
  EXPECT_FALSE(urgent.any_waits());
}

}  // namespace
}  // namespace wspd
