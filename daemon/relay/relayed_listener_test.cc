// Relayed listeners: whom their programs accept, and whom nobody does.
#include <errno.h>
#include <sys/socket.h>

#include <cstring>
#include <string>
#include <vector>

#include "daemon/relay/relay_address.h"
#include "daemon/relay/relayed_stream_fixture.h"
#include "gtest/gtest.h"
#include "proto/relay_wire.h"

namespace wspd {
namespace {

class RelayedListenerTest : public RelayedStreamTest {
 protected:
  // Lets it listen, and connects to it.
  OwnedFd MakePeerOf(Relayed* listener, int backlog) {
    if (listener->socket->Report().local.port() == 0) {
      EXPECT_EQ(listener->socket->Bind(Loopback(0)), 0);
    }
    EXPECT_EQ(listener->socket->Listen(backlog), 0);
    OwnedFd peer = ConnectToLoopback(listener->socket->Report().local.port());
    SetDeadline(peer.get());
    return peer;
  }

  // What accept() of a program is.
  static OwnedFd Accept(const Relayed& listener,
                        wsp::relay::Accepted* message) {
    iovec bytes = {message, sizeof(*message)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr header{};
    header.msg_iov = &bytes;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
    const ssize_t size =
        recvmsg(listener.program.get(), &header, MSG_CMSG_CLOEXEC);
    EXPECT_EQ(size, static_cast<ssize_t>(sizeof(*message)));
    if (size <= 0 || CMSG_FIRSTHDR(&header) == nullptr) return OwnedFd();
    int fd;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof(fd));
    SetDeadline(fd);
    return OwnedFd(fd);
  }
};

TEST_F(RelayedListenerTest, ConnectionsComeWithTheirNames) {
  Relayed listener = Make();
  const OwnedFd peer = MakePeerOf(&listener, 5);
  wsp::relay::Accepted message;
  const OwnedFd first = Accept(listener, &message);
  NetAddress address;
  ASSERT_TRUE(FromRelayAddress(message.peer, &address));
  EXPECT_TRUE(address.SameEndpoint(NetAddress::LocalOf(peer.get())));
  ASSERT_TRUE(FromRelayAddress(message.local, &address));
  EXPECT_TRUE(address.SameEndpoint(NetAddress::PeerOf(peer.get())));
  EXPECT_EQ(table_->Find(message.number)->info().listener,
            listener.socket->info().number);
  Send(first.get(), "hello");
  EXPECT_EQ(ReadBytes(peer.get(), 5), "hello");
}

TEST_F(RelayedListenerTest, AcceptedSocketsHaveTheListenersOptions) {
  Relayed listener = Make();
  ASSERT_EQ(listener.socket->Bind(Loopback(0)), 0);
  SetLinger(listener, {1, 0});
  const int low_water = 3;
  listener.socket->SetProgramOption(
      SO_RCVLOWAT, std::string(reinterpret_cast<const char*>(&low_water),
                               sizeof(low_water)));
  const OwnedFd peer = MakePeerOf(&listener, 5);
  wsp::relay::Accepted message;
  OwnedFd accepted = Accept(listener, &message);
  int got = 0;
  socklen_t size = sizeof(got);
  getsockopt(accepted.get(), SOL_SOCKET, SO_RCVLOWAT, &got, &size);
  EXPECT_EQ(got, low_water);
  accepted.Reset();
  int error = 0;
  EXPECT_EQ(ReadBytes(peer.get(), 1, &error), "");
  EXPECT_EQ(error, ECONNRESET);
}

TEST_F(RelayedListenerTest, ConnectionsThatNobodyAcceptsAreReset) {
  Relayed listener = Make();
  const OwnedFd peer = MakePeerOf(&listener, 5);
  // It waits on the program's end.
  EXPECT_NE(AwaitEvents(listener.program.get(), POLLIN), 0);
  listener.program.Reset();
  int error = 0;
  EXPECT_EQ(ReadBytes(peer.get(), 1, &error), "");
  EXPECT_EQ(error, ECONNRESET);
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayedListenerTest, WhatIsSentAndClosedAtOnceArrives) {
  for (int i = 0; i < 200; ++i) {
    SCOPED_TRACE(i);
    Relayed listener = Make();
    const OwnedFd peer = MakePeerOf(&listener, 5);
    wsp::relay::Accepted message;
    OwnedFd accepted = Accept(listener, &message);
    // With and without another one that nobody takes.
    OwnedFd other;
    if (i % 2 == 0) {
      other = ConnectToLoopback(NetAddress::PeerOf(peer.get()).port());
      EXPECT_NE(AwaitEvents(listener.program.get(), POLLIN), 0);
    }
    listener.program.Reset();
    Send(accepted.get(), "last words");
    accepted.Reset();
    EXPECT_EQ(ReadBytes(peer.get(), 100), "last words");
  }
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayedListenerTest, NoMoreThanTheBacklogWaitsOnTheProgramsEnd) {
  Relayed listener = Make();
  std::vector<OwnedFd> peers;
  peers.push_back(MakePeerOf(&listener, 1000));
  const int port = NetAddress::PeerOf(peers[0].get()).port();
  for (int i = 0; i < 299; ++i) peers.push_back(ConnectToLoopback(port));
  // The listener, what waits on its end, and one under way.
  EXPECT_TRUE(Await([&] { return table_->size() > 16; }));
  EXPECT_LE(table_->size(), 100u);
  for (size_t i = 0; i < peers.size(); ++i) {
    wsp::relay::Accepted message;
    const OwnedFd accepted = Accept(listener, &message);
    EXPECT_TRUE(accepted.valid());
  }
  peers.clear();
  listener.program.Reset();
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayedListenerTest, AcceptsWaitForTheOwnersLimit) {
  RelayedSockets::Options options = TwoLoops();
  options.sockets_per_owner = 2;
  Start(options);
  Relayed listener = Make();
  const OwnedFd peer = MakePeerOf(&listener, 5);
  const OwnedFd other =
      ConnectToLoopback(NetAddress::PeerOf(peer.get()).port());
  wsp::relay::Accepted message;
  OwnedFd first = Accept(listener, &message);
  EXPECT_EQ(table_->size(), 2u);
  first.Reset();
  const OwnedFd second = Accept(listener, &message);
  EXPECT_TRUE(second.valid());
}

TEST_F(RelayedListenerTest, AHigherLimitLetsThemComeByThemselves) {
  RelayedSockets::Options options = TwoLoops();
  options.sockets_per_owner = 1;
  Start(options);
  Relayed listener = Make();
  const OwnedFd peer = MakePeerOf(&listener, 5);
  EXPECT_EQ(table_->size(), 1u);
  table_->SetSocketsPerOwner(2);
  wsp::relay::Accepted message;
  const OwnedFd first = Accept(listener, &message);
  EXPECT_TRUE(first.valid());
}

TEST_F(RelayedListenerTest, AShutListenerListensNoMore) {
  Relayed listener = Make();
  const OwnedFd peer = MakePeerOf(&listener, 5);
  EXPECT_EQ(listener.socket->Shutdown(SHUT_RD), 0);
  EXPECT_EQ(listener.socket->Report().state, LinuxState::STATE_UNCONNECTED);
  EXPECT_EQ(listener.socket->Listen(5), 0);
}

}  // namespace
}  // namespace wspd
