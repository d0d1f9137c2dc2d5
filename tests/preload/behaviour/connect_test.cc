// connect(): blocking and not, refused, pending, and its effect on names.
#include <fcntl.h>
#include <netinet/tcp.h>

#include "tests/preload/behaviour/fixture.h"
#include "tests/testing/thread_group.h"

namespace wspd::preload {
namespace {

using testing::ThreadGroup;

class ConnectTest : public FamilyTest {
 protected:
  OwnedFd Socket(int flags = 0) const {
    return OurSocket(family(), SOCK_STREAM | flags);
  }
  static Outcome Connect(const OwnedFd& fd, const SocketAddress& address) {
    return Call(connect(fd.get(), address.data(), address.size()));
  }
  static Outcome ConnectTo(const OwnedFd& fd, const OwnedFd& listener) {
    return Connect(fd, SocketAddress::LocalOf(listener.get()));
  }
  // Where nothing listens, nor will: the port is held.
  SocketAddress Refusing() {
    refusing_ = PeerSocket(family(), SOCK_STREAM);
    const SocketAddress any = SocketAddress::Loopback(family());
    EXPECT_SUCCESS(bind(refusing_.get(), any.data(), any.size()));
    return SocketAddress::LocalOf(refusing_.get());
  }
  static int State(const OwnedFd& fd) {
    tcp_info info = {};
    socklen_t size = sizeof(info);
    EXPECT_SUCCESS(getsockopt(fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size));
    return info.tcpi_state;
  }

