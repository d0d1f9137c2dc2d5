// WSAPoll, the extension function that ws2_32 asks a provider for (reference,
// section 4.9).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"
// After the Winsock headers.
#include <mswsock.h>

namespace wspd::testing {
namespace {

constexpr INT kLongMs = 30000;

class PollTest : public ProviderTest,
                 public ::testing::WithParamInterface<Family> {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    SOCKET s;
    ASSERT_EQ(spi_->Socket(&s), kOk);
    GUID id = WSAID_WSAPOLL;
    DWORD bytes = 0;
    int error = 0;
    ASSERT_EQ(spi_->table().lpWSPIoctl(
                  s, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &poll_,
                  sizeof poll_, &bytes, nullptr, nullptr, nullptr, &error),
              0)
        << WsaCode{error};
    ASSERT_NE(poll_, nullptr);
    ASSERT_EQ(spi_->Close(s), kOk);
  }

  // What is told of one socket within the time; 0 if nothing.
  int Told(SOCKET s, int asked, INT timeout_ms = 0) {
    WSAPOLLFD entry = {s, static_cast<SHORT>(asked), 0x7fff};
    const int count = poll_(&entry, 1, timeout_ms);
    EXPECT_EQ(count, entry.revents != 0 ? 1 : 0);
    return entry.revents;
  }
  WsaCode Refusal(WSAPOLLFD* sockets, ULONG count) {
    WSASetLastError(0);
    if (poll_(sockets, count, 0) != SOCKET_ERROR) return kOk;
    return {WSAGetLastError()};
  }

  LPFN_WSAPOLL poll_ = nullptr;
  PeerListener peers_{GetParam()};
};

TEST_P(PollTest, TellsWhatIsAskedFor) {
  Connection connection = Connect(peers_);
  EXPECT_EQ(Told(connection.socket, POLLIN | POLLOUT), POLLWRNORM);
  EXPECT_EQ(Told(connection.socket, POLLIN), 0);
  EXPECT_EQ(Told(connection.socket, 0), 0);
  ASSERT_TRUE(connection.peer.Write("x"));
  EXPECT_EQ(Told(connection.socket, POLLRDNORM, kLongMs), POLLRDNORM);
  EXPECT_EQ(Told(connection.socket, POLLIN | POLLOUT), POLLRDNORM | POLLWRNORM);
}

TEST_P(PollTest, UrgentDataIsABandOfItsOwn) {
  Connection connection = Connect(peers_);
  ASSERT_TRUE(connection.peer.WriteUrgent("u"));
  EXPECT_EQ(Told(connection.socket, POLLRDBAND, kLongMs), POLLRDBAND);
}

TEST_P(PollTest, TheEndIsToldUnasked) {
  Connection connection = Connect(peers_);
  ASSERT_TRUE(connection.peer.Write("x"));
  connection.peer.ShutdownSend();
  EXPECT_EQ(Told(connection.socket, 0, kLongMs), POLLHUP);
  EXPECT_EQ(Told(connection.socket, POLLIN | POLLOUT),
            POLLRDNORM | POLLWRNORM | POLLHUP);
  std::string data;
  EXPECT_EQ(spi_->Recv(connection.socket, 1, &data), kOk);
  EXPECT_EQ(Told(connection.socket, POLLIN | POLLOUT), POLLWRNORM | POLLHUP);
  connection = Connect(peers_);
  connection.peer.Reset();
  EXPECT_EQ(Told(connection.socket, 0, kLongMs), POLLHUP | POLLERR);
}

TEST_P(PollTest, AFailedConnectIsToldUnasked) {
  SOCKET s;
  ASSERT_EQ(spi_->Socket(&s, GetParam()), kOk);
  ASSERT_EQ(spi_->SetNonBlocking(s, true), kOk);
  ASSERT_EQ(spi_->Connect(s, ClosedEndpoint(GetParam())),
            WsaCode{WSAEWOULDBLOCK});
  EXPECT_EQ(Told(s, POLLOUT, kLongMs), POLLHUP | POLLERR | POLLWRNORM);
}

TEST_P(PollTest, ConnectionsToAccept) {
  SOCKET listener;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint, GetParam()), kOk);
  PeerSocket peer = PeerSocket::ConnectTo(endpoint);
  EXPECT_EQ(Told(listener, POLLIN, kLongMs), POLLRDNORM);
}

// What isn't negative and isn't a socket either.
constexpr SOCKET kUnknown = 0xabacab;

