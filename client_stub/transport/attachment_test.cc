#include "client_stub/transport/attachment.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "client_stub/transport/attachment_fixture.h"

namespace wsp {
namespace {

TEST_F(AttachmentTest, AttachesAsAGrpcClientDoes) {
  Attach();
  EXPECT_EQ(daemon_->path, "/wsp.v1.Provider/Attach");
  EXPECT_EQ(daemon_->content_type, "application/grpc");
  EXPECT_EQ(hello_.personality(), v1::PERSONALITY_WINSOCK);
  EXPECT_EQ(watcher_.attached, 1);
  EXPECT_FALSE(watcher_.resumed);
  EXPECT_EQ(watcher_.startups, 2u);
}

TEST_F(AttachmentTest, CallsWaitForTheWelcomeAndThenTravelTogether) {
  Reconnect();
  SubmitListen();
  SubmitListen();
  Exchange();
  ASSERT_EQ(daemon_->frames.size(), 1u);
  EXPECT_EQ(Take().calls_size(), 0);
  Welcome(false);
  const v1::ClientFrame frame = Take();
  ASSERT_EQ(frame.calls_size(), 2);
  EXPECT_EQ(frame.calls(0).call_id(), kFirstId);
  EXPECT_EQ(frame.calls(1).call_id(), kFirstId + 1);
}

TEST_F(AttachmentTest, ResultsReachTheirOwnerOnceAndAreAcknowledged) {
  Attach();
  const uint64_t id = SubmitListen()->id;
  Exchange();
  Take();
  Answer(id, 10022);
  EXPECT_EQ(owner_.errors, std::vector<uint32_t>{10022});
  EXPECT_EQ(attachment_.unanswered(), 0u);
  EXPECT_TRUE(daemon_->frames.empty()) << "an acknowledgement of its own";
  Answer(id, 0);  // again, under a new sequence number
  EXPECT_EQ(owner_.errors.size(), 1u);
  SubmitListen();
  Exchange();
  EXPECT_EQ(Take().ack_sequence(), 2u);
}

TEST_F(AttachmentTest, AcknowledgesByItselfAfter64Results) {
  Attach();
  for (uint64_t i = 0; i < 63; ++i) Answer(12345);
  EXPECT_TRUE(daemon_->frames.empty());
  Answer(12345);
  EXPECT_EQ(Take().ack_sequence(), 64u);
}

TEST_F(AttachmentTest, SequenceNumbersMustGrow) {
  Attach();
  Answer(1);
  sequence_ = 0;
  Answer(1);
  EXPECT_EQ(status_, IoStatus::kBroken);
}

TEST_F(AttachmentTest, AnAnswerBeforeTheCallWasWrittenBreaksTheConnection) {
  Attach();
  const std::string bytes(1000, 'x');
  ByteView buffer;
  auto job = Job(bytes, &buffer);
  pipe_->write_room = 10;
  attachment_.SubmitSend(&lane_, job.get());
  EXPECT_EQ(attachment_.Flush(), IoStatus::kBlocked);
  v1::ServerFrame frame;
  Result(&frame, kFirstId)->mutable_send()->set_bytes_sent(1000);
  daemon_->Send(frame);
  EXPECT_EQ(attachment_.Read(), IoStatus::kBroken);
  EXPECT_TRUE(owner_.ids.empty());
  attachment_.AbandonJob(&lane_, job.get());
}

TEST_F(AttachmentTest, AnAnswerIsRightAsSoonAsItsOwnCallIsWritten) {
  Attach();
  const std::string small(10, 'x');
  const std::string large(kChunk, 'y');
  ByteView small_buffer;
  ByteView large_buffer;
  auto small_job = Job(small, &small_buffer);
  auto large_job = Job(large, &large_buffer);
  // Both are made ready at once, and go out in one batch.
  attachment_.SubmitSend(&lane_, small_job.get());
  attachment_.SubmitSend(&lane_, large_job.get());
  pipe_->write_room = 1000;
  EXPECT_EQ(attachment_.Flush(), IoStatus::kBlocked);
  daemon_->Read();
  ASSERT_EQ(daemon_->frames.size(), 1u);
  v1::ServerFrame frame;
  Result(&frame, Take().calls(0).call_id())->mutable_send()->set_bytes_sent(10);
  daemon_->Send(frame);
  EXPECT_NE(attachment_.Read(), IoStatus::kBroken);
  EXPECT_EQ(owner_.bytes_sent, 10u);
  attachment_.DropCalls();
}

TEST_F(AttachmentTest, PendingNoticesAreNotResults) {
  Attach();
  const uint64_t id = SubmitListen()->id;
  Exchange();
  v1::ServerFrame frame;
  frame.add_completions()->set_call_id(id);
  frame.mutable_completions(0)->set_pending(true);
  daemon_->Send(frame);
  Exchange();
  EXPECT_EQ(owner_.pending, 1);
  EXPECT_TRUE(owner_.ids.empty());
  Answer(id);
  EXPECT_EQ(owner_.ids.size(), 1u);
}

TEST_F(AttachmentTest, ASendIsCutIntoChunksWithinTheCredit) {
  Attach();
  std::string bytes;
  for (uint32_t i = 0; i < 10 * kChunk + 5; ++i) {
    bytes.push_back(static_cast<char>(i * 7 + i / 1000));
  }
  ByteView buffer;
  auto job = Job(bytes, &buffer);
  attachment_.SubmitSend(&lane_, job.get());
  std::string received;
  size_t most_unanswered = 0;
  for (int round = 0; round < 100 && received.size() < bytes.size(); ++round) {
    Exchange();
    const std::vector<v1::Call> calls = TakeCalls();
    size_t unanswered = 0;
    for (const v1::Call& call : calls) {
      EXPECT_EQ(call.socket_id(), 4u);
      EXPECT_LE(call.send().data().size(), kChunk);
      EXPECT_EQ(call.send().stream_offset(), received.size());
      received += call.send().data();
      unanswered += call.send().data().size();
    }
    most_unanswered = std::max(most_unanswered, unanswered);
    for (const v1::Call& call : calls) {
      AnswerSend(call.call_id(),
                 static_cast<uint32_t>(call.send().data().size()));
    }
  }
  EXPECT_TRUE(received == bytes);
  EXPECT_EQ(owner_.bytes_sent, bytes.size());
  EXPECT_LE(most_unanswered, 4 * kChunk);
  EXPECT_GT(daemon_->largest_data_frame, kChunk);
}

TEST_F(AttachmentTest, ASendMayComeBlockByBlock) {
  Attach();
  SendBlocks blocks;
  SendJob job;
  job.owner = &owner_;
  job.blocks = &blocks;
  job.total = UINT64_MAX;
  attachment_.SubmitSend(&lane_, &job);
  // What is sent later waits for what isn't there yet.
  const std::string later = "later";
  ByteView buffer;
  auto behind = Job(later, &buffer);
  attachment_.SubmitSend(&lane_, behind.get());
  Exchange();
  EXPECT_TRUE(TakeCalls().empty());
  attachment_.AddBlock(&lane_, &job, ByteBuffer(kChunk, 'a'));
  Exchange();
  std::vector<v1::Call> calls = TakeCalls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_TRUE(calls[0].send().data() == std::string(kChunk, 'a'));
  EXPECT_FALSE(job.all_handed_over());
  attachment_.AddBlock(&lane_, &job, ByteBuffer(3, 'b'));
  attachment_.EndBlocks(&lane_, &job);
  EXPECT_EQ(job.total, kChunk + 3);
  Exchange();
  calls = TakeCalls();
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].send().data(), "bbb");
  EXPECT_EQ(calls[0].send().stream_offset(), kChunk);
  EXPECT_EQ(calls[1].send().data(), "later");
  EXPECT_TRUE(job.all_handed_over());
  attachment_.DropCalls();
}

