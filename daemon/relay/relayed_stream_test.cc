#include <errno.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/relay/relay_address.h"
#include "daemon/relay/relay_fixture.h"
#include "gtest/gtest.h"
#include "proto/relay_wire.h"

namespace wspd {
namespace {

class RelayedStreamTest : public RelayFixture {
 protected:
  RelayedStreamTest() { Start(); }

  void SetLinger(const Relayed& relayed, const linger& value) {
    EXPECT_EQ(relayed.socket->UseReal([&](int fd) {
      return setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof(value)) == 0
                 ? 0
                 : errno;
    }),
              0);
    relayed.socket->OnLingerSet();
  }

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

  // Whether there is room again before long.
  static bool AwaitRoom(int fd) {
    pollfd wait{fd, POLLOUT, 0};
    return poll(&wait, 1, 100) == 1;
  }

  int TakeError(const Relayed& relayed) {
    LinuxState state;
    EXPECT_EQ(relayed.socket->State(0, &state), 0);
    return state.error();
  }
};

// ------------------------------------------------------------- connecting

TEST_F(RelayedStreamTest, BytesGoBothWaysAndAreCounted) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  Send(relayed.program.get(), "ping");
  EXPECT_EQ(ReadBytes(peer.get(), 4), "ping");
  Send(peer.get(), "answer");
  EXPECT_EQ(ReadBytes(relayed.program.get(), 6), "answer");
  EXPECT_TRUE(Await([&] {
    const RelayedSocketReport report = relayed.socket->Report();
    return report.bytes_sent == 4 && report.bytes_received == 6;
  }));
  const RelayedSocketReport report = relayed.socket->Report();
  EXPECT_EQ(report.state, LinuxState::STATE_CONNECTED);
  EXPECT_TRUE(report.local.SameEndpoint(NetAddress::PeerOf(peer.get())));
  EXPECT_TRUE(report.peer.SameEndpoint(NetAddress::LocalOf(peer.get())));
  uint64_t sent = 0;
  uint64_t received = 0;
  table_->SumBytes(&sent, &received);
  EXPECT_EQ(sent, 4u);
  EXPECT_EQ(received, 6u);
}

TEST_F(RelayedStreamTest, FillerIsTakenOffAndWrittenBytesAreNot) {
  const TcpListener listener = ListenOnLoopback();
  const Relayed relayed = Make();
  int filler = 0;
  while (send(relayed.program.get(), "", 1, MSG_DONTWAIT) == 1) ++filler;
  EXPECT_EQ(EventsNow(relayed.program.get()) & POLLOUT, 0);
  bool in_progress = false;
  ASSERT_EQ(
      relayed.socket->Connect(Loopback(listener.port), filler, &in_progress),
      0);
  EXPECT_NE(AwaitEvents(relayed.program.get(), POLLOUT) & POLLOUT, 0);
  const OwnedFd peer = AcceptFrom(listener);
  Send(relayed.program.get(), "hello");
  EXPECT_EQ(ReadBytes(peer.get(), 5), "hello");
}

