// UDP (reference, sections 2, 4.3, 4.12 and 5.2).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/testing/peer_datagrams.h"
#include "tests/testing/provider_test.h"
// After the Winsock headers.
#include <mswsock.h>
#include <ws2tcpip.h>

namespace wspd::testing {
namespace {

constexpr WsaCode kInval{WSAEINVAL};
constexpr WsaCode kNotConn{WSAENOTCONN};
constexpr WsaCode kShutdown{WSAESHUTDOWN};
constexpr WsaCode kMsgSize{WSAEMSGSIZE};
constexpr WsaCode kConnReset{WSAECONNRESET};
constexpr WsaCode kWouldBlock{WSAEWOULDBLOCK};

class UdpTest : public ProviderTest,
                public ::testing::WithParamInterface<Family> {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->DatagramSocket(&socket_, GetParam()), kOk);
  }

  void BindIt() {
    ASSERT_EQ(spi_->Bind(socket_, {GetParam(), 0}), kOk);
    ASSERT_EQ(spi_->GetSockName(socket_, &own_), kOk);
  }
  // Without a null destination being filled in.
  WsaCode SendToNobody(const std::string& data) {
    int error = 0;
    DWORD count;
    WSABUF buffer = {static_cast<ULONG>(data.size()),
                     const_cast<char*>(data.data())};
    const int result =
        spi_->table().lpWSPSendTo(socket_, &buffer, 1, &count, 0, nullptr, 0,
                                  nullptr, nullptr, nullptr, &error);
    return result == 0 ? kOk : WsaCode{error};
  }
  WsaCode Reports(bool unreachable) {
    int error = 0;
    DWORD count = 0;
    BOOL on = unreachable;
    const int result = spi_->table().lpWSPIoctl(
        socket_, SIO_UDP_CONNRESET, &on, sizeof on, nullptr, 0, &count, nullptr,
        nullptr, nullptr, &error);
    return result == 0 ? kOk : WsaCode{error};
  }

  SOCKET socket_ = INVALID_SOCKET;
  Endpoint own_;
  PeerDatagrams peer_{GetParam()};
};

TEST_P(UdpTest, DatagramsCarryTheirAddressesBothWays) {
  ASSERT_EQ(spi_->SendTo(socket_, "question", peer_.endpoint()), kOk);
  const auto question = peer_.Receive();
  EXPECT_EQ(question.data, "question");
  ASSERT_TRUE(peer_.Send("answer", question.from));
  std::string data;
  Endpoint from;
  EXPECT_EQ(spi_->RecvFrom(socket_, 100, &data, &from), kOk);
  EXPECT_EQ(data, "answer");
  EXPECT_EQ(from, peer_.endpoint());
}

TEST_P(UdpTest, SendingBinds) {
  Endpoint local;
  EXPECT_EQ(spi_->GetSockName(socket_, &local), kInval);
  ASSERT_EQ(spi_->SendTo(socket_, "x", peer_.endpoint()), kOk);
  EXPECT_EQ(spi_->GetSockName(socket_, &local), kOk);
  EXPECT_EQ(local, peer_.Receive().from);
}

TEST_P(UdpTest, AnUnboundSocketHasNothingToReceive) {
  std::string data;
  Endpoint from;
  EXPECT_EQ(spi_->Recv(socket_, 10, &data), kInval);
  EXPECT_EQ(spi_->RecvFrom(socket_, 10, &data, &from), kInval);
}

TEST_P(UdpTest, WithoutAPeerAnAddressIsNeeded) {
  EXPECT_EQ(spi_->Send(socket_, "x"), kNotConn);
  EXPECT_EQ(SendToNobody("x"), WsaCode{WSAEDESTADDRREQ});
  EXPECT_EQ(spi_->SendTo(socket_, "x", {GetParam(), 0}),
            WsaCode{WSAEADDRNOTAVAIL});
  const Family other =
      GetParam() == Family::kIpv4 ? Family::kIpv6 : Family::kIpv4;
  EXPECT_EQ(spi_->SendTo(socket_, "x", {other, 1}), WsaCode{WSAEAFNOSUPPORT});
}

