// Attachment: what is repeated, forgotten and made up for after a break.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "client_stub/transport/attachment.h"
#include "client_stub/transport/attachment_fixture.h"

namespace wsp {
namespace {

TEST_F(AttachmentTest, ResumeRepeatsTheUnansweredInOrder) {
  Attach();
  const std::string bytes(5 * kChunk, 'x');
  ByteView buffer;
  auto job = Job(bytes, &buffer);
  const uint64_t first = SubmitListen()->id;
  Exchange();
  attachment_.SubmitSend(&lane_, job.get());
  Exchange();
  Call* const cancelled_call = SubmitListen();
  const uint64_t cancelled = cancelled_call->id;
  Exchange();
  const std::vector<v1::Call> before = TakeCalls();
  ASSERT_EQ(before.size(), 6u);
  AnswerSend(before[1].call_id(), kChunk);
  TakeCalls();
  SubmitListen();  // never handed over to this connection
  pipe_->broken = true;
  attachment_.Disconnect();
  EXPECT_FALSE(attachment_.Cancel(cancelled_call));

  Attach(true);
  EXPECT_EQ(hello_.resume_token(), "token");
  EXPECT_TRUE(watcher_.resumed);
  bool saw_cancel = false;
  std::vector<uint64_t> ids;
  while (!daemon_->frames.empty()) {
    const v1::ClientFrame frame = Take();
    for (const auto& cancel : frame.cancels()) {
      EXPECT_EQ(cancel.call_id(), cancelled);
      EXPECT_EQ(std::count(ids.begin(), ids.end(), cancelled), 1)
          << "a cancellation before its call is lost";
      saw_cancel = true;
    }
    for (const v1::Call& call : frame.calls()) {
      ids.push_back(call.call_id());
      if (!call.has_send()) continue;
      EXPECT_EQ(call.send().data().size(), kChunk);
    }
  }
  EXPECT_TRUE(saw_cancel);
  ASSERT_EQ(ids.size(), 7u);
  EXPECT_EQ(ids.front(), first);
  for (size_t i = 1; i < ids.size(); ++i) {
    EXPECT_LT(ids[i - 1] - kFirstId, ids[i] - kFirstId);
  }
  Answer(first);
  EXPECT_EQ(owner_.ids.back(), first);
  attachment_.DropCalls();
}

TEST_F(AttachmentTest, ResumeAcknowledgesWhatTheStreamBeforeBrought) {
  Attach();
  const uint64_t id = SubmitListen()->id;
  Exchange();
  Take();
  Answer(id);
  Reconnect();
  Exchange();
  EXPECT_EQ(Take().ack_sequence(), 1u);
}

TEST_F(AttachmentTest, ResultsThatNoAcknowledgementCanNameAreCancelled) {
  Attach();
  const uint64_t id = SubmitListen()->id;
  Exchange();
  Answer(id);
  Reconnect();  // its hello may have arrived or not
  Exchange();
  Reconnect();
  Exchange();
  EXPECT_EQ(Take().ack_sequence(), 0u);
  Welcome(true);
  const v1::ClientFrame frame = Take();
  ASSERT_EQ(frame.cancels_size(), 1);
  EXPECT_EQ(frame.cancels(0).call_id(), id);
}

TEST_F(AttachmentTest, AcknowledgementsThatArrivedAreNotRepeated) {
  Attach();
  const uint64_t first = SubmitListen()->id;
  Exchange();
  Answer(first);
  const uint64_t second = SubmitListen()->id;  // with an acknowledgement
  Exchange();
  Answer(second);
  Reconnect();
  Exchange();
  Reconnect();
  Exchange();
  Welcome(true);
  while (!daemon_->frames.empty()) {
    const v1::ClientFrame frame = Take();
    for (const auto& cancel : frame.cancels()) {
      EXPECT_EQ(cancel.call_id(), second);
    }
  }
}

TEST_F(AttachmentTest, AnAbandonedStartupIsCleanedUp) {
  Attach();
  Call* call = attachment_.NewCall(&owner_, {});
  AppendStartup(&call->bytes, 0x202, 0, 0);
  const uint64_t id = call->id;
  attachment_.Submit(call);
  Exchange();
  attachment_.Abandon(call);
  Exchange();
  TakeCalls();
  v1::ServerFrame frame;
  Result(&frame, id)->mutable_startup()->set_startups(1);
  daemon_->Send(frame);
  Exchange();
  const std::vector<v1::Call> calls = TakeCalls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_TRUE(calls[0].has_cleanup());
  AnswerCleanup(calls[0].call_id(), 0);
  EXPECT_EQ(watcher_.abandoned_cleanups, 1);
  EXPECT_TRUE(watcher_.final);
}

TEST_F(AttachmentTest, TheResultOfAnAbandonedCleanupIsReported) {
  Attach();
  for (uint64_t startups = 2; startups-- > 0;) {
    Call* call = attachment_.NewCall(&owner_, {});
    AppendCleanup(&call->bytes);
    const uint64_t id = call->id;
    attachment_.Submit(call);
    Exchange();
    attachment_.Abandon(call);
    AnswerCleanup(id, startups);
    EXPECT_EQ(watcher_.startups, startups);
    EXPECT_EQ(watcher_.final, startups == 0);
  }
  EXPECT_EQ(watcher_.abandoned_cleanups, 2);
  EXPECT_TRUE(owner_.ids.empty());
}

TEST_F(AttachmentTest, WithoutResumeNothingIsRepeated) {
  Attach();
  SubmitListen();
  Exchange();
  attachment_.Disconnect();
  Attach(false);
  EXPECT_TRUE(daemon_->frames.empty());
  EXPECT_EQ(attachment_.unanswered(), 1u);
  attachment_.DropCalls();
  EXPECT_EQ(attachment_.unanswered(), 0u);
}

TEST_F(AttachmentTest, WhatWasDroppedWithoutAConnectionIsCancelled) {
  Attach();
  const uint64_t id = SubmitListen()->id;
  Exchange();
  TakeCalls();
  attachment_.Disconnect();
  SubmitListen();  // never handed over
  attachment_.DropCalls();
  Attach(true);
  const v1::ClientFrame frame = Take();
  EXPECT_EQ(frame.calls_size(), 0);
  ASSERT_EQ(frame.cancels_size(), 1);
  EXPECT_EQ(frame.cancels(0).call_id(), id);
}

TEST_F(AttachmentTest, AnAbandonedAcceptClosesWhatItGot) {
  Attach();
  Call* call = attachment_.NewCall(&owner_, {0, 9, false, false, 0});
  AppendAccept(&call->bytes, 50, false);
  call->makes_socket = 50;
  const uint64_t id = call->id;
  attachment_.Submit(call);
  Exchange();
  Take();
  attachment_.Abandon(call);
  Exchange();
  EXPECT_EQ(Take().cancels(0).call_id(), id);
  v1::ServerFrame frame;
  Result(&frame, id)->mutable_accept();
  daemon_->Send(frame);
  Exchange();
  const std::vector<v1::Call> calls = TakeCalls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_TRUE(calls[0].has_close_socket());
  EXPECT_EQ(calls[0].socket_id(), 50u);
  EXPECT_TRUE(owner_.ids.empty());
}

TEST_F(AttachmentTest, AnAbandonedConditionalAcceptGivesTheConnectionBack) {
  Attach();
  Call* call = attachment_.NewCall(&owner_, {0, 9, false, false, 0});
  AppendAccept(&call->bytes, 50, true);
  call->makes_socket = 50;
  const uint64_t id = call->id;
  attachment_.Submit(call);
  Exchange();
  attachment_.Abandon(call);
  TakeCalls();
  v1::ServerFrame frame;
  Result(&frame, id)->mutable_accept()->set_offer_id(3);
  daemon_->Send(frame);
  Exchange();
  const std::vector<v1::Call> calls = TakeCalls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].socket_id(), 9u) << "the listener's";
  EXPECT_EQ(calls[0].accept_decision().offer_id(), 3u);
  EXPECT_EQ(calls[0].accept_decision().decision(),
            v1::AcceptDecisionRequest::DECISION_DEFER);
}

