#include "client_stub/transport/send_credit.h"

#include <gtest/gtest.h>

#include <vector>

namespace wsp {
namespace {

constexpr uint32_t kChunk = 64 << 10;
constexpr uint64_t kEndless = UINT64_MAX;

class SendCreditTest : public testing::Test {
 protected:
  SendCreditTest() { credit_.SetLimits(limits_); }

  // Sends all that it may, and stalls. Returns how much.
  uint64_t Stall(SendLane* lane) {
    while (const uint32_t bytes = credit_.NextChunkBytes(*lane, kEndless)) {
      EXPECT_TRUE(credit_.Covers(bytes));
      credit_.Take(lane, bytes);
    }
    return lane->in_flight;
  }

  AttachmentLimits limits_;
  SendCredit credit_;
};

TEST_F(SendCreditTest, OneSocketHasAllThatASocketMayHave) {
  SendLane lane;
  EXPECT_EQ(credit_.NextChunkBytes(lane, kEndless), kChunk);
  EXPECT_EQ(Stall(&lane), limits_.socket_send_credit_bytes);
  EXPECT_EQ(credit_.NextChunkBytes(lane, 1), 0u);
  credit_.GiveBack(&lane, kChunk);
  EXPECT_EQ(credit_.NextChunkBytes(lane, kEndless), kChunk);
}

TEST_F(SendCreditTest, SocketsThatStallLeaveSomethingForAllOthers) {
  std::vector<SendLane> lanes(limits_.sockets);
  uint64_t sum = 0;
  for (size_t i = 0; i < lanes.size(); ++i) {
    const uint32_t first = credit_.NextChunkBytes(lanes[i], kEndless);
    EXPECT_GE(first, 1024u) << i;
    if (i == 32) {
      EXPECT_GE(first, 8u << 10);
    }
    sum += Stall(&lanes[i]);
  }
  EXPECT_LE(sum, limits_.client_send_credit_bytes);
  for (SendLane& lane : lanes) {
    while (lane.in_flight > 0) {
      credit_.GiveBack(&lane, static_cast<uint32_t>(lane.in_flight));
    }
  }
  EXPECT_EQ(credit_.NextChunkBytes(lanes[0], kEndless), kChunk);
  EXPECT_EQ(Stall(&lanes[0]), limits_.socket_send_credit_bytes);
}

TEST_F(SendCreditTest, AChunkIsMadeSmallerOnlyIfItIsTheOnlyOne) {
  limits_.socket_send_credit_bytes = 2 * kChunk;
  credit_.SetLimits(limits_);
  SendLane lane;
  credit_.Take(&lane, kChunk + 1);
  EXPECT_EQ(credit_.NextChunkBytes(lane, kEndless), 0u);
  EXPECT_EQ(credit_.NextChunkBytes(lane, kChunk - 1), kChunk - 1);
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
  EXPECT_EQ(credit_.NextChunkBytes(lane, kEndless), kChunk);
}

TEST_F(SendCreditTest, NewLimitsCountWhatIsInFlight) {
  SendLane lane;
  Stall(&lane);
  limits_.sockets = 16;
  limits_.client_send_credit_bytes = 512 << 10;
  credit_.SetLimits(limits_);
  credit_.Recount(credit_.Kept(lane));
  SendLane other;
  EXPECT_LT(Stall(&other), 64u << 10);
  while (lane.in_flight > 0) credit_.GiveBack(&lane, kChunk);
  credit_.GiveBack(&other, static_cast<uint32_t>(other.in_flight));
  EXPECT_EQ(credit_.NextChunkBytes(other, kEndless), (16u << 10) + (32u << 10));
}

}  // namespace
}  // namespace wsp
