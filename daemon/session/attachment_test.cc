#include "daemon/session/attachment.h"

#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "daemon/session/testing/attachment_fixture.h"
#include "daemon/session/testing/session_harness.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using wsp::v1::ClientFrame;
using wsp::v1::Completion;

TEST_F(AttachmentTest, CallsBeforeStartupAreNotInitialised) {
  harness_ = std::make_unique<SessionHarness>();
  attached_ = harness_->Attach();
  ClientFrame frame;
  AddCall(&frame, kSocket)->mutable_socket();
  EXPECT_EQ(Run(attached_, frame).wsa_error(), kWsaNotInitialised);
  frame.Clear();
  AddCall(&frame, 0)->mutable_cleanup();
  EXPECT_EQ(Run(attached_, frame).wsa_error(), kWsaNotInitialised);
}

// The client's library has looked already; another client need not have
// (reference, section 3.1).
TEST_F(AttachmentTest, StartupNegotiatesTheVersionByMajorThenMinor) {
  harness_ = std::make_unique<SessionHarness>();
  attached_ = harness_->Attach();
  const auto ask = [this](uint32_t version) {
    ClientFrame frame;
    AddCall(&frame, 0)->mutable_startup()->set_version_requested(version);
    return Run(attached_, frame);
  };
  // 2.1, 1.1 and 1.255.
  for (const uint32_t below : {0x0102, 0x0101, 0xff01}) {
    EXPECT_EQ(ask(below).wsa_error(), kWsaVerNotSupported) << below;
    EXPECT_EQ(harness_->client()->startups(), 0) << "counted, " << below;
  }
  // 2.2, 2.3 and 3.0.
  uint64_t startups = 0;
  for (const uint32_t enough : {0x0202, 0x0302, 0x0003}) {
    const Completion result = ask(enough);
    EXPECT_EQ(result.wsa_error(), 0) << enough;
    EXPECT_EQ(result.startup().version(), 0x0202) << enough;
    EXPECT_EQ(result.startup().high_version(), 0x0202) << enough;
    EXPECT_EQ(harness_->client()->startups(), ++startups);
  }
}

TEST_F(AttachmentTest, AttachmentsShareOneCount) {
  Start();
  const SessionHarness::Attached second = harness_->Attach();
  EXPECT_EQ(Startup(second).startup().startups(), 2);
  OwnedFd peer = Connect();
  ClientFrame cleanup;
  AddCall(&cleanup, 0)->mutable_cleanup();
  Completion result = Run(second, cleanup);
  EXPECT_EQ(result.cleanup().startups(), 1);
  EXPECT_FALSE(result.cleanup().final());
  cleanup.Clear();
  AddCall(&cleanup, 0)->mutable_cleanup();
  result = Run(second, cleanup);
  EXPECT_TRUE(result.cleanup().final());
  // The other attachment is told, and its socket is reset.
  const wsp::v1::ServerFrame told = attached_.stream->NextFrame();
  ASSERT_EQ(told.events_size(), 1);
  EXPECT_EQ(told.events(0).registration_ended().reason(),
            wsp::v1::RegistrationEnded::REASON_CLEANED_UP);
  int error = 0;
  ReadBytes(peer.get(), 1, &error);
  EXPECT_EQ(error, ECONNRESET);
}

TEST_F(AttachmentTest, WhatLingersTellsWhoseItWas) {
  Start();
  const OwnedFd peer = Connect();
  ClientFrame close;
  AddCall(&close, kSocket)->mutable_close_socket();
  EXPECT_EQ(Run(attached_, close).wsa_error(), 0);
  const std::vector<Lingerer::Entry> lingering = harness_->lingerer()->List();
  ASSERT_EQ(lingering.size(), 1);
  const Lingerer::Owner& owner = lingering[0].owner;
  const PeerIdentity& identity = harness_->client()->identity();
  EXPECT_EQ(owner.client_id, harness_->client()->id());
  EXPECT_EQ(owner.pid, identity.pid);
  EXPECT_EQ(owner.uid, identity.uid);
  EXPECT_EQ(owner.socket_id, kSocket);
}

TEST_F(AttachmentTest, OwedStartupsAreCountedAgainOnlyWhenNothingIs) {
  harness_ = std::make_unique<SessionHarness>();
  attached_ = harness_->Attach();
  EXPECT_EQ(Startup(attached_, 3).startup().startups(), 4);
  EXPECT_EQ(Startup(attached_, 1).wsa_error(), kWsaInval);
}