TEST_P(UdpTest, APeersSocketHearsNobodyElse) {
  BindIt();
  PeerDatagrams stranger(GetParam());
  ASSERT_TRUE(stranger.Send("queued before", own_));
  ASSERT_TRUE(peer_.Send("the peer's, queued before", own_));
  ASSERT_EQ(spi_->Connect(socket_, peer_.endpoint()), kOk);
  ASSERT_TRUE(stranger.Send("afterwards", own_));
  ASSERT_TRUE(peer_.Send("the peer's", own_));
  std::string data;
  Endpoint from;
  EXPECT_EQ(spi_->Recv(socket_, 100, &data, MSG_PEEK), kOk);
  EXPECT_EQ(data, "the peer's, queued before");
  EXPECT_EQ(spi_->Recv(socket_, 100, &data), kOk);
  EXPECT_EQ(data, "the peer's, queued before");
  EXPECT_EQ(spi_->RecvFrom(socket_, 100, &data, &from), kOk);
  EXPECT_EQ(data, "the peer's");
  EXPECT_EQ(from, peer_.endpoint());
  // An address of its own overrides the peer for one datagram.
  EXPECT_EQ(spi_->SendTo(socket_, "hello", stranger.endpoint()), kOk);
  EXPECT_EQ(stranger.Receive().data, "hello");
  EXPECT_EQ(spi_->Send(socket_, "to the peer"), kOk);
  EXPECT_EQ(peer_.Receive().data, "to the peer");
}

TEST_P(UdpTest, ThePeerMayChangeAndGo) {
  ASSERT_EQ(spi_->Connect(socket_, peer_.endpoint()), kOk);
  ASSERT_EQ(spi_->GetSockName(socket_, &own_), kOk);
  PeerDatagrams second(GetParam());
  ASSERT_EQ(spi_->Connect(socket_, second.endpoint()), kOk);
  EXPECT_EQ(spi_->Send(socket_, "x"), kOk);
  EXPECT_EQ(second.Receive().from.port, own_.port);
  sockaddr_in6 nobody = {};  // AF_UNSPEC
  int error = 0;
  EXPECT_EQ(spi_->table().lpWSPConnect(
                socket_, reinterpret_cast<sockaddr*>(&nobody), sizeof nobody,
                nullptr, nullptr, nullptr, nullptr, &error),
            0)
      << error;
  Endpoint name;
  EXPECT_EQ(spi_->GetPeerName(socket_, &name), kNotConn);
  EXPECT_EQ(spi_->Send(socket_, "x"), kNotConn);
  // Still at its port, and hears all.
  EXPECT_EQ(spi_->GetSockName(socket_, &name), kOk);
  EXPECT_EQ(name.port, own_.port);
  ASSERT_TRUE(peer_.Send("again", own_));
  std::string data;
  EXPECT_EQ(spi_->Recv(socket_, 100, &data), kOk);
  EXPECT_EQ(data, "again");
}

TEST_P(UdpTest, WhatDoesNotFitIsLostAndSaidSo) {
  BindIt();
  ASSERT_TRUE(peer_.Send("0123456789", own_));
  ASSERT_TRUE(peer_.Send("next", own_));
  std::string data;
  Endpoint from;
  EXPECT_EQ(spi_->RecvFrom(socket_, 4, &data, &from), kMsgSize);
  EXPECT_EQ(data, "0123");
  EXPECT_EQ(from, peer_.endpoint());
  EXPECT_EQ(spi_->RecvFrom(socket_, 4, &data, &from), kOk);
  EXPECT_EQ(data, "next");
  Operation operation;
  Event event;
  operation.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(socket_, &operation, 4), kPending);
  ASSERT_TRUE(peer_.Send("0123456789", own_));
  ASSERT_TRUE(event.Wait());
  DWORD bytes = 0;
  EXPECT_EQ(spi_->GetResult(socket_, &operation, false, &bytes), kMsgSize);
  EXPECT_EQ(operation.overlapped.InternalHigh, 4u);
  EXPECT_EQ(operation.buffer.substr(0, 4), "0123");
}

TEST_P(UdpTest, TheLargestDatagramGoesAndALargerOneDoesNot) {
  const size_t most = GetParam() == Family::kIpv4 ? 65507 : 65527;
  BindIt();
  std::string data(most, 'd');
  EXPECT_EQ(spi_->SendTo(socket_, data + "x", peer_.endpoint()), kMsgSize);
  ASSERT_EQ(spi_->SendTo(socket_, data, peer_.endpoint()), kOk);
  EXPECT_EQ(peer_.Receive().data, data);
  ASSERT_TRUE(peer_.Send(data, own_));
  std::string received;
  EXPECT_EQ(spi_->Recv(socket_, 65536, &received), kOk);
  EXPECT_EQ(received, data);
}

