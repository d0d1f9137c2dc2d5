// Datagram sockets with a peer: connected, refused, shut down, corked.
#include <fcntl.h>
#include <netinet/udp.h>
#include <sys/uio.h>

#include "tests/preload/behaviour/datagram_fixture.h"
#include "tests/testing/thread_group.h"

namespace wspd::preload {
namespace {

using testing::ThreadGroup;

class ConnectedDatagramTest : public DatagramTest {};
INSTANTIATE_FOR_FAMILIES(ConnectedDatagramTest);

TEST_P(ConnectedDatagramTest, EmptyOneByWrite) {
  ASSERT_EQ(Connect(ours(), peer_address_), Gives(0));
  EXPECT_EQ(Call(write(ours(), "", 0)), Gives(0));
  EXPECT_EQ(Next(peer()), "");
}

TEST_P(ConnectedDatagramTest, ConnectedSends) {
  ASSERT_EQ(Connect(ours(), peer_address_), Gives(0));
  EXPECT_EQ(SocketAddress::RemoteOf(ours()), peer_address_);
  char one[] = "on", two[] = "e";
  const iovec parts[] = {{one, 2}, {two, 1}};
  EXPECT_EQ(Call(send(ours(), "send", 4, 0)), Gives(4));
  EXPECT_EQ(Call(write(ours(), "write", 5)), Gives(5));
  EXPECT_EQ(Call(writev(ours(), parts, 2)), Gives(3));
  EXPECT_EQ(Next(peer()), "send");
  EXPECT_EQ(Next(peer()), "write");
  EXPECT_EQ(Next(peer()), "one");
}

TEST_P(ConnectedDatagramTest, ConnectBinds) {
  const OwnedFd made = OurSocket(family(), SOCK_DGRAM);
  ASSERT_EQ(Connect(made.get(), peer_address_), Gives(0));
  const SocketAddress local = SocketAddress::LocalOf(made.get());
  EXPECT_NE(local.port(), 0);
  EXPECT_EQ(local, SocketAddress::Loopback(family(), local.port()));
}

TEST_P(ConnectedDatagramTest, ConnectedHearsItsPeerOnly) {
  ASSERT_EQ(Connect(ours(), peer_address_), Gives(0));
  const OwnedFd stranger = PeerDatagramSocket(family());
  // Refused: nobody hears it there.
  EXPECT_EQ(SendTo(stranger.get(), "stranger", our_address_), Gives(8));
  PeerSends("peer");
  EXPECT_EQ(Next(ours()), "peer");
  EXPECT_EQ(Readiness(ours(), POLLIN), 0);
}

TEST_P(ConnectedDatagramTest, ConnectedSendsElsewhereIfTold) {
  ASSERT_EQ(Connect(ours(), peer_address_), Gives(0));
  const OwnedFd other = PeerDatagramSocket(family());
  EXPECT_EQ(SendTo(ours(), "x", SocketAddress::LocalOf(other.get())), Gives(1));
  EXPECT_EQ(Next(other.get()), "x");
}

TEST_P(ConnectedDatagramTest, ConnectsAnew) {
  ASSERT_EQ(Connect(ours(), peer_address_), Gives(0));
  const OwnedFd other = PeerDatagramSocket(family());
  const SocketAddress address = SocketAddress::LocalOf(other.get());
  ASSERT_EQ(Connect(ours(), address), Gives(0));
  EXPECT_EQ(SocketAddress::RemoteOf(ours()), address);
  EXPECT_EQ(Call(send(ours(), "x", 1, 0)), Gives(1));
  EXPECT_EQ(Next(other.get()), "x");
}

TEST_P(ConnectedDatagramTest, ConnectToNobodyDissolves) {
  ASSERT_EQ(Connect(ours(), peer_address_), Gives(0));
  const sockaddr nobody = {AF_UNSPEC, {}};
  EXPECT_EQ(Call(connect(ours(), &nobody, sizeof(nobody))), Gives(0));
  SocketAddress remote;
  EXPECT_EQ(Call(getpeername(ours(), remote.buffer(), remote.room())),
            Fails(ENOTCONN));
  EXPECT_EQ(Call(send(ours(), "x", 1, 0)), Fails(EDESTADDRREQ));
  const OwnedFd other = PeerDatagramSocket(family());
  EXPECT_EQ(SendTo(other.get(), "x", SocketAddress::LocalOf(ours())), Gives(1));
  EXPECT_EQ(Next(ours()), "x");
}

TEST_P(ConnectedDatagramTest, ToItself) {
  ASSERT_EQ(Connect(ours(), our_address_), Gives(0));
  EXPECT_EQ(Call(send(ours(), "echo", 4, 0)), Gives(4));
  EXPECT_EQ(Next(ours()), "echo");
}

TEST_P(ConnectedDatagramTest, RefusalIsToldByRecv) {
  ASSERT_EQ(Connect(ours(), Refusing()), Gives(0));
  EXPECT_EQ(Call(send(ours(), "x", 1, 0)), Gives(1));
  ASSERT_NE(WaitFor(ours(), POLLIN), 0);
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, MSG_DONTWAIT)), Fails(ECONNREFUSED));
  EXPECT_EQ(Call(recv(ours(), &byte, 1, MSG_DONTWAIT)), Fails(EAGAIN));
}

