#ifndef WSPD_DAEMON_SESSION_TESTING_ATTACHMENT_FIXTURE_H_
#define WSPD_DAEMON_SESSION_TESTING_ATTACHMENT_FIXTURE_H_

#include <sys/socket.h>

#include <cstdint>
#include <memory>

#include "daemon/base/owned_fd.h"
#include "daemon/session/testing/session_harness.h"
#include "daemon/testing/tcp_pair.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

inline constexpr uint64_t kSocket = 77;

// The session's side of one attached client that has started up.
class AttachmentTest : public testing::Test {
 protected:
  void Start(const SessionLimits& limits = SessionLimits()) {
    harness_ = std::make_unique<SessionHarness>(limits);
    attached_ = harness_->Attach();
    Startup(attached_);
  }

  wsp::v1::Completion Startup(const SessionHarness::Attached& attached,
                              uint64_t owed = 0) {
    wsp::v1::ClientFrame frame;
    auto* call = AddCall(&frame, 0);
    call->mutable_startup()->set_version_requested(0x0202);
    call->mutable_startup()->set_owed_startups(owed);
    return Run(attached, frame);
  }

  wsp::v1::Call* AddCall(wsp::v1::ClientFrame* frame, uint64_t socket_id) {
    auto* call = frame->add_calls();
    call->set_call_id(++call_id_);
    call->set_socket_id(socket_id);
    return call;
  }

  wsp::v1::Completion Run(const SessionHarness::Attached& attached,
                          const wsp::v1::ClientFrame& frame) {
    const absl::Status status = SessionHarness::Send(attached, frame);
    EXPECT_TRUE(status.ok()) << status;
    return SessionHarness::Await(attached,
                                 frame.calls(frame.calls_size() - 1).call_id());
  }

  // A connected socket under kSocket; returns the peer's end.
  OwnedFd Connect() {
    const TcpListener listener = ListenOnLoopback();
    wsp::v1::ClientFrame frame;
    auto* socket = AddCall(&frame, kSocket)->mutable_socket();
    socket->set_family(wsp::v1::SocketRequest::FAMILY_IPV4);
    socket->set_type(wsp::v1::SocketRequest::TYPE_STREAM);
    auto* connect = AddCall(&frame, kSocket)->mutable_connect();
    auto* address = connect->mutable_address()->mutable_ipv4();
    address->set_address(0x7f000001);
    address->set_port(listener.port);
    EXPECT_EQ(Run(attached_, frame).wsa_error(), 0);
    OwnedFd peer(accept(listener.fd.get(), nullptr, nullptr));
    return peer;
  }

  wsp::v1::ClientFrame ReceiveFrame(uint32_t max_bytes) {
    wsp::v1::ClientFrame frame;
    AddCall(&frame, kSocket)->mutable_recv()->set_max_bytes(max_bytes);
    return frame;
  }

  uint64_t call_id_ = 1000;
  std::unique_ptr<SessionHarness> harness_;
  SessionHarness::Attached attached_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_TESTING_ATTACHMENT_FIXTURE_H_
