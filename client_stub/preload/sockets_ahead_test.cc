#include "client_stub/preload/sockets_ahead.h"

#include <cstddef>
#include <cstdint>

#include "client_stub/transport/linux_requests.h"
#include "client_stub/transport/server_frame.h"
#include "gtest/gtest.h"

namespace wsp {
namespace {

LinuxSocketParams Kind(uint32_t family) {
  LinuxSocketParams kind;
  kind.family = family;
  return kind;
}

Completion Socket(uint64_t number) {
  Completion result;
  result.linux_result.number = number;
  return result;
}

// One of a long time after the machine began.
constexpr int64_t kBegin = 1000000;

class SocketsAheadTest : public ::testing::Test {
 protected:
  bool Want(uint32_t family, int64_t ms) {
    now_ = ms;
    return ahead_.Want(Kind(family), kBegin + ms);
  }
  size_t CountDue(int64_t ms) { return ahead_.CountDue(kBegin + ms); }
  bool IsDue(int64_t ms) { return CountDue(ms) > 0; }

  SocketsAhead ahead_;
  int64_t now_ = 0;
};

TEST_F(SocketsAheadTest, ASuccessionIsThreeOfOneKind) {
  EXPECT_FALSE(IsDue(now_));
  EXPECT_TRUE(Want(1, 0));
  EXPECT_FALSE(IsDue(now_));
  EXPECT_TRUE(Want(1, 50));
  EXPECT_FALSE(IsDue(now_));
  EXPECT_TRUE(Want(1, 100));
  EXPECT_TRUE(IsDue(now_));
  EXPECT_TRUE(Want(1, 150));
  EXPECT_TRUE(IsDue(now_));
  EXPECT_EQ(ahead_.kind().family, 1u);
}

TEST_F(SocketsAheadTest, APauseEndsIt) {
  for (const int ms : {0, 1, 2, 53}) EXPECT_TRUE(Want(1, ms));
  EXPECT_FALSE(IsDue(now_));
  EXPECT_TRUE(Want(1, 54));
  EXPECT_FALSE(IsDue(now_));
  EXPECT_TRUE(Want(1, 55));
  EXPECT_TRUE(IsDue(105));
  EXPECT_FALSE(IsDue(106));
  ahead_.EndSuccession();
  EXPECT_FALSE(IsDue(now_));
}

TEST_F(SocketsAheadTest, TheLongerItIsTheMoreAreAskedFor) {
  for (const size_t due : {0, 0, 2, 3, 4, 5, 6, 7, 8, 8, 8}) {
    EXPECT_TRUE(Want(1, ++now_));
    EXPECT_EQ(CountDue(now_), due);
  }
  EXPECT_TRUE(Want(1, now_ + 51));
  EXPECT_EQ(CountDue(now_), 0u);
}

TEST_F(SocketsAheadTest, NoneIsAskedForBeforeHalfOfThemAreUsed) {
  while (CountDue(now_) < SocketsAhead::kMost) Want(1, ++now_);
  uint64_t next = 100;
  while (next < 100 + SocketsAhead::kMost) ahead_.Add(next++);
  for (int round = 0; round < 3; ++round) {
    for (size_t used = 1; used < SocketsAhead::kMost / 2; ++used) {
      ahead_.TakeOldest();
      EXPECT_FALSE(IsDue(now_)) << used;
    }
    ahead_.TakeOldest();
    EXPECT_EQ(CountDue(now_), SocketsAhead::kMost / 2);
    while (IsDue(now_)) {
      for (size_t due = CountDue(now_); due > 0; --due) ahead_.Add(next++);
    }
  }
}

TEST_F(SocketsAheadTest, KindsInTurnAreNone) {
  for (int i = 0; i < 9; ++i) {
    EXPECT_TRUE(Want(i % 2, i));
    EXPECT_FALSE(IsDue(now_));
  }
}

TEST_F(SocketsAheadTest, AllThatMakesAKindDoes) {
  LinuxSocketParams kinds[6];
  kinds[1].plane = 1;
  kinds[2].family = 1;
  kinds[3].type = 1;
  kinds[4].protocol = 1;
  kinds[5].nonblocking = true;
  for (const LinuxSocketParams& kind : kinds) {
    SocketsAhead ahead;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(ahead.Want(kinds[0], kBegin));
    ahead.Add(7);
    EXPECT_EQ(ahead.Want(kind, kBegin), &kind == kinds);
  }
}

TEST_F(SocketsAheadTest, TheyAreTakenInTheirOrder) {
  for (const int ms : {0, 1, 2}) Want(1, ms);
  uint64_t next = 100;
  while (IsDue(now_)) ahead_.Add(next++);
  EXPECT_EQ(next, 102u);
  for (uint64_t id = 100; id < 120; ++id) {
    EXPECT_EQ(ahead_.oldest().call_id, id);
    EXPECT_FALSE(ahead_.oldest().answered);
    ahead_.OnResult(id + 1000, Socket(1));
    EXPECT_FALSE(ahead_.oldest().answered);
    ahead_.OnResult(id, Socket(id * 2));
    const SocketsAhead::Asked asked = ahead_.TakeOldest();
    EXPECT_EQ(asked.call_id, id);
    EXPECT_TRUE(asked.answered);
    EXPECT_TRUE(asked.succeeded);
    EXPECT_EQ(asked.number, id * 2);
    EXPECT_TRUE(IsDue(now_));
    ahead_.Add(next++);
    EXPECT_FALSE(IsDue(now_));
  }
}

TEST_F(SocketsAheadTest, FailuresAreNoSockets) {
  ahead_.Add(1);
  ahead_.Add(2);
  Completion result;
  result.linux_errno = 24;
  ahead_.OnResult(1, result);
  result.linux_errno = 0;
  result.wsa_error = 10045;
  ahead_.OnResult(2, result);
  for (int i = 0; i < 2; ++i) {
    const SocketsAhead::Asked asked = ahead_.TakeOldest();
    EXPECT_TRUE(asked.answered);
    EXPECT_FALSE(asked.succeeded);
  }
  EXPECT_TRUE(ahead_.empty());
}

TEST_F(SocketsAheadTest, TheyAreKeptForASecond) {
  Want(1, 0);
  EXPECT_FALSE(ahead_.IsStale(kBegin + 100000));
  ahead_.Add(1);
  EXPECT_FALSE(ahead_.IsStale(kBegin + 1000));
  EXPECT_TRUE(ahead_.IsStale(kBegin + 1001));
}

}  // namespace
}  // namespace wsp
