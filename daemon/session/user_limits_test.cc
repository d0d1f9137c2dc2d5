// What the clients of one user may have together.
#include <map>
#include <string>

#include "daemon/session/testing/attachment_fixture.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::wsp::v1::ClientFrame;
using ::wsp::v1::Completion;

constexpr uint32_t kSockets = 3;
constexpr uint32_t kCalls = 8;
constexpr uint64_t kQueued = 1000;

class UserLimitsTest : public AttachmentTest {
 protected:
  void StartAs(uid_t uid) {
    UserLimits limits;
    limits.sockets = kSockets;
    limits.calls = kCalls;
    limits.queued_bytes = kQueued;
    harness_ =
        std::make_unique<SessionHarness>(SessionLimits(), nullptr, limits, uid);
    attached_ = harness_->Attach();
    Acknowledge(Startup(attached_));
  }
  static uid_t OtherUser() { return geteuid() + 4711; }

  void Acknowledge(const Completion& last) {
    ClientFrame ack;
    ack.set_ack_sequence(last.sequence());
    EXPECT_TRUE(SessionHarness::Send(attached_, ack).ok());
  }

  SocketUser* user() { return harness_->client()->owner()->user.get(); }

  uint32_t MakeSocket(uint64_t id) {
    ClientFrame frame;
    auto* socket = AddCall(&frame, id)->mutable_socket();
    socket->set_family(wsp::v1::SocketRequest::FAMILY_IPV4);
    socket->set_type(wsp::v1::SocketRequest::TYPE_STREAM);
    const Completion result = Run(attached_, frame);
    Acknowledge(result);
    return result.wsa_error();
  }

  void AddSend(ClientFrame* frame, uint64_t offset, const std::string& data) {
    auto* send = AddCall(frame, kSocket)->mutable_send();
    send->set_stream_offset(offset);
    send->set_data(data);
  }
  uint32_t Send(uint64_t offset, const std::string& data) {
    ClientFrame frame;
    AddSend(&frame, offset, data);
    const Completion result = Run(attached_, frame);
    Acknowledge(result);
    return result.wsa_error();
  }
};

TEST_F(UserLimitsTest, SocketsOfAllPlanesCount) {
  StartAs(OtherUser());
  // Of another client, or on another plane.
  ASSERT_TRUE(user()->CountSocket());
  EXPECT_EQ(MakeSocket(1), 0u);
  EXPECT_EQ(MakeSocket(2), 0u);
  EXPECT_EQ(MakeSocket(3), kWsaMfile);
  EXPECT_EQ(harness_->client()->CountOwnedSocket(), ENFILE);
  EXPECT_EQ(harness_->client()->sockets(), 2u);
  user()->UncountSockets(1);
  EXPECT_EQ(MakeSocket(3), 0u);
  // All that the client had is free with it.
  harness_->client()->RemoveAttachment(attached_.attachment.get());
  EXPECT_EQ(user()->sockets, 0u);
  EXPECT_EQ(user()->calls, 0u);
  EXPECT_EQ(user()->queued_bytes, 0u);
}

TEST_F(UserLimitsTest, CallsOfAllClientsCount) {
  StartAs(OtherUser());
  const OwnedFd peer = Connect();
  // They are not acknowledged: two.
  user()->calls += kCalls - 3;
  ClientFrame receive = ReceiveFrame(10);
  ASSERT_TRUE(SessionHarness::Send(attached_, receive).ok());
  ClientFrame surplus = ReceiveFrame(10);
  EXPECT_EQ(Run(attached_, surplus).wsa_error(), kWsaNoBufs);
  // The client isn't ended, and goes on when there is room.
  ASSERT_EQ(write(peer.get(), "ab", 2), 2);
  const Completion received =
      SessionHarness::Await(attached_, receive.calls(0).call_id());
  EXPECT_EQ(received.recv().data(), "ab");
  Acknowledge(received);
  EXPECT_EQ(Send(0, "x"), 0u);
}

