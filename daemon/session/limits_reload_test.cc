// Limits that are replaced while clients are attached: what they have stays,
// and the new ones hold for whatever is more.
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "daemon/session/testing/attachment_fixture.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::wsp::v1::ClientFrame;
using ::wsp::v1::Completion;

class LimitsReloadTest : public AttachmentTest {
 protected:
  static uid_t OtherUser() { return geteuid() + 4711; }

  void StartAs(uid_t uid, const UserLimits& user_limits) {
    harness_ = std::make_unique<SessionHarness>(SessionLimits(), nullptr,
                                                user_limits, uid);
    attached_ = harness_->Attach();
    Acknowledge(Startup(attached_));
  }

  void Acknowledge(const Completion& last) {
    ClientFrame ack;
    ack.set_ack_sequence(last.sequence());
    EXPECT_TRUE(SessionHarness::Send(attached_, ack).ok());
  }

  uint32_t MakeSocket(uint64_t id) {
    ClientFrame frame;
    auto* socket = AddCall(&frame, id)->mutable_socket();
    socket->set_family(wsp::v1::SocketRequest::FAMILY_IPV4);
    socket->set_type(wsp::v1::SocketRequest::TYPE_STREAM);
    const Completion result = Run(attached_, frame);
    Acknowledge(result);
    return result.wsa_error();
  }

  uint32_t Close(uint64_t id) {
    ClientFrame frame;
    AddCall(&frame, id)->mutable_close_socket();
    return Run(attached_, frame).wsa_error();
  }

  // Whatever comes of it, but that the client is ended.
  absl::Status Send(uint64_t offset, size_t bytes, uint32_t* wsa_error) {
    ClientFrame frame;
    auto* send = AddCall(&frame, kSocket)->mutable_send();
    send->set_stream_offset(offset);
    send->set_data(std::string(bytes, 'x'));
    const absl::Status status = SessionHarness::Send(attached_, frame);
    if (!status.ok()) return status;
    const Completion result =
        SessionHarness::Await(attached_, frame.calls(0).call_id());
    *wsa_error = result.wsa_error();
    Acknowledge(result);
    return status;
  }
};

TEST_F(LimitsReloadTest, SocketsThatThereAreStay) {
  SessionLimits limits;
  limits.sockets_per_client = 3;
  Start(limits);
  EXPECT_EQ(MakeSocket(1), 0u);
  EXPECT_EQ(MakeSocket(2), 0u);
  limits.sockets_per_client = 2;
  harness_->limits()->Set(limits);
  EXPECT_EQ(MakeSocket(3), kWsaMfile);
  limits.sockets_per_client = 1;
  harness_->limits()->Set(limits);
  EXPECT_EQ(harness_->client()->sockets(), 2u);
  // There is one still, which is as many as there may be.
  EXPECT_EQ(Close(1), 0u);
  EXPECT_EQ(MakeSocket(3), kWsaMfile);
  limits.sockets_per_client = 2;
  harness_->limits()->Set(limits);
  EXPECT_EQ(MakeSocket(3), 0u);
}

// It keeps to what it was told, so that it isn't to be ended for that.
TEST_F(LimitsReloadTest, CallsAboveALowerLimitAreRefusedAlone) {
  SessionLimits limits;
  limits.calls_per_client = 16;
  Start(limits);
  const OwnedFd peer = Connect();
  const ClientFrame pending = ReceiveFrame(1);
  ASSERT_TRUE(SessionHarness::Send(attached_, pending).ok());
  limits.calls_per_client = 1;
  harness_->limits()->Set(limits);
  EXPECT_EQ(Run(attached_, ReceiveFrame(1)).wsa_error(), kWsaNoBufs);
  // What there is goes on.
  ASSERT_EQ(write(peer.get(), "a", 1), 1);
  EXPECT_EQ(SessionHarness::Await(attached_, pending.calls(0).call_id())
                .recv()
                .data(),
            "a");
  // Else it could never have less.
  EXPECT_EQ(Close(kSocket), 0u);
  // That isn't what it was told.
  ClientFrame many;
  for (int i = 0; i < 40; ++i) AddCall(&many, 0)->mutable_lookup();
  EXPECT_EQ(SessionHarness::Send(attached_, many).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(LimitsReloadTest, SendsAboveALowerLimitAreRefusedAlone) {
  SessionLimits limits;
  limits.queued_bytes_per_client = 1000;
  Start(limits);
  const OwnedFd peer = Connect();
  limits.queued_bytes_per_client = 100;
  harness_->limits()->Set(limits);
  uint32_t error = 0;
  ASSERT_TRUE(Send(0, 101, &error).ok());
  EXPECT_EQ(error, kWsaNoBufs);
  ASSERT_TRUE(Send(0, 100, &error).ok());
  EXPECT_EQ(error, 0u);
  EXPECT_EQ(harness_->client()->usage().queued_bytes, 0u);
  // That isn't what it was told.
  EXPECT_EQ(Send(100, 1001, &error).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(LimitsReloadTest, AHigherCreditIsAClientsOnceItIsTold) {
  SessionLimits limits;
  limits.queued_bytes_per_client = 100;
  limits.calls_per_client = 10;
  Start(limits);
  const OwnedFd peer = Connect();
  limits.queued_bytes_per_client = 1000;
  limits.calls_per_client = 20;
  harness_->limits()->Set(limits);
  harness_->client()->Tell(limits);
  EXPECT_EQ(harness_->client()->told_calls(), 20u);
  uint32_t error = 0;
  ASSERT_TRUE(Send(0, 1000, &error).ok());
  EXPECT_EQ(error, 0u);
}

TEST_F(LimitsReloadTest, WhatGivesBackIsAllowedUpToAHigherLimit) {
  SessionLimits limits;
  limits.calls_per_client = 10;
  Start(limits);
  const OwnedFd peer = Connect();
  limits.calls_per_client = 100;
  harness_->limits()->Set(limits);
  // More than twice what it was told.
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(SessionHarness::Send(attached_, ReceiveFrame(1)).ok());
  }
  EXPECT_EQ(Close(kSocket), 0u);
}

TEST_F(LimitsReloadTest, LimitsOfAUserHoldForHisClients) {
  UserLimits limits;
  limits.sockets = 2;
  StartAs(OtherUser(), limits);
  const OwnedFd peer = Connect();
  EXPECT_EQ(MakeSocket(1), 0u);
  EXPECT_EQ(MakeSocket(2), kWsaMfile);
  limits.sockets = 3;
  limits.queued_bytes = 10;
  harness_->owners()->SetLimits(limits, {});
  EXPECT_EQ(MakeSocket(2), 0u);
  EXPECT_EQ(MakeSocket(3), kWsaMfile);
  uint32_t error = 0;
  ASSERT_TRUE(Send(0, 11, &error).ok());
  EXPECT_EQ(error, kWsaNoBufs);
  limits.queued_bytes = 11;
  limits.calls = 0;
  harness_->owners()->SetLimits(limits, {});
  ASSERT_TRUE(Send(0, 11, &error).ok());
  EXPECT_EQ(error, kWsaNoBufs);
  EXPECT_EQ(Close(1), 0u);
  limits.calls = 1000;
  harness_->owners()->SetLimits(limits, {});
  ASSERT_TRUE(Send(0, 11, &error).ok());
  EXPECT_EQ(error, 0u);
}

}  // namespace
}  // namespace wspd