TEST_F(AttachmentTest, BlocksMayEndWhenAllIsHandedOver) {
  Attach();
  SendBlocks blocks;
  SendJob job;
  job.owner = &owner_;
  job.blocks = &blocks;
  job.total = UINT64_MAX;
  attachment_.SubmitSend(&lane_, &job);
  attachment_.AddBlock(&lane_, &job, ByteBuffer(3, 'a'));
  Exchange();
  EXPECT_EQ(TakeCalls().size(), 1u);
  attachment_.EndBlocks(&lane_, &job);
  EXPECT_TRUE(job.all_handed_over());
  EXPECT_TRUE(lane_.jobs.empty());
  attachment_.DropCalls();
}

TEST_F(AttachmentTest, TheTimeOfASendIsForAllItsChunks) {
  Attach();
  const std::string bytes(4 * kChunk, 'x');
  ByteView buffer;
  auto job = Job(bytes, &buffer);
  job->deadline_ms = watcher_.time_ms + 500;
  job->max_outstanding = 1;
  attachment_.SubmitSend(&lane_, job.get());
  const uint32_t expected[] = {500, 200, 1, 1};
  for (const uint32_t timeout_ms : expected) {
    Exchange();
    const std::vector<v1::Call> calls = TakeCalls();
    ASSERT_EQ(calls.size(), 1u);
    EXPECT_EQ(calls[0].timeout_ms(), timeout_ms);
    watcher_.time_ms += 300;
    AnswerSend(calls[0].call_id(), kChunk);
  }
  auto endless = Job(bytes, &buffer);
  attachment_.SubmitSend(&lane_, endless.get());
  Exchange();
  EXPECT_EQ(Take().calls(0).timeout_ms(), 0u);
  attachment_.DropCalls();
}

