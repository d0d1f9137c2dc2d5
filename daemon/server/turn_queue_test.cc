#include "daemon/server/turn_queue.h"

#include <string>

#include "gtest/gtest.h"

namespace wspd {
namespace {

using Clock = TurnQueue<char>::Clock;

std::string TakeAll(TurnQueue<char>* queue) {
  std::string all;
  while (!queue->empty()) all += queue->Take();
  return all;
}

TEST(TurnQueueTest, OneClientsWorkIsDoneInItsOrder) {
  TurnQueue<char> queue;
  EXPECT_TRUE(queue.empty());
  for (const char work : std::string("abc")) queue.Add(1, work);
  EXPECT_EQ(TakeAll(&queue), "abc");
}

TEST(TurnQueueTest, ClientsTakeTurnsHoweverMuchTheyHave) {
  TurnQueue<char> queue;
  for (const char work : std::string("abcd")) queue.Add(1, work);
  queue.Add(2, 'x');
  queue.Add(3, 'p');
  queue.Add(3, 'q');
  EXPECT_EQ(TakeAll(&queue), "axpbqcd");
}

TEST(TurnQueueTest, WhoComesBackIsBehindTheOthers) {
  TurnQueue<char> queue;
  queue.Add(1, 'a');
  queue.Add(2, 'x');
  EXPECT_EQ(queue.Take(), 'a');
  EXPECT_FALSE(queue.HasWorkOf(1));
  queue.Add(1, 'b');
  EXPECT_TRUE(queue.HasWorkOf(1));
  EXPECT_EQ(TakeAll(&queue), "xb");
}

TEST(TurnQueueTest, KnowsWhetherAClientIsAlone) {
  TurnQueue<char> queue;
  Clock::time_point now = Clock::time_point() + std::chrono::hours(1);
  EXPECT_FALSE(queue.BeginTurn(1, now));
  EXPECT_FALSE(queue.BeginTurn(1, now));
  EXPECT_TRUE(queue.BeginTurn(2, now));
  EXPECT_TRUE(queue.BeginTurn(1, now));
  now += TurnQueue<char>::kRemembered;
  EXPECT_FALSE(queue.BeginTurn(1, now));
  // Its own work doesn't count, another's does.
  queue.Add(1, 'a');
  EXPECT_FALSE(queue.BeginTurn(1, now));
  queue.Add(2, 'x');
  EXPECT_TRUE(queue.BeginTurn(1, now));
}

}  // namespace
}  // namespace wspd