TEST_P(UdpTest, AnEmptyDatagramIsOne) {
  BindIt();
  ASSERT_EQ(spi_->SendTo(socket_, "", peer_.endpoint()), kOk);
  const auto empty = peer_.Receive();
  EXPECT_TRUE(empty.came);
  EXPECT_EQ(empty.data, "");
  ASSERT_TRUE(peer_.Send("", own_));
  std::string data = "before";
  Endpoint from;
  EXPECT_EQ(spi_->RecvFrom(socket_, 10, &data, &from), kOk);
  EXPECT_EQ(data, "");
  EXPECT_EQ(from, peer_.endpoint());
}

TEST_P(UdpTest, APortWhereNobodyIsResetsTheNextReceive) {
  BindIt();
  PeerDatagrams gone(GetParam());
  const Endpoint nobody = gone.endpoint();
  gone.Close();
  ASSERT_EQ(spi_->SendTo(socket_, "x", nobody), kOk);
  std::string data;
  EXPECT_EQ(spi_->Recv(socket_, 10, &data), kConnReset);
  // Neither sends nor further receives have to do with it.
  EXPECT_EQ(spi_->SendTo(socket_, "y", peer_.endpoint()), kOk);
  EXPECT_EQ(peer_.Receive().data, "y");
  ASSERT_TRUE(peer_.Send("z", own_));
  EXPECT_EQ(spi_->Recv(socket_, 10, &data), kOk);
  EXPECT_EQ(data, "z");
}

TEST_P(UdpTest, NoSendFailsForAPortWhereNobodyIs) {
  BindIt();
  PeerDatagrams gone(GetParam());
  const Endpoint nobody = gone.endpoint();
  gone.Close();
  ASSERT_EQ(spi_->Connect(socket_, nobody), kOk);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(spi_->Send(socket_, "x"), kOk) << i;
  std::string data;
  EXPECT_EQ(spi_->Recv(socket_, 10, &data), kConnReset);
}

TEST_P(UdpTest, SioUdpConnResetTurnsThatOff) {
  BindIt();
  PeerDatagrams gone(GetParam());
  const Endpoint nobody = gone.endpoint();
  gone.Close();
  ASSERT_EQ(Reports(false), kOk);
  ASSERT_EQ(spi_->SendTo(socket_, "x", nobody), kOk);
  ASSERT_TRUE(peer_.Send("z", own_));
  std::string data;
  EXPECT_EQ(spi_->Recv(socket_, 10, &data), kOk);
  EXPECT_EQ(data, "z");
  ASSERT_EQ(spi_->SetNonBlocking(socket_, true), kOk);
  EXPECT_EQ(spi_->Recv(socket_, 10, &data), kWouldBlock);
}

TEST_P(UdpTest, PostedBuffersAreFilledInOrderEachByOneDatagram) {
  BindIt();
  constexpr int kCount = 8;
  struct Posted : Operation {
    sockaddr_in6 from = {};
    int from_length = sizeof from;
  };
  std::vector<Posted> posted(kCount);
  std::vector<Event> events(kCount);
  for (int i = 0; i < kCount; ++i) {
    Posted& operation = posted[i];
    operation.buffer.resize(16);
    operation.wsabuf = {16, &operation.buffer[0]};
    operation.overlapped.hEvent = events[i].get();
    int error = 0;
    ASSERT_EQ(spi_->table().lpWSPRecvFrom(
                  socket_, &operation.wsabuf, 1, nullptr, &operation.flags,
                  reinterpret_cast<sockaddr*>(&operation.from),
                  &operation.from_length, &operation.overlapped, nullptr,
                  nullptr, &error),
              SOCKET_ERROR);
    ASSERT_EQ(error, WSA_IO_PENDING);
  }
  for (int i = 0; i < kCount; ++i) {
    ASSERT_TRUE(peer_.Send("datagram " + std::to_string(i), own_));
  }
  for (int i = 0; i < kCount; ++i) {
    ASSERT_TRUE(events[i].Wait()) << i;
    EXPECT_EQ(posted[i].error(), 0u);
    EXPECT_EQ(posted[i].buffer.substr(0, posted[i].overlapped.InternalHigh),
              "datagram " + std::to_string(i));
    EXPECT_EQ(posted[i].from.sin6_family,
              GetParam() == Family::kIpv4 ? AF_INET : AF_INET6);
    EXPECT_EQ(posted[i].from_length, GetParam() == Family::kIpv4 ? 16 : 28);
    EXPECT_NE(posted[i].from.sin6_port, 0);
  }
}