// Else a user's calls would keep up what they wait for.
TEST_F(UserLimitsTest, WhatGivesBackIsntRefusedForCallsOfOthers) {
  StartAs(OtherUser());
  const OwnedFd peer = Connect();
  user()->calls += kCalls;
  EXPECT_EQ(MakeSocket(1), kWsaNoBufs);
  ClientFrame cancel;
  AddCall(&cancel, 0)->mutable_cancel_blocking_call()->set_call_id(1);
  EXPECT_EQ(Run(attached_, cancel).wsa_error(), 0u);
  ClientFrame decision;
  AddCall(&decision, kSocket)->mutable_accept_decision();
  EXPECT_NE(Run(attached_, decision).wsa_error(), kWsaNoBufs);
  ClientFrame shutdown;
  AddCall(&shutdown, kSocket)->mutable_shutdown();
  EXPECT_NE(Run(attached_, shutdown).wsa_error(), kWsaNoBufs);
  ClientFrame disconnect;
  AddCall(&disconnect, kSocket)->mutable_disconnect_ex();
  EXPECT_NE(Run(attached_, disconnect).wsa_error(), kWsaNoBufs);
  ClientFrame close;
  AddCall(&close, kSocket)->mutable_close_socket();
  EXPECT_EQ(Run(attached_, close).wsa_error(), 0u);
  EXPECT_EQ(harness_->client()->sockets(), 0u);
  ClientFrame cleanup;
  AddCall(&cleanup, 0)->mutable_cleanup();
  EXPECT_EQ(Run(attached_, cleanup).wsa_error(), 0u);
  EXPECT_EQ(harness_->client()->startups(), 0u);
}

TEST_F(UserLimitsTest, QueuedBytesOfAllClientsCount) {
  StartAs(OtherUser());
  const OwnedFd peer = Connect();
  user()->queued_bytes += kQueued - 10;
  EXPECT_EQ(Send(0, std::string(10, 'a')), 0u);
  EXPECT_EQ(Send(10, std::string(11, 'b')), kWsaNoBufs);
  EXPECT_EQ(Send(10, std::string(10, 'c')), 0u);
  EXPECT_EQ(ReadBytes(peer.get(), 20),
            std::string(10, 'a') + std::string(10, 'c'));
  EXPECT_EQ(user()->queued_bytes, kQueued - 10);
}

// A client doesn't know what others of its user have: what it has sent behind
// a refused send would close the gap.
TEST_F(UserLimitsTest, NothingIsSentBehindARefusedSend) {
  StartAs(OtherUser());
  const OwnedFd peer = Connect();
  user()->queued_bytes += kQueued - 10;
  ClientFrame frame;
  AddSend(&frame, 0, "a");
  AddSend(&frame, 1, std::string(11, 'b'));
  AddSend(&frame, 12, "c");
  AddSend(&frame, 13, "d");
  ASSERT_TRUE(SessionHarness::Send(attached_, frame).ok());
  std::map<uint64_t, uint32_t> errors;
  while (errors.size() < 4) {
    const wsp::v1::ServerFrame results = attached_.stream->NextFrame();
    for (const Completion& one : results.completions()) {
      errors[one.call_id()] = one.wsa_error();
    }
    attached_.attachment->OnWritten(attached_.stream.get());
  }
  EXPECT_EQ(errors[frame.calls(0).call_id()], 0u);
  for (int i = 1; i < 4; ++i) {
    EXPECT_EQ(errors[frame.calls(i).call_id()], kWsaNoBufs) << i;
  }
  // Where it left off it goes on.
  EXPECT_EQ(Send(1, "e"), 0u);
  EXPECT_EQ(Send(2, "f"), 0u);
  EXPECT_EQ(ReadBytes(peer.get(), 3), "aef");
}

TEST_F(UserLimitsTest, TheDaemonsOwnUserHasNone) {
  StartAs(geteuid());
  const OwnedFd peer = Connect();
  EXPECT_EQ(Send(0, std::string(2 * kQueued, 'a')), 0u);
  for (uint64_t id = 1; id <= 2 * kSockets; ++id) {
    EXPECT_EQ(MakeSocket(id), 0u);
  }
  EXPECT_EQ(user()->calls, 0u);
}

}  // namespace
}  // namespace wspd
