#include "client_stub/transport/attachment.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "client_stub/transport/fake_daemon.h"

namespace wsp {
namespace {

constexpr uint64_t kFirstId = UINT64_MAX - 2;  // ids wrap around
constexpr uint32_t kChunk = 64 << 10;

ByteView View(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

class Owner final : public CallOwner {
 public:
  void OnResult(Call* call, const Completion& completion) override {
    ids.push_back(call->id);
    errors.push_back(completion.wsa_error);
    bytes_sent += completion.bytes_sent;
    data.append(reinterpret_cast<const char*>(completion.data.data),
                completion.data.size);
  }
  void OnPending(Call*) override { ++pending; }

  std::vector<uint64_t> ids;
  std::vector<uint32_t> errors;
  uint64_t bytes_sent = 0;
  std::string data;
  int pending = 0;
};

class Watcher final : public Attachment::Observer {
 public:
  void OnAttached(bool value, uint64_t count) override {
    ++attached;
    resumed = value;
    startups = count;
  }
  void OnRegistrationEnded(uint32_t value) override { reason = value; }
  void OnAbandonedCleanup(bool value, uint64_t count) override {
    ++abandoned_cleanups;
    final = value;
    startups = count;
  }

  int attached = 0;
  bool resumed = false;
  uint64_t startups = 0;
  uint32_t reason = 0;
  int abandoned_cleanups = 0;
  bool final = false;
};

class AttachmentTest : public testing::Test {
 protected:
  AttachmentTest() {
    attachment_.AddLane(&lane_);
    lane_.socket_id = 4;
  }

  void TearDown() override { attachment_.RemoveLane(&lane_); }

  // A new connection, welcomed.
  void Attach(bool resumed = false) {
    Reconnect();
    Exchange();
    ASSERT_EQ(daemon_->frames.size(), 1u);
    hello_ = Take().hello();
    Welcome(resumed);
  }

  void Reconnect() {
    attachment_.Disconnect();
    pipe_ = std::make_unique<FakePipe>();
    daemon_ = std::make_unique<FakeDaemon>(pipe_.get());
    sequence_ = 0;
    ASSERT_NE(attachment_.Connect(pipe_.get(), true), IoStatus::kBroken);
  }

  void Welcome(bool resumed) {
    v1::ServerFrame frame;
    auto* welcome = frame.mutable_welcome();
    welcome->mutable_version()->set_major(1);
    welcome->set_attachment_token("token");
    welcome->set_resumed(resumed);
    welcome->set_startups(2);
    welcome->mutable_limits()->set_socket_send_credit_bytes(4 * kChunk);
    daemon_->Send(frame);
    Exchange();
  }

  // Moves bytes both ways until nothing happens any more.
  void Exchange() {
    for (int i = 0; i < 50; ++i) {
      status_ = attachment_.Flush();
      if (status_ == IoStatus::kBroken) return;
      daemon_->Read();
      status_ = attachment_.Read();
      if (status_ == IoStatus::kBroken) return;
    }
  }

  v1::ClientFrame Take() {
    if (daemon_->frames.empty()) {
      ADD_FAILURE() << "no frame was sent";
      return {};
    }
    v1::ClientFrame frame = daemon_->frames.front();
    daemon_->frames.pop_front();
    return frame;
  }

  // All calls of all frames that came.
  std::vector<v1::Call> TakeCalls() {
    std::vector<v1::Call> calls;
    while (!daemon_->frames.empty()) {
      const v1::ClientFrame frame = Take();
      calls.insert(calls.end(), frame.calls().begin(), frame.calls().end());
    }
    return calls;
  }

  v1::Completion* Result(v1::ServerFrame* frame, uint64_t id) {
    v1::Completion* completion = frame->add_completions();
    completion->set_call_id(id);
    completion->set_sequence(++sequence_);
    return completion;
  }

  void Answer(uint64_t id, uint32_t error = 0) {
    v1::ServerFrame frame;
    Result(&frame, id)->set_wsa_error(error);
    daemon_->Send(frame);
    Exchange();
  }

  void AnswerCleanup(uint64_t id, uint64_t startups) {
    v1::ServerFrame frame;
    auto* cleanup = Result(&frame, id)->mutable_cleanup();
    cleanup->set_startups(startups);
    cleanup->set_final(startups == 0);
    daemon_->Send(frame);
    Exchange();
  }

  void AnswerSend(uint64_t id, uint32_t bytes) {
    v1::ServerFrame frame;
    Result(&frame, id)->mutable_send()->set_bytes_sent(bytes);
    daemon_->Send(frame);
    Exchange();
  }

  Call* SubmitListen() {
    Call* call = attachment_.NewCall(&owner_, {});
    AppendListen(&call->bytes, 1);
    attachment_.Submit(call);
    return call;
  }

  // A job over `bytes`, which the test keeps.
  std::unique_ptr<SendJob> Job(const std::string& bytes, ByteView* buffer) {
    auto job = std::make_unique<SendJob>();
    *buffer = View(bytes);
    job->owner = &owner_;
    job->buffers = buffer;
    job->buffer_count = 1;
    job->total = bytes.size();
    return job;
  }

  Owner owner_;
  Watcher watcher_;
  SendLane lane_;
  std::unique_ptr<FakePipe> pipe_;
  std::unique_ptr<FakeDaemon> daemon_;
  Attachment attachment_{kFirstId, &watcher_};
  v1::Hello hello_;
  uint64_t sequence_ = 0;
  IoStatus status_ = IoStatus::kDone;
};

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