TEST_P(PollTest, WhatIsNoneIsToldBesideTheOthersAndNotCounted) {
  Connection connection = Connect(peers_);
  std::vector<WSAPOLLFD> sockets = {{connection.socket, POLLIN, 0},
                                    {INVALID_SOCKET, POLLERR, 0},
                                    {kUnknown, POLLIN, 0},
                                    {connection.socket, POLLOUT, 0}};
  EXPECT_EQ(poll_(sockets.data(), 4, -1), 1);
  EXPECT_EQ(sockets[0].revents, 0);
  EXPECT_EQ(sockets[1].revents, POLLNVAL);
  EXPECT_EQ(sockets[2].revents, POLLNVAL);
  EXPECT_EQ(sockets[3].revents, POLLWRNORM);
}

TEST_P(PollTest, WhatIsNoneEndsNoWait) {
  Connection connection = Connect(peers_);
  std::vector<WSAPOLLFD> sockets = {{INVALID_SOCKET, POLLIN, 0},
                                    {kUnknown, POLLIN, 0},
                                    {connection.socket, POLLIN, 0x7f}};
  EXPECT_EQ(poll_(sockets.data(), 3, 0), 0);
  EXPECT_EQ(sockets[0].revents, POLLNVAL);
  EXPECT_EQ(sockets[1].revents, POLLNVAL);
  EXPECT_EQ(sockets[2].revents, 0);
  ThreadGroup poller;
  poller.Start("poller", [&] { EXPECT_EQ(poll_(sockets.data(), 3, -1), 1); });
  ASSERT_TRUE(poller.WaitUntilBlocked());
  ASSERT_TRUE(connection.peer.Write("x"));
  poller.JoinAll();
  EXPECT_EQ(sockets[2].revents, POLLRDNORM);
}

TEST_P(PollTest, BadArguments) {
  Connection connection = Connect(peers_);
  WSAPOLLFD good = {connection.socket, POLLIN, 0};
  EXPECT_EQ(Refusal(&good, 0), WsaCode{WSAEINVAL});
  EXPECT_EQ(Refusal(nullptr, 0), WsaCode{WSAEINVAL});
  EXPECT_EQ(Refusal(nullptr, 1), WsaCode{WSAEFAULT});
  // Whatever is asked for.
  WSAPOLLFD none[] = {{INVALID_SOCKET, POLLERR, 0}, {kUnknown, POLLERR, 0}};
  EXPECT_EQ(Refusal(none, 2), WsaCode{WSAENOTSOCK});
  EXPECT_EQ(none[0].revents, POLLNVAL);
  EXPECT_EQ(none[1].revents, POLLNVAL);
  ASSERT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(Refusal(&good, 1), WsaCode{WSANOTINITIALISED});
}

TEST_P(PollTest, OnlyWhatCanBeToldCanBeAskedFor) {
  Connection connection = Connect(peers_);
  for (int bit = 1; bit < 0x10000; bit <<= 1) {
    if ((bit & (POLLIN | POLLOUT)) != 0) continue;
    for (const SOCKET s : {connection.socket, kUnknown}) {
      WSAPOLLFD entries[] = {{connection.socket, POLLOUT, 0x7f},
                             {s, static_cast<SHORT>(bit), 0x7f}};
      EXPECT_EQ(Refusal(entries, 2), WsaCode{WSAEINVAL}) << bit;
      EXPECT_EQ(entries[0].revents, 0);
      EXPECT_EQ(entries[1].revents, 0);
    }
  }
}

TEST_P(PollTest, WaitsForEverUntilSomethingHappens) {
  Connection connection = Connect(peers_);
  ThreadGroup poller;
  poller.Start("poller", [&] {
    EXPECT_EQ(Told(connection.socket, POLLIN, -1), POLLRDNORM);
  });
  ASSERT_TRUE(poller.WaitUntilBlocked());
  ASSERT_TRUE(connection.peer.Write("x"));
  poller.JoinAll();
}

TEST_P(PollTest, ASocketThatIsClosedMeanwhileIsNoneAnyMore) {
  Connection connection = Connect(peers_);
  ThreadGroup poller;
  poller.Start("poller", [&] {
    EXPECT_EQ(Told(connection.socket, POLLIN, -1), POLLNVAL);
  });
  ASSERT_TRUE(poller.WaitUntilBlocked());
  EXPECT_EQ(spi_->Close(connection.socket), kOk);
  poller.JoinAll();
}

INSTANTIATE_TEST_SUITE_P(Families, PollTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6));

}  // namespace
}  // namespace wspd::testing
