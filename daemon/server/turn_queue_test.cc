#include "daemon/server/turn_queue.h"

#include <chrono>
#include <string>

#include "gtest/gtest.h"

namespace wspd {
namespace {

using std::chrono::microseconds;
using Queue = TurnQueue<char>;
using Clock = Queue::Clock;

constexpr Clock::duration kNone = Clock::duration::zero();

class TurnQueueTest : public testing::Test {
 protected:
  TurnQueueTest() { NextWindow(); }

  std::string TakeAll() {
    std::string all;
    while (!queue_.empty()) all += queue_.Take(now_);
    return all;
  }

  void Use(uint64_t client, Clock::duration time) {
    queue_.Charge(client, now_, now_ + time);
    now_ += time;
  }

  bool SendAhead(uint64_t client) {
    return queue_.OnUnfinished(client, Queue::kManyTurns, now_);
  }

  // Turns of this client until it has to pause, or for a whole window.
  Clock::duration UseAllThereIs(uint64_t client) {
    constexpr microseconds kTurn(10);
    Clock::duration used = kNone;
    while (used < Queue::kWindow && queue_.PauseBeforeTurn(now_) == kNone) {
      EXPECT_EQ(queue_.Take(now_), 'w');
      used += kTurn;
      Use(client, kTurn);
      SendAhead(client);
      queue_.Add(client, 'w');
    }
    return used;
  }

  void NextWindow() {
    now_ += Queue::kWindow;
    queue_.Charge(0, now_, now_);
  }

  Queue queue_;
  Clock::time_point now_ = Clock::time_point() + std::chrono::hours(1);
};

TEST_F(TurnQueueTest, OneClientsWorkIsDoneInItsOrder) {
  EXPECT_TRUE(queue_.empty());
  for (const char work : std::string("abc")) queue_.Add(1, work);
  EXPECT_EQ(TakeAll(), "abc");
}

TEST_F(TurnQueueTest, ClientsTakeTurnsHoweverMuchTheyHave) {
  for (const char work : std::string("abc")) queue_.Add(1, work);
  queue_.Add(2, 'x');
  queue_.Add(3, 'p');
  queue_.Add(3, 'q');
  EXPECT_EQ(TakeAll(), "axpbqc");
}

TEST_F(TurnQueueTest, WhoSendsAheadTakesTurnsWithTheOthersTogether) {
  for (const char work : std::string("abcdef")) queue_.Add(1, work);
  queue_.Add(2, 'x');
  queue_.Add(3, 'p');
  queue_.Add(3, 'q');
  EXPECT_EQ(TakeAll(), "abxcpdqef");
}

TEST_F(TurnQueueTest, WhoComesBackIsBehindTheOthers) {
  queue_.Add(1, 'a');
  queue_.Add(2, 'x');
  EXPECT_EQ(queue_.Take(now_), 'a');
  queue_.Add(1, 'b');
  EXPECT_EQ(TakeAll(), "xb");
}

TEST_F(TurnQueueTest, KnowsWhetherAClientIsAlone) {
  EXPECT_FALSE(queue_.IsContended(1, now_));
  Use(1, microseconds(5));
  EXPECT_FALSE(queue_.IsContended(1, now_));
  Use(2, microseconds(5));
  EXPECT_TRUE(queue_.IsContended(1, now_));
  EXPECT_TRUE(queue_.IsContended(2, now_));
  now_ += Queue::kWindow;
  EXPECT_TRUE(queue_.IsContended(1, now_));
  now_ += 2 * Queue::kWindow;
  EXPECT_FALSE(queue_.IsContended(1, now_));
  // Its own work doesn't count, another's does.
  queue_.Add(1, 'a');
  EXPECT_FALSE(queue_.IsContended(1, now_));
  queue_.Add(2, 'x');
  EXPECT_TRUE(queue_.IsContended(1, now_));
}

TEST_F(TurnQueueTest, AClientAloneNeedNotWait) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(queue_.HasToWait(1, now_));
    Use(1, microseconds(100));
    SendAhead(1);
  }
}

TEST_F(TurnQueueTest, NothingOvertakesWhatItsClientHasWaiting) {
  queue_.Add(1, 'a');
  EXPECT_TRUE(queue_.HasToWait(1, now_));
  EXPECT_EQ(queue_.Take(now_), 'a');
  EXPECT_FALSE(queue_.HasToWait(1, now_));
}

TEST_F(TurnQueueTest, AMomentIsForOnePieceOfEachClient) {
  Use(1, microseconds(5));
  Use(2, microseconds(5));
  EXPECT_FALSE(queue_.HasToWait(1, now_));
  EXPECT_TRUE(queue_.HasToWait(1, now_));
  EXPECT_FALSE(queue_.HasToWait(2, now_));
  queue_.OnLook();
  EXPECT_FALSE(queue_.HasToWait(1, now_));
}

