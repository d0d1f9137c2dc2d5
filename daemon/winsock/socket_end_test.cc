// What it is to a client, and to its peer, that an administrator ends a socket
// in order.
#include <errno.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/winsock_socket_fixture.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

class SocketEndTest : public WinsockSocketTest {
 protected:
  static int End(const SocketDescriptor& socket) {
    return socket.socket()->End(ForcedEnd::kOrderly);
  }
  static wsp::v1::Call SendCall(const std::string& data) {
    wsp::v1::Call call;
    call.mutable_send()->set_data(data);
    return call;
  }
  static wsp::v1::Call CloseCall() {
    wsp::v1::Call call;
    call.mutable_close_socket();
    return call;
  }
  // Sends until a send waits; that one's id.
  uint64_t Fill(SocketDescriptor* socket, size_t* bytes) {
    wsp::v1::Call send = SendCall(std::string(kChunkBytes, 'x'));
    send.set_overlapped(true);
    for (;;) {
      const uint64_t id = Begin(socket, send);
      *bytes += kChunkBytes;
      if (!sink_->Has(id)) return id;
    }
  }
  // So much comes to the peer, then the end, which is no reset.
  static void ExpectAllAndTheEnd(int peer, size_t bytes) {
    int error = 0;
    EXPECT_EQ(ReadBytes(peer, bytes + 1, &error).size(), bytes);
    EXPECT_EQ(error, 0);
  }
  wsp::v1::SocketState StateOf(const SocketDescriptor& socket) {
    wsp::v1::Socket listed;
    socket.Describe(false, &listed);
    return listed.state();
  }
  static std::string Ended() {
    return absl::StrCat("socket_ended ", ECONNABORTED, " by an administrator");
  }
};

TEST_F(SocketEndTest, WhatWasSentIsDeliveredAndThenTheEnd) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  wsp::v1::Call receive = ReceiveCall(10);
  receive.set_overlapped(true);
  const uint64_t receiving = Begin(socket.get(), receive);
  size_t bytes = 0;
  const uint64_t sending = Fill(socket.get(), &bytes);
  EXPECT_EQ(End(*socket), 0);
  EXPECT_EQ(sink_->Await(receiving).wsa_error, kWsaConnAborted);
  EXPECT_EQ(Run(socket.get(), receive).wsa_error, kWsaConnAborted);
  EXPECT_EQ(Run(socket.get(), SendCall("late")).wsa_error, kWsaConnAborted);
  EXPECT_TRUE(socket->Readiness().lost);
  EXPECT_EQ(StateOf(*socket), wsp::v1::SOCKET_STATE_CLOSING);
  EXPECT_EQ(End(*socket), EALREADY);
  // One that waits is sent, too.
  EXPECT_FALSE(sink_->Has(sending));
  ExpectAllAndTheEnd(peer.get(), bytes);
  EXPECT_EQ(sink_->Await(sending).wsa_error, 0u);
  EXPECT_EQ(Run(socket.get(), CloseCall()).wsa_error, 0u);
  const std::vector<std::string> words = reader_.ReadWords();
  EXPECT_EQ(words,
            (std::vector<std::string>{"socket_opened", "socket_connected",
                                      Ended(), "socket_closed"}));
}

// Which a close with unread bytes is to the kernel.
TEST_F(SocketEndTest, TheClientsCloseResetsNothing) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  ASSERT_EQ(send(peer.get(), "unread", 6, 0), 6);
  ASSERT_EQ(Run(socket.get(), SendCall("answer")).wsa_error, 0u);
  ASSERT_EQ(End(*socket), 0);
  EXPECT_EQ(Run(socket.get(), CloseCall()).wsa_error, 0u);
  ASSERT_EQ(send(peer.get(), "more", 4, 0), 4);
  ExpectAllAndTheEnd(peer.get(), 6);
  EXPECT_EQ(lingerer_.size(), 1u);
}

// As one that cancels a send that waits makes it.
TEST_F(SocketEndTest, NorDoesItsAbort) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  size_t bytes = 0;
  Fill(socket.get(), &bytes);
  ASSERT_EQ(End(*socket), 0);
  wsp::v1::Call abort;
  abort.mutable_shutdown()->set_how(wsp::v1::ShutdownRequest::HOW_ABORT);
  EXPECT_EQ(Run(socket.get(), abort).wsa_error, 0u);
  ExpectAllAndTheEnd(peer.get(), bytes);
}

// What the peer sends is dropped as long as the client has the socket.
TEST_F(SocketEndTest, APeerThatStillSendsGetsTheEndAllTheSame) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  ASSERT_EQ(Run(socket.get(), SendCall("answer")).wsa_error, 0u);
  ASSERT_EQ(End(*socket), 0);
  const std::string much(1 << 20, 'x');
  for (int i = 0; i < 8; ++i) {
    ASSERT_EQ(send(peer.get(), much.data(), much.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(much.size()));
  }
  ExpectAllAndTheEnd(peer.get(), 6);
}

