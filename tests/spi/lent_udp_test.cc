// Datagram sockets that are lent to the SPI client's process: once they are
// bound, synchronous calls send and receive with the kernel's socket, and what
// they say is what udp_test has of both planes (proto/README.md, "Lent
// connections").
#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>

#include "tests/testing/peer_datagrams.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"
// After the Winsock headers.
#include <mswsock.h>
#include <ws2tcpip.h>

namespace wspd::testing {
namespace {

constexpr WsaCode kConnReset{WSAECONNRESET};
constexpr WsaCode kInterrupted{WSAEINTR};
constexpr WsaCode kMsgSize{WSAEMSGSIZE};
constexpr WsaCode kNetDown{WSAENETDOWN};
constexpr WsaCode kShutdown{WSAESHUTDOWN};
constexpr WsaCode kTimedOut{WSAETIMEDOUT};
constexpr WsaCode kWouldBlock{WSAEWOULDBLOCK};

class LentUdpTest : public ProviderTest,
                    public ::testing::WithParamInterface<Family> {
 protected:
  void SetUp() override {
    setenv("WSPD_PLANE", "lent", 1);
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->DatagramSocket(&socket_, GetParam()), kOk);
    ASSERT_EQ(spi_->Bind(socket_, {GetParam(), 0}), kOk);
    ASSERT_EQ(spi_->GetSockName(socket_, &own_), kOk);
    // The first call has it lent.
    Exchange();
  }
  void TearDown() override {
    ProviderTest::TearDown();
    unsetenv("WSPD_PLANE");
  }

  // One datagram each way.
  void Exchange() {
    EXPECT_EQ(spi_->SendTo(socket_, "question", peer_.endpoint()), kOk);
    const PeerDatagrams::Datagram question = peer_.Receive();
    EXPECT_EQ(question.data, "question");
    EXPECT_EQ(question.from, own_);
    ASSERT_TRUE(peer_.Send("answer", own_));
    std::string data;
    Endpoint from;
    EXPECT_EQ(spi_->RecvFrom(socket_, 100, &data, &from), kOk);
    EXPECT_EQ(data, "answer");
    EXPECT_EQ(from, peer_.endpoint());
  }
  void ExpectNative() {
    daemon_.Pause();
    Exchange();
    daemon_.Resume();
  }
  Endpoint Nobody() {
    PeerDatagrams gone(GetParam());
    const Endpoint nobody = gone.endpoint();
    gone.Close();
    return nobody;
  }

  SOCKET socket_ = INVALID_SOCKET;
  Endpoint own_;
  PeerDatagrams peer_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Families, LentUdpTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6));

TEST_P(LentUdpTest, SynchronousCallsNeedNoDaemon) { ExpectNative(); }

TEST_P(LentUdpTest, SendingHasItLentToo) {
  SOCKET fresh;
  ASSERT_EQ(spi_->DatagramSocket(&fresh, GetParam()), kOk);
  ASSERT_EQ(spi_->SendTo(fresh, "binds", peer_.endpoint()), kOk);
  socket_ = fresh;
  own_ = peer_.Receive().from;
  Exchange();
  ExpectNative();
}

TEST_P(LentUdpTest, WhatDoesNotFitIsSaidWithoutTheDaemon) {
  daemon_.Pause();
  ASSERT_TRUE(peer_.Send("0123456789", own_));
  ASSERT_TRUE(peer_.Send("", own_));
  std::string data;
  Endpoint from;
  EXPECT_EQ(spi_->RecvFrom(socket_, 4, &data, &from), kMsgSize);
  EXPECT_EQ(data, "0123");
  EXPECT_EQ(from, peer_.endpoint());
  EXPECT_EQ(spi_->RecvFrom(socket_, 4, &data, &from), kOk);
  EXPECT_EQ(data, "");
  EXPECT_EQ(spi_->SendTo(socket_, "", peer_.endpoint()), kOk);
  EXPECT_TRUE(peer_.Receive().came);
  daemon_.Resume();
}