 private:
  OwnedFd refusing_;
};
INSTANTIATE_FOR_FAMILIES(ConnectTest);

TEST_P(ConnectTest, NamesAreWhatThePeerSees) {
  const OwnedFd listener = PeerListener(family());
  const OwnedFd ours = Socket();
  ASSERT_EQ(ConnectTo(ours, listener), Gives(0));
  const OwnedFd peer = AcceptFrom(listener);
  EXPECT_EQ(SocketAddress::LocalOf(ours.get()),
            SocketAddress::RemoteOf(peer.get()));
  EXPECT_EQ(SocketAddress::RemoteOf(ours.get()),
            SocketAddress::LocalOf(listener.get()));
  EXPECT_NE(SocketAddress::LocalOf(ours.get()).port(), 0);
  EXPECT_TRUE(Talk(ours.get(), peer.get()));
}

TEST_P(ConnectTest, KeepsTheAddressItIsBoundTo) {
  const OwnedFd listener = PeerListener(family());
  const OwnedFd ours = Socket();
  const SocketAddress any = SocketAddress::Loopback(family());
  ASSERT_SUCCESS(bind(ours.get(), any.data(), any.size()));
  const SocketAddress bound = SocketAddress::LocalOf(ours.get());
  ASSERT_EQ(ConnectTo(ours, listener), Gives(0));
  EXPECT_EQ(SocketAddress::RemoteOf(AcceptFrom(listener).get()), bound);
}

TEST_P(ConnectTest, IsRefused) {
  EXPECT_EQ(Connect(Socket(), Refusing()), Fails(ECONNREFUSED));
}

// On Linux the same socket may try again.
TEST_P(ConnectTest, SocketThatWasRefusedMayTryAgain) {
  const OwnedFd listener = PeerListener(family());
  const OwnedFd ours = Socket();
  EXPECT_EQ(Connect(ours, Refusing()), Fails(ECONNREFUSED));
  EXPECT_EQ(GetOption(ours.get(), SOL_SOCKET, SO_ERROR), 0);
  EXPECT_EQ(ConnectTo(ours, listener), Gives(0));
  EXPECT_TRUE(Talk(ours.get(), AcceptFrom(listener).get()));
}

TEST_P(ConnectTest, IsForOnce) {
  const OwnedFd listener = PeerListener(family());
  const OwnedFd ours = Socket();
  ASSERT_EQ(ConnectTo(ours, listener), Gives(0));
  EXPECT_EQ(ConnectTo(ours, listener), Fails(EISCONN));
}

TEST_P(ConnectTest, ListenerCannot) {
  const OwnedFd listener = PeerListener(family());
  EXPECT_EQ(ConnectTo(OurListener(family()), listener), Fails(EISCONN));
}

TEST_P(ConnectTest, WildcardMeansThisHost) {
  const OwnedFd listener = PeerListener(family());
  const uint16_t port = SocketAddress::LocalOf(listener.get()).port();
  const OwnedFd ours = Socket();
  ASSERT_EQ(Connect(ours, SocketAddress::Wildcard(family(), port)), Gives(0));
  EXPECT_TRUE(Talk(ours.get(), AcceptFrom(listener).get()));
}

TEST_P(ConnectTest, AddressOfTheOtherFamily) {
  SocketAddress address = SocketAddress::Loopback(AF_INET6, 1);
  address.buffer()->sa_family = AF_UNIX;
  EXPECT_EQ(Connect(Socket(), address), Fails(EAFNOSUPPORT));
}

TEST_P(ConnectTest, AddressThatIsTooShort) {
  const SocketAddress address = SocketAddress::Loopback(family(), 1);
  EXPECT_EQ(Call(connect(Socket().get(), address.data(), 6)), Fails(EINVAL));
}

TEST_P(ConnectTest, AddressThatIsNowhere) {
  EXPECT_EQ(Call(connect(Socket().get(), nullptr, sizeof(sockaddr_in6))),
            Fails(EFAULT));
}

TEST_P(ConnectTest, NonBlockingIsInProgress) {
  const OwnedFd listener = PeerListener(family());
  const OwnedFd ours = Socket(SOCK_NONBLOCK);
  EXPECT_EQ(ConnectTo(ours, listener), Fails(EINPROGRESS));
  EXPECT_EQ(WaitFor(ours.get(), POLLOUT), POLLOUT);
  EXPECT_EQ(GetOption(ours.get(), SOL_SOCKET, SO_ERROR), 0);
  EXPECT_EQ(SocketAddress::RemoteOf(ours.get()),
            SocketAddress::LocalOf(listener.get()));
  EXPECT_TRUE(Talk(ours.get(), AcceptFrom(listener).get()));
}

// Linux: the first call after its completion succeeds, then it is connected.
TEST_P(ConnectTest, AskingAgainTellsOfSuccessOnce) {
  const OwnedFd listener = PeerListener(family());
  const OwnedFd ours = Socket(SOCK_NONBLOCK);
  EXPECT_EQ(ConnectTo(ours, listener), Fails(EINPROGRESS));
  ASSERT_EQ(WaitFor(ours.get(), POLLOUT), POLLOUT);
  EXPECT_EQ(ConnectTo(ours, listener), Gives(0));
  EXPECT_EQ(ConnectTo(ours, listener), Fails(EISCONN));
}

TEST_P(ConnectTest, NonBlockingIsRefusedLater) {
  const OwnedFd ours = Socket(SOCK_NONBLOCK);
  EXPECT_EQ(Connect(ours, Refusing()), Fails(EINPROGRESS));
  EXPECT_EQ(WaitFor(ours.get(), POLLIN | POLLOUT),
            POLLIN | POLLOUT | POLLERR | POLLHUP);
  EXPECT_EQ(GetOption(ours.get(), SOL_SOCKET, SO_ERROR), ECONNREFUSED);
  EXPECT_EQ(GetOption(ours.get(), SOL_SOCKET, SO_ERROR), 0);
}

TEST_P(ConnectTest, AskingAgainTellsOfRefusal) {
  const SocketAddress refusing = Refusing();
  const OwnedFd ours = Socket(SOCK_NONBLOCK);
  EXPECT_EQ(Connect(ours, refusing), Fails(EINPROGRESS));
  ASSERT_NE(WaitFor(ours.get(), POLLOUT), 0);
  EXPECT_EQ(Connect(ours, refusing), Fails(ECONNREFUSED));
  EXPECT_EQ(GetOption(ours.get(), SOL_SOCKET, SO_ERROR), 0);
}

TEST_P(ConnectTest, ReceivingTellsOfRefusalOnce) {
  const OwnedFd ours = Socket(SOCK_NONBLOCK);
  EXPECT_EQ(Connect(ours, Refusing()), Fails(EINPROGRESS));
  ASSERT_NE(WaitFor(ours.get(), POLLOUT), 0);
  char byte;
  EXPECT_EQ(Call(recv(ours.get(), &byte, 1, 0)), Fails(ECONNREFUSED));
  EXPECT_EQ(Call(recv(ours.get(), &byte, 1, 0)), Gives(0));
}

TEST_P(ConnectTest, IsNonBlockingByFcntlToo) {
  const OwnedFd listener = PeerListener(family());
  const OwnedFd ours = Socket();
  SetNonBlocking(ours.get());
  EXPECT_EQ(ConnectTo(ours, listener), Fails(EINPROGRESS));
  EXPECT_EQ(WaitFor(ours.get(), POLLOUT), POLLOUT);
}

// A listener that takes no more: its queue is full.
class PendingConnectTest : public ConnectTest {
 protected:
  void SetUp() override {
    listener_ = PeerListener(family(), 0);
    first_ = PeerSocket(family(), SOCK_STREAM);
    ASSERT_EQ(ConnectTo(first_, listener_), Gives(0));
    ASSERT_NE(WaitFor(listener_.get(), POLLIN), 0);
  }