TEST_F(TurnQueueTest, WhoSendsAheadHasAllIfNobodyElseHasAny) {
  SendAhead(1);
  queue_.Add(1, 'w');
  EXPECT_EQ(UseAllThereIs(1), Queue::kWindow);
}

TEST_F(TurnQueueTest, WhoSendsAheadLeavesTheOthersTwiceWhatTheyUse) {
  Use(2, Queue::kWindow / 4);
  SendAhead(1);
  queue_.Add(1, 'w');
  EXPECT_EQ(UseAllThereIs(1), Queue::kWindow / 2);
  const Clock::duration pause = queue_.PauseBeforeTurn(now_);
  EXPECT_GT(pause, kNone);
  EXPECT_LE(pause, Queue::kWindow);
  // As they use it, what comes of it meanwhile has to wait, too, and theirs
  // doesn't.
  EXPECT_TRUE(queue_.HasToWait(1, now_));
  EXPECT_FALSE(queue_.HasToWait(2, now_));
  queue_.Add(2, 'x');
  EXPECT_EQ(queue_.PauseBeforeTurn(now_), kNone);
  EXPECT_EQ(queue_.Take(now_), 'x');
  // So it is in the next window, whether they have begun there or not.
  now_ += pause;
  EXPECT_EQ(UseAllThereIs(1), Queue::kWindow / 2);
  // They have gone.
  NextWindow();
  NextWindow();
  EXPECT_GT(UseAllThereIs(1), Queue::kWindow * 9 / 10);
}

TEST_F(TurnQueueTest, WhoSendsAheadHasAPartHoweverMuchTheOthersUse) {
  Use(2, Queue::kWindow * 3 / 4);
  SendAhead(1);
  queue_.Add(1, 'w');
  EXPECT_EQ(UseAllThereIs(1), Queue::kWindow / 8);
}

TEST_F(TurnQueueTest, WhoLeftTheOthersEnoughNeedNotPauseForItsOwnUse) {
  Use(1, Queue::kWindow * 5 / 8);
  // Somebody comes.
  Use(2, Queue::kWindow / 100);
  EXPECT_FALSE(SendAhead(1));
  EXPECT_FALSE(queue_.HasToWait(1, now_));
  NextWindow();
  EXPECT_FALSE(SendAhead(1));
}

TEST_F(TurnQueueTest, WhoSendsAheadPausesOnlyForOthersThatDoNot) {
  for (const uint64_t client : {1, 2}) {
    SendAhead(client);
    Use(client, Queue::kWindow * 3 / 8);
  }
  EXPECT_FALSE(SendAhead(1));
  EXPECT_FALSE(SendAhead(2));
}

TEST_F(TurnQueueTest, AFewTurnsForAFrameAreNotSendingAhead) {
  Use(2, Queue::kWindow / 2);
  Use(1, Queue::kWindow / 4);
  EXPECT_FALSE(queue_.OnUnfinished(1, Queue::kManyTurns - 1, now_));
  EXPECT_TRUE(queue_.OnUnfinished(1, Queue::kManyTurns, now_));
}

TEST_F(TurnQueueTest, WhoHasMostOfTheThreadBesideOthersSendsAhead) {
  Use(2, Queue::kWindow / 8);
  Use(1, Queue::kWindow * 3 / 4);
  queue_.OnLook();
  EXPECT_FALSE(queue_.HasToWait(1, now_));
  Use(1, microseconds(10));
  queue_.OnLook();
  EXPECT_TRUE(queue_.HasToWait(1, now_));
  // In the next window it had left enough in the last.
  NextWindow();
  queue_.OnLook();
  EXPECT_FALSE(queue_.HasToWait(1, now_));
}

TEST_F(TurnQueueTest, ForgetsClientsThatHaveGone) {
  Use(1, microseconds(5));
  SendAhead(1);
  now_ += std::chrono::hours(1);
  Use(2, Queue::kWindow / 2);
  EXPECT_FALSE(queue_.OnUnfinished(1, 1, now_));
  for (int i = 0; i < 5; ++i) {
    now_ += Queue::kWindow;
    for (const uint64_t client : {1, 2}) {
      EXPECT_FALSE(queue_.HasToWait(client, now_)) << i;
      now_ += Queue::kWindow;
    }
  }
}

TEST_F(TurnQueueTest, ManyPiecesAtOnceAreSentAhead) {
  Use(2, Queue::kWindow / 2);
  for (size_t i = 0; i < Queue::kManyWaiting; ++i) {
    queue_.Add(1, 'w');
  }
  EXPECT_EQ(queue_.Take(now_), 'w');
  Use(1, Queue::kWindow / 8);
  EXPECT_GT(queue_.PauseBeforeTurn(now_), kNone);
}

}  // namespace
}  // namespace wspd
