// What the end of a registration, by another attachment's final cleanup, leaves
// an attachment with.
#include <memory>

#include "daemon/session/attachment.h"
#include "daemon/session/testing/attachment_fixture.h"
#include "daemon/session/testing/session_harness.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using wsp::v1::ClientFrame;
using wsp::v1::Completion;

class RegistrationEndTest : public AttachmentTest {
 protected:
  // A second attachment, which makes the final cleanup of both's startups.
  SessionHarness::Attached EndFromAnother() {
    SessionHarness::Attached another = harness_->Attach();
    Startup(another);
    for (bool final = false; !final;) {
      ClientFrame cleanup;
      AddCall(&cleanup, 0)->mutable_cleanup();
      final = Run(another, cleanup).cleanup().final();
    }
    return another;
  }

  // Resumes on a new stream; its first frame, with the welcome.
  wsp::v1::ServerFrame Resume(uint64_t ack_sequence) {
    attached_.attachment->Unbind(attached_.stream.get());
    attached_.stream = std::make_shared<RecordingStream>();
    EXPECT_TRUE(attached_.attachment
                    ->Bind(attached_.stream, ack_sequence, wsp::v1::Welcome())
                    .ok());
    wsp::v1::ServerFrame frame = attached_.stream->NextFrame();
    attached_.attachment->OnWritten(attached_.stream.get());
    return frame;
  }
};

TEST_F(RegistrationEndTest,
       CleanupsAreAnsweredAlsoIfAnotherOnesIsFinalMeanwhile) {
  Start();
  SessionHarness::Attached second = harness_->Attach();
  EXPECT_EQ(Startup(second).startup().startups(), 2);
  // Its result waits: what was written before hasn't gone out yet.
  ClientFrame unwritten;
  AddCall(&unwritten, kSocket)->mutable_socket();
  ASSERT_TRUE(SessionHarness::Send(attached_, unwritten).ok());
  ClientFrame cleanup;
  AddCall(&cleanup, 0)->mutable_cleanup();
  ASSERT_TRUE(SessionHarness::Send(attached_, cleanup).ok());
  ClientFrame final_cleanup;
  AddCall(&final_cleanup, 0)->mutable_cleanup();
  EXPECT_TRUE(Run(second, final_cleanup).cleanup().final());
  attached_.attachment->OnWritten(attached_.stream.get());
  const Completion result =
      SessionHarness::Await(attached_, cleanup.calls(0).call_id());
  EXPECT_EQ(result.wsa_error(), 0);
  EXPECT_EQ(result.cleanup().startups(), 1);
  // One that comes too late hears that.
  cleanup.Clear();
  AddCall(&cleanup, 0)->mutable_cleanup();
  EXPECT_EQ(Run(attached_, cleanup).wsa_error(), kWsaNotInitialised);
  ClientFrame ack;
  ack.set_ack_sequence(4);
  EXPECT_TRUE(SessionHarness::Send(attached_, ack).ok());
  EXPECT_FALSE(attached_.attachment->worth_keeping());
}

// The answer was written, and lost with the stream before the client read it.
TEST_F(RegistrationEndTest,
       ACleanupCountsOnceAlsoIfAnotherOnesIsFinalMeanwhile) {
  Start();
  const SessionHarness::Attached second = harness_->Attach();
  EXPECT_EQ(Startup(second).startup().startups(), 2);
  ClientFrame cleanup;
  AddCall(&cleanup, 0)->mutable_cleanup();
  EXPECT_EQ(Run(attached_, cleanup).cleanup().startups(), 1);
  ASSERT_TRUE(attached_.attachment->Unbind(attached_.stream.get()));
  ClientFrame final_cleanup;
  AddCall(&final_cleanup, 0)->mutable_cleanup();
  EXPECT_TRUE(Run(second, final_cleanup).cleanup().final());
  EXPECT_EQ(Startup(second).startup().startups(), 1);
  attached_.stream = harness_->Resume(attached_, 0);
  const Completion again = Run(attached_, cleanup);
  EXPECT_EQ(again.wsa_error(), 0);
  EXPECT_EQ(again.cleanup().startups(), 1);
  EXPECT_FALSE(again.cleanup().final());
  EXPECT_EQ(harness_->client()->startups(), 1) << "it counted twice";
}