TEST_F(AttachmentTest, PartialWritesLoseNothing) {
  Attach();
  pipe_->most_bytes = 777;
  std::string bytes;
  for (uint32_t i = 0; i < 3 * kChunk; ++i) {
    bytes.push_back(static_cast<char>(i ^ i >> 8));
  }
  const ByteView buffers[] = {View(bytes.substr(0, 0)),
                              {View(bytes).data, 100},
                              {View(bytes).data + 100, bytes.size() - 100}};
  SendJob job;
  job.owner = &owner_;
  job.buffers = buffers;
  job.buffer_count = 3;
  job.total = bytes.size();
  attachment_.SubmitSend(&lane_, &job);
  Exchange();
  std::string received;
  for (const v1::Call& call : TakeCalls()) received += call.send().data();
  EXPECT_TRUE(received == bytes);
  attachment_.DropCalls();
}

TEST_F(AttachmentTest, ControlOvertakesPayloadThatWaits) {
  Attach();
  const std::string bytes(4 * kChunk, 'x');
  ByteView buffer;
  auto job = Job(bytes, &buffer);
  attachment_.SubmitSend(&lane_, job.get());
  pipe_->write_room = 100;
  EXPECT_EQ(attachment_.Flush(), IoStatus::kBlocked);
  SubmitListen();
  pipe_->write_room = SIZE_MAX;
  Exchange();
  const std::vector<v1::Call> calls = TakeCalls();
  ASSERT_EQ(calls.size(), 5u);
  size_t listen_at = 0;
  while (!calls[listen_at].has_listen()) ++listen_at;
  EXPECT_LE(listen_at, 2u);
  attachment_.DropCalls();
}

TEST_F(AttachmentTest, SocketsThatStallLeaveCreditForOthers) {
  Attach();
  const std::string bytes(8 * kChunk, 'x');
  ByteView buffer;
  std::vector<std::unique_ptr<SendLane>> lanes;
  std::vector<std::unique_ptr<SendJob>> jobs;
  size_t unanswered = 0;
  for (uint64_t i = 0; i < 100; ++i) {
    lanes.push_back(std::make_unique<SendLane>());
    lanes.back()->socket_id = 100 + i;
    attachment_.AddLane(lanes.back().get());
    jobs.push_back(Job(bytes, &buffer));
    attachment_.SubmitSend(lanes.back().get(), jobs.back().get());
    Exchange();
    const std::vector<v1::Call> calls = TakeCalls();
    EXPECT_FALSE(calls.empty()) << i;
    for (const v1::Call& call : calls) unanswered += call.send().data().size();
  }
  EXPECT_LE(unanswered, 8u << 20);
  EXPECT_EQ(lanes.front()->in_flight, 4 * kChunk);
  // One whose chunks are answered sends all it has, in smaller ones.
  ByteView small_buffer;
  auto job = Job(bytes, &small_buffer);
  attachment_.SubmitSend(&lane_, job.get());
  Exchange();
  std::string received;
  for (int round = 0; round < 1000 && received.size() < bytes.size(); ++round) {
    for (const v1::Call& call : TakeCalls()) {
      const std::string& data = call.send().data();
      received += data;
      AnswerSend(call.call_id(), static_cast<uint32_t>(data.size()));
    }
  }
  EXPECT_TRUE(received == bytes);
  attachment_.DropCalls();
  for (const auto& lane : lanes) attachment_.RemoveLane(lane.get());
}

// Eight calls at a time.
class FewCallsTest : public AttachmentTest {
 protected:
  void SetUp() override {
    outstanding_calls_ = 8;
    Attach();
  }

