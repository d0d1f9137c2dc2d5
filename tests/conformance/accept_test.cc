// WSPAccept without a condition function; see accept_condition_test.cc.
#include "tests/conformance/stream_fixture.h"

namespace wspd::conformance {
namespace {

class AcceptTest : public StreamTest {
 protected:
  void SetUp() override {
    StreamTest::SetUp();
    listening_ = NewListener(&name_);
  }
  PeerSocket NewPeer() {
    PeerSocket peer = PeerSocket::ConnectTo(name_.ToEndpoint());
    EXPECT_TRUE(peer.is_open());
    return peer;
  }

  SOCKET listening_ = INVALID_SOCKET;
  SockAddr name_;
};
WSPD_FOR_BOTH_FAMILIES(AcceptTest);

// ---------------------------------------------------- 2: the new connection

TEST_P(AcceptTest, AcceptedSocketIsConnected) {
  PeerSocket peer = NewPeer();
  SOCKET s;
  ASSERT_EQ(Accept(listening_, &s), kOk);
  EXPECT_NE(s, listening_);
  ASSERT_EQ(SendText(s, "to"), kOk);
  EXPECT_EQ(peer.Read(2), "to");
  ASSERT_TRUE(peer.Write("fro"));
  std::string data;
  ASSERT_EQ(RecvExactly(s, 3, &data), kOk);
  EXPECT_EQ(data, "fro");
}

TEST_P(AcceptTest, NameIsTheListeners) {
  PeerSocket peer = NewPeer();
  SOCKET s;
  ASSERT_EQ(Accept(listening_, &s), kOk);
  EXPECT_EQ(NameOf(s), name_);
}

// 2: addr is filled in, with the peer's name and its length.
TEST_P(AcceptTest, PeersNameIsGiven) {
  PeerSocket peer = NewPeer();
  SOCKET s;
  SockAddr from;
  ASSERT_EQ(Accept(listening_, &s, &from), kOk);
  EXPECT_EQ(from.length(), AddressLength(family()));
  EXPECT_EQ(from, Loopback(peer.port()));
  EXPECT_EQ(from, PeerNameOf(s));
}

TEST_P(AcceptTest, ExactRoomForTheNameIsEnough) {
  PeerSocket peer = NewPeer();
  SOCKET s;
  SockAddr from;
  from.set_length(AddressLength(family()));
  ASSERT_EQ(AcceptRaw(listening_, &s, from.get(), from.length_pointer()), kOk);
  EXPECT_EQ(from, PeerNameOf(s));
}

// 4.7: addrlen too small → WSAEFAULT, with addrlen unchanged.
TEST_P(AcceptTest, LittleRoomForTheNameIsAFault) {
  PeerSocket peer = NewPeer();
  SOCKET s;
  SockAddr from;
  int length = AddressLength(family()) - 1;
  EXPECT_EQ(AcceptRaw(listening_, &s, from.get(), &length), WsaCode{WSAEFAULT});
  EXPECT_EQ(length, AddressLength(family()) - 1);
}

// 4.7: addr with a NULL addrlen → ok, addr untouched.
TEST_P(AcceptTest, NameWithoutALengthIsUntouched) {
  PeerSocket peer = NewPeer();
  SOCKET s;
  SockAddr from = SockAddr::Foreign(Family::kIpv4, 7);
  const SockAddr before = from;
  ASSERT_EQ(AcceptRaw(listening_, &s, from.get(), nullptr), kOk);
  EXPECT_EQ(from, before);
}

// The oldest is accepted first.
TEST_P(AcceptTest, ConnectionsComeInTheirOrder) {
  PeerSocket first = NewPeer(), second = NewPeer();
  SOCKET s;
  ASSERT_EQ(Accept(listening_, &s), kOk);
  ASSERT_EQ(SendText(s, "1"), kOk);
  EXPECT_EQ(first.Read(1), "1");
  ASSERT_EQ(Accept(listening_, &s), kOk);
  ASSERT_EQ(SendText(s, "2"), kOk);
  EXPECT_EQ(second.Read(1), "2");
}

// The listener itself stays as it is.
TEST_P(AcceptTest, ListenerGoesOn) {
  for (int i = 0; i < 3; ++i) {
    const Pair pair = AcceptOne(listening_, name_);
    EXPECT_EQ(Close(pair.socket), kOk);
  }
}

TEST_P(AcceptTest, ConnectionsOutliveTheListener) {
  Pair pair = AcceptOne(listening_, name_);
  ASSERT_EQ(Close(listening_), kOk);
  ASSERT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_EQ(pair.peer.Read(1), "x");
}

// 2: the new socket has the listener's properties, blocking mode among them
// (4.10 [doc]).
TEST_P(AcceptTest, NonBlockingModeIsInherited) {
  ASSERT_EQ(SetNonBlocking(listening_), kOk);
  PeerSocket peer = NewPeer();
  SOCKET s;
  ASSERT_TRUE(WaitUntil([&] { return Accept(listening_, &s).ok(); },
                        milliseconds(kSoonMs)));
  std::string data;
  EXPECT_EQ(RecvText(s, 1, &data), WsaCode{WSAEWOULDBLOCK});
}

// 2: it cannot itself be used to accept.
TEST_P(AcceptTest, AcceptedSocketDoesNotAccept) {
  const Pair pair = AcceptOne(listening_, name_);
  SOCKET s;
  EXPECT_EQ(Accept(pair.socket, &s), WsaCode{WSAEINVAL});
}

// 2, 5.2: the peer has reset it already: that, or success, and then the first
// receive tells.
TEST_P(AcceptTest, ConnectionThatWasReset) {
  PeerSocket peer = NewPeer();
  peer.Reset();
  ASSERT_EQ(SetNonBlocking(listening_), kOk);
  SOCKET s;
  WsaCode code;
  WaitUntil(
      [&] {
        code = Accept(listening_, &s);
        return code != WsaCode{WSAEWOULDBLOCK};
      },
      milliseconds(kSoonMs));
  EXPECT_THAT(code, ::testing::AnyOf(kOk, WsaCode{WSAECONNRESET},
                                     WsaCode{WSAECONNABORTED}));
  if (code.ok()) {
    std::string data;
    EXPECT_EQ(RecvText(s, 1, &data), WsaCode{WSAECONNRESET});
  }
  // The next one is accepted all the same.
  PeerSocket next = NewPeer();
  EXPECT_TRUE(WaitUntil([&] { return Accept(listening_, &s).ok(); },
                        milliseconds(kSoonMs)));
}

// 5.2: the end of the connection before it is accepted is no error.
TEST_P(AcceptTest, ConnectionThatHasEndedIsAccepted) {
  {
    PeerSocket peer = NewPeer();
    ASSERT_TRUE(peer.Write("bye"));
  }
  SOCKET s;
  ASSERT_EQ(Accept(listening_, &s), kOk);
  std::string data;
  ASSERT_EQ(RecvExactly(s, 4, &data), kOk);
  EXPECT_EQ(data, "bye");
}

// ----------------------------------------------------------- 2: no connection

// 2: WSAEWOULDBLOCK.
TEST_P(AcceptTest, NonBlockingWithoutAConnection) {
  ASSERT_EQ(SetNonBlocking(listening_), kOk);
  SOCKET s;
  EXPECT_EQ(Accept(listening_, &s), WsaCode{WSAEWOULDBLOCK});
}

TEST_P(AcceptTest, BlockingWaitsForAConnection) {
  SOCKET s = INVALID_SOCKET;
  PeerSocket peer;
  EXPECT_EQ(WhileBlocked([&] { return Accept(listening_, &s); },
                         [&] { peer = NewPeer(); }),
            kOk);
  EXPECT_NE(s, INVALID_SOCKET);
}

// 4.7: a blocking accept is woken by closesocket from another thread.
TEST_P(AcceptTest, BlockingIsWokenByClose) {
  SOCKET s;
  EXPECT_THAT(WhileBlocked([&] { return Accept(listening_, &s); },
                           [&] { EXPECT_EQ(Close(listening_), kOk); }),
              IsCancelled());
}

// ------------------------------------------------------------- 2: no listener

// 2, 4.12: WSAEINVAL (not listening).
TEST_P(AcceptTest, FreshSocketIsInvalid) {
  SOCKET s;
  EXPECT_EQ(Accept(New(), &s), WsaCode{WSAEINVAL});
}

TEST_P(AcceptTest, BoundSocketIsInvalid) {
  SOCKET s;
  EXPECT_EQ(Accept(NewBound(), &s), WsaCode{WSAEINVAL});
}

TEST_P(AcceptTest, ConnectedSocketIsInvalid) {
  SOCKET s;
  EXPECT_EQ(Accept(NewConnection().socket, &s), WsaCode{WSAEINVAL});
}

// 2: WSAEOPNOTSUPP.
TEST_P(AcceptTest, DatagramSocketIsNotSupported) {
  const SOCKET udp = ConformanceTest::NewBound(family(), Protocol::kUdp);
  SOCKET s;
  EXPECT_EQ(Accept(udp, &s), WsaCode{WSAEOPNOTSUPP});
}

}  // namespace
}  // namespace wspd::conformance
