// What the daemon sees of its network namespace: here, a fresh one.
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <cstring>
#include <string>
#include <vector>

#include "daemon/base/owned_fd.h"
#include "daemon/network/broadcast_address.h"
#include "daemon/network/interface_addresses.h"
#include "daemon/network/source_address.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

NetAddress Ipv4(const char* text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, text, &address.sin_addr);
  return NetAddress(address);
}

NetAddress Ipv6(const char* text) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  inet_pton(AF_INET6, text, &address.sin6_addr);
  return NetAddress(address);
}

class NetworkTest : public testing::Test {
 protected:
  // The test's thread goes into a namespace where there is nothing but the
  // loopback interface, which is down.
  void SetUp() override {
    ASSERT_TRUE(unshare(CLONE_NEWNET) == 0 ||
                unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)
        << strerror(errno);
  }

  static void BringLoopbackUp() {
    const OwnedFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    strcpy(request.ifr_name, "lo");
    ASSERT_EQ(ioctl(fd.get(), SIOCGIFFLAGS, &request), 0);
    request.ifr_flags |= IFF_UP;
    ASSERT_EQ(ioctl(fd.get(), SIOCSIFFLAGS, &request), 0);
  }

  // Instead of another one to the same addresses, if there is one.
  static void AddRoute(const std::string& route) {
    const std::string command =
        "PATH=/usr/sbin:/sbin:/usr/bin:/bin exec ip route replace " + route;
    ASSERT_EQ(system(command.c_str()), 0) << command;
  }
};

TEST_F(NetworkTest, WithoutANetworkNothingIsReachable) {
  std::vector<InterfaceAddress> addresses;
  EXPECT_EQ(ListInterfaceAddresses(AF_INET, &addresses), 0);
  EXPECT_TRUE(addresses.empty());
  NetAddress source;
  EXPECT_EQ(FindSourceAddress(Ipv4("192.0.2.1"), &source), ENETUNREACH);
  EXPECT_EQ(FindSourceAddress(Ipv4("127.0.0.1"), &source), ENETUNREACH);
  EXPECT_EQ(FindSourceAddress(Ipv6("2001:db8::1"), &source), ENETUNREACH);
  EXPECT_TRUE(source.empty());
}

TEST_F(NetworkTest, LoopbackIsListedAndReachable) {
  BringLoopbackUp();
  std::vector<InterfaceAddress> addresses;
  ASSERT_EQ(ListInterfaceAddresses(AF_INET, &addresses), 0);
  ASSERT_EQ(addresses.size(), 1u);
  EXPECT_EQ(addresses[0].interface_index, if_nametoindex("lo"));
  EXPECT_NE(addresses[0].flags & IFF_LOOPBACK, 0u);
  EXPECT_NE(addresses[0].flags & IFF_UP, 0u);
  EXPECT_TRUE(addresses[0].address.SameEndpoint(Ipv4("127.0.0.1")));
  EXPECT_TRUE(addresses[0].netmask.SameEndpoint(Ipv4("255.0.0.0")));
  EXPECT_TRUE(addresses[0].broadcast.empty());
  NetAddress source;
  EXPECT_EQ(FindSourceAddress(Ipv4("127.1.2.3").WithPort(80), &source), 0);
  EXPECT_TRUE(source.SameEndpoint(Ipv4("127.0.0.1"))) << source.port();
}

TEST_F(NetworkTest, BroadcastAddressesAreThoseOfTheNetworksThatThereAre) {
  EXPECT_TRUE(IsBroadcastAddress(Ipv4("255.255.255.255")));
  EXPECT_FALSE(IsBroadcastAddress(Ipv4("127.255.255.255")));
  BringLoopbackUp();
  EXPECT_TRUE(IsBroadcastAddress(Ipv4("255.255.255.255")));
  EXPECT_TRUE(IsBroadcastAddress(Ipv4("127.255.255.255").WithPort(80)));
  for (const char* other :
       {"0.0.0.0", "127.0.0.1", "127.0.255.255", "192.0.2.255", "224.0.0.1"}) {
    EXPECT_FALSE(IsBroadcastAddress(Ipv4(other))) << other;
  }
  EXPECT_FALSE(IsBroadcastAddress(Ipv6("ff02::1")));
}

TEST_F(NetworkTest, ARouteThatLeadsNowhereMakesNoBroadcastAddress) {
  BringLoopbackUp();
  for (const char* type : {"prohibit", "unreachable", "blackhole", "throw"}) {
    AddRoute(std::string(type) + " 192.0.2.0/24");
    EXPECT_FALSE(IsBroadcastAddress(Ipv4("192.0.2.1"))) << type;
    EXPECT_FALSE(IsBroadcastAddress(Ipv4("192.0.2.255"))) << type;
  }
  // There may be a network among what is prohibited.
  AddRoute("prohibit 192.0.2.0/24");
  AddRoute("broadcast 192.0.2.127 dev lo");
  EXPECT_TRUE(IsBroadcastAddress(Ipv4("192.0.2.127")));
  EXPECT_FALSE(IsBroadcastAddress(Ipv4("192.0.2.255")));
}

TEST_F(NetworkTest, LoopbackIsListedAndReachableOverIpv6) {
  BringLoopbackUp();
  std::vector<InterfaceAddress> addresses;
  ASSERT_EQ(ListInterfaceAddresses(AF_INET6, &addresses), 0);
  ASSERT_EQ(addresses.size(), 1u);
  EXPECT_TRUE(addresses[0].address.SameEndpoint(Ipv6("::1")));
  NetAddress source;
  EXPECT_EQ(FindSourceAddress(Ipv6("::1"), &source), 0);
  EXPECT_TRUE(source.SameEndpoint(Ipv6("::1")));
}

}  // namespace
}  // namespace wspd
