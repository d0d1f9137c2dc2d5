// How relayed streams end, in each direction and in every order.
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "daemon/relay/relayed_stream_fixture.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

class RelayedStreamEndTest : public RelayedStreamTest {
 protected:
  // Whether there is room again before long.
  static bool AwaitRoom(int fd) {
    pollfd wait{fd, POLLOUT, 0};
    return poll(&wait, 1, 100) == 1;
  }

  // Does something that no loop looks at before it is done.
  template <typename Do>
  void WhileLoopsWait(Do act) {
    // The loops may be still about to leave it when this is done.
    const auto done = std::make_shared<absl::Notification>();
    std::vector<std::unique_ptr<absl::Notification>> waiting;
    for (size_t i = 0; i < table_->loops(); ++i) {
      waiting.push_back(std::make_unique<absl::Notification>());
      table_->AskLoop(i, [done, begun = waiting.back().get()] {
        begun->Notify();
        done->WaitForNotification();
      });
    }
    for (const auto& begun : waiting) begun->WaitForNotification();
    act();
    done->Notify();
  }
};

TEST_F(RelayedStreamEndTest, ThePeersEndIsReadBehindItsBytesAndHangsNothingUp) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  Send(peer.get(), "last words");
  shutdown(peer.get(), SHUT_WR);
  EXPECT_EQ(ReadBytes(relayed.program.get(), 100), "last words");
  EXPECT_EQ(EventsNow(relayed.program.get()), POLLIN | POLLOUT | POLLRDHUP);
  Send(relayed.program.get(), "not mine");
  EXPECT_EQ(ReadBytes(peer.get(), 8), "not mine");
}

TEST_F(RelayedStreamEndTest, TheProgramsEndGoesOutBehindItsBytes) {
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

// The kernel tells of both at once, and but once.
TEST_F(RelayedStreamEndTest, AnEndThatComesWithTheLastBytesIsReadToo) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  const int ends[] = {relayed.program.get(), peer.get()};
  for (const int i : {0, 1}) {
    WhileLoopsWait([&] {
      Send(ends[i], "last words");
      shutdown(ends[i], SHUT_WR);
    });
    EXPECT_EQ(ReadBytes(ends[1 - i], 100), "last words") << i;
    char byte;
    EXPECT_EQ(recv(ends[1 - i], &byte, 1, 0), 0) << i;
  }
}

TEST_F(RelayedStreamEndTest, TheLastCloseIsTheEnd) {
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

TEST_F(RelayedStreamEndTest, EveryOrderOfEndsLeavesNothing) {
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

TEST_F(RelayedStreamEndTest, AShutdownOfBothDirectionsIsNoClose) {
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

TEST_F(RelayedStreamEndTest, BothEndsInTurnAreNoClose) {
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

TEST_F(RelayedStreamEndTest, ShutdownsAndClosesAtOnceLeaveNothing) {
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

TEST_F(RelayedStreamEndTest, AClosedSocketsAddressIsFreeAtOnce) {
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

TEST_F(RelayedStreamEndTest, AResetWakesWhoWaitsForRoom) {
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

TEST_F(RelayedStreamEndTest, AResetComesBehindTheBytesAndIsToldOnce) {
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

TEST_F(RelayedStreamEndTest, SendingIntoAResetTellsOfItToo) {
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

TEST_F(RelayedStreamEndTest, ClosingWithUnreadBytesResets) {
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

TEST_F(RelayedStreamEndTest, ALingerTimeOfZeroResets) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  SetLinger(relayed, {1, 0});
  relayed.program.Reset();
  int error = 0;
  EXPECT_EQ(ReadBytes(peer.get(), 1, &error), "");
  EXPECT_EQ(error, ECONNRESET);
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayedStreamEndTest, ALingerTimeKeepsNobodyWaiting) {
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

TEST_F(RelayedStreamEndTest, WhatWasWrittenOutlivesTheProgram) {
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

TEST_F(RelayedStreamEndTest, WhoNeverReadsIsGivenUpInTime) {
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

TEST_F(RelayedStreamEndTest, WhatNobodyWantsToReadHoldsNobodyUp) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  shutdown(relayed.program.get(), SHUT_RD);
  Send(peer.get(), Pattern(4 << 20));
  Send(relayed.program.get(), "still here");
  EXPECT_EQ(ReadBytes(peer.get(), 10), "still here");
}

}  // namespace
}  // namespace wspd
