// What an administrator's reset is to a client, and to its peer.
#include <errno.h>
#include <sys/socket.h>

#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/winsock_socket_fixture.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

class SocketResetTest : public WinsockSocketTest {
 protected:
  static wsp::v1::Call BindCall() {
    wsp::v1::Call call;
    call.mutable_bind()->mutable_address()->mutable_ipv4()->set_address(
        INADDR_LOOPBACK);
    return call;
  }
  static int PortOf(const SocketDescriptor& socket) {
    wsp::v1::Socket listed;
    socket.Describe(false, &listed);
    return static_cast<int>(listed.local().ipv4().port());
  }
};

TEST_F(SocketResetTest, AConnectionIsResetToItsPeerAndAbortedToItsClient) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  wsp::v1::Call receive = ReceiveCall(10);
  receive.set_overlapped(true);
  const uint64_t first = Begin(socket.get(), receive);
  const uint64_t second = Begin(socket.get(), receive);
  EXPECT_EQ(socket->socket()->End(ForcedEnd::kReset), 0);
  EXPECT_EQ(sink_->Await(first).wsa_error, kWsaConnAborted);
  EXPECT_EQ(sink_->Await(second).wsa_error, kWsaConnAborted);
  char byte;
  EXPECT_EQ(recv(peer.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(Run(socket.get(), receive).wsa_error, kWsaConnAborted);
  wsp::v1::Call send;
  send.mutable_send()->set_data("x");
  EXPECT_EQ(Run(socket.get(), send).wsa_error, kWsaConnAborted);
}

TEST_F(SocketResetTest, AListenerListensNoMore) {
  auto listener = Make(kSocket);
  ASSERT_EQ(Run(listener.get(), BindCall()).wsa_error, 0u);
  wsp::v1::Call listen_call;
  listen_call.mutable_listen()->set_backlog(5);
  ASSERT_EQ(Run(listener.get(), listen_call).wsa_error, 0u);
  const int port = PortOf(*listener);
  wsp::v1::Call accept_call;
  accept_call.mutable_accept()->set_accepted_socket_id(9);
  const uint64_t waiting = Begin(listener.get(), accept_call);
  EXPECT_EQ(listener->socket()->End(ForcedEnd::kReset), 0);
  EXPECT_EQ(sink_->Await(waiting).wsa_error, kWsaConnAborted);
  auto late = Make(8);
  EXPECT_EQ(Run(late.get(), ConnectCall(port)).wsa_error, kWsaConnRefused);
}

TEST_F(SocketResetTest, DatagramsLoseTheirPeerAndWhatWaitsIsAborted) {
  auto socket = Make(kSocket, SOCK_DGRAM);
  ASSERT_EQ(Run(socket.get(), BindCall()).wsa_error, 0u);
  ASSERT_EQ(Run(socket.get(), ConnectCall(9)).wsa_error, 0u);
  wsp::v1::Call receive;
  receive.mutable_recv_from()->set_max_bytes(10);
  receive.set_overlapped(true);
  const uint64_t waiting = Begin(socket.get(), receive);
  EXPECT_EQ(socket->socket()->End(ForcedEnd::kReset), 0);
  EXPECT_EQ(sink_->Await(waiting).wsa_error, kWsaConnAborted);
}

TEST_F(SocketResetTest, WithoutAConnectionThereIsNothingToReset) {
  auto socket = Make(kSocket);
  EXPECT_EQ(socket->socket()->End(ForcedEnd::kReset), ENOTCONN);
  const std::shared_ptr<WinsockSocket> closed = socket->socket();
  wsp::v1::Call close_call;
  close_call.mutable_close_socket();
  EXPECT_EQ(Run(socket.get(), close_call).wsa_error, 0u);
  EXPECT_NE(closed->End(ForcedEnd::kReset), 0);
}

}  // namespace
}  // namespace wspd
