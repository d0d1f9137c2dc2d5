// What an administrator's reset is to a program, and to its peer.
#include <errno.h>
#include <sys/socket.h>

#include <string>

#include "daemon/relay/relay_fixture.h"
#include "gtest/gtest.h"
#include "proto/relay_wire.h"

namespace wspd {
namespace {

class RelayedResetTest : public RelayFixture {
 protected:
  RelayedResetTest() { Start(); }

  static int ReceiveError(int fd) {
    char byte;
    return recv(fd, &byte, 1, 0) < 0 ? errno : 0;
  }
  int TakeError(const Relayed& relayed) {
    LinuxState state;
    EXPECT_EQ(relayed.socket->State(0, &state), 0);
    return state.error();
  }
};

TEST_F(RelayedResetTest, AConnectionIsResetToItsPeerAndAbortedToItsProgram) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  Send(relayed.program.get(), "ping");
  EXPECT_EQ(ReadBytes(peer.get(), 4), "ping");
  ASSERT_EQ(relayed.socket->End(ForcedEnd::kReset), 0);
  EXPECT_EQ(ReceiveError(peer.get()), ECONNRESET);
  // The end, and the error, once.
  char byte;
  EXPECT_EQ(recv(relayed.program.get(), &byte, 1, 0), 0);
  EXPECT_EQ(TakeError(relayed), ECONNABORTED);
  EXPECT_EQ(TakeError(relayed), 0);
  EXPECT_EQ(send(relayed.program.get(), "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(errno, EPIPE);
  EXPECT_EQ(relayed.socket->End(ForcedEnd::kReset), ENOTCONN);
}

TEST_F(RelayedResetTest, ItsSocketEndsWhenItIsClosed) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  ASSERT_EQ(relayed.socket->End(ForcedEnd::kReset), 0);
  EXPECT_EQ(table_->size(), 1u);
  relayed.program.Reset();
  EXPECT_TRUE(Await([&] { return table_->size() == 0; }));
  EXPECT_EQ(owner_->sockets, 0u);
  EXPECT_EQ(relayed.socket->End(ForcedEnd::kReset), EBADF);
}

TEST_F(RelayedResetTest, BytesThatNobodyReadsAreNoObstacle) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  const std::string much(1 << 20, 'x');
  for (const int fd : {relayed.program.get(), peer.get()}) {
    while (send(fd, much.data(), much.size(), MSG_DONTWAIT) > 0) {
    }
  }
  ASSERT_EQ(relayed.socket->End(ForcedEnd::kReset), 0);
  EXPECT_EQ(TakeError(relayed), ECONNABORTED);
  EXPECT_TRUE(Await([&] {
    char bytes[4096];
    return recv(peer.get(), bytes, sizeof(bytes), 0) < 0 && errno == ECONNRESET;
  }));
}

TEST_F(RelayedResetTest, AListenerListensNoMore) {
  Relayed listener = Make();
  ASSERT_EQ(listener.socket->Bind(Loopback(0)), 0);
  ASSERT_EQ(listener.socket->Listen(4), 0);
  const NetAddress address = listener.socket->Report().local;
  ASSERT_EQ(listener.socket->End(ForcedEnd::kReset), 0);
  char byte;
  EXPECT_EQ(recv(listener.program.get(), &byte, 1, 0), 0);
  EXPECT_EQ(TakeError(listener), ECONNABORTED);
  const OwnedFd late(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(late.get(), address.get(), address.size()), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
  listener.program.Reset();
  EXPECT_TRUE(Await([&] { return table_->size() == 0; }));
}

TEST_F(RelayedResetTest, WithoutAConnectionThereIsNothingToReset) {
  const Relayed relayed = Make();
  EXPECT_EQ(relayed.socket->End(ForcedEnd::kReset), ENOTCONN);
  EXPECT_EQ(TakeError(relayed), 0);
}

TEST_F(RelayedResetTest, DatagramsLoseTheirPeerAndTheProgramIsTold) {
  const Relayed relayed = Make(SOCK_DGRAM);
  const OwnedFd peer(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const NetAddress any = Loopback(0);
  ASSERT_EQ(bind(peer.get(), any.get(), any.size()), 0);
  ASSERT_EQ(Connect(relayed, NetAddress::LocalOf(peer.get()).port()), 0);
  ASSERT_EQ(relayed.socket->End(ForcedEnd::kReset), 0);
  EXPECT_TRUE(relayed.socket->Report().peer.empty());
  wsp::relay::DatagramHeader header{};
  ASSERT_EQ(recv(relayed.program.get(), &header, sizeof(header), 0),
            static_cast<ssize_t>(sizeof(header)));
  EXPECT_EQ(header.kind, wsp::relay::kError);
  EXPECT_EQ(header.flags, ECONNABORTED);
  // It goes on as a new one.
  EXPECT_EQ(Connect(relayed, NetAddress::LocalOf(peer.get()).port()), 0);
  EXPECT_EQ(TakeError(relayed), 0);
}

}  // namespace
}  // namespace wspd
