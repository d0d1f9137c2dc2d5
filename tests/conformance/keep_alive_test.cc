// Keep-alive: SIO_KEEPALIVE_VALS (4.9) and the options SO_KEEPALIVE,
// TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT (4.10), as the peer sees them.
#include <mstcpip.h>

#include "tests/conformance/option_fixture.h"

namespace wspd::conformance {
namespace {

class KeepAliveTest : public StreamTest {
 protected:
  WsaCode SetValues(SOCKET s, u_long on, u_long time_ms, u_long interval_ms) {
    tcp_keepalive values = {on, time_ms, interval_ms};
    DWORD returned = 0;
    return Ioctl(s, SIO_KEEPALIVE_VALS, &values, sizeof(values), nullptr, 0,
                 &returned);
  }
  int Option(SOCKET s, int level, int option) {
    int value = -1;
    EXPECT_EQ(GetInt(s, level, option, &value), kOk);
    return value;
  }
  bool IsOn(SOCKET s) {
    return (Option(s, SOL_SOCKET, SO_KEEPALIVE) & 0xff) != 0;
  }
  // Whether segments come to the peer, although nobody sends anything. The last
  // of the handshake may be among them.
  static bool IsProbed(PeerSocket* peer) {
    const uint32_t before = peer->SegmentsReceived();
    return WaitUntil([&] { return peer->SegmentsReceived() >= before + 2; },
                     milliseconds(kSoonMs));
  }
};
WSPD_FOR_BOTH_FAMILIES(KeepAliveTest);

// Defaults: 2 h, 1 s, 10 probes.
TEST_P(KeepAliveTest, HasItsDefaults) {
  const SOCKET s = New();
  EXPECT_FALSE(IsOn(s));
  EXPECT_EQ(Option(s, IPPROTO_TCP, TCP_KEEPIDLE), 7200);
  EXPECT_EQ(Option(s, IPPROTO_TCP, TCP_KEEPINTVL), 1);
  EXPECT_EQ(Option(s, IPPROTO_TCP, TCP_KEEPCNT), 10);
}

TEST_P(KeepAliveTest, IoctlTurnsItOnAndOff) {
  const SOCKET s = New();
  ASSERT_EQ(SetValues(s, 1, 60000, 5000), kOk);
  EXPECT_TRUE(IsOn(s));
  ASSERT_EQ(SetValues(s, 0, 0, 0), kOk);
  EXPECT_FALSE(IsOn(s));
}

TEST_P(KeepAliveTest, IoctlsTimesProbeThePeer) {
  Pair pair = NewConnection();
  ASSERT_EQ(SetValues(pair.socket, 1, 1000, 1000), kOk);
  EXPECT_TRUE(IsProbed(&pair.peer));
}

TEST_P(KeepAliveTest, OptionsTimesProbeThePeer) {
  Pair pair = NewConnection();
  ASSERT_EQ(SetInt(pair.socket, IPPROTO_TCP, TCP_KEEPIDLE, 1), kOk);
  ASSERT_EQ(SetInt(pair.socket, IPPROTO_TCP, TCP_KEEPINTVL, 1), kOk);
  ASSERT_EQ(SetInt(pair.socket, SOL_SOCKET, SO_KEEPALIVE, 1), kOk);
  EXPECT_TRUE(IsProbed(&pair.peer));
}

// The connection is none the worse for it.
TEST_P(KeepAliveTest, ProbedConnectionGoesOn) {
  Pair pair = NewConnection();
  ASSERT_EQ(SetValues(pair.socket, 1, 1000, 1000), kOk);
  ASSERT_TRUE(IsProbed(&pair.peer));
  ASSERT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_EQ(pair.peer.Read(1), "x");
  EXPECT_EQ(pair.peer.PeekEnd(), Ending::kStillOpen);
}

// 2 WSPSetSockOpt: on a dead connection WSAENETRESET or WSAENOTCONN; of which
// kind of end which of them tells isn't said.
TEST_P(KeepAliveTest, OptionIsNotForADeadConnection) {
  const Pair pair = NewReset();
  EXPECT_THAT(SetInt(pair.socket, SOL_SOCKET, SO_KEEPALIVE, 1),
              ::testing::AnyOf(WsaCode{WSAENETRESET}, WsaCode{WSAENOTCONN}));
  EXPECT_FALSE(IsOn(pair.socket));
}

TEST_P(KeepAliveTest, OptionStaysOnOnADeadConnection) {
  Pair pair = NewConnection();
  ASSERT_EQ(SetInt(pair.socket, SOL_SOCKET, SO_KEEPALIVE, 1), kOk);
  pair.peer.Reset();
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 1, &data), WsaCode{WSAECONNRESET});
  EXPECT_TRUE(IsOn(pair.socket));
}

// 4.10: accepted sockets inherit KEEPALIVE, here with its times.
TEST_P(KeepAliveTest, AcceptedSocketProbesThePeer) {
  SockAddr name;
  const SOCKET listening = NewListener(&name);
  ASSERT_EQ(SetValues(listening, 1, 1000, 1000), kOk);
  Pair pair = AcceptOne(listening, name);
  EXPECT_TRUE(IsOn(pair.socket));
  EXPECT_TRUE(IsProbed(&pair.peer));
}

}  // namespace
}  // namespace wspd::conformance