TEST_P(LentUdpTest, WaitingReceiveNeedsNoDaemon) {
  std::string data;
  ThreadGroup threads;
  threads.Start("recv", [&] { EXPECT_EQ(spi_->Recv(socket_, 9, &data), kOk); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  daemon_.Pause();
  ASSERT_TRUE(peer_.Send("hello", own_));
  threads.JoinAll();
  EXPECT_EQ(data, "hello");
  daemon_.Resume();
}

TEST_P(LentUdpTest, LimitsAndModeNeedNoDaemon) {
  std::string data;
  ASSERT_EQ(spi_->SetOption(socket_, SOL_SOCKET, SO_RCVTIMEO, 50), kOk);
  daemon_.Pause();
  EXPECT_EQ(spi_->Recv(socket_, 9, &data), kTimedOut);
  daemon_.Resume();
  ASSERT_EQ(spi_->SetNonBlocking(socket_, true), kOk);
  daemon_.Pause();
  EXPECT_EQ(spi_->Recv(socket_, 9, &data), kWouldBlock);
  daemon_.Resume();
}

// ------------------------------------------------------------------ the peer

TEST_P(LentUdpTest, ConnectedItHearsAndFindsItsPeerAlone) {
  PeerDatagrams stranger(GetParam());
  ASSERT_TRUE(stranger.Send("queued before", own_));
  ASSERT_EQ(spi_->Connect(socket_, peer_.endpoint()), kOk);
  daemon_.Pause();
  ASSERT_TRUE(peer_.Send("the peer's", own_));
  std::string data;
  EXPECT_EQ(spi_->Recv(socket_, 100, &data), kOk);
  EXPECT_EQ(data, "the peer's");
  EXPECT_EQ(spi_->Send(socket_, "to the peer"), kOk);
  EXPECT_EQ(peer_.Receive().data, "to the peer");
  // An address of its own overrides the peer.
  EXPECT_EQ(spi_->SendTo(socket_, "hello", stranger.endpoint()), kOk);
  EXPECT_EQ(stranger.Receive().data, "hello");
  daemon_.Resume();
}

TEST_P(LentUdpTest, RefusalsAreTheDaemons) {
  EXPECT_EQ(spi_->Send(socket_, "x"), WsaCode{WSAENOTCONN});
  EXPECT_EQ(spi_->SendTo(socket_, "x", {GetParam(), 0}),
            WsaCode{WSAEADDRNOTAVAIL});
  ASSERT_EQ(spi_->Shutdown(socket_, SD_BOTH), kOk);
  std::string data;
  EXPECT_EQ(spi_->Recv(socket_, 1, &data), kShutdown);
  EXPECT_EQ(spi_->SendTo(socket_, "x", peer_.endpoint()), kShutdown);
}

// --------------------------------------------------------------- ICMP errors

TEST_P(LentUdpTest, APortWhereNobodyIsResetsTheNextReceive) {
  ASSERT_EQ(spi_->SendTo(socket_, "x", Nobody()), kOk);
  ASSERT_TRUE(peer_.Send("z", own_));
  std::string data;
  EXPECT_EQ(spi_->Recv(socket_, 10, &data), kConnReset);
  EXPECT_EQ(spi_->Recv(socket_, 10, &data), kOk);
  EXPECT_EQ(data, "z");
  ExpectNative();
}

// The kernel tells the second send of what the first one drew.
TEST_P(LentUdpTest, NoSendFailsForItAndTheReceiveIsToldAllTheSame) {
  ASSERT_EQ(spi_->Connect(socket_, Nobody()), kOk);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(spi_->Send(socket_, "x"), kOk) << i;
  std::string data;
  EXPECT_EQ(spi_->Recv(socket_, 10, &data), kConnReset);
}

TEST_P(LentUdpTest, WaitingReceiveIsReset) {
  std::string data;
  ThreadGroup threads;
  threads.Start("recv",
                [&] { EXPECT_EQ(spi_->Recv(socket_, 9, &data), kConnReset); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(spi_->SendTo(socket_, "x", Nobody()), kOk);
  threads.JoinAll();
  // The next receive is the daemon's, who knows that there is no other error.
  Exchange();
  ExpectNative();
}

// One with the daemon, too, whoever the kernel tells.
TEST_P(LentUdpTest, OverlappedReceiveIsResetByASendOfTheClients) {
  Operation receive;
  Event event;
  receive.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(socket_, &receive, 9), kPending);
  EXPECT_EQ(spi_->SendTo(socket_, "x", Nobody()), kOk);
  ASSERT_TRUE(event.Wait());
  DWORD bytes = 0;
  EXPECT_EQ(spi_->GetResult(socket_, &receive, false, &bytes), kConnReset);
}

// What a send of the daemon's was told, a receive of the client's hears.
TEST_P(LentUdpTest, ReceiveIsResetByWhatTheDaemonWasTold) {
  ASSERT_EQ(spi_->SendTo(socket_, "x", Nobody()), kOk);
  ASSERT_EQ(spi_->SendTo(socket_, "y", peer_.endpoint(), MSG_DONTROUTE), kOk);
  EXPECT_EQ(peer_.Receive().data, "y");
  ASSERT_TRUE(peer_.Send("z", own_));
  std::string data;
  ASSERT_EQ(spi_->Recv(socket_, 10, &data), kConnReset);
  EXPECT_EQ(spi_->Recv(socket_, 10, &data), kOk);
  EXPECT_EQ(data, "z");
  ExpectNative();
}

// --------------------------------------------------------------------- order

TEST_P(LentUdpTest, ReceiveComesBehindAPendingOverlappedOne) {
  Operation first;
  ASSERT_EQ(spi_->StartRecv(socket_, &first, 9), kPending);
  std::string second;
  ThreadGroup threads;
  threads.Start("recv",
                [&] { EXPECT_EQ(spi_->Recv(socket_, 9, &second), kOk); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_TRUE(peer_.Send("first", own_));
  ASSERT_TRUE(peer_.Send("second", own_));
  threads.JoinAll();
  EXPECT_EQ(second, "second");
  EXPECT_EQ(first.buffer.substr(0, 5), "first");
  ExpectNative();
}

TEST_P(LentUdpTest, WaitingReceiveComesBeforeALaterOverlappedOne) {
  std::string first;
  ThreadGroup threads;
  threads.Start("recv",
                [&] { EXPECT_EQ(spi_->Recv(socket_, 9, &first), kOk); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  Operation second;
  ASSERT_EQ(spi_->StartRecv(socket_, &second, 9), kPending);
  ASSERT_TRUE(peer_.Send("first", own_));
  ASSERT_TRUE(peer_.Send("second", own_));
  threads.JoinAll();
  EXPECT_EQ(first, "first");
  ASSERT_TRUE(WaitUntil([&] { return !second.is_pending(); }));
  EXPECT_EQ(second.buffer.substr(0, 6), "second");
}

// ---------------------------------------------------------------------- ends

TEST_P(LentUdpTest, CloseAndCleanupEndAWaitingReceive) {
  SOCKET other;
  ASSERT_EQ(spi_->DatagramSocket(&other, GetParam()), kOk);
  ASSERT_EQ(spi_->Bind(other, {GetParam(), 0}), kOk);
  ThreadGroup threads;
  for (const SOCKET socket : {socket_, other}) {
    threads.Start("recv", [this, socket] {
      std::string data;
      EXPECT_EQ(spi_->Recv(socket, 9, &data), kInterrupted);
    });
  }
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(spi_->Close(other), kOk);
  EXPECT_TRUE(WaitUntil([&] { return threads.ended() == 1; }));
  EXPECT_EQ(spi_->Cleanup(), kOk);
  threads.JoinAll();
}

TEST_P(LentUdpTest, CloseGivesItsAddressBack) {
  ASSERT_EQ(spi_->Close(socket_), kOk);
  ASSERT_EQ(spi_->DatagramSocket(&socket_, GetParam()), kOk);
  EXPECT_EQ(spi_->Bind(socket_, {GetParam(), own_.port}), kOk);
}

TEST_P(LentUdpTest, DaemonsEndEndsIt) {
  ThreadGroup threads;
  threads.Start("recv", [this] {
    std::string data;
    EXPECT_EQ(spi_->Recv(socket_, 9, &data), kNetDown);
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  daemon_.Kill();
  threads.JoinAll();
  EXPECT_EQ(spi_->SendTo(socket_, "x", peer_.endpoint()), kNetDown);
}

}  // namespace
}  // namespace wspd::testing
