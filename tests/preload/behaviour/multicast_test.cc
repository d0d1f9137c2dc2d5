// Groups on the loopback interface of the daemon's network.
#include <arpa/inet.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cstring>

#include "tests/preload/behaviour/datagram_fixture.h"

namespace wspd::preload {
namespace {

// Of no protocol: administratively scoped, and interface-local.
SocketAddress Group(int family, uint16_t port) {
  SocketAddress address = SocketAddress::Wildcard(family, port);
  if (family == AF_INET) {
    inet_pton(AF_INET, "239.255.77.77",
              &reinterpret_cast<sockaddr_in*>(address.buffer())->sin_addr);
  } else {
    inet_pton(AF_INET6, "ff01::7777",
              &reinterpret_cast<sockaddr_in6*>(address.buffer())->sin6_addr);
  }
  return address;
}

class MulticastTest : public DatagramTest {
 protected:
  void SetUp() override {
    DatagramTest::SetUp();
    ours_ = OurSocket(family(), SOCK_DGRAM);
    const SocketAddress any = SocketAddress::Wildcard(family());
    ASSERT_SUCCESS(bind(ours(), any.data(), any.size()));
    group_ = Group(family(), SocketAddress::LocalOf(ours()).port());
    // By the daemon's network, which isn't the program's.
    ifreq request = {};
    strcpy(request.ifr_name, "lo");
    ASSERT_SUCCESS(ioctl(ours(), SIOCGIFINDEX, &request));
    loopback_ = request.ifr_ifindex;
  }
  Outcome Change(int fd, bool join) const {
    if (family() == AF_INET) {
      ip_mreqn request = {};
      request.imr_multiaddr =
          reinterpret_cast<const sockaddr_in*>(group_.data())->sin_addr;
      request.imr_ifindex = loopback_;
      return Call(setsockopt(fd, IPPROTO_IP,
                             join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP,
                             &request, sizeof(request)));
    }
    ipv6_mreq request = {};
    request.ipv6mr_multiaddr =
        reinterpret_cast<const sockaddr_in6*>(group_.data())->sin6_addr;
    request.ipv6mr_interface = loopback_;
    return Call(setsockopt(fd, IPPROTO_IPV6,
                           join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &request,
                           sizeof(request)));
  }
  void SendBy(int fd) const {
    if (family() == AF_INET) {
      ip_mreqn request = {};
      request.imr_ifindex = loopback_;
      EXPECT_SUCCESS(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request,
                                sizeof(request)));
    } else {
      SetOption(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, loopback_);
    }
  }

  // A loopback interface may have no route to IPv6 groups.
  bool Reaches(int fd) const {
    SendBy(fd);
    return !(SendTo(fd, "", group_) == Fails(ENETUNREACH));
  }

  SocketAddress group_;
  int loopback_ = 0;
};
INSTANTIATE_FOR_FAMILIES(MulticastTest);

TEST_P(MulticastTest, MemberHears) {
  if (!Reaches(peer())) GTEST_SKIP() << "no route to groups here";
  ASSERT_EQ(Change(ours(), true), Gives(0));
  EXPECT_EQ(SendTo(peer(), "all", group_), Gives(3));
  SocketAddress from;
  EXPECT_EQ(Next(ours(), &from), "all");
  EXPECT_EQ(from.port(), peer_address_.port());
}

// After leaving it hears only what is sent to itself.
TEST_P(MulticastTest, FormerMemberDoesNot) {
  if (!Reaches(peer())) GTEST_SKIP() << "no route to groups here";
  ASSERT_EQ(Change(ours(), true), Gives(0));
  ASSERT_EQ(Change(ours(), false), Gives(0));
  SetOption(ours(), family() == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
            family() == AF_INET ? IP_MULTICAST_ALL : IPV6_MULTICAST_ALL, 0);
  EXPECT_EQ(SendTo(peer(), "all", group_), Gives(3));
  const SocketAddress own = SocketAddress::Loopback(family(), group_.port());
  EXPECT_EQ(SendTo(peer(), "own", own), Gives(3));
  EXPECT_EQ(Next(ours()), "own");
}

TEST_P(MulticastTest, PeerHearsOurs) {
  if (!Reaches(peer())) GTEST_SKIP() << "no route to groups here";
  const OwnedFd member = PeerSocket(family(), SOCK_DGRAM);
  const SocketAddress any = SocketAddress::Wildcard(family());
  ASSERT_SUCCESS(bind(member.get(), any.data(), any.size()));
  group_ = Group(family(), SocketAddress::LocalOf(member.get()).port());
  ASSERT_EQ(Change(member.get(), true), Gives(0));
  SendBy(ours());
  EXPECT_EQ(SendTo(ours(), "all", group_), Gives(3));
  EXPECT_EQ(Next(member.get()), "all");
}

TEST_P(MulticastTest, JoiningTwice) {
  ASSERT_EQ(Change(ours(), true), Gives(0));
  EXPECT_EQ(Change(ours(), true), Fails(EADDRINUSE));
  ASSERT_EQ(Change(ours(), false), Gives(0));
  EXPECT_EQ(Change(ours(), false), Fails(EADDRNOTAVAIL));
}

}  // namespace
}  // namespace wspd::preload
