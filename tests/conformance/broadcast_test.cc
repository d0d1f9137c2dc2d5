// SO_BROADCAST and what it is needed for.
#include "tests/conformance/datagram_fixture.h"

namespace wspd::conformance {
namespace {

class BroadcastTest : public DatagramTest {
 protected:
  BroadcastTest() : peer_(Family::kIpv4, "0.0.0.0") {
    to_.in().sin_addr.s_addr = htonl(0x7fffffff);  // the loopback network's
    to_.set_port(peer_.endpoint().port);
  }

  PeerDatagrams peer_;
  SockAddr to_ = SockAddr::Any(Family::kIpv4);
};

// 5.2: broadcast without SO_BROADCAST.
TEST_F(BroadcastTest, SendWithoutTheOptionIsDenied) {
  EXPECT_EQ(SendDatagram(NewDatagrams(Family::kIpv4), "x", to_),
            WsaCode{WSAEACCES});
}

TEST_F(BroadcastTest, SendToAllOnesWithoutTheOptionIsDenied) {
  to_.in().sin_addr.s_addr = INADDR_BROADCAST;
  EXPECT_EQ(SendDatagram(NewSocket(Family::kIpv4, Protocol::kUdp), "x", to_),
            WsaCode{WSAEACCES});
}

TEST_F(BroadcastTest, SendWithTheOptionArrives) {
  const SOCKET s = NewDatagrams(Family::kIpv4);
  EXPECT_EQ(SetInt(s, SOL_SOCKET, SO_BROADCAST, 1), kOk);
  EXPECT_EQ(SendDatagram(s, "to all", to_), kOk);
  ExpectNext(&peer_, "to all");
}

TEST_F(BroadcastTest, OptionCanBeTakenBack) {
  const SOCKET s = NewDatagrams(Family::kIpv4);
  EXPECT_EQ(SetInt(s, SOL_SOCKET, SO_BROADCAST, 1), kOk);
  EXPECT_EQ(SetInt(s, SOL_SOCKET, SO_BROADCAST, 0), kOk);
  EXPECT_EQ(SendDatagram(s, "x", to_), WsaCode{WSAEACCES});
}

// 2 WSPConnect: WSAEACCES (broadcast without SO_BROADCAST).
TEST_F(BroadcastTest, ConnectWithoutTheOptionIsDenied) {
  EXPECT_EQ(Connect(NewDatagrams(Family::kIpv4), to_), WsaCode{WSAEACCES});
}

TEST_F(BroadcastTest, ConnectWithTheOptionSendsToAll) {
  const SOCKET s = NewDatagrams(Family::kIpv4);
  EXPECT_EQ(SetInt(s, SOL_SOCKET, SO_BROADCAST, 1), kOk);
  ASSERT_EQ(Connect(s, to_), kOk);
  EXPECT_EQ(SendText(s, "to all"), kOk);
  ExpectNext(&peer_, "to all");
}

TEST_F(BroadcastTest, DatagramToAllIsReceived) {
  const SOCKET s = NewSocket(Family::kIpv4, Protocol::kUdp);
  ASSERT_EQ(Bind(s, SockAddr::Any(Family::kIpv4)), kOk);
  SockAddr name;
  ASSERT_EQ(GetSockName(s, &name), kOk);
  peer_.AllowBroadcast();
  ASSERT_TRUE(peer_.SendTo("to all", "127.255.255.255", name.port()));
  ExpectNext(s, "to all");
}

}  // namespace
}  // namespace wspd::conformance
