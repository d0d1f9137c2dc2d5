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

class RegistrationEndTest : public AttachmentTest {};

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

}  // namespace
}  // namespace wspd