TEST_F(AttachmentTest, AnAbandonedCallIsRepeatedWithoutItsRequest) {
  Attach();
  Call* call = attachment_.NewCall(&owner_, {0, 9, false, false, 0});
  AppendAccept(&call->bytes, 50, false);
  const uint64_t id = call->id;
  attachment_.Submit(call);
  Exchange();
  attachment_.Abandon(call);
  Attach(true);
  const std::vector<v1::Call> calls = TakeCalls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].call_id(), id);
  EXPECT_FALSE(calls[0].has_accept());
  Answer(id);
  EXPECT_EQ(attachment_.unanswered(), 0u);
}

TEST_F(AttachmentTest, AnAbandonedSendIsRepeatedWithoutItsData) {
  Attach();
  auto bytes = std::make_unique<std::string>(3 * kChunk, 'x');
  ByteView buffer;
  auto job = Job(*bytes, &buffer);
  attachment_.SubmitSend(&lane_, job.get());
  Exchange();
  const std::vector<v1::Call> sent = TakeCalls();
  ASSERT_EQ(sent.size(), 3u);
  pipe_->broken = true;
  attachment_.AbandonJob(&lane_, job.get());
  bytes.reset();
  job.reset();
  Attach(true);
  std::vector<uint64_t> ids;
  std::vector<uint64_t> cancels;
  while (!daemon_->frames.empty()) {
    const v1::ClientFrame frame = Take();
    for (const auto& cancel : frame.cancels()) {
      cancels.push_back(cancel.call_id());
    }
    for (const v1::Call& call : frame.calls()) {
      EXPECT_FALSE(call.has_send());
      ids.push_back(call.call_id());
    }
  }
  ASSERT_EQ(ids.size(), 3u);
  EXPECT_EQ(cancels, std::vector<uint64_t>(ids.rbegin(), ids.rend()))
      << "nothing is sent behind a gap";
  // One had been sent, one in part, and one had never arrived.
  AnswerSend(ids[0], kChunk);
  AnswerSend(ids[1], 10);
  Answer(ids[2]);
  EXPECT_TRUE(owner_.ids.empty());
  EXPECT_EQ(lane_.in_flight, 0u);
  EXPECT_EQ(lane_.next_offset, kChunk + 10u);
}

