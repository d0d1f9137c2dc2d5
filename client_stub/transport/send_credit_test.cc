#include "client_stub/transport/send_credit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace wsp {
namespace {

constexpr uint32_t kChunk = 64 << 10;
constexpr uint64_t kEndless = UINT64_MAX;

class SendCreditTest : public testing::Test {
 protected:
  SendCreditTest() { credit_.SetLimits(limits_); }

  uint32_t NextChunk(const SendLane& lane, uint64_t left = kEndless) {
    uint32_t bytes = 0;
    return credit_.NextChunk(lane, left, &bytes) ? bytes : 0;
  }

  // Sends all that it may, and stalls.
  void Stall(SendLane* lane) {
    while (const uint32_t bytes = NextChunk(*lane)) {
      EXPECT_TRUE(credit_.Covers(bytes));
      credit_.Take(lane, bytes);
    }
  }

  AttachmentLimits limits_;
  SendCredit credit_;
};

TEST_F(SendCreditTest, OneSocketHasAllThatASocketMayHave) {
  SendLane lane;
  EXPECT_EQ(NextChunk(lane), kChunk);
  Stall(&lane);
  EXPECT_EQ(lane.in_flight, limits_.socket_send_credit_bytes);
  EXPECT_EQ(NextChunk(lane, 1), 0u);
  credit_.GiveBack(&lane, kChunk);
  EXPECT_EQ(NextChunk(lane), kChunk);
}

TEST_F(SendCreditTest, SocketsThatStallLeaveSomethingForAllOthers) {
  std::vector<SendLane> lanes(limits_.sockets);
  uint64_t sum = 0;
  for (size_t i = 0; i < lanes.size(); ++i) {
    const uint32_t first = NextChunk(lanes[i]);
    EXPECT_GE(first, 1024u) << i;
    if (i == 32) {
      EXPECT_GE(first, 4u << 10);
    }
    Stall(&lanes[i]);
    sum += lanes[i].in_flight;
  }
  EXPECT_LE(sum, limits_.client_send_credit_bytes);
  for (SendLane& lane : lanes) {
    while (lane.in_flight > 0) {
      const uint64_t cost = std::min<uint64_t>(lane.in_flight, kChunk);
      credit_.GiveBack(&lane, static_cast<uint32_t>(cost));
    }
  }
  Stall(&lanes[0]);
  EXPECT_EQ(lanes[0].in_flight, limits_.socket_send_credit_bytes);
}

TEST_F(SendCreditTest, SmallSendsLeaveCallsForOthers) {
  std::vector<SendLane> lanes(limits_.sockets);
  for (SendLane& lane : lanes) {
    uint32_t bytes;
    // An empty one is a call, too.
    for (uint64_t left = 0; credit_.NextChunk(lane, left, &bytes); left = 1) {
      EXPECT_TRUE(credit_.Covers(bytes));
      credit_.Take(&lane, bytes);
    }
    EXPECT_GT(lane.in_flight, 0u);
  }
  EXPECT_LE(credit_.chunks(), limits_.outstanding_calls * 3 / 4);
}

TEST_F(SendCreditTest, WithOneCallThereIsOneChunk) {
  limits_.outstanding_calls = 1;
  credit_.SetLimits(limits_);
  SendLane lane;
  EXPECT_EQ(NextChunk(lane), kChunk);
  EXPECT_TRUE(credit_.Covers(kChunk));
  const uint32_t cost = credit_.Take(&lane, kChunk);
  EXPECT_EQ(NextChunk(lane), 0u);
  EXPECT_FALSE(credit_.Covers(1));
  credit_.GiveBack(&lane, cost);
  EXPECT_TRUE(credit_.Covers(kChunk));
}

TEST_F(SendCreditTest, AChunkIsMadeSmallerOnlyIfItIsTheOnlyOne) {
  limits_.socket_send_credit_bytes = 2 * kChunk;
  credit_.SetLimits(limits_);
  SendLane lane;
  credit_.Take(&lane, kChunk + 1);
  EXPECT_EQ(NextChunk(lane), 0u);
  EXPECT_EQ(NextChunk(lane, kChunk - 1), kChunk - 1);
}

TEST_F(SendCreditTest, WhatARemovedLaneHasInFlightStillCounts) {
  limits_.client_send_credit_bytes = 2 * kChunk;
  limits_.socket_send_credit_bytes = 2 * kChunk;
  limits_.sockets = 1;
  credit_.SetLimits(limits_);
  SendLane removed;
  credit_.Take(&removed, kChunk);
  credit_.Take(&removed, kChunk);
  credit_.RemoveLane(removed);
  EXPECT_FALSE(credit_.Covers(1));
  credit_.GiveBack(nullptr, kChunk);
  credit_.GiveBack(nullptr, kChunk);
  EXPECT_TRUE(credit_.Covers(2 * kChunk));
  SendLane lane;
  EXPECT_EQ(NextChunk(lane), kChunk);
}

TEST_F(SendCreditTest, NewLimitsCountWhatIsInFlight) {
  SendLane lane;
  Stall(&lane);
  limits_.sockets = 16;
  limits_.client_send_credit_bytes = 512 << 10;
  credit_.SetLimits(limits_);
  credit_.Recount(credit_.Kept(lane));
  SendLane other;
  Stall(&other);
  EXPECT_LT(other.in_flight, 64u << 10);
  while (lane.in_flight > 0) credit_.GiveBack(&lane, kChunk);
  credit_.GiveBack(&other, static_cast<uint32_t>(other.in_flight));
  EXPECT_EQ(NextChunk(other), (16u << 10) + (32u << 10));
}

}  // namespace
}  // namespace wsp