TEST_F(RelayedStreamTest, AWaitersByteThatComesLateIsTakenOffToo) {
  // Nobody answers a connection that its queue has no room for.
  const OwnedFd full(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  NetAddress address = Loopback(0);
  ASSERT_EQ(bind(full.get(), address.get(), address.size()), 0);
  ASSERT_EQ(listen(full.get(), 0), 0);
  const int port = NetAddress::LocalOf(full.get()).port();
  const OwnedFd first = ConnectToLoopback(port);
  const Relayed relayed = Make();
  int filler = 0;
  while (send(relayed.program.get(), "", 1, MSG_DONTWAIT) == 1) ++filler;
  bool in_progress = false;
  ASSERT_EQ(relayed.socket->Connect(Loopback(port), filler + 1, &in_progress),
            0);
  ASSERT_TRUE(in_progress);
  EXPECT_EQ(EventsNow(relayed.program.get()) & POLLOUT, 0);
  bool again = false;
  EXPECT_EQ(relayed.socket->Connect(Loopback(port), 0, &again), EALREADY);
  LinuxState state;
  EXPECT_EQ(relayed.socket->State(0, &state), 0);
  EXPECT_EQ(state.state(), LinuxState::STATE_CONNECTING);
  EXPECT_EQ(state.error(), 0);
  std::thread waiter(
      [&] { EXPECT_EQ(send(relayed.program.get(), "", 1, 0), 1); });
  // Room for it; its SYN is sent again within a second.
  const OwnedFd taken(accept(full.get(), nullptr, nullptr));
  waiter.join();
  EXPECT_EQ(relayed.socket->State(0, &state), 0);
  EXPECT_EQ(state.state(), LinuxState::STATE_CONNECTED);
  const OwnedFd peer(accept(full.get(), nullptr, nullptr));
  SetDeadline(peer.get());
  Send(relayed.program.get(), "hello");
  EXPECT_EQ(ReadBytes(peer.get(), 5), "hello");
}

TEST_F(RelayedStreamTest, ARefusalIsToldOnceAndTheNextAttemptIsNew) {
  TcpListener listener = ListenOnLoopback();
  const int port = listener.port;
  listener.fd.Reset();
  const Relayed relayed = Make();
  EXPECT_EQ(Connect(relayed, port), ECONNREFUSED);
  EXPECT_EQ(TakeError(relayed), 0);
  EXPECT_EQ(EventsNow(relayed.program.get()), POLLOUT);
  listener = ListenOnLoopback();
  EXPECT_EQ(Connect(relayed, listener.port), 0);
  const OwnedFd peer = AcceptFrom(listener);
  Send(peer.get(), "x");
  EXPECT_EQ(ReadBytes(relayed.program.get(), 1), "x");
}

TEST_F(RelayedStreamTest, ConnectSaysWhatTheKernelWould) {
  TcpListener listener = ListenOnLoopback();
  const Relayed relayed = Make();
  bool in_progress = false;
  ASSERT_EQ(relayed.socket->Connect(Loopback(listener.port), 0, &in_progress),
            0);
  const OwnedFd peer = AcceptFrom(listener);
  // Of an attempt under way, the first connect() after it says that it ended.
  if (in_progress) {
    EXPECT_TRUE(Await([&] {
      return relayed.socket->Report().state == LinuxState::STATE_CONNECTED;
    }));
    bool more = false;
    EXPECT_EQ(relayed.socket->Connect(Loopback(listener.port), 0, &more), 0);
    EXPECT_FALSE(more);
  }
  EXPECT_EQ(relayed.socket->Connect(Loopback(listener.port), 0, &in_progress),
            EISCONN);
  EXPECT_EQ(relayed.socket->Listen(1), EINVAL);
  // AF_UNSPEC.
  EXPECT_EQ(relayed.socket->Connect(NetAddress(), 0, &in_progress), 0);
  EXPECT_EQ(relayed.socket->Report().state, LinuxState::STATE_UNCONNECTED);
  EXPECT_EQ(Connect(relayed, listener.port), 0);
}

TEST_F(RelayedStreamTest, AClosedAttemptIsGivenUp) {
  const OwnedFd full(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  NetAddress address = Loopback(0);
  ASSERT_EQ(bind(full.get(), address.get(), address.size()), 0);
  ASSERT_EQ(listen(full.get(), 0), 0);
  const int port = NetAddress::LocalOf(full.get()).port();
  const OwnedFd first = ConnectToLoopback(port);
  Relayed relayed = Make();
  bool in_progress = false;
  EXPECT_EQ(relayed.socket->Connect(Loopback(port), 0, &in_progress), 0);
  EXPECT_TRUE(in_progress);
  relayed.program.Reset();
  EXPECT_TRUE(AwaitSize(0));
  LinuxState state;
  EXPECT_EQ(relayed.socket->State(0, &state), EBADF);
  EXPECT_EQ(owner_->sockets, 0u);
}

// ------------------------------------------------------------------- ends

TEST_F(RelayedStreamTest, ThePeersEndIsReadBehindItsBytesAndHangsNothingUp) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  Send(peer.get(), "last words");
  shutdown(peer.get(), SHUT_WR);
  EXPECT_EQ(ReadBytes(relayed.program.get(), 100), "last words");
  EXPECT_EQ(EventsNow(relayed.program.get()), POLLIN | POLLOUT | POLLRDHUP);
  Send(relayed.program.get(), "not mine");
  EXPECT_EQ(ReadBytes(peer.get(), 8), "not mine");
}

TEST_F(RelayedStreamTest, TheProgramsEndGoesOutBehindItsBytes) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  Send(relayed.program.get(), "request");
  shutdown(relayed.program.get(), SHUT_WR);
  EXPECT_EQ(ReadBytes(peer.get(), 100), "request");
  Send(peer.get(), "answer");
  EXPECT_EQ(ReadBytes(relayed.program.get(), 6), "answer");
  shutdown(peer.get(), SHUT_WR);
  EXPECT_EQ(ReadBytes(relayed.program.get(), 1), "");
  EXPECT_TRUE(Await([&] {
    return relayed.socket->Report().state == LinuxState::STATE_ENDED;
  }));
  EXPECT_EQ(TakeError(relayed), 0);
}

