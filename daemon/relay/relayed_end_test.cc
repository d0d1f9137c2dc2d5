// What it is to a program, and to its peer, that an administrator ends a socket
// in order.
#include <errno.h>
#include <sys/socket.h>

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "daemon/relay/relayed_stream_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/relay_wire.h"

namespace wspd {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using wsp::v1::JournalEvent;

class RelayedEndTest : public RelayedStreamTest {
 protected:
  static int End(const Relayed& relayed) {
    return relayed.socket->End(ForcedEnd::kOrderly);
  }

  // Sends until there is no room for more; what went.
  static std::string Fill(int fd) {
    SetRoom(fd, 212992);
    std::string sent;
    const std::string much = Pattern(1 << 20);
    for (;;) {
      const ssize_t size =
          send(fd, much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (size <= 0) return sent;
      sent.append(much, 0, static_cast<size_t>(size));
    }
  }

  // What comes to the peer is that, then the end, which is no reset.
  static void ExpectAllAndTheEnd(int peer, const std::string& sent) {
    int error = 0;
    // No EXPECT_EQ: it would print megabytes.
    EXPECT_TRUE(ReadBytes(peer, sent.size() + 1, &error) == sent);
    EXPECT_EQ(error, 0);
    char byte;
    EXPECT_EQ(recv(peer, &byte, 1, 0), 0);
  }

  // As the program finds it, once.
  void ExpectAborted(const Relayed& relayed) {
    char byte;
    EXPECT_EQ(recv(relayed.program.get(), &byte, 1, 0), 0);
    EXPECT_EQ(send(relayed.program.get(), "x", 1, MSG_NOSIGNAL), -1);
    EXPECT_EQ(errno, EPIPE);
    EXPECT_EQ(TakeError(relayed), ECONNABORTED);
    EXPECT_EQ(TakeError(relayed), 0);
  }

  static std::string Ended() {
    return absl::StrCat("socket_ended ", ECONNABORTED, " by an administrator");
  }
};

TEST_F(RelayedEndTest, WhatTheProgramHasSentIsDeliveredAndThenTheEnd) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  const std::string sent = Fill(relayed.program.get());
  ASSERT_EQ(End(relayed), 0);
  ExpectAborted(relayed);
  EXPECT_EQ(relayed.socket->Report().state, LinuxState::STATE_ENDED);
  EXPECT_EQ(relayed.socket->Report().last_errno, ECONNABORTED);
  EXPECT_EQ(End(relayed), EALREADY);
  ExpectAllAndTheEnd(peer.get(), sent);
  peer.Reset();
  EXPECT_TRUE(Await([&] { return End(relayed) == ENOTCONN; }));
  // It is its program's as long as that has it.
  EXPECT_EQ(table_->size(), 1u);
  relayed.program.Reset();
  EXPECT_TRUE(AwaitSize(0));
  EXPECT_EQ(End(relayed), EBADF);
  EXPECT_THAT(reader_.ReadWords(),
              ElementsAre("socket_opened", "socket_connected", Ended(),
                          "socket_closed"));
}

TEST_F(RelayedEndTest, TheProgramMayCloseItMeanwhile) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  // For which a close would reset, as would unread bytes.
  SetLinger(relayed, {1, 0});
  Send(peer.get(), "unread");
  AwaitEvents(relayed.program.get(), POLLIN);
  const std::string sent = Fill(relayed.program.get());
  ASSERT_EQ(End(relayed), 0);
  relayed.program.Reset();
  ExpectAllAndTheEnd(peer.get(), sent);
  peer.Reset();
  EXPECT_TRUE(AwaitSize(0));
  EXPECT_THAT(reader_.ReadWords(),
              ElementsAre("socket_opened", "socket_connected", Ended(),
                          "socket_closed"));
}

TEST_F(RelayedEndTest, AlsoWhileThePeerSends) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  Fill(peer.get());
  const std::string sent = Fill(relayed.program.get());
  ASSERT_EQ(End(relayed), 0);
  relayed.program.Reset();
  std::thread sender([&] { Send(peer.get(), Pattern(8 << 20)); });
  ExpectAllAndTheEnd(peer.get(), sent);
  sender.join();
  // It has read the end, and there is still somebody who takes this.
  Send(peer.get(), Pattern(8 << 20));
  ASSERT_EQ(shutdown(peer.get(), SHUT_WR), 0);
  EXPECT_TRUE(AwaitSize(0));
  EXPECT_THAT(reader_.ReadWords(),
              ElementsAre("socket_opened", "socket_connected", Ended(),
                          "socket_closed"));
}