  OwnedFd listener_;
  OwnedFd first_;
};
INSTANTIATE_FOR_FAMILIES(PendingConnectTest);

TEST_P(PendingConnectTest, IsAlreadyInProgress) {
  const OwnedFd ours = Socket(SOCK_NONBLOCK);
  EXPECT_EQ(ConnectTo(ours, listener_), Fails(EINPROGRESS));
  EXPECT_EQ(ConnectTo(ours, listener_), Fails(EALREADY));
  EXPECT_EQ(GetOption(ours.get(), SOL_SOCKET, SO_ERROR), 0);
  EXPECT_EQ(State(ours), TCP_SYN_SENT);
}

TEST_P(PendingConnectTest, IsNeitherReadableNorWritable) {
  const OwnedFd ours = Socket(SOCK_NONBLOCK);
  EXPECT_EQ(ConnectTo(ours, listener_), Fails(EINPROGRESS));
  EXPECT_EQ(Readiness(ours.get(), POLLIN | POLLOUT), 0);
  char byte = 0;
  EXPECT_EQ(Call(send(ours.get(), &byte, 1, 0)), Fails(EAGAIN));
  EXPECT_EQ(Call(recv(ours.get(), &byte, 1, 0)), Fails(EAGAIN));
  EXPECT_EQ(Call(write(ours.get(), &byte, 1)), Fails(EAGAIN));
  EXPECT_EQ(Call(read(ours.get(), &byte, 1)), Fails(EAGAIN));
}

TEST_P(PendingConnectTest, HasALocalNameOnly) {
  const OwnedFd ours = Socket(SOCK_NONBLOCK);
  EXPECT_EQ(ConnectTo(ours, listener_), Fails(EINPROGRESS));
  EXPECT_NE(SocketAddress::LocalOf(ours.get()).port(), 0);
  SocketAddress remote;
  EXPECT_EQ(Call(getpeername(ours.get(), remote.buffer(), remote.room())),
            Fails(ENOTCONN));
}

// The attempt goes on, and its completion is an event.
TEST_P(PendingConnectTest, CompletesWhenThereIsRoom) {
  const OwnedFd ours = Socket(SOCK_NONBLOCK);
  EXPECT_EQ(ConnectTo(ours, listener_), Fails(EINPROGRESS));
  AcceptFrom(listener_);
  EXPECT_EQ(WaitFor(ours.get(), POLLOUT), POLLOUT);
  EXPECT_EQ(GetOption(ours.get(), SOL_SOCKET, SO_ERROR), 0);
  EXPECT_TRUE(Talk(ours.get(), AcceptFrom(listener_).get()));
}

TEST_P(PendingConnectTest, BlockingOneWaitsForRoom) {
  const OwnedFd ours = Socket();
  ThreadGroup threads;
  threads.Start("connect",
                [&] { EXPECT_EQ(ConnectTo(ours, listener_), Gives(0)); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(threads.ended(), 0);
  AcceptFrom(listener_);
  threads.JoinAll();
  EXPECT_TRUE(Talk(ours.get(), AcceptFrom(listener_).get()));
}

// SO_SNDTIMEO is for connect() too; the attempt itself goes on.
TEST_P(PendingConnectTest, BlockingOneHasATimeout) {
  const OwnedFd ours = Socket();
  const timeval limit = {0, 50000};
  ASSERT_SUCCESS(
      setsockopt(ours.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
  EXPECT_EQ(ConnectTo(ours, listener_), Fails(EINPROGRESS));
  EXPECT_EQ(State(ours), TCP_SYN_SENT);
}

// Nothing of it comes to the listener's queue later.
TEST_P(PendingConnectTest, ClosedOneIsGone) {
  OwnedFd ours = Socket(SOCK_NONBLOCK);
  // A port of its own; those that connect() chooses may be shared.
  const SocketAddress any = SocketAddress::Loopback(family());
  ASSERT_SUCCESS(bind(ours.get(), any.data(), any.size()));
  EXPECT_EQ(ConnectTo(ours, listener_), Fails(EINPROGRESS));
  const uint16_t port = SocketAddress::LocalOf(ours.get()).port();
  ours.Reset(-1);
  const OwnedFd next = PeerSocket(family(), SOCK_STREAM);
  const SocketAddress address = SocketAddress::Loopback(family(), port);
  EXPECT_TRUE(WaitUntil([&] {
    return bind(next.get(), address.data(), address.size()) == 0;
  })) << "its port stays in use";
}

// Connecting to its own port: TCP's simultaneous open.
TEST_P(ConnectTest, ToItself) {
  const OwnedFd ours = Socket();
  const SocketAddress any = SocketAddress::Loopback(family());
  ASSERT_SUCCESS(bind(ours.get(), any.data(), any.size()));
  ASSERT_EQ(ConnectTo(ours, ours), Gives(0));
  EXPECT_TRUE(SendAll(ours.get(), "echo"));
  EXPECT_EQ(Receive(ours.get(), 4), "echo");
}

// AF_UNSPEC dissolves a connection, and the socket may connect anew.
TEST_P(ConnectTest, ToNobodyDissolvesTheConnection) {
  const OwnedFd listener = PeerListener(family());
  const OwnedFd ours = Socket();
  ASSERT_EQ(ConnectTo(ours, listener), Gives(0));
  const OwnedFd peer = AcceptFrom(listener);
  const sockaddr nobody = {AF_UNSPEC, {}};
  EXPECT_EQ(Call(connect(ours.get(), &nobody, sizeof(nobody))), Gives(0));
  EXPECT_TRUE(IsReset(peer.get()));
  SocketAddress remote;
  EXPECT_EQ(Call(getpeername(ours.get(), remote.buffer(), remote.room())),
            Fails(ENOTCONN));
  ASSERT_EQ(ConnectTo(ours, listener), Gives(0));
  EXPECT_TRUE(Talk(ours.get(), AcceptFrom(listener).get()));
}

TEST_P(ConnectTest, SocketIsUselessBefore) {
  const OwnedFd ours = Socket();
  char byte = 0;
  EXPECT_EQ(Call(send(ours.get(), &byte, 1, MSG_NOSIGNAL)), Fails(EPIPE));
  EXPECT_EQ(Call(recv(ours.get(), &byte, 1, 0)), Fails(ENOTCONN));
  EXPECT_EQ(Call(read(ours.get(), &byte, 1)), Fails(ENOTCONN));
  EXPECT_EQ(Call(shutdown(ours.get(), SHUT_WR)), Fails(ENOTCONN));
  EXPECT_EQ(Readiness(ours.get(), POLLIN | POLLOUT), POLLOUT | POLLHUP);
}

TEST_P(ConnectTest, StatesOfAConnection) {
  const OwnedFd listener = PeerListener(family());
  const OwnedFd ours = Socket();
  EXPECT_EQ(State(ours), TCP_CLOSE);
  ASSERT_EQ(ConnectTo(ours, listener), Gives(0));
  EXPECT_EQ(State(ours), TCP_ESTABLISHED);
  OwnedFd peer = AcceptFrom(listener);
  peer.Reset(-1);
  EXPECT_TRUE(Ends(ours.get()));
  EXPECT_EQ(State(ours), TCP_CLOSE_WAIT);
}

// An IPv6 socket reaches IPv4 by mapped addresses.
TEST(MappedConnectTest, ReachesIPv4) {
  const OwnedFd listener = PeerListener(AF_INET);
  const OwnedFd ours = OurSocket(AF_INET6, SOCK_STREAM);
  const SocketAddress mapped = SocketAddress::MappedLoopback(
      SocketAddress::LocalOf(listener.get()).port());
  ASSERT_SUCCESS(connect(ours.get(), mapped.data(), mapped.size()));
  EXPECT_EQ(SocketAddress::RemoteOf(ours.get()), mapped);
  EXPECT_TRUE(Talk(ours.get(), AcceptFrom(listener).get()));
}

TEST(MappedConnectTest, V6OnlyDoesNot) {
  const OwnedFd listener = PeerListener(AF_INET);
  const OwnedFd ours = OurSocket(AF_INET6, SOCK_STREAM);
  SetOption(ours.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  const SocketAddress mapped = SocketAddress::MappedLoopback(
      SocketAddress::LocalOf(listener.get()).port());
  EXPECT_EQ(Call(connect(ours.get(), mapped.data(), mapped.size())),
            Fails(ENETUNREACH));
}

}  // namespace
}  // namespace wspd::preload