TEST_F(AttachmentTest, AnIdRunsOnceAcrossAResume) {
  Start();
  OwnedFd peer = Connect();
  ClientFrame send;
  AddCall(&send, kSocket)->mutable_send()->set_data("once");
  EXPECT_EQ(Run(attached_, send).send().bytes_sent(), 4);
  // The result got lost with the stream; the client asks again.
  attached_.stream = harness_->Resume(attached_, 0);
  const Completion again = Run(attached_, send);
  EXPECT_EQ(again.send().bytes_sent(), 4);
  EXPECT_EQ(again.sequence(), 1);
  ASSERT_EQ(shutdown(peer.get(), SHUT_WR), 0);
  ClientFrame cleanup;
  AddCall(&cleanup, 0)->mutable_cleanup();
  Run(attached_, cleanup);
  int error = 0;
  EXPECT_EQ(ReadBytes(peer.get(), 100, &error), "once");
}

TEST_F(AttachmentTest, APendingCallStaysPendingAcrossAResume) {
  Start();
  OwnedFd peer = Connect();
  const ClientFrame receive = ReceiveFrame(10);
  ASSERT_TRUE(SessionHarness::Send(attached_, receive).ok());
  attached_.stream = harness_->Resume(attached_, 0);
  ASSERT_TRUE(SessionHarness::Send(attached_, receive).ok());
  EXPECT_FALSE(attached_.stream->HasFrame());
  ASSERT_EQ(write(peer.get(), "abc", 3), 3);
  EXPECT_EQ(SessionHarness::Await(attached_, receive.calls(0).call_id())
                .recv()
                .data(),
            "abc");
}

class DiscardingStream : public FrameStream {
 public:
  void Write(OutgoingFrame) override {}
  void End(const absl::Status&) override {}
};

// Asks for one result again and again, and acknowledges none.
TEST_F(AttachmentTest, ResultsThatAreAskedForAgainTakeNoMemory) {
  Start();
  auto* const attachment = attached_.attachment.get();
  const auto stream = std::make_shared<DiscardingStream>();
  ASSERT_TRUE(attachment->Bind(stream, 0, wsp::v1::Welcome()).ok());
  attachment->OnWritten(stream.get());
  ClientFrame frame;
  AddCall(&frame, kSocket)->mutable_socket();
  const std::string bytes = frame.SerializeAsString();
  const auto repeat = [&] {
    ASSERT_TRUE(attachment
                    ->BeginFrame(stream.get(), CutFrame(bytes, bytes.size()),
                                 /*first=*/false)
                    .ok());
    ASSERT_TRUE(attachment->RunCalls(stream.get()).ok());
    attachment->OnWritten(stream.get());
  };
  constexpr int kRepeats = 100000;
  repeat();
  const size_t before = mallinfo2().uordblks;
  for (int i = 1; i < kRepeats; ++i) repeat();
  EXPECT_LT(mallinfo2().uordblks, before + kRepeats);
  ClientFrame ack;
  ack.set_ack_sequence(kRepeats);
  const std::string ack_bytes = ack.SerializeAsString();
  ASSERT_TRUE(attachment
                  ->BeginFrame(stream.get(),
                               CutFrame(ack_bytes, ack_bytes.size()), false)
                  .ok());
  // The startup's is left, which nobody has asked for again.
  EXPECT_EQ(harness_->client()->usage().calls, 1);
}