  // Sends of a byte, each on a socket of its own.
  void SubmitSends(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      lanes_.push_back(std::make_unique<SendLane>());
      lanes_.back()->socket_id = 100 + lanes_.size();
      attachment_.AddLane(lanes_.back().get());
      jobs_.push_back(Job(byte_, &buffer_));
      attachment_.SubmitSend(lanes_.back().get(), jobs_.back().get());
    }
    Exchange();
  }

  void TearDown() override {
    attachment_.DropCalls();
    for (const auto& lane : lanes_) attachment_.RemoveLane(lane.get());
    AttachmentTest::TearDown();
  }

  const std::string byte_ = "x";
  ByteView buffer_;
  std::vector<std::unique_ptr<SendLane>> lanes_;
  std::vector<std::unique_ptr<SendJob>> jobs_;
};

TEST_F(FewCallsTest, SmallSendsOfOneSocketWaitTheirTurn) {
  std::vector<std::unique_ptr<SendJob>> jobs;
  for (int i = 0; i < 100; ++i) {
    jobs.push_back(Job(byte_, &buffer_));
    attachment_.SubmitSend(&lane_, jobs.back().get());
  }
  Exchange();
  size_t sent = 0;
  for (int round = 0; round < 1000 && sent < jobs.size(); ++round) {
    const std::vector<v1::Call> calls = TakeCalls();
    EXPECT_LE(calls.size(), 6u);
    v1::ServerFrame frame;
    for (const v1::Call& call : calls) {
      EXPECT_EQ(call.send().stream_offset(), sent++);
      Result(&frame, call.call_id())->mutable_send()->set_bytes_sent(1);
    }
    daemon_->Send(frame);
    Exchange();
  }
  EXPECT_EQ(sent, jobs.size());
}

TEST_F(FewCallsTest, SendsLeaveCallsForOthers) {
  SendJob one;
  one.total = 1;
  SubmitSends(8);
  const size_t sends = TakeCalls().size();
  EXPECT_LE(sends, 7u);
  EXPECT_FALSE(attachment_.MaySendAtOnce(lane_, one));
  SubmitListen();
  Exchange();
  EXPECT_EQ(TakeCalls().size(), 1u);
}

TEST_F(FewCallsTest, WhatWouldBeRefusedWaits) {
  SendJob one;
  one.total = 1;
  std::vector<uint64_t> ids;
  for (int i = 0; i < 6; ++i) {
    EXPECT_TRUE(attachment_.MayReceive());
    ids.push_back(SubmitListen()->id);
  }
  EXPECT_FALSE(attachment_.MayReceive());
  EXPECT_TRUE(attachment_.MaySendAtOnce(lane_, one));
  SubmitSends(1);
  EXPECT_FALSE(attachment_.MaySendAtOnce(lane_, one));
  for (int i = 0; i < 4; ++i) SubmitListen();
  Exchange();
  EXPECT_EQ(TakeCalls().size(), 8u);
  EXPECT_FALSE(attachment_.WantsWrite()) << "it would be asked for ever";
  Answer(ids[0]);
  Answer(ids[1]);
  EXPECT_EQ(TakeCalls().size(), 2u);
}

TEST_F(FewCallsTest, WhatIsRepeatedCountsOnce) {
  for (int i = 0; i < 8; ++i) SubmitListen();
  Exchange();
  SubmitListen();
  Attach(true);
  EXPECT_EQ(TakeCalls().size(), 8u);
  Answer(kFirstId);
  EXPECT_EQ(TakeCalls().size(), 1u);
}

TEST_F(AttachmentTest, ShutdownStaysBehindTheSendsOfItsSocket) {
  Attach();
  const std::string bytes(6 * kChunk, 'x');
  ByteView buffer;
  auto job = Job(bytes, &buffer);
  attachment_.SubmitSend(&lane_, job.get());
  SendJob place;
  Call* shutdown = attachment_.NewCall(&owner_, {});
  AppendShutdown(&shutdown->bytes, v1::ShutdownRequest::HOW_SEND);
  attachment_.SubmitBehindSends(&lane_, &place, shutdown);
  Exchange();
  std::vector<v1::Call> calls = TakeCalls();
  ASSERT_EQ(calls.size(), 4u);  // the credit
  for (const v1::Call& call : calls) AnswerSend(call.call_id(), kChunk);
  calls = TakeCalls();
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_TRUE(calls[2].has_shutdown());
  attachment_.DropCalls();
}

