#include "daemon/relay/relayed_listing.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <map>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "daemon/relay/relay_fixture.h"
#include "daemon/socket/reset.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

class RelayedListingTest : public RelayFixture {
 protected:
  RelayedListingTest() { Start(); }

  std::vector<wsp::v1::Socket> List(const InventoryFilter& filter = {}) {
    std::vector<wsp::v1::Socket> sockets;
    DescribeRelayedSockets(*table_, filter, &sockets);
    return sockets;
  }
  wsp::v1::Socket Find(const Relayed& relayed, bool with_tcp = false) {
    InventoryFilter filter;
    filter.with_tcp = with_tcp;
    for (const wsp::v1::Socket& socket : List(filter)) {
      if (socket.socket_id() == relayed.socket->info().number) return socket;
    }
    return wsp::v1::Socket();
  }
};

TEST_F(RelayedListingTest, SaysWhoseAndWhatItIs) {
  owner_->client_id = 7;
  const Relayed relayed = Make(SOCK_DGRAM);
  const wsp::v1::Socket socket = Find(relayed);
  EXPECT_EQ(socket.client_id(), 7u);
  EXPECT_EQ(socket.pid(), 42);
  EXPECT_EQ(socket.uid(), geteuid());
  EXPECT_EQ(socket.plane(), wsp::v1::PLANE_RELAYED);
  EXPECT_EQ(socket.protocol(), IPPROTO_UDP);
  EXPECT_EQ(socket.state(), wsp::v1::SOCKET_STATE_OPEN);
  EXPECT_FALSE(socket.has_local());
  EXPECT_FALSE(socket.has_peer());
  EXPECT_FALSE(socket.bytes_unknown());
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  ASSERT_EQ(
      getsockopt(relayed.program.get(), SOL_SOCKET, SO_COOKIE, &cookie, &size),
      0);
  EXPECT_EQ(socket.cookie(), cookie);
  const int64_t now = absl::GetCurrentTimeNanos();
  EXPECT_LE(socket.opened_at_ns(), now);
  EXPECT_GT(socket.opened_at_ns(), now - 60'000'000'000);
  EXPECT_LE(socket.active_at_ns(), now);
  EXPECT_GT(socket.active_at_ns(), now - 60'000'000'000);
}

TEST_F(RelayedListingTest, CountsBytesAndHasAddresses) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  Send(relayed.program.get(), "ping");
  EXPECT_EQ(ReadBytes(peer.get(), 4), "ping");
  Send(peer.get(), "answer");
  EXPECT_EQ(ReadBytes(relayed.program.get(), 6), "answer");
  EXPECT_TRUE(Await([&] { return Find(relayed).bytes_received() == 6; }));
  const wsp::v1::Socket socket = Find(relayed);
  EXPECT_EQ(socket.state(), wsp::v1::SOCKET_STATE_CONNECTED);
  EXPECT_EQ(socket.bytes_sent(), 4u);
  EXPECT_EQ(socket.local().ipv4().port(),
            NetAddress::PeerOf(peer.get()).port());
  EXPECT_EQ(socket.peer().ipv4().port(),
            NetAddress::LocalOf(peer.get()).port());
}

TEST_F(RelayedListingTest, WhatItsProgramHasClosedLingers) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  SendBeyondTheKernel(relayed);
  relayed.program.Reset();
  EXPECT_TRUE(Await([&] {
    return Find(relayed).state() == wsp::v1::SOCKET_STATE_LINGERING;
  }));
  peer.Reset();
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayedListingTest, TellsOfTcpAndTheLastError) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  wsp::v1::Socket socket = Find(relayed, true);
  EXPECT_GT(socket.tcp().congestion_window(), 0u);
  EXPECT_FALSE(Find(relayed).has_tcp());
  EXPECT_EQ(socket.last_errno(), 0);
  ResetAndClose(std::move(peer));
  EXPECT_TRUE(Await([&] { return Find(relayed).last_errno() == ECONNRESET; }));
  EXPECT_FALSE(Find(relayed, true).has_tcp());
}

TEST_F(RelayedListingTest, CountsThePiecesThatItMoves) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  wsp::v1::Socket socket = Find(relayed);
  EXPECT_EQ(socket.sends(), 0u);
  EXPECT_EQ(socket.receives(), 0u);
  EXPECT_FALSE(socket.operations_unknown());
  // Each by itself, since the one before has arrived.
  for (const char* bytes : {"one", "two"}) {
    Send(relayed.program.get(), bytes);
    EXPECT_EQ(ReadBytes(peer.get(), 3), bytes);
  }
  Send(peer.get(), "answer");
  EXPECT_EQ(ReadBytes(relayed.program.get(), 6), "answer");
  EXPECT_TRUE(Await([&] { return Find(relayed).receives() == 1; }));
  socket = Find(relayed);
  EXPECT_EQ(socket.sends(), 2u);
  EXPECT_EQ(socket.bytes_sent(), 6u);
  EXPECT_EQ(socket.bytes_received(), 6u);
}

TEST_F(RelayedListingTest, AnAttemptToConnectIsPending) {
  const FullListener full = ListenWithFullQueue();
  const int port = full.port();
  const Relayed relayed = Make();
  EXPECT_EQ(Find(relayed).pending_calls(), 0u);
  bool in_progress = false;
  ASSERT_EQ(relayed.socket->Connect(Loopback(port), 0, &in_progress), 0);
  ASSERT_TRUE(in_progress);
  wsp::v1::Socket socket = Find(relayed);
  EXPECT_EQ(socket.state(), wsp::v1::SOCKET_STATE_CONNECTING);
  EXPECT_EQ(socket.pending_calls(), 1u);
  EXPECT_EQ(socket.peer().ipv4().port(), port);
  // Room for it; its SYN is sent again within a second.
  const OwnedFd taken = AcceptFrom(full.listener);
  EXPECT_TRUE(Await([&] { return Find(relayed).pending_calls() == 0; }));
  socket = Find(relayed);
  EXPECT_EQ(socket.state(), wsp::v1::SOCKET_STATE_CONNECTED);
  EXPECT_EQ(socket.peer().ipv4().port(), port);
}

TEST_F(RelayedListingTest, KnowsBoundFromListening) {
  const Relayed relayed = Make();
  ASSERT_EQ(relayed.socket->UseReal([](int fd) {
    const NetAddress any = Loopback(0);
    return bind(fd, any.get(), any.size());
  }),
            0);
  EXPECT_EQ(Find(relayed).state(), wsp::v1::SOCKET_STATE_BOUND);
  ASSERT_EQ(relayed.socket->Listen(1), 0);
  EXPECT_EQ(Find(relayed).state(), wsp::v1::SOCKET_STATE_LISTENING);
}

TEST_F(RelayedListingTest, CountsDatagramsThatWereDropped) {
  const Relayed relayed = Make(SOCK_DGRAM);
  Send(relayed.program.get(), "no header");
  EXPECT_TRUE(Await([&] { return Find(relayed).datagrams_dropped() == 1; }));
  EXPECT_EQ(Find(relayed).sends(), 0u);
  EXPECT_FALSE(Find(relayed).operations_unknown());
}

TEST_F(RelayedListingTest, LeavesOthersOut) {
  const Relayed relayed = Make(SOCK_DGRAM);
  InventoryFilter filter;
  filter.pid = 43;
  EXPECT_TRUE(List(filter).empty());
  filter.pid = 42;
  EXPECT_EQ(List(filter).size(), 1u);
}

}  // namespace
}  // namespace wspd