TEST_F(AttachmentTest, AcknowledgedResultsAreForgotten) {
  Start();
  ClientFrame frame;
  AddCall(&frame, 0)->mutable_startup()->set_version_requested(0x0202);
  const Completion result = Run(attached_, frame);
  EXPECT_GT(harness_->client()->usage().kept_bytes, 0);
  ClientFrame ack;
  ack.set_ack_sequence(result.sequence());
  ASSERT_TRUE(SessionHarness::Send(attached_, ack).ok());
  EXPECT_EQ(harness_->client()->usage().kept_bytes, 0);
  EXPECT_EQ(harness_->client()->usage().calls, 0);
  ack.set_ack_sequence(result.sequence() + 1);
  EXPECT_EQ(SessionHarness::Send(attached_, ack).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(AttachmentTest, AReceiveWaitsWhileTooMuchIsKept) {
  SessionLimits limits;
  limits.kept_bytes_per_client = 4096;
  Start(limits);
  OwnedFd peer = Connect();
  ASSERT_EQ(write(peer.get(), std::string(8000, 'x').data(), 8000), 8000);
  const Completion first = Run(attached_, ReceiveFrame(5000));
  EXPECT_EQ(first.recv().data().size(), 5000);
  const ClientFrame second = ReceiveFrame(5000);
  ASSERT_TRUE(SessionHarness::Send(attached_, second).ok());
  EXPECT_FALSE(attached_.stream->HasFrame());
  ClientFrame ack;
  ack.set_ack_sequence(first.sequence());
  ASSERT_TRUE(SessionHarness::Send(attached_, ack).ok());
  const Completion result =
      SessionHarness::Await(attached_, second.calls(0).call_id());
  EXPECT_EQ(result.recv().data().size(), 3000);
  EXPECT_EQ(result.recv().stream_offset(), 5000);
}

TEST_F(AttachmentTest, CancellingKeptResultsLetsHeldReceivesGoOn) {
  SessionLimits limits;
  limits.kept_bytes_per_client = 4096;
  Start(limits);
  OwnedFd peer = Connect();
  ASSERT_EQ(write(peer.get(), std::string(8000, 'x').data(), 8000), 8000);
  const ClientFrame first = ReceiveFrame(5000);
  EXPECT_EQ(Run(attached_, first).recv().data().size(), 5000);
  const ClientFrame second = ReceiveFrame(5000);
  ASSERT_TRUE(SessionHarness::Send(attached_, second).ok());
  attached_.stream = harness_->Resume(attached_, 0);
  ASSERT_TRUE(SessionHarness::Send(attached_, second).ok());
  EXPECT_FALSE(attached_.stream->HasFrame());
  ClientFrame cancel;
  cancel.add_cancels()->set_call_id(first.calls(0).call_id());
  ASSERT_TRUE(SessionHarness::Send(attached_, cancel).ok());
  EXPECT_EQ(SessionHarness::Await(attached_, second.calls(0).call_id())
                .recv()
                .data()
                .size(),
            3000);
}

TEST_F(AttachmentTest, WhatIsRetiredRunsNothingOfItsFrame) {
  Start();
  ClientFrame frame;
  for (int i = 0; i < 100; ++i) {
    AddCall(&frame, 0)->mutable_startup()->set_version_requested(0x0202);
    auto* socket = AddCall(&frame, 1000 + i)->mutable_socket();
    socket->set_family(wsp::v1::SocketRequest::FAMILY_IPV4);
    socket->set_type(wsp::v1::SocketRequest::TYPE_STREAM);
  }
  Attachment* const attachment = attached_.attachment.get();
  const std::string bytes = frame.SerializeAsString();
  ASSERT_TRUE(attachment
                  ->BeginFrame(attached_.stream.get(),
                               CutFrame(bytes, bytes.size()), false)
                  .ok());
  absl::StatusOr<bool> more = attachment->RunCalls(attached_.stream.get());
  ASSERT_TRUE(more.ok() && *more);
  EXPECT_GT(harness_->client()->usage().sockets, 0);
  harness_->client()->RemoveAttachment(attachment);
  more = attachment->RunCalls(attached_.stream.get());
  ASSERT_TRUE(more.ok());
  EXPECT_FALSE(*more);
  EXPECT_EQ(harness_->client()->startups(), 0);
  EXPECT_EQ(harness_->client()->usage().sockets, 0);
  EXPECT_EQ(harness_->client()->usage().calls, 0);
  auto stream = std::make_shared<RecordingStream>();
  EXPECT_EQ(attachment->Bind(stream, 0, wsp::v1::Welcome()).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(AttachmentTest, CancellationsTakeTurns) {
  Start();
  ClientFrame frame;
  for (int i = 0; i < 200; ++i) frame.add_cancels()->set_call_id(i + 1);
  AddCall(&frame, 0)->mutable_startup()->set_version_requested(0x0202);
  const std::string bytes = frame.SerializeAsString();
  ASSERT_TRUE(attached_.attachment
                  ->BeginFrame(attached_.stream.get(),
                               CutFrame(bytes, bytes.size()), false)
                  .ok());
  int turns = 1;
  while (*attached_.attachment->RunCalls(attached_.stream.get())) ++turns;
  EXPECT_EQ(turns, 4);
  EXPECT_EQ(harness_->client()->startups(), 2);
}

// Each frame of results has its price, which short turns aren't to multiply.
TEST_F(AttachmentTest, ResultsOfShortTurnsAreWrittenTogether) {
  Start();
  constexpr size_t kCalls = Attachment::kTurn.calls + 10;
  ClientFrame frame;
  for (size_t i = 0; i < kCalls; ++i) {
    AddCall(&frame, 0)->mutable_startup()->set_version_requested(0x0202);
  }
  const std::string bytes = frame.SerializeAsString();
  Attachment* const attachment = attached_.attachment.get();
  RecordingStream* const stream = attached_.stream.get();
  ASSERT_TRUE(
      attachment->BeginFrame(stream, CutFrame(bytes, bytes.size()), false)
          .ok());
  constexpr Attachment::Turn kOneCall{1, 1, std::chrono::hours(1)};
  std::vector<size_t> frames;
  for (size_t done = 1; done <= kCalls; ++done) {
    absl::StatusOr<bool> more = attachment->RunCalls(stream, kOneCall);
    ASSERT_TRUE(more.ok());
    EXPECT_EQ(*more, done < kCalls);
    if (!stream->HasFrame()) continue;
    frames.push_back(stream->NextFrame().completions_size());
    attachment->OnWritten(stream);
  }
  // But for a machine on which they take long.
  ASSERT_GE(frames.size(), 2);
  EXPECT_LE(frames.front(), Attachment::kTurn.calls);
  EXPECT_LT(frames.size(), kCalls / 4);
  EXPECT_EQ(absl::c_accumulate(frames, size_t{0}), kCalls);
}

TEST_F(AttachmentTest, BetweenTurnsOfAFrameResultsCanBeWritten) {
  Start();
  ClientFrame frame;
  for (int i = 0; i < 3; ++i) {
    AddCall(&frame, 0)->mutable_startup()->set_version_requested(0x0202);
  }
  const std::string bytes = frame.SerializeAsString();
  Attachment* const attachment = attached_.attachment.get();
  RecordingStream* const stream = attached_.stream.get();
  ASSERT_TRUE(
      attachment->BeginFrame(stream, CutFrame(bytes, bytes.size()), false)
          .ok());
  constexpr Attachment::Turn kOneCall{1, 1, std::chrono::hours(1)};
  ASSERT_TRUE(*attachment->RunCalls(stream, kOneCall));
  EXPECT_FALSE(stream->HasFrame());
  attachment->WriteResults();
  EXPECT_EQ(stream->NextFrame().completions_size(), 1);
  attachment->OnWritten(stream);
  ASSERT_TRUE(*attachment->RunCalls(stream, kOneCall));
  EXPECT_FALSE(stream->HasFrame());
  // The stream may be ended right behind it.
  attachment->ReportRegistrationEnded(
      wsp::v1::RegistrationEnded::REASON_DISCONNECTED);
  const auto last = stream->NextFrame();
  ASSERT_EQ(last.events_size(), 1);
  EXPECT_TRUE(last.events(0).has_registration_ended());
}

TEST_F(AttachmentTest, AStartupThatWasDroppedIsNotCounted) {
  Start();
  EXPECT_EQ(harness_->client()->Startup(attached_.attachment.get(), 1, 0), 0);
  EXPECT_EQ(harness_->client()->startups(), 1);
}

TEST_F(AttachmentTest, StartupsOfAnEarlierRegistrationAreForgotten) {
  Start();
  const SessionHarness::Attached second = harness_->Attach();
  Startup(second);
  for (int i = 0; i < 2; ++i) {
    ClientFrame cleanup;
    AddCall(&cleanup, 0)->mutable_cleanup();
    Run(second, cleanup);
  }
  Startup(second);
  harness_->client()->RemoveAttachment(attached_.attachment.get());
  EXPECT_EQ(harness_->client()->startups(), 1);
}

TEST_F(AttachmentTest, OwedStartupsAreBounded) {
  harness_ = std::make_unique<SessionHarness>();
  attached_ = harness_->Attach();
  Startup(attached_, UINT64_MAX);
  harness_->client()->RemoveAttachment(attached_.attachment.get());
  EXPECT_EQ(harness_->client()->startups(), 0);
}

TEST_F(AttachmentTest, OneEventWaitsForAClientThatDoesNotRead) {
  Start();
  const SessionHarness::Attached second = harness_->Attach();
  attached_.stream = harness_->Resume(attached_, 0);
  Startup(second);
  // The first write is under way; what comes now waits.
  ClientFrame frame;
  AddCall(&frame, 0)->mutable_startup()->set_version_requested(0x0202);
  ASSERT_TRUE(SessionHarness::Send(attached_, frame).ok());
  for (int i = 0; i < 10; ++i) {
    ClientFrame cleanup;
    AddCall(&cleanup, 0)->mutable_cleanup();
    while (!Run(second, cleanup).cleanup().final()) {
      cleanup.Clear();
      AddCall(&cleanup, 0)->mutable_cleanup();
    }
    Startup(second);
  }
  attached_.stream->NextFrame();
  attached_.attachment->OnWritten(attached_.stream.get());
  EXPECT_EQ(attached_.stream->NextFrame().events_size(), 1);
}

TEST_F(AttachmentTest, AnUnknownOptionOfACallIsIgnored) {
  Start();
  // Field 10 of Call is below the requests that this version doesn't have.
  ClientFrame frame;
  auto* call = AddCall(&frame, 0);
  call->mutable_startup()->set_version_requested(0x0202);
  call->GetReflection()->MutableUnknownFields(call)->AddVarint(10, 1);
  EXPECT_EQ(Run(attached_, frame).startup().startups(), 2);
}

TEST_F(AttachmentTest, ANonBlockingReceiveIsRefusedWhileTooMuchIsKept) {
  SessionLimits limits;
  limits.kept_bytes_per_client = 4096;
  Start(limits);
  OwnedFd peer = Connect();
  ClientFrame nonblocking;
  auto* ioctl = AddCall(&nonblocking, kSocket)->mutable_ioctl();
  ioctl->set_code(0x8004667e);  // FIONBIO
  ioctl->set_number(1);
  EXPECT_EQ(Run(attached_, nonblocking).wsa_error(), 0);
  ASSERT_EQ(write(peer.get(), std::string(8000, 'x').data(), 8000), 8000);
  const Completion first = Run(attached_, ReceiveFrame(5000));
  EXPECT_EQ(first.recv().data().size(), 5000);
  const Completion refused = Run(attached_, ReceiveFrame(5000));
  EXPECT_EQ(refused.wsa_error(), kWsaWouldBlock);
  ClientFrame next = ReceiveFrame(5000);
  next.set_ack_sequence(refused.sequence());
  EXPECT_EQ(Run(attached_, next).recv().data().size(), 3000);
}

TEST_F(AttachmentTest, OverACreditIsMisuse) {
  Start();
  OwnedFd peer = Connect();
  const std::string chunk(64 << 10, 'x');
  absl::Status status;
  for (int i = 0; i < 200 && status.ok(); ++i) {
    ClientFrame send;
    auto* call = AddCall(&send, kSocket);
    call->set_overlapped(true);
    call->mutable_send()->set_data(chunk);
    status = SessionHarness::Send(attached_, send);
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

TEST_F(AttachmentTest, AChunkAboveTheLimitIsMisuse) {
  Start();
  ClientFrame send;
  AddCall(&send, kSocket)
      ->mutable_send()
      ->set_data(std::string((64 << 10) + 1, 'x'));
  EXPECT_EQ(SessionHarness::Send(attached_, send).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(AttachmentTest, SocketsAboveTheLimitAreRefusedAlone) {
  SessionLimits limits;
  limits.sockets_per_client = 2;
  Start(limits);
  for (uint64_t id = 1; id <= 3; ++id) {
    ClientFrame frame;
    auto* socket = AddCall(&frame, id)->mutable_socket();
    socket->set_family(wsp::v1::SocketRequest::FAMILY_IPV6);
    socket->set_type(wsp::v1::SocketRequest::TYPE_STREAM);
    EXPECT_EQ(Run(attached_, frame).wsa_error(), id <= 2 ? 0 : kWsaMfile);
  }
  ClientFrame close;
  AddCall(&close, 1)->mutable_close_socket();
  EXPECT_EQ(Run(attached_, close).wsa_error(), 0);
  EXPECT_EQ(harness_->client()->usage().sockets, 1);
}

TEST_F(AttachmentTest, CallsAboveTheLimitAreRefusedAlone) {
  SessionLimits limits;
  limits.calls_per_client = 4;
  Start(limits);
  OwnedFd peer = Connect();
  // Startup, Socket and Connect are not acknowledged: one is left.
  ClientFrame frame;
  for (int i = 0; i < 2; ++i) {
    AddCall(&frame, kSocket)->mutable_recv()->set_max_bytes(1);
  }
  EXPECT_EQ(Run(attached_, frame).wsa_error(), kWsaNoBufs);
}

TEST_F(AttachmentTest, CancelSaysWhichKindOfCallItWas) {
  Start();
  OwnedFd peer = Connect();
  for (bool overlapped : {false, true}) {
    ClientFrame receive = ReceiveFrame(10);
    receive.mutable_calls(0)->set_overlapped(overlapped);
    ASSERT_TRUE(SessionHarness::Send(attached_, receive).ok());
    ClientFrame cancel;
    cancel.add_cancels()->set_call_id(receive.calls(0).call_id());
    ASSERT_TRUE(SessionHarness::Send(attached_, cancel).ok());
    const Completion result =
        SessionHarness::Await(attached_, receive.calls(0).call_id());
    EXPECT_EQ(result.wsa_error(), overlapped ? kWsaOperationAborted : kWsaIntr);
    EXPECT_EQ(result.linux_errno(), ECANCELED);
  }
}

TEST_F(AttachmentTest, AnUnknownRequestFailsAlone) {
  Start();
  // Field 900 of Call, which no version has.
  ClientFrame frame;
  auto* call = AddCall(&frame, 0);
  call->GetReflection()->MutableUnknownFields(call)->AddLengthDelimited(900,
                                                                        "?");
  EXPECT_EQ(Run(attached_, frame).wsa_error(), kWsaOpNotSupp);
}

TEST_F(AttachmentTest, FinalCleanupAnswersNothingButItself) {
  Start();
  OwnedFd peer = Connect();
  ASSERT_TRUE(SessionHarness::Send(attached_, ReceiveFrame(10)).ok());
  ClientFrame cleanup;
  AddCall(&cleanup, 0)->mutable_cleanup();
  ASSERT_TRUE(SessionHarness::Send(attached_, cleanup).ok());
  const wsp::v1::ServerFrame frame = attached_.stream->NextFrame();
  ASSERT_EQ(frame.completions_size(), 1);
  EXPECT_TRUE(frame.completions(0).cleanup().final());
  EXPECT_EQ(harness_->client()->usage().sockets, 0);
  // And startup works at once afterwards.
  attached_.attachment->OnWritten(attached_.stream.get());
  EXPECT_EQ(Startup(attached_).startup().startups(), 1);
}

TEST_F(AttachmentTest, SequenceNumbersGoOnAfterCleanup) {
  Start();
  ClientFrame cleanup;
  AddCall(&cleanup, 0)->mutable_cleanup();
  const Completion result = Run(attached_, cleanup);
  EXPECT_EQ(result.sequence(), 2);
  ClientFrame ack;
  ack.set_ack_sequence(2);
  EXPECT_TRUE(SessionHarness::Send(attached_, ack).ok());
  EXPECT_FALSE(attached_.attachment->worth_keeping());
}

TEST_F(AttachmentTest, FinishedAttachmentsDoNotCount) {
  SessionLimits limits;
  limits.attachments_per_process = 1;
  Start(limits);
  ClientFrame cleanup;
  AddCall(&cleanup, 0)->mutable_cleanup();
  EXPECT_TRUE(Run(attached_, cleanup).cleanup().final());
  const SessionHarness::Attached second = harness_->Attach();
  EXPECT_EQ(Startup(second).startup().startups(), 1);
  EXPECT_FALSE(harness_->client()->AddAttachment(attached_.attachment));
}

TEST_F(AttachmentTest, MalformedFramesAreMisuse) {
  Start();
  for (const std::string& bytes :
       {std::string("\xff\xff\xff"), std::string("\x1a\x05\x09"),
        std::string("\x1a\x00", 2), std::string("\x22\x00", 2)}) {
    EXPECT_EQ(SessionHarness::SendBytes(attached_, bytes, 2).code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace wspd
