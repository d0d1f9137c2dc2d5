// How relayed streams begin, and what they carry.
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <string>
#include <thread>

#include "daemon/relay/relayed_stream_fixture.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

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
  const FullListener full = ListenWithFullQueue();
  const int port = full.port();
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
  const OwnedFd taken = AcceptFrom(full.listener);
  waiter.join();
  EXPECT_EQ(relayed.socket->State(0, &state), 0);
  EXPECT_EQ(state.state(), LinuxState::STATE_CONNECTED);
  const OwnedFd peer = AcceptFrom(full.listener);
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

// Of an attempt whose call never came.
TEST_F(RelayedStreamTest, WhatIsThereBeforeAnAttemptIsFiller) {
  const TcpListener listener = ListenOnLoopback();
  const Relayed relayed = Make();
  while (send(relayed.program.get(), "x", 1, MSG_DONTWAIT) == 1) {
  }
  bool in_progress = false;
  ASSERT_EQ(relayed.socket->Connect(Loopback(listener.port), 0, &in_progress),
            0);
  const OwnedFd peer = AcceptFrom(listener);
  EXPECT_NE(AwaitEvents(relayed.program.get(), POLLOUT) & POLLOUT, 0);
  Send(relayed.program.get(), "first");
  EXPECT_EQ(ReadBytes(peer.get(), 5), "first");
}

TEST_F(RelayedStreamTest, AConnectAfterAnUnawaitedOneSaysThatItIsConnected) {
  const TcpListener listener = ListenOnLoopback();
  const Relayed relayed = Make();
  ASSERT_EQ(Connect(relayed, listener.port), 0);
  relayed.socket->NoteUnawaitedConnect(0);
  bool in_progress = false;
  EXPECT_EQ(relayed.socket->Connect(Loopback(listener.port), 0, &in_progress),
            0);
  EXPECT_FALSE(in_progress);
  EXPECT_EQ(relayed.socket->Connect(Loopback(listener.port), 0, &in_progress),
            EISCONN);
}

// The program believes that it is under way.
TEST_F(RelayedStreamTest, WhyAnUnawaitedAttemptCannotBeginIsItsEnd) {
  const Relayed relayed = Make();
  relayed.socket->NoteUnawaitedConnect(ENETUNREACH);
  EXPECT_EQ(TakeError(relayed), ENETUNREACH);
  EXPECT_EQ(TakeError(relayed), 0);
  // Another one has begun since, or is there.
  const TcpListener listener = ListenOnLoopback();
  ASSERT_EQ(Connect(relayed, listener.port), 0);
  relayed.socket->NoteUnawaitedConnect(EISCONN);
  EXPECT_EQ(TakeError(relayed), 0);
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
  const FullListener full = ListenWithFullQueue();
  const int port = full.port();
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