TEST_F(RelayedEndTest, WhatItsProgramHasClosedEndsInOrderAnyway) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  SendBeyondTheKernel(relayed);
  EXPECT_FALSE(relayed.socket->Report().closed);
  relayed.program.Reset();
  EXPECT_TRUE(Await([&] { return relayed.socket->Report().closed; }));
  EXPECT_EQ(End(relayed), EALREADY);
  EXPECT_EQ(relayed.socket->End(ForcedEnd::kReset), 0);
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayedEndTest, APeerThatStillSendsGetsTheEndAllTheSame) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  Send(relayed.program.get(), "answer");
  // The program reads nothing of it.
  Fill(peer.get());
  ASSERT_EQ(End(relayed), 0);
  // It is taken, since nobody else will.
  Send(peer.get(), Pattern(1 << 20));
  ExpectAllAndTheEnd(peer.get(), "answer");
}

TEST_F(RelayedEndTest, WhoWaitsForRoomIsWoken) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  Fill(relayed.program.get());
  int error = 0;
  std::thread waiter([&] {
    const std::string much(1 << 20, 'x');
    while (send(relayed.program.get(), much.data(), much.size(), MSG_NOSIGNAL) >
           0) {
    }
    error = errno;
  });
  ASSERT_EQ(End(relayed), 0);
  waiter.join();
  EXPECT_EQ(error, EPIPE);
}

TEST_F(RelayedEndTest, OneWhoseSendingWasOverWaitsForThePeersEnd) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  Send(relayed.program.get(), "last");
  ASSERT_EQ(shutdown(relayed.program.get(), SHUT_WR), 0);
  ExpectAllAndTheEnd(peer.get(), "last");
  ASSERT_EQ(End(relayed), 0);
  char byte;
  EXPECT_EQ(recv(relayed.program.get(), &byte, 1, 0), 0);
  EXPECT_EQ(TakeError(relayed), ECONNABORTED);
  Send(peer.get(), "too late");
  peer.Reset();
  EXPECT_TRUE(Await([&] { return End(relayed) == ENOTCONN; }));
}

TEST_F(RelayedEndTest, ItCanBeResetMeanwhile) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  Fill(relayed.program.get());
  ASSERT_EQ(End(relayed), 0);
  ASSERT_EQ(relayed.socket->End(ForcedEnd::kReset), 0);
  EXPECT_EQ(relayed.socket->End(ForcedEnd::kReset), ENOTCONN);
  EXPECT_TRUE(Await([&] {
    char bytes[4096];
    return recv(peer.get(), bytes, sizeof(bytes), 0) < 0 && errno == ECONNRESET;
  }));
  EXPECT_EQ(TakeError(relayed), ECONNABORTED);
  EXPECT_EQ(TakeError(relayed), 0);
  EXPECT_THAT(reader_.ReadWords(),
              ElementsAre("socket_opened", "socket_connected", Ended(),
                          absl::StrCat("socket_reset ", ECONNABORTED,
                                       " by an administrator")));
}

TEST_F(RelayedEndTest, TheProgramCannotTakeItBack) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  const std::string sent = Fill(relayed.program.get());
  ASSERT_EQ(End(relayed), 0);
  EXPECT_EQ(relayed.socket->Shutdown(SHUT_WR), ENOTCONN);
  bool in_progress = false;
  EXPECT_EQ(relayed.socket->Connect(NetAddress(), 0, &in_progress), EOPNOTSUPP);
  ExpectAllAndTheEnd(peer.get(), sent);
}

TEST_F(RelayedEndTest, AnAttemptToConnectIsGivenUp) {
  const FullListener full = ListenWithFullQueue();
  const int port = full.port();
  const Relayed relayed = Make();
  bool in_progress = false;
  ASSERT_EQ(relayed.socket->Connect(Loopback(port), 0, &in_progress), 0);
  ASSERT_TRUE(in_progress);
  ASSERT_EQ(End(relayed), 0);
  EXPECT_EQ(TakeError(relayed), ECONNABORTED);
  EXPECT_EQ(End(relayed), ENOTCONN);
}

