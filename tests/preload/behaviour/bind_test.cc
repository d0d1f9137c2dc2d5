// Local addresses: bind(), what getsockname() says, and who else may have them.
#include <cstring>

#include "tests/preload/behaviour/fixture.h"

namespace wspd::preload {
namespace {

class BindTest : public SocketTest {
 protected:
  static Outcome Bind(const OwnedFd& fd, const SocketAddress& address) {
    return Call(bind(fd.get(), address.data(), address.size()));
  }
  // The port of a socket only matters to others once it listens.
  void Hold(const OwnedFd& fd) const {
    if (type() != SOCK_STREAM) return;
    EXPECT_SUCCESS(listen(fd.get(), 1));
  }
  OwnedFd Bound() const {
    OwnedFd made = Socket();
    EXPECT_EQ(Bind(made, SocketAddress::Loopback(family())), Gives(0));
    return made;
  }
};
INSTANTIATE_FOR_SOCKETS(BindTest);

TEST_P(BindTest, PortZeroIsOneOfTheKernelsChoice) {
  const OwnedFd made = Bound();
  const SocketAddress local = SocketAddress::LocalOf(made.get());
  EXPECT_NE(local.port(), 0);
  EXPECT_EQ(local, SocketAddress::Loopback(family(), local.port()));
}

TEST_P(BindTest, TakesThePortThatItIsTold) {
  OwnedFd first = Bound();
  const SocketAddress address = SocketAddress::LocalOf(first.get());
  first.Reset(-1);
  const OwnedFd second = Socket();
  EXPECT_EQ(Bind(second, address), Gives(0));
  EXPECT_EQ(SocketAddress::LocalOf(second.get()), address);
}

TEST_P(BindTest, TakesTheWildcardAddress) {
  const OwnedFd made = Socket();
  EXPECT_EQ(Bind(made, SocketAddress::Wildcard(family())), Gives(0));
  const SocketAddress local = SocketAddress::LocalOf(made.get());
  EXPECT_NE(local.port(), 0);
  EXPECT_EQ(local, SocketAddress::Wildcard(family(), local.port()));
}

TEST_P(BindTest, IsForOnce) {
  const OwnedFd made = Bound();
  EXPECT_EQ(Bind(made, SocketAddress::Loopback(family())), Fails(EINVAL));
}

TEST_P(BindTest, AddressOfAPeerIsInUse) {
  const OwnedFd peer = type() == SOCK_STREAM ? PeerListener(family())
                                             : PeerDatagramSocket(family());
  const OwnedFd made = Socket();
  EXPECT_EQ(Bind(made, SocketAddress::LocalOf(peer.get())), Fails(EADDRINUSE));
}

TEST_P(BindTest, AddressOfOursIsInUseForThePeer) {
  const OwnedFd made = Bound();
  Hold(made);
  const OwnedFd peer = PeerSocket(family(), type());
  EXPECT_EQ(Bind(peer, SocketAddress::LocalOf(made.get())), Fails(EADDRINUSE));
}

TEST_P(BindTest, AddressOfAnotherOfOursIsInUse) {
  const OwnedFd first = Bound();
  Hold(first);
  const OwnedFd second = Socket();
  EXPECT_EQ(Bind(second, SocketAddress::LocalOf(first.get())),
            Fails(EADDRINUSE));
}

// Loopback and wildcard conflict.
TEST_P(BindTest, WildcardOfAnotherIsInUse) {
  const OwnedFd first = Socket();
  EXPECT_EQ(Bind(first, SocketAddress::Wildcard(family())), Gives(0));
  Hold(first);
  const OwnedFd second = Socket();
  const uint16_t port = SocketAddress::LocalOf(first.get()).port();
  EXPECT_EQ(Bind(second, SocketAddress::Loopback(family(), port)),
            Fails(EADDRINUSE));
}

// A socket that failed to bind may try again.
TEST_P(BindTest, FailureLeavesTheSocketAsItWas) {
  const OwnedFd first = Bound();
  Hold(first);
  const OwnedFd second = Socket();
  EXPECT_EQ(Bind(second, SocketAddress::LocalOf(first.get())),
            Fails(EADDRINUSE));
  EXPECT_EQ(SocketAddress::LocalOf(second.get()).port(), 0);
  EXPECT_EQ(Bind(second, SocketAddress::Loopback(family())), Gives(0));
}

TEST_P(BindTest, CloseFreesTheAddressAtOnce) {
  OwnedFd first = Bound();
  Hold(first);
  const SocketAddress address = SocketAddress::LocalOf(first.get());
  first.Reset(-1);
  const OwnedFd peer = PeerSocket(family(), type());
  EXPECT_EQ(Bind(peer, address), Gives(0));
}

TEST_P(BindTest, AddressOfAnotherHost) {
  EXPECT_EQ(Bind(Socket(), SocketAddress::Foreign(family())),
            Fails(EADDRNOTAVAIL));
}

TEST_P(BindTest, AddressOfTheOtherFamily) {
  // Long enough for both.
  SocketAddress address = SocketAddress::Loopback(AF_INET6);
  address.buffer()->sa_family = AF_UNIX;
  EXPECT_EQ(Bind(Socket(), address), Fails(EAFNOSUPPORT));
}

TEST_P(BindTest, AddressThatIsTooShort) {
  const SocketAddress address = SocketAddress::Loopback(family());
  const OwnedFd made = Socket();
  EXPECT_EQ(Call(bind(made.get(), address.data(), 6)), Fails(EINVAL));
}

TEST_P(BindTest, AddressThatIsTooLong) {
  const SocketAddress address = SocketAddress::Loopback(family());
  const OwnedFd made = Socket();
  EXPECT_EQ(Call(bind(made.get(), address.data(), 1000)), Fails(EINVAL));
}

TEST_P(BindTest, AddressThatIsNowhere) {
  const SocketAddress address = SocketAddress::Loopback(family());
  const OwnedFd made = Socket();
  EXPECT_EQ(Call(bind(made.get(), nullptr, address.size())), Fails(EFAULT));
}

// The name is cut to the room there is, its whole length said.
TEST_P(BindTest, NameIsCutToItsRoom) {
  const OwnedFd made = Bound();
  const SocketAddress whole = SocketAddress::LocalOf(made.get());
  SocketAddress cut;
  std::memset(cut.buffer(), 0xee, sizeof(sockaddr_in6));
  socklen_t room = 4;
  ASSERT_SUCCESS(getsockname(made.get(), cut.buffer(), &room));
  EXPECT_EQ(room, whole.size());
  EXPECT_EQ(std::memcmp(cut.data(), whole.data(), 4), 0);
  EXPECT_EQ(reinterpret_cast<const unsigned char*>(cut.data())[4], 0xee);
}

TEST_P(BindTest, NameHasRoomOfNegativeLength) {
  const OwnedFd made = Bound();
  SocketAddress address;
  socklen_t room = static_cast<socklen_t>(-1);
  EXPECT_EQ(Call(getsockname(made.get(), address.buffer(), &room)),
            Fails(EINVAL));
}

TEST_P(BindTest, NameGoesNowhere) {
  const OwnedFd made = Bound();
  socklen_t room = sizeof(sockaddr_in6);
  EXPECT_EQ(Call(getsockname(made.get(), nullptr, &room)), Fails(EFAULT));
}

TEST_P(BindTest, PortIsSharedIfBothReusePorts) {
  const OwnedFd first = Socket();
  const OwnedFd second = Socket();
  SetOption(first.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  SetOption(second.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  EXPECT_EQ(Bind(first, SocketAddress::Loopback(family())), Gives(0));
  Hold(first);
  EXPECT_EQ(Bind(second, SocketAddress::LocalOf(first.get())), Gives(0));
  Hold(second);
}

TEST_P(BindTest, PortIsNotSharedIfOneReusesPorts) {
  const OwnedFd first = Socket();
  const OwnedFd second = Bound();
  Hold(second);
  SetOption(first.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  EXPECT_EQ(Bind(first, SocketAddress::LocalOf(second.get())),
            Fails(EADDRINUSE));
}

// Streams: not beside one that listens. Datagrams: shared.
TEST_P(BindTest, ReusedAddress) {
  const OwnedFd first = Socket();
  const OwnedFd second = Socket();
  SetOption(first.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  SetOption(second.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  EXPECT_EQ(Bind(first, SocketAddress::Loopback(family())), Gives(0));
  Hold(first);
  EXPECT_EQ(Bind(second, SocketAddress::LocalOf(first.get())),
            type() == SOCK_STREAM ? Fails(EADDRINUSE) : Gives(0));
}

class AddressTest : public FamilyTest {};
INSTANTIATE_FOR_FAMILIES(AddressTest);

// A server that closed its connections first may start again at once, if it
// reuses addresses.
TEST_P(AddressTest, ReuseAddressTakesAPortInTimeWait) {
  OwnedFd listener = OurSocket(family(), SOCK_STREAM);
  SetOption(listener.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  const SocketAddress any = SocketAddress::Loopback(family());
  ASSERT_SUCCESS(bind(listener.get(), any.data(), any.size()));
  ASSERT_SUCCESS(listen(listener.get(), 5));
  const SocketAddress address = SocketAddress::LocalOf(listener.get());
  OwnedFd peer = PeerSocket(family(), SOCK_STREAM);
  ASSERT_SUCCESS(connect(peer.get(), address.data(), address.size()));
  OwnedFd accepted = AcceptFrom(listener);
  listener.Reset(-1);
  accepted.Reset(-1);
  EXPECT_TRUE(Ends(peer.get()));
  peer.Reset(-1);
  const OwnedFd next = OurSocket(family(), SOCK_STREAM);
  EXPECT_EQ(Call(bind(next.get(), address.data(), address.size())),
            Fails(EADDRINUSE));
  SetOption(next.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  EXPECT_EQ(Call(bind(next.get(), address.data(), address.size())), Gives(0));
}

TEST_P(AddressTest, ReuseAddressIsWhatWasSet) {
  const OwnedFd made = OurSocket(family(), SOCK_STREAM);
  EXPECT_EQ(GetOption(made.get(), SOL_SOCKET, SO_REUSEADDR), 0);
  SetOption(made.get(), SOL_SOCKET, SO_REUSEADDR, 5);
  EXPECT_EQ(GetOption(made.get(), SOL_SOCKET, SO_REUSEADDR), 1);
}

// Both families of one port, if the IPv6 socket keeps to its own. Of several
// ports, since others may have one in IPv4.
TEST(DualStackTest, V6OnlySocketLeavesThePortToIPv4) {
  Outcome outcome = Fails(EADDRINUSE);
  for (int i = 0; i < 20 && outcome == Fails(EADDRINUSE); ++i) {
    const OwnedFd six = OurSocket(AF_INET6, SOCK_STREAM);
    SetOption(six.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    const SocketAddress any = SocketAddress::Wildcard(AF_INET6);
    ASSERT_SUCCESS(bind(six.get(), any.data(), any.size()));
    ASSERT_SUCCESS(listen(six.get(), 1));
    const OwnedFd four = OurSocket(AF_INET, SOCK_STREAM);
    const SocketAddress same = SocketAddress::Wildcard(
        AF_INET, SocketAddress::LocalOf(six.get()).port());
    outcome = Call(bind(four.get(), same.data(), same.size()));
  }
  EXPECT_EQ(outcome, Gives(0));
}

TEST(DualStackTest, WildcardSocketHasThePortOfIPv4Too) {
  const OwnedFd six = OurSocket(AF_INET6, SOCK_STREAM);
  SetOption(six.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  const SocketAddress any = SocketAddress::Wildcard(AF_INET6);
  ASSERT_SUCCESS(bind(six.get(), any.data(), any.size()));
  ASSERT_SUCCESS(listen(six.get(), 1));
  const OwnedFd four = OurSocket(AF_INET, SOCK_STREAM);
  const SocketAddress same = SocketAddress::Wildcard(
      AF_INET, SocketAddress::LocalOf(six.get()).port());
  EXPECT_EQ(Call(bind(four.get(), same.data(), same.size())),
            Fails(EADDRINUSE));
}

TEST(DualStackTest, V6OnlyIsFixedOnceBound) {
  const OwnedFd six = OurDatagramSocket(AF_INET6);
  const int on = 1;
  EXPECT_EQ(
      Call(setsockopt(six.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))),
      Fails(EINVAL));
}

}  // namespace
}  // namespace wspd::preload