TEST_P(UdpTest, OverlappedSendsLeaveInOrder) {
  BindIt();
  ASSERT_EQ(spi_->Connect(socket_, peer_.endpoint()), kOk);
  constexpr int kCount = 32;
  std::vector<Operation> sends(kCount);
  std::vector<Event> events(kCount);
  for (int i = 0; i < kCount; ++i) {
    sends[i].overlapped.hEvent = events[i].get();
    const WsaCode code =
        spi_->StartSend(socket_, &sends[i], std::string(1400, 'a' + i % 26));
    ASSERT_TRUE(code == kOk || code == kPending) << code;
  }
  for (int i = 0; i < kCount; ++i) {
    EXPECT_EQ(peer_.Receive().data, std::string(1400, 'a' + i % 26)) << i;
    ASSERT_TRUE(events[i].Wait()) << i;
    EXPECT_EQ(sends[i].overlapped.InternalHigh, 1400u);
  }
}

// Nothing is asked but once, so that 32 receives cost no 32 round trips.
TEST_P(UdpTest, OverlappedReceivesInARowWaitForNobody) {
  BindIt();
  constexpr int kCount = 8;
  std::vector<Operation> receives(kCount);
  std::vector<Event> events(kCount);
  for (int i = 0; i < kCount; ++i) {
    receives[i].overlapped.hEvent = events[i].get();
  }
  // The first may say that it has a datagram already.
  ASSERT_TRUE(peer_.Send("0", own_));
  const WsaCode first = spi_->StartRecv(socket_, &receives[0], 10);
  ASSERT_TRUE(first == kOk || first == kPending) << first;
  ASSERT_TRUE(events[0].Wait());
  for (int i = 1; i < kCount; ++i) {
    ASSERT_TRUE(peer_.Send(std::to_string(i), own_));
  }
  daemon_.Pause();
  for (int i = 1; i < kCount; ++i) {
    EXPECT_EQ(spi_->StartRecv(socket_, &receives[i], 10), kPending) << i;
  }
  daemon_.Resume();
  for (int i = 1; i < kCount; ++i) {
    ASSERT_TRUE(events[i].Wait()) << i;
    EXPECT_EQ(receives[i].buffer.substr(0, receives[i].overlapped.InternalHigh),
              std::to_string(i));
  }
  // What the stub knows of is told at once.
  ASSERT_EQ(spi_->Shutdown(socket_, SD_RECEIVE), kOk);
  Operation late;
  EXPECT_EQ(spi_->StartRecv(socket_, &late, 10), kShutdown);
}

TEST_P(UdpTest, ShutdownNeedsNoPeer) {
  BindIt();
  EXPECT_EQ(spi_->Shutdown(socket_, SD_SEND), kOk);
  EXPECT_EQ(spi_->SendTo(socket_, "x", peer_.endpoint()), kShutdown);
  std::string data;
  ASSERT_TRUE(peer_.Send("still", own_));
  EXPECT_EQ(spi_->Recv(socket_, 10, &data), kOk);
  EXPECT_EQ(spi_->Shutdown(socket_, SD_RECEIVE), kOk);
  EXPECT_EQ(spi_->Recv(socket_, 10, &data), kShutdown);
}

TEST_P(UdpTest, ConnectionsAreNotToBeHad) {
  BindIt();
  EXPECT_EQ(spi_->Listen(socket_), WsaCode{WSAEOPNOTSUPP});
  SOCKET accepted;
  EXPECT_EQ(spi_->Accept(socket_, &accepted), WsaCode{WSAEOPNOTSUPP});
  EXPECT_EQ(spi_->SetLinger(socket_, true, 1), WsaCode{WSAENOPROTOOPT});
}

TEST_P(UdpTest, FinalCleanupEndsPendingCallsWithoutAnIndication) {
  BindIt();
  Operation operation;
  Event event;
  operation.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(socket_, &operation, 10), kPending);
  ASSERT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(operation.status(), kStatusCancelled);
  EXPECT_EQ(operation.error(), static_cast<DWORD>(WSA_OPERATION_ABORTED));
  EXPECT_FALSE(event.IsSet());
  // The port is free again.
  PeerDatagrams other(GetParam());
  ASSERT_TRUE(other.Send("x", own_));
  EXPECT_FALSE(event.IsSet());
}

TEST_P(UdpTest, ClosingEndsThemWithTheirEvent) {
  BindIt();
  Operation operation;
  Event event;
  operation.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(socket_, &operation, 10), kPending);
  ASSERT_EQ(spi_->Close(socket_), kOk);
  EXPECT_TRUE(event.Wait());
  EXPECT_EQ(operation.error(), static_cast<DWORD>(WSA_OPERATION_ABORTED));
}

INSTANTIATE_TEST_SUITE_P(Families, UdpTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& info) {
                           return info.param == Family::kIpv4 ? "Ipv4" : "Ipv6";
                         });

}  // namespace
}  // namespace wspd::testing