TEST_F(RelayedStreamTest, TheLastCloseIsTheEnd) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  OwnedFd other(dup(relayed.program.get()));
  Send(relayed.program.get(), "bye");
  relayed.program.Reset();
  EXPECT_EQ(ReadBytes(peer.get(), 3), "bye");
  EXPECT_EQ(EventsNow(peer.get()), POLLOUT);
  const absl::Time begin = absl::Now();
  other.Reset();
  EXPECT_EQ(ReadBytes(peer.get(), 1), "");
  EXPECT_LT(absl::Now() - begin, absl::Milliseconds(100));
  EXPECT_TRUE(AwaitSize(0));
  EXPECT_EQ(owner_->sockets, 0u);
}

TEST_F(RelayedStreamTest, EveryOrderOfEndsLeavesNothing) {
  for (int order = 0; order < 6; ++order) {
    SCOPED_TRACE(order);
    OwnedFd peer;
    Relayed relayed = MakeConnected(&peer);
    const int program = relayed.program.get();
    if (order == 0) shutdown(program, SHUT_RDWR);
    if (order == 1) shutdown(program, SHUT_WR);
    if (order == 2) shutdown(program, SHUT_RD);
    if (order == 3) shutdown(peer.get(), SHUT_WR);
    if (order == 4) {
      shutdown(peer.get(), SHUT_WR);
      EXPECT_EQ(ReadBytes(program, 1), "");
      shutdown(program, SHUT_WR);
    }
    if (order == 5) peer.Reset();
    relayed.program.Reset();
    if (peer.valid()) {
      EXPECT_EQ(ReadBytes(peer.get(), 1), "");
    }
    EXPECT_TRUE(AwaitSize(0));
  }
}

TEST_F(RelayedStreamTest, AShutdownOfBothDirectionsIsNoClose) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  const int program = relayed.program.get();
  // The second one is an event of its own, like each of those below.
  for (int i = 0; i < 2; ++i) {
    shutdown(program, SHUT_RDWR);
    EXPECT_EQ(ReadBytes(peer.get(), 1), "");
    EXPECT_FALSE(relayed.socket->Report().peer.empty());
  }
  peer.Reset();
  EXPECT_TRUE(Await([&] {
    return relayed.socket->Report().state == LinuxState::STATE_ENDED;
  }));
  shutdown(program, SHUT_RDWR);
  EXPECT_EQ(TakeError(relayed), 0);
  const OwnedFd other(dup(program));
  relayed.program.Reset();
  EXPECT_EQ(TakeError(relayed), 0);
  EXPECT_EQ(table_->size(), 1u);
}