TEST_F(AttachmentTest, ASendAbandonedWhileItWaitsToBeRepeatedLosesItsData) {
  Attach();
  const std::string bytes(4 * kChunk, 'x');
  ByteView buffer;
  auto job = Job(bytes, &buffer);
  attachment_.SubmitSend(&lane_, job.get());
  Exchange();
  SendLane other_lane;
  other_lane.socket_id = 5;
  attachment_.AddLane(&other_lane);
  auto other_bytes = std::make_unique<std::string>(1000, 'y');
  ByteView other_buffer;
  auto other_job = Job(*other_bytes, &other_buffer);
  attachment_.SubmitSend(&other_lane, other_job.get());
  Exchange();
  Reconnect();
  Exchange();
  TakeCalls();
  pipe_->write_room = 0;
  Welcome(true);
  // The first frame of what is repeated is full without it.
  attachment_.AbandonJob(&other_lane, other_job.get());
  other_bytes.reset();
  pipe_->write_room = SIZE_MAX;
  Exchange();
  const std::vector<v1::Call> calls = TakeCalls();
  ASSERT_EQ(calls.size(), 5u);
  for (const v1::Call& call : calls) {
    EXPECT_EQ(call.has_send(), call.socket_id() == 4u);
  }
  attachment_.DropCalls();
  attachment_.RemoveLane(&other_lane);
}

TEST_F(AttachmentTest, WhatMakesUpForAnAbandonedCallIsRepeatedWhole) {
  Attach();
  Call* call = attachment_.NewCall(&owner_, {});
  AppendStartup(&call->bytes, 0x202, 0, 0);
  const uint64_t id = call->id;
  attachment_.Submit(call);
  Exchange();
  attachment_.Abandon(call);
  Exchange();
  TakeCalls();
  v1::ServerFrame frame;
  Result(&frame, id)->mutable_startup()->set_startups(1);
  daemon_->Send(frame);
  Exchange();
  TakeCalls();
  Attach(true);
  const std::vector<v1::Call> calls = TakeCalls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_TRUE(calls[0].has_cleanup());
}

TEST_F(AttachmentTest, AnAbandonedSendNeedsItsMemoryNoMore) {
  Attach();
  auto bytes = std::make_unique<std::string>(kChunk, 'x');
  ByteView buffer;
  auto job = Job(*bytes, &buffer);
  pipe_->write_room = 1000;
  attachment_.SubmitSend(&lane_, job.get());
  EXPECT_EQ(attachment_.Flush(), IoStatus::kBlocked);
  attachment_.AbandonJob(&lane_, job.get());
  bytes->assign(kChunk, 'y');
  job.reset();
  pipe_->write_room = SIZE_MAX;
  Exchange();
  const std::vector<v1::Call> calls = TakeCalls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_TRUE(calls[0].send().data() == std::string(kChunk, 'x'));
  AnswerSend(calls[0].call_id(), kChunk);
  EXPECT_TRUE(owner_.ids.empty());
  EXPECT_EQ(lane_.in_flight, 0u);
}

}  // namespace
}  // namespace wsp