TEST_F(RegistrationEndTest, AFinalCleanupsAnswerOutlivesTheNextFinalCleanup) {
  Start();
  const SessionHarness::Attached second = harness_->Attach();
  ClientFrame cleanup;
  AddCall(&cleanup, 0)->mutable_cleanup();
  EXPECT_TRUE(Run(attached_, cleanup).cleanup().final());
  ASSERT_TRUE(attached_.attachment->Unbind(attached_.stream.get()));
  EXPECT_EQ(Startup(second).startup().startups(), 1);
  ClientFrame next;
  AddCall(&next, 0)->mutable_cleanup();
  EXPECT_TRUE(Run(second, next).cleanup().final());
  EXPECT_EQ(Startup(second).startup().startups(), 1);
  attached_.stream = harness_->Resume(attached_, 0);
  EXPECT_TRUE(Run(attached_, cleanup).cleanup().final());
  EXPECT_EQ(harness_->client()->startups(), 1) << "it counted twice";
}

TEST_F(RegistrationEndTest, TheAnswerOfACleanupIsKeptUntilItIsAcknowledged) {
  Start();
  const SessionHarness::Attached second = harness_->Attach();
  EXPECT_EQ(Startup(second).startup().startups(), 2);
  ClientFrame cleanup;
  AddCall(&cleanup, 0)->mutable_cleanup();
  const Completion result = Run(attached_, cleanup);
  ClientFrame final_cleanup;
  AddCall(&final_cleanup, 0)->mutable_cleanup();
  EXPECT_TRUE(Run(second, final_cleanup).cleanup().final());
  EXPECT_TRUE(attached_.attachment->worth_keeping());
  ClientFrame ack;
  ack.set_ack_sequence(result.sequence());
  EXPECT_TRUE(SessionHarness::Send(attached_, ack).ok());
  EXPECT_FALSE(attached_.attachment->worth_keeping());
}

TEST_F(RegistrationEndTest,
       TheEndOfARegistrationThatWasLostComesWithTheWelcome) {
  Start();
  const SessionHarness::Attached another = EndFromAnother();
  // Written, and lost with the stream.
  EXPECT_EQ(attached_.stream->NextFrame().events_size(), 1);
  Startup(another);
  for (int i = 0; i < 2; ++i) {
    const wsp::v1::ServerFrame frame = Resume(0);
    EXPECT_TRUE(frame.has_welcome());
    ASSERT_EQ(frame.events_size(), 1);
    EXPECT_EQ(frame.events(0).registration_ended().reason(),
              wsp::v1::RegistrationEnded::REASON_CLEANED_UP);
    EXPECT_FALSE(attached_.stream->HasFrame()) << "it comes once";
  }
}

TEST_F(RegistrationEndTest,
       TheEndOfARegistrationWithoutAStreamComesWithTheWelcome) {
  Start();
  attached_.attachment->Unbind(attached_.stream.get());
  EndFromAnother();
  EXPECT_EQ(Resume(0).events_size(), 1);
}

TEST_F(RegistrationEndTest,
       TheEndOfARegistrationIsKnownToWhoReadAResultBehindIt) {
  Start();
  const SessionHarness::Attached another = EndFromAnother();
  Startup(another);
  ClientFrame socket;
  AddCall(&socket, kSocket)->mutable_socket();
  const Completion result = Run(attached_, socket);
  // The result before it says nothing of the end.
  EXPECT_EQ(Resume(result.sequence() - 1).events_size(), 1);
  const Completion again = Run(attached_, socket);
  EXPECT_EQ(Resume(again.sequence()).events_size(), 0);
}

// The client may have read both, and the acknowledgement may be lost: then what
// the startup began must not be taken for what has ended.
TEST_F(RegistrationEndTest, AStartupSinceComesBehindTheEndOfARegistration) {
  Start();
  EndFromAnother();
  ClientFrame startup;
  AddCall(&startup, 0)->mutable_startup()->set_version_requested(0x0202);
  EXPECT_EQ(Run(attached_, startup).startup().startups(), 1);
  EXPECT_EQ(Resume(0).events_size(), 0);
  EXPECT_FALSE(attached_.stream->HasFrame());
  ASSERT_TRUE(SessionHarness::Send(attached_, startup).ok());
  const wsp::v1::ServerFrame both = attached_.stream->NextFrame();
  EXPECT_EQ(both.events_size(), 1);
  ASSERT_EQ(both.completions_size(), 1);
  EXPECT_EQ(both.completions(0).startup().startups(), 1);
  // Who doesn't want the result any more has read it.
  Resume(0);
  ClientFrame cancel;
  cancel.add_cancels()->set_call_id(startup.calls(0).call_id());
  ASSERT_TRUE(SessionHarness::Send(attached_, cancel).ok());
  ClientFrame socket;
  AddCall(&socket, kSocket)->mutable_socket();
  Run(attached_, socket);
  EXPECT_EQ(Resume(0).events_size(), 0);
}

}  // namespace
}  // namespace wspd
