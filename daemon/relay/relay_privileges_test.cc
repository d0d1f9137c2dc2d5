#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>

#include "daemon/relay/relay_options.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

OptionRule RuleOfInt(int level, int name, int value) {
  return RuleOfSetting(level, name, &value, sizeof(value));
}

TEST(RelayPrivilegesTest, WhatNeedsPrivilegesIsRefused) {
  EXPECT_EQ(RuleOfInt(SOL_SOCKET, SO_MARK, 1), OptionRule::kPrivileged);
  EXPECT_EQ(RuleOfInt(SOL_SOCKET, SO_RCVBUFFORCE, 1), OptionRule::kPrivileged);
  EXPECT_EQ(RuleOfInt(SOL_SOCKET, SO_ATTACH_FILTER, 1), OptionRule::kRefused);
  EXPECT_EQ(RuleOfInt(IPPROTO_IP, IP_TRANSPARENT, 1), OptionRule::kPrivileged);
  EXPECT_EQ(RuleOfInt(IPPROTO_TCP, TCP_ULP, 1), OptionRule::kRefused);
  EXPECT_EQ(RuleOfInt(SOL_SOCKET, SO_PRIORITY, 6), OptionRule::kReal);
  EXPECT_EQ(RuleOfInt(SOL_SOCKET, SO_PRIORITY, 7), OptionRule::kPrivileged);
  EXPECT_EQ(RuleOfInt(SOL_SOCKET, SO_PRIORITY, -1), OptionRule::kPrivileged);
}

TEST(RelayPrivilegesTest, WhatIsUnknownDoesNotGetToTheKernel) {
  // IPT_SO_SET_REPLACE, ARPT_SO_SET_REPLACE, MRT_INIT.
  for (const int name : {64, 96, 200}) {
    EXPECT_EQ(RuleOfInt(IPPROTO_IP, name, 1), OptionRule::kUnknown);
    EXPECT_FALSE(IsReadable(IPPROTO_IP, name));
  }
  EXPECT_EQ(RuleOfInt(IPPROTO_RAW, 1, 1), OptionRule::kUnknown);
}

TEST(RelayPrivilegesTest, TheProgramsEndHasItsOwn) {
  EXPECT_EQ(RuleOfInt(SOL_SOCKET, SO_OOBINLINE, 1), OptionRule::kProgramsOwn);
  EXPECT_EQ(RuleOfInt(SOL_SOCKET, SO_RCVLOWAT, 1), OptionRule::kProgramsOwn);
}

TEST(RelayPrivilegesTest, CongestionControlIsWhatProgramsMayHave) {
  const char reno[] = "reno";
  EXPECT_EQ(RuleOfSetting(IPPROTO_TCP, TCP_CONGESTION, reno, strlen(reno)),
            OptionRule::kReal);
  EXPECT_EQ(RuleOfSetting(IPPROTO_TCP, TCP_CONGESTION, reno, sizeof(reno)),
            OptionRule::kReal);
  for (const char* name : {"", "ren", "no-such", "reno cubic"}) {
    EXPECT_EQ(RuleOfSetting(IPPROTO_TCP, TCP_CONGESTION, name, strlen(name)),
              OptionRule::kPrivileged);
  }
}

TEST(RelayPrivilegesTest, WhatTheKernelWritesBeyondItsRoomIsNotRead) {
  EXPECT_FALSE(IsReadable(IPPROTO_IP, IP_MSFILTER));
  EXPECT_FALSE(IsReadable(IPPROTO_IP, MCAST_MSFILTER));
  EXPECT_FALSE(IsReadable(IPPROTO_IPV6, MCAST_MSFILTER));
  EXPECT_FALSE(IsReadable(IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE));
  EXPECT_FALSE(IsReadable(IPPROTO_TCP, TCP_FASTOPEN_KEY));
  EXPECT_TRUE(IsReadable(IPPROTO_TCP, TCP_INFO));
  EXPECT_TRUE(IsReadable(IPPROTO_TCP, TCP_NODELAY));
  EXPECT_TRUE(IsReadable(SOL_SOCKET, SO_TYPE));
}

}  // namespace
}  // namespace wspd