TEST_F(RelayedStreamTest, BothEndsInTurnAreNoClose) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  shutdown(peer.get(), SHUT_WR);
  EXPECT_EQ(ReadBytes(relayed.program.get(), 1), "");
  shutdown(relayed.program.get(), SHUT_WR);
  EXPECT_EQ(ReadBytes(peer.get(), 1), "");
  EXPECT_TRUE(Await([&] {
    return relayed.socket->Report().state == LinuxState::STATE_ENDED;
  }));
  EXPECT_EQ(TakeError(relayed), 0);
  EXPECT_EQ(table_->size(), 1u);
  relayed.program.Reset();
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayedStreamTest, ShutdownsAndClosesAtOnceLeaveNothing) {
  for (int i = 0; i < 200; ++i) {
    OwnedFd peer;
    Relayed relayed = MakeConnected(&peer);
    OwnedFd copy(dup(relayed.program.get()));
    std::thread other([&] {
      shutdown(copy.get(), SHUT_RDWR);
      copy.Reset();
    });
    if (i % 3 != 0) shutdown(relayed.program.get(), SHUT_WR);
    if (i % 2 != 0) peer.Reset();
    relayed.program.Reset();
    other.join();
  }
  EXPECT_TRUE(AwaitSize(0));
  EXPECT_EQ(owner_->sockets, 0u);
}

TEST_F(RelayedStreamTest, AClosedSocketsAddressIsFreeAtOnce) {
  for (int i = 0; i < 200; ++i) {
    Relayed one = Make();
    ASSERT_EQ(one.socket->Bind(Loopback(0)), 0);
    const int port = one.socket->Report().local.port();
    if (i % 2 == 0) {
      ASSERT_EQ(one.socket->Listen(1), 0);
    }
    one.program.Reset();
    const Relayed other = Make();
    ASSERT_EQ(other.socket->Bind(Loopback(port)), 0) << i;
  }
}

TEST_F(RelayedStreamTest, AResetWakesWhoWaitsForRoom) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  const std::string bytes = Pattern(64 << 10);
  while (send(relayed.program.get(), bytes.data(), bytes.size(),
              MSG_DONTWAIT | MSG_NOSIGNAL) > 0 ||
         AwaitRoom(relayed.program.get())) {
  }
  const linger abort{1, 0};
  setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  peer.Reset();
  EXPECT_NE(AwaitEvents(relayed.program.get(), POLLOUT) & POLLOUT, 0);
}

TEST_F(RelayedStreamTest, AResetComesBehindTheBytesAndIsToldOnce) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  Send(peer.get(), "data");
  EXPECT_NE(AwaitEvents(relayed.program.get(), POLLIN), 0);
  const linger abort{1, 0};
  setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  peer.Reset();
  EXPECT_NE(AwaitEvents(relayed.program.get(), POLLRDHUP) & POLLHUP, 0);
  EXPECT_EQ(ReadBytes(relayed.program.get(), 100), "data");
  EXPECT_EQ(send(relayed.program.get(), "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(errno, EPIPE);
  LinuxState state;
  EXPECT_EQ(relayed.socket->State(0, &state), 0);
  EXPECT_EQ(state.state(), LinuxState::STATE_ENDED);
  EXPECT_EQ(state.error(), ECONNRESET);
  EXPECT_EQ(TakeError(relayed), 0);
  // A shutdown is no close.
  shutdown(relayed.program.get(), SHUT_RDWR);
  EXPECT_EQ(TakeError(relayed), 0);
  EXPECT_EQ(table_->size(), 1u);
  relayed.program.Reset();
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayedStreamTest, SendingIntoAResetTellsOfItToo) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  // Answered with a reset, once something comes.
  peer.Reset();
  EXPECT_EQ(ReadBytes(relayed.program.get(), 1), "");
  EXPECT_EQ(send(relayed.program.get(), "x", 1, MSG_NOSIGNAL), 1);
  EXPECT_NE(AwaitEvents(relayed.program.get(), 0) & POLLHUP, 0);
  // The peer's end was in order.
  const int error = TakeError(relayed);
  EXPECT_TRUE(error == ECONNRESET || error == EPIPE) << error;
  relayed.program.Reset();
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayedStreamTest, ClosingWithUnreadBytesResets) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  Send(peer.get(), "unread");
  EXPECT_NE(AwaitEvents(relayed.program.get(), POLLIN), 0);
  relayed.program.Reset();
  int error = 0;
  EXPECT_EQ(ReadBytes(peer.get(), 1, &error), "");
  EXPECT_EQ(error, ECONNRESET);
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayedStreamTest, ALingerTimeOfZeroResets) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  SetLinger(relayed, {1, 0});
  relayed.program.Reset();
  int error = 0;
  EXPECT_EQ(ReadBytes(peer.get(), 1, &error), "");
  EXPECT_EQ(error, ECONNRESET);
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayedStreamTest, ALingerTimeKeepsNobodyWaiting) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  SetLinger(relayed, {1, 60});
  Send(relayed.program.get(), Pattern(1 << 20));
  relayed.program.Reset();
  // A loop that waited would wait for these too.
  OwnedFd other_peers[2];
  for (OwnedFd& other_peer : other_peers) {
    const Relayed other = MakeConnected(&other_peer);
    Send(other.program.get(), "ping");
    EXPECT_EQ(ReadBytes(other_peer.get(), 4), "ping");
  }
  EXPECT_EQ(ReadBytes(peer.get(), 2 << 20), Pattern(1 << 20));
}