TEST_P(ConnectedDatagramTest, RefusalIsToldBySend) {
  ASSERT_EQ(Connect(ours(), Refusing()), Gives(0));
  EXPECT_EQ(Call(send(ours(), "x", 1, 0)), Gives(1));
  ASSERT_NE(WaitFor(ours(), 0), 0);
  EXPECT_EQ(Call(send(ours(), "x", 1, 0)), Fails(ECONNREFUSED));
}

TEST_P(ConnectedDatagramTest, RefusalIsToldByTheOption) {
  ASSERT_EQ(Connect(ours(), Refusing()), Gives(0));
  EXPECT_EQ(Call(send(ours(), "x", 1, 0)), Gives(1));
  ASSERT_EQ(WaitFor(ours(), 0), POLLERR);
  EXPECT_EQ(GetOption(ours(), SOL_SOCKET, SO_ERROR), ECONNREFUSED);
  EXPECT_EQ(GetOption(ours(), SOL_SOCKET, SO_ERROR), 0);
}

TEST_P(ConnectedDatagramTest, RefusalWakesTheWaiting) {
  ASSERT_EQ(Connect(ours(), Refusing()), Gives(0));
  ThreadGroup threads;
  threads.Start("recv", [&] {
    char byte;
    EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Fails(ECONNREFUSED));
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(Call(send(ours(), "x", 1, 0)), Gives(1));
}

TEST_P(ConnectedDatagramTest, RefusalIsNothingToTheUnconnected) {
  EXPECT_EQ(SendTo(ours(), "x", Refusing()), Gives(1));
  PeerSends("next");
  EXPECT_EQ(GetOption(ours(), SOL_SOCKET, SO_ERROR), 0);
  EXPECT_EQ(Next(ours()), "next");
}

TEST_P(ConnectedDatagramTest, PeerIsRefusedOnceOursIsClosed) {
  ASSERT_EQ(Connect(peer(), our_address_), Gives(0));
  EXPECT_EQ(Call(send(peer(), "x", 1, 0)), Gives(1));
  EXPECT_EQ(Next(ours()), "x");
  ours_.Reset(-1);
  EXPECT_EQ(Call(send(peer(), "x", 1, 0)), Gives(1));
  ASSERT_NE(WaitFor(peer(), 0), 0);
  EXPECT_EQ(GetOption(peer(), SOL_SOCKET, SO_ERROR), ECONNREFUSED);
}

TEST_P(ConnectedDatagramTest, ShutdownWakesTheWaiting) {
  ASSERT_EQ(Connect(ours(), peer_address_), Gives(0));
  ThreadGroup threads;
  threads.Start("recv", [&] {
    char byte;
    EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Gives(0));
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_SUCCESS(shutdown(ours(), SHUT_RD));
}

TEST_P(ConnectedDatagramTest, ShutdownOfTheUnconnected) {
  EXPECT_EQ(Call(shutdown(ours(), SHUT_RDWR)), Fails(ENOTCONN));
}

TEST_P(ConnectedDatagramTest, SendingAfterShutdown) {
  ASSERT_EQ(Connect(ours(), peer_address_), Gives(0));
  EXPECT_SUCCESS(shutdown(ours(), SHUT_WR));
  EXPECT_EQ(Call(send(ours(), "x", 1, MSG_NOSIGNAL)), Fails(EPIPE));
  PeerSends("in");
  EXPECT_EQ(Next(ours()), "in");
}

TEST_P(ConnectedDatagramTest, MoreMakesOneDatagram) {
  ASSERT_EQ(Connect(ours(), peer_address_), Gives(0));
  EXPECT_EQ(Call(send(ours(), "one", 3, MSG_MORE)), Gives(3));
  EXPECT_EQ(Call(send(ours(), "two", 3, 0)), Gives(3));
  EXPECT_EQ(Next(peer()), "onetwo");
}

TEST_P(ConnectedDatagramTest, CorkMakesOneDatagram) {
  ASSERT_EQ(Connect(ours(), peer_address_), Gives(0));
  SetOption(ours(), IPPROTO_UDP, UDP_CORK, 1);
  EXPECT_EQ(Call(send(ours(), "one", 3, 0)), Gives(3));
  EXPECT_EQ(Call(send(ours(), "two", 3, 0)), Gives(3));
  SetOption(ours(), IPPROTO_UDP, UDP_CORK, 0);
  EXPECT_EQ(Next(peer()), "onetwo");
}

TEST_P(ConnectedDatagramTest, SegmentationMakesSeveral) {
  ASSERT_EQ(Connect(ours(), peer_address_), Gives(0));
  SetOption(ours(), IPPROTO_UDP, UDP_SEGMENT, 4);
  EXPECT_EQ(Call(send(ours(), "abcdefghij", 10, 0)), Gives(10));
  EXPECT_EQ(Next(peer()), "abcd");
  EXPECT_EQ(Next(peer()), "efgh");
  EXPECT_EQ(Next(peer()), "ij");
}

TEST_P(ConnectedDatagramTest, SpliceMakesOneDatagram) {
  ASSERT_EQ(Connect(ours(), peer_address_), Gives(0));
  int ends[2];
  ASSERT_SUCCESS(pipe(ends));
  const OwnedFd out(ends[0]), in(ends[1]);
  ASSERT_EQ(Call(write(in.get(), "abcdef", 6)), Gives(6));
  EXPECT_EQ(Call(splice(out.get(), nullptr, ours(), nullptr, 6, 0)), Gives(6));
  EXPECT_EQ(Next(peer()), "abcdef");
}

}  // namespace
}  // namespace wspd::preload