TEST_F(SocketEndTest, NorDoesItsFinalCleanup) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  ASSERT_EQ(send(peer.get(), "unread", 6, 0), 6);
  ASSERT_EQ(Run(socket.get(), SendCall("answer")).wsa_error, 0u);
  ASSERT_EQ(End(*socket), 0);
  socket->Abort();
  ExpectAllAndTheEnd(peer.get(), 6);
}

TEST_F(SocketEndTest, ItCanBeResetMeanwhile) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  size_t bytes = 0;
  const uint64_t sending = Fill(socket.get(), &bytes);
  ASSERT_EQ(End(*socket), 0);
  ASSERT_EQ(socket->socket()->End(ForcedEnd::kReset), 0);
  EXPECT_EQ(sink_->Await(sending).wsa_error, kWsaConnAborted);
  int error = 0;
  ReadBytes(peer.get(), bytes + 1, &error);
  EXPECT_EQ(error, ECONNRESET);
  EXPECT_EQ(
      reader_.ReadWords().back(),
      absl::StrCat("socket_reset ", ECONNABORTED, " by an administrator"));
}

TEST_F(SocketEndTest, WhatWasLostBeforeHasNoEnd) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  ASSERT_EQ(socket->socket()->End(ForcedEnd::kReset), 0);
  EXPECT_EQ(End(*socket), ENOTCONN);
}

TEST_F(SocketEndTest, AClientThatHasADescriptorOfItFindsItsEnd) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  OwnedFd own;
  ASSERT_EQ(socket->socket()->Lend(geteuid(), &own), 0);
  ASSERT_EQ(send(own.get(), "own", 3, 0), 3);
  ASSERT_EQ(End(*socket), 0);
  char byte;
  EXPECT_EQ(recv(own.get(), &byte, 1, 0), 0);
  EXPECT_EQ(send(own.get(), "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(errno, EPIPE);
  EXPECT_EQ(Run(socket.get(), ReceiveCall(10)).wsa_error, kWsaConnAborted);
  ExpectAllAndTheEnd(peer.get(), 3);
}

// DisconnectEx() meanwhile has another socket in its place.
TEST_F(SocketEndTest, AnotherConnectionThatIsMadeOfItGoesOn) {
  wsp::v1::Call disconnect;
  disconnect.mutable_disconnect_ex()->set_reuse(true);
  for (int i = 0; i < 300; ++i) {
    OwnedFd peer;
    auto socket = Connect(&peer);
    std::atomic<int> ready{0};
    const auto meet = [&ready] {
      ++ready;
      while (ready < 2) {
      }
    };
    std::thread administrator([&] {
      meet();
      End(*socket);
    });
    meet();
    ASSERT_EQ(Run(socket.get(), disconnect).wsa_error, 0u);
    administrator.join();
    const TcpListener listener = ListenOnLoopback();
    ASSERT_EQ(Run(socket.get(), ConnectCall(listener.port)).wsa_error, 0u);
    peer.Reset(accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_EQ(send(peer.get(), "new", 3, 0), 3);
    ASSERT_EQ(Run(socket.get(), ReceiveCall(10)).wsa_error, 0u) << i;
    ASSERT_EQ(Run(socket.get(), CloseCall()).wsa_error, 0u);
  }
}

TEST_F(SocketEndTest, AListenerListensNoMore) {
  auto listener = Make(kSocket);
  wsp::v1::Call bind_call;
  bind_call.mutable_bind()->mutable_address()->mutable_ipv4()->set_address(
      INADDR_LOOPBACK);
  ASSERT_EQ(Run(listener.get(), bind_call).wsa_error, 0u);
  wsp::v1::Call listen_call;
  listen_call.mutable_listen()->set_backlog(5);
  ASSERT_EQ(Run(listener.get(), listen_call).wsa_error, 0u);
  wsp::v1::Socket listed;
  listener->Describe(false, &listed);
  wsp::v1::Call accept_call;
  accept_call.mutable_accept()->set_accepted_socket_id(9);
  const uint64_t waiting = Begin(listener.get(), accept_call);
  EXPECT_EQ(End(*listener), 0);
  EXPECT_EQ(sink_->Await(waiting).wsa_error, kWsaConnAborted);
  auto late = Make(8);
  EXPECT_EQ(Run(late.get(),
                ConnectCall(static_cast<int>(listed.local().ipv4().port())))
                .wsa_error,
            kWsaConnRefused);
}

TEST_F(SocketEndTest, DatagramsEndAsByAReset) {
  auto socket = Make(kSocket, SOCK_DGRAM);
  ASSERT_EQ(Run(socket.get(), ConnectCall(9)).wsa_error, 0u);
  wsp::v1::Call receive;
  receive.mutable_recv_from()->set_max_bytes(10);
  receive.set_overlapped(true);
  const uint64_t waiting = Begin(socket.get(), receive);
  EXPECT_EQ(End(*socket), 0);
  EXPECT_EQ(sink_->Await(waiting).wsa_error, kWsaConnAborted);
  EXPECT_EQ(reader_.ReadWords().back(), Ended());
}

TEST_F(SocketEndTest, WithoutAConnectionThereIsNothingToEnd) {
  auto socket = Make(kSocket);
  EXPECT_EQ(End(*socket), ENOTCONN);
}

}  // namespace
}  // namespace wspd
