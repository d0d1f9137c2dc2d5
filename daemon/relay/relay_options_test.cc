#include "daemon/relay/relay_options.h"

#include <linux/udp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "gtest/gtest.h"

namespace wspd {
namespace {

OptionRule RuleOf(int level, int name) {
  const int one = 1;
  return RuleOfSetting(level, name, &one, sizeof(one));
}

TEST(RelayOptionsTest, WhatDatagramsHaveIsTheRealSockets) {
  const struct {
    int level;
    int name;
  } options[] = {
      {SOL_SOCKET, SO_TIMESTAMP},
      {SOL_SOCKET, SO_TIMESTAMPNS},
      {SOL_SOCKET, SO_TIMESTAMPING},
      {SOL_SOCKET, SO_BROADCAST},
      {SOL_SOCKET, SO_RXQ_OVFL},
      {IPPROTO_IP, IP_PKTINFO},
      {IPPROTO_IP, IP_RECVTTL},
      {IPPROTO_IP, IP_RECVTOS},
      {IPPROTO_IP, IP_RECVERR},
      {IPPROTO_IP, IP_RECVORIGDSTADDR},
      {IPPROTO_IP, IP_ADD_MEMBERSHIP},
      {IPPROTO_IP, IP_MULTICAST_IF},
      {IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP},
      {IPPROTO_IPV6, IPV6_RECVPKTINFO},
      {IPPROTO_IPV6, IPV6_PKTINFO},
      {IPPROTO_IPV6, IPV6_RECVHOPLIMIT},
      {IPPROTO_IPV6, IPV6_RECVTCLASS},
      {IPPROTO_IPV6, IPV6_RECVHOPOPTS},
      {IPPROTO_IPV6, IPV6_JOIN_GROUP},
      {IPPROTO_UDP, UDP_CORK},
      {IPPROTO_UDP, UDP_SEGMENT},
      {IPPROTO_UDP, UDP_GRO},
      {IPPROTO_UDPLITE, 10},
      {IPPROTO_UDPLITE, 11},
  };
  for (const auto& [level, name] : options) {
    EXPECT_EQ(RuleOf(level, name), OptionRule::kReal) << level << " " << name;
    EXPECT_TRUE(IsReadable(level, name)) << level << " " << name;
  }
}

TEST(RelayOptionsTest, WhatNeedsAPrivilegeIsRefused) {
  const struct {
    int level;
    int name;
  } options[] = {
      {SOL_SOCKET, SO_MARK},        {SOL_SOCKET, SO_BINDTODEVICE},
      {SOL_SOCKET, SO_RCVBUFFORCE}, {SOL_SOCKET, SO_SNDBUFFORCE},
      {IPPROTO_IP, IP_TRANSPARENT}, {IPPROTO_IPV6, IPV6_TRANSPARENT},
      {IPPROTO_IPV6, IPV6_HOPOPTS},
  };
  for (const auto& [level, name] : options) {
    EXPECT_EQ(RuleOf(level, name), OptionRule::kPrivileged)
        << level << " " << name;
  }
  // These would take none, or for some values.
  EXPECT_EQ(RuleOf(SOL_SOCKET, SO_TXTIME), OptionRule::kRefused);
  EXPECT_EQ(RuleOf(IPPROTO_IPV6, IPV6_RTHDR), OptionRule::kRefused);
  EXPECT_EQ(RuleOf(SOL_SOCKET, SO_ATTACH_FILTER), OptionRule::kRefused);
  EXPECT_EQ(RuleOf(SOL_SOCKET, SO_ATTACH_BPF), OptionRule::kRefused);
  EXPECT_EQ(RuleOf(IPPROTO_UDP, UDP_ENCAP), OptionRule::kRefused);
  // Of IP's header options it depends: a route is recorded, or chosen.
  constexpr char kRecorded[] = {7, 7, 4, 0, 0, 0, 0};
  constexpr char kChosen[] = {1, '\x83', 7, 4, 127, 0, 0, 1};
  EXPECT_EQ(RuleOfSetting(IPPROTO_IP, IP_OPTIONS, kRecorded, sizeof(kRecorded)),
            OptionRule::kRefused);
  EXPECT_EQ(RuleOfSetting(IPPROTO_IP, IP_OPTIONS, kChosen, sizeof(kChosen)),
            OptionRule::kPrivileged);
  int priority = 6;
  EXPECT_EQ(RuleOfSetting(SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)),
            OptionRule::kReal);
  priority = 7;
  EXPECT_EQ(RuleOfSetting(SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)),
            OptionRule::kPrivileged);
}

TEST(RelayOptionsTest, WhatIsNotKnownIsNotThere) {
  // The packet filter's table is by these.
  for (const int name : {64, 65, 66, 67}) {
    EXPECT_EQ(RuleOf(IPPROTO_IP, name), OptionRule::kUnknown) << name;
    EXPECT_FALSE(IsReadable(IPPROTO_IP, name)) << name;
  }
  EXPECT_EQ(RuleOf(IPPROTO_RAW, 1), OptionRule::kUnknown);
  EXPECT_EQ(RuleOf(-1, -1), OptionRule::kUnknown);
  // Has the kernel write where the value says.
  EXPECT_FALSE(IsReadable(IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE));
}

}  // namespace
}  // namespace wspd