// A shutdown that is next in its lane and can't go because the connection is
// full.
class BlockedShutdownTest : public AttachmentTest {
 protected:
  void SetUp() override {
    Attach();
    attachment_.SubmitSend(&lane_, &send_);
    lane_.paused = true;
    attachment_.UpdateLane(&lane_);
    shutdown_ = attachment_.NewCall(&owner_, {});
    AppendShutdown(&shutdown_->bytes, v1::ShutdownRequest::HOW_SEND);
    attachment_.SubmitBehindSends(&lane_, &place_, shutdown_);
    attachment_.CancelJob(&lane_, &send_);
    lane_.paused = false;
    attachment_.UpdateLane(&lane_);
  }

  // Others of the lane's socket are sent as ever.
  void ExpectLaneWorks() {
    EXPECT_EQ(attachment_.unanswered(), 0u);
    Exchange();
    EXPECT_TRUE(daemon_->frames.empty());
    const std::string bytes(10, 'x');
    ByteView buffer;
    auto job = Job(bytes, &buffer);
    attachment_.SubmitSend(&lane_, job.get());
    Exchange();
    EXPECT_EQ(TakeCalls().size(), 1u);
    attachment_.DropCalls();
  }

  SendJob send_;
  SendJob place_;
  Call* shutdown_ = nullptr;
};

TEST_F(BlockedShutdownTest, CanBeCancelled) {
  EXPECT_TRUE(attachment_.Cancel(shutdown_));
  ExpectLaneWorks();
}

TEST_F(BlockedShutdownTest, CanBeAbandoned) {
  attachment_.Abandon(shutdown_);
  ExpectLaneWorks();
}

TEST_F(BlockedShutdownTest, CanBeDropped) {
  attachment_.DropCalls();
  ExpectLaneWorks();
}

TEST_F(BlockedShutdownTest, GoesWithItsLane) {
  attachment_.RemoveLane(&lane_);
  attachment_.AddLane(&lane_);
  ExpectLaneWorks();
}

TEST_F(AttachmentTest, CancellingWhatWasNotHandedOverNeedsNoDaemon) {
  Attach();
  EXPECT_TRUE(attachment_.Cancel(SubmitListen()));
  Exchange();
  EXPECT_TRUE(daemon_->frames.empty());
  EXPECT_EQ(attachment_.unanswered(), 0u);
}

TEST_F(AttachmentTest, CancellingASendStopsItFromTheEnd) {
  Attach();
  const std::string bytes(8 * kChunk, 'x');
  ByteView buffer;
  auto job = Job(bytes, &buffer);
  attachment_.SubmitSend(&lane_, job.get());
  Exchange();
  const std::vector<v1::Call> calls = TakeCalls();
  ASSERT_EQ(calls.size(), 4u);
  EXPECT_FALSE(attachment_.CancelJob(&lane_, job.get()));
  Exchange();
  const v1::ClientFrame frame = Take();
  ASSERT_EQ(frame.cancels_size(), 4);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(frame.cancels(i).call_id(),
              calls[static_cast<size_t>(3 - i)].call_id());
  }
  for (const v1::Call& call : calls) Answer(call.call_id(), 995);
  EXPECT_TRUE(job->outstanding.empty());
  EXPECT_TRUE(daemon_->frames.empty()) << "nothing more is sent";
}

TEST_F(AttachmentTest, TheStatusThatEndedTheStreamIsKept) {
  Attach();
  daemon_->End("8");
  Exchange();
  EXPECT_EQ(status_, IoStatus::kBroken);
  attachment_.Disconnect();
  EXPECT_EQ(attachment_.grpc_status(), 8);
}

TEST_F(AttachmentTest, HalfClosesBehindWhatWasQueued) {
  Attach();
  SubmitListen();
  attachment_.FinishSending();
  Exchange();
  EXPECT_EQ(TakeCalls().size(), 1u);
  EXPECT_TRUE(daemon_->saw_end);
  attachment_.DropCalls();
}

TEST_F(AttachmentTest, LargeResultsArriveWhole) {
  Attach();
  const uint64_t id = SubmitListen()->id;
  Exchange();
  const std::string data(kChunk, 'r');
  v1::ServerFrame frame;
  Result(&frame, id)->mutable_recv()->set_data(data);
  pipe_->most_bytes = 5000;
  daemon_->Send(frame);
  Exchange();
  EXPECT_TRUE(owner_.data == data);
}

}  // namespace
}  // namespace wsp