TEST_F(RelayedStreamTest, WhatWasWrittenOutlivesTheProgram) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  const std::string bytes = Pattern(8 << 20);
  std::string read;
  std::thread writer([&] {
    Send(relayed.program.get(), bytes);
    relayed.program.Reset();
  });
  EXPECT_EQ(ReadBytes(peer.get(), 1000), bytes.substr(0, 1000));
  EXPECT_EQ(ReadBytes(peer.get(), bytes.size()), bytes.substr(1000));
  writer.join();
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayedStreamTest, WhoNeverReadsIsGivenUpInTime) {
  RelayedSockets::Options options = TwoLoops();
  options.linger_time = absl::Milliseconds(50);
  Start(options);
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  const std::string bytes = Pattern(64 << 10);
  while (send(relayed.program.get(), bytes.data(), bytes.size(),
              MSG_DONTWAIT | MSG_NOSIGNAL) > 0 ||
         AwaitRoom(relayed.program.get())) {
  }
  relayed.program.Reset();
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayedStreamTest, WhatNobodyWantsToReadHoldsNobodyUp) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  shutdown(relayed.program.get(), SHUT_RD);
  Send(peer.get(), Pattern(4 << 20));
  Send(relayed.program.get(), "still here");
  EXPECT_EQ(ReadBytes(peer.get(), 10), "still here");
}

// ---------------------------------------------------------------- listening