TEST_F(RelayedEndTest, AListenerListensNoMore) {
  Relayed listener = Make();
  ASSERT_EQ(listener.socket->Bind(Loopback(0)), 0);
  ASSERT_EQ(listener.socket->Listen(4), 0);
  const NetAddress address = listener.socket->Report().local;
  ASSERT_EQ(End(listener), 0);
  EXPECT_EQ(TakeError(listener), ECONNABORTED);
  const OwnedFd late(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(late.get(), address.get(), address.size()), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
  EXPECT_EQ(reader_.ReadWords().back(), Ended());
}

TEST_F(RelayedEndTest, WithoutAConnectionThereIsNothingToEnd) {
  const Relayed relayed = Make();
  EXPECT_EQ(End(relayed), ENOTCONN);
  EXPECT_EQ(TakeError(relayed), 0);
}

TEST_F(RelayedEndTest, DatagramsLoseTheirPeerAndTheProgramIsTold) {
  const Relayed relayed = Make(SOCK_DGRAM);
  ASSERT_EQ(Connect(relayed, 9), 0);
  ASSERT_EQ(End(relayed), 0);
  EXPECT_TRUE(relayed.socket->Report().peer.empty());
  wsp::relay::DatagramHeader header{};
  ASSERT_EQ(recv(relayed.program.get(), &header, sizeof(header), 0),
            static_cast<ssize_t>(sizeof(header)));
  EXPECT_EQ(header.kind, wsp::relay::kError);
  EXPECT_EQ(header.flags, ECONNABORTED);
  EXPECT_EQ(reader_.ReadWords().back(), Ended());
}

// With a peer that doesn't read.
class RelayedEndTimeTest : public RelayedEndTest {
 protected:
  RelayedEndTimeTest() {
    RelayedSockets::Options options = TwoLoops();
    options.linger_time = absl::Milliseconds(50);
    Start(options);
  }
};

TEST_F(RelayedEndTimeTest, WhatNobodyTakesIsSentForSoLong) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  SendBeyondTheKernel(relayed);
  ASSERT_EQ(End(relayed), 0);
  EXPECT_THAT(
      EventReader::ToWords(reader_.AwaitKind(JournalEvent::KIND_SOCKET_RESET)),
      ElementsAre("socket_opened", "socket_connected", Ended(),
                  absl::StrCat("socket_reset ", ECONNABORTED,
                               " its time to send was over")));
  EXPECT_EQ(TakeError(relayed), ECONNABORTED);
  EXPECT_EQ(TakeError(relayed), 0);
}

TEST_F(RelayedEndTimeTest, APeerThatHasItAllIsWaitedForNoLonger) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  Send(relayed.program.get(), "all");
  ASSERT_EQ(End(relayed), 0);
  ExpectAllAndTheEnd(peer.get(), "all");
  EXPECT_TRUE(Await([&] { return End(relayed) == ENOTCONN; }));
  // That isn't a reset, unless it sends.
  EXPECT_EQ(EventsNow(peer.get()) & POLLERR, 0);
  relayed.program.Reset();
  EXPECT_TRUE(AwaitSize(0));
  EXPECT_EQ(EventsNow(peer.get()) & POLLERR, 0);
  EXPECT_THAT(reader_.ReadWords(),
              ElementsAre("socket_opened", "socket_connected", Ended(),
                          "socket_closed"));
}

TEST_F(RelayedEndTimeTest, NorIsOneWhoseProgramHasClosedIt) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  Send(relayed.program.get(), "all");
  ASSERT_EQ(End(relayed), 0);
  relayed.program.Reset();
  EXPECT_TRUE(AwaitSize(0));
  ExpectAllAndTheEnd(peer.get(), "all");
  EXPECT_THAT(reader_.ReadWords(),
              ElementsAre("socket_opened", "socket_connected", Ended(),
                          "socket_closed"));
}

TEST_F(RelayedEndTimeTest, OneThatSendsOnIsReset) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  ASSERT_EQ(End(relayed), 0);
  const std::string much = Pattern(64 << 10);
  ssize_t sent;
  while ((sent = send(peer.get(), much.data(), much.size(), MSG_NOSIGNAL)) >
         0) {
  }
  EXPECT_THAT(errno, AnyOf(ECONNRESET, EPIPE));
  EXPECT_EQ(End(relayed), ENOTCONN);
}

}  // namespace
}  // namespace wspd