TEST_F(RelayedStreamTest, ConnectionsComeWithTheirNames) {
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

TEST_F(RelayedStreamTest, AcceptedSocketsHaveTheListenersOptions) {
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

TEST_F(RelayedStreamTest, ConnectionsThatNobodyAcceptsAreReset) {
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

TEST_F(RelayedStreamTest, WhatIsSentAndClosedAtOnceArrives) {
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

TEST_F(RelayedStreamTest, NoMoreThanTheBacklogWaitsOnTheProgramsEnd) {
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

TEST_F(RelayedStreamTest, AcceptsWaitForTheOwnersLimit) {
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

TEST_F(RelayedStreamTest, AShutListenerListensNoMore) {
  Relayed listener = Make();
  const OwnedFd peer = MakePeerOf(&listener, 5);
  EXPECT_EQ(listener.socket->Shutdown(SHUT_RD), 0);
  EXPECT_EQ(listener.socket->Report().state, LinuxState::STATE_UNCONNECTED);
  EXPECT_EQ(listener.socket->Listen(5), 0);
}

// ------------------------------------------------------------------- bulk

TEST_F(RelayedStreamTest, MuchGoesBothWaysAtOnce) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  const std::string bytes = Pattern(8 << 20);
  std::thread threads[] = {
      std::thread([&] { Send(relayed.program.get(), bytes); }),
      std::thread([&] { Send(peer.get(), bytes); }),
      std::thread(
          [&] { EXPECT_TRUE(ReadBytes(peer.get(), bytes.size()) == bytes); }),
  };
  EXPECT_TRUE(ReadBytes(relayed.program.get(), bytes.size()) == bytes);
  for (std::thread& thread : threads) thread.join();
}

TEST_F(RelayedStreamTest, OneThatDoesNotReadIsNothingToOthers) {
  RelayedSockets::Options options;
  options.loops = 1;
  Start(options);
  OwnedFd slow_peer;
  const Relayed slow = MakeConnected(&slow_peer);
  std::thread flood([&] {
    const std::string bytes = Pattern(1 << 20);
    while (send(slow_peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) >
           0) {
    }
  });
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  for (int i = 0; i < 100; ++i) {
    Send(relayed.program.get(), "ping");
    EXPECT_EQ(ReadBytes(peer.get(), 4), "ping");
  }
  shutdown(slow_peer.get(), SHUT_RDWR);
  flood.join();
}

// ---------------------------------------------------------------- urgent

TEST_F(RelayedStreamTest, UrgentBytesKeepTheirPlaceBothWays) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  const std::pair<int, int> ways[] = {
      {peer.get(), relayed.program.get()},
      {relayed.program.get(), peer.get()},
  };
  for (const auto& [from, to] : ways) {
    for (int round = 0; round < 3; ++round) {
      SCOPED_TRACE(round);
      Send(from, "abc");
      EXPECT_EQ(send(from, "!", 1, MSG_OOB), 1);
      Send(from, "def");
      EXPECT_NE(AwaitEvents(to, POLLPRI) & POLLPRI, 0);
      EXPECT_EQ(ReadBytes(to, 3), "abc");
      int at_mark = 0;
      EXPECT_EQ(ioctl(to, SIOCATMARK, &at_mark), 0);
      EXPECT_EQ(at_mark, 1);
      char byte = 0;
      EXPECT_EQ(recv(to, &byte, 1, MSG_OOB), 1);
      EXPECT_EQ(byte, '!');
      EXPECT_EQ(ReadBytes(to, 3), "def");
    }
  }
}

// The next one is sent as soon as one has arrived, when the relay isn't through
// with that one yet.
TEST_F(RelayedStreamTest, UrgentBytesInARowAllArrive) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  const std::pair<int, int> ways[] = {
      {relayed.program.get(), peer.get()},
      {peer.get(), relayed.program.get()},
  };
  for (const auto& [from, to] : ways) {
    for (int round = 0; round < 3000; ++round) {
      SCOPED_TRACE(round);
      ASSERT_EQ(send(from, "!", 1, MSG_OOB), 1);
      ASSERT_NE(AwaitEvents(to, POLLPRI) & POLLPRI, 0);
      char byte = 0;
      ASSERT_EQ(recv(to, &byte, 1, MSG_OOB), 1);
    }
  }
}

// Of an urgent byte that the next one follows before anybody has looked the
// kernel makes an ordinary one, or drops it: so it does without a relay.
TEST_F(RelayedStreamTest, UrgentBytesInTheMidstOfManyHarmNoneOfThem) {
  std::string part = Pattern(300000);
  std::replace(part.begin(), part.end(), '!', '?');
  constexpr int kRounds = 15;
  for (const bool up : {true, false}) {
    SCOPED_TRACE(up);
    OwnedFd peer;
    const Relayed relayed = MakeConnected(&peer);
    const int from = up ? relayed.program.get() : peer.get();
    const int to = up ? peer.get() : relayed.program.get();
    std::string wanted;
    for (int i = 0; i < kRounds; ++i) wanted += part;
    std::thread sender([&] {
      for (int i = 0; i < kRounds; ++i) {
        Send(from, part);
        EXPECT_EQ(send(from, "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
      }
      shutdown(from, SHUT_WR);
    });
    std::string read;
    int urgent = 0;
    for (;;) {
      const int events = AwaitEvents(to, POLLIN | POLLPRI);
      char buffer[65536];
      if ((events & POLLPRI) != 0) {
        const ssize_t received = recv(to, buffer, 1, MSG_OOB | MSG_DONTWAIT);
        if (received == 1) {
          EXPECT_EQ(buffer[0], '!');
          ++urgent;
        }
      }
      const ssize_t received = recv(to, buffer, sizeof(buffer), MSG_DONTWAIT);
      if (received < 0 && errno == EAGAIN) continue;
      ASSERT_GE(received, 0);
      if (received == 0) break;
      read.append(buffer, received);
    }
    sender.join();
    EXPECT_GT(urgent, 0);
    EXPECT_LE(urgent, kRounds);
    read.erase(std::remove(read.begin(), read.end(), '!'), read.end());
    EXPECT_TRUE(read == wanted) << read.size() << " of " << wanted.size();
  }
}

}  // namespace
}  // namespace wspd
