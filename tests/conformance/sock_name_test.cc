// WSPGetSockName and WSPGetPeerName.
#include "tests/conformance/stream_fixture.h"

namespace wspd::conformance {
namespace {

// ----------------------------------------------------- TCP and UDP alike

class SockNameTest : public VariantTest {};
WSPD_FOR_ALL_VARIANTS(SockNameTest);

// 2, 4.12: unbound WSAEINVAL.
TEST_P(SockNameTest, UnboundIsInvalid) {
  SockAddr name;
  EXPECT_EQ(GetSockName(New(), &name), WsaCode{WSAEINVAL});
}

// 2: valid after bind; the length is that of the name.
TEST_P(SockNameTest, BoundHasItsName) {
  const SOCKET s = NewBound(family(), protocol());
  SockAddr name;
  ASSERT_EQ(GetSockName(s, &name), kOk);
  EXPECT_EQ(name.length(), AddressLength(family()));
  EXPECT_EQ(name, SockAddr::Loopback(family(), name.port()));
}

TEST_P(SockNameTest, ExactRoomIsEnough) {
  const SOCKET s = NewBound(family(), protocol());
  SockAddr name;
  int length = AddressLength(family());
  ASSERT_EQ(GetSockName(s, name.get(), &length), kOk);
  EXPECT_EQ(length, AddressLength(family()));
}

// 4.12: short length → WSAEFAULT, length unchanged.
TEST_P(SockNameTest, LittleRoomIsAFault) {
  const SOCKET s = NewBound(family(), protocol());
  for (const int room : {AddressLength(family()) - 1, 1, 0}) {
    SockAddr name;
    int length = room;
    EXPECT_EQ(GetSockName(s, name.get(), &length), WsaCode{WSAEFAULT});
    EXPECT_EQ(length, room);
  }
}

TEST_P(SockNameTest, NothingBeyondTheNameIsWritten) {
  const SOCKET s = NewBound(family(), protocol());
  char room[64];
  std::fill(std::begin(room), std::end(room), '.');
  int length = sizeof(room);
  ASSERT_EQ(GetSockName(s, reinterpret_cast<sockaddr*>(room), &length), kOk);
  EXPECT_EQ(std::string(room + AddressLength(family()), room + sizeof(room)),
            std::string(sizeof(room) - AddressLength(family()), '.'));
}

// 2: … or implicit bind.
TEST_P(SockNameTest, ConnectedHasANameOfItsOwn) {
  const PeerListener listener(family());
  const SOCKET s = New();
  ASSERT_EQ(Connect(s, SockAddr::Of(listener.endpoint())), kOk);
  SockAddr name;
  ASSERT_EQ(GetSockName(s, &name), kOk);
  EXPECT_EQ(name, SockAddr::Loopback(family(), name.port()));
  EXPECT_NE(name.port(), 0);
}

class PeerNameTest : public VariantTest {};
WSPD_FOR_ALL_VARIANTS(PeerNameTest);

// 2: WSAENOTCONN.
TEST_P(PeerNameTest, UnconnectedHasNone) {
  SockAddr name;
  EXPECT_EQ(GetPeerName(New(), &name), WsaCode{WSAENOTCONN});
  EXPECT_EQ(GetPeerName(NewBound(family(), protocol()), &name),
            WsaCode{WSAENOTCONN});
}

TEST_P(PeerNameTest, ConnectedHasThePeers) {
  const PeerListener listener(family());
  const SockAddr peer = SockAddr::Of(listener.endpoint());
  const SOCKET s = New();
  ASSERT_EQ(Connect(s, peer), kOk);
  SockAddr name;
  ASSERT_EQ(GetPeerName(s, &name), kOk);
  EXPECT_EQ(name, peer);
  EXPECT_EQ(name.length(), AddressLength(family()));
}

// 2: WSAEFAULT.
TEST_P(PeerNameTest, LittleRoomIsAFault) {
  const PeerListener listener(family());
  const SOCKET s = New();
  ASSERT_EQ(Connect(s, SockAddr::Of(listener.endpoint())), kOk);
  SockAddr name;
  int length = AddressLength(family()) - 1;
  EXPECT_EQ(GetPeerName(s, name.get(), &length), WsaCode{WSAEFAULT});
}

// ------------------------------------------------------------- streams

class StreamNameTest : public StreamTest {};
WSPD_FOR_BOTH_FAMILIES(StreamNameTest);

TEST_P(StreamNameTest, ListenerHasNoPeer) {
  SockAddr name;
  EXPECT_EQ(GetPeerName(NewListener(), &name), WsaCode{WSAENOTCONN});
}

TEST_P(StreamNameTest, AcceptedHasThePeers) {
  SockAddr own;
  const SOCKET listening = NewListener(&own);
  const Pair pair = AcceptOne(listening, own);
  EXPECT_EQ(NameOf(pair.socket), own);
  EXPECT_EQ(PeerNameOf(pair.socket), Loopback(pair.peer.port()));
}

// 4.12, 5.2: after the peer's end, after a reset, both names stay.
TEST_P(StreamNameTest, NamesStayAfterThePeersEnd) {
  Pair pair = NewConnection();
  const SockAddr own = NameOf(pair.socket), peer = PeerNameOf(pair.socket);
  pair.peer.Close();
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 1, &data), kOk);
  EXPECT_EQ(NameOf(pair.socket), own);
  EXPECT_EQ(PeerNameOf(pair.socket), peer);
}

TEST_P(StreamNameTest, NamesStayAfterAReset) {
  Pair pair = NewConnection();
  const SockAddr own = NameOf(pair.socket), peer = PeerNameOf(pair.socket);
  pair.peer.Reset();
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 1, &data), WsaCode{WSAECONNRESET});
  EXPECT_EQ(NameOf(pair.socket), own);
  EXPECT_EQ(PeerNameOf(pair.socket), peer);
}

// 5.2: getpeername after both shutdowns.
TEST_P(StreamNameTest, NamesStayAfterBothEnds) {
  Pair pair = NewConnection();
  const SockAddr own = NameOf(pair.socket), peer = PeerNameOf(pair.socket);
  ASSERT_EQ(Shutdown(pair.socket, SD_BOTH), kOk);
  ASSERT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
  pair.peer.Close();
  EXPECT_EQ(NameOf(pair.socket), own);
  EXPECT_EQ(PeerNameOf(pair.socket), peer);
}

// A failed connect leaves no peer.
TEST_P(StreamNameTest, RefusedHasNoPeer) {
  SockAddr name;
  EXPECT_EQ(GetPeerName(NewRefused(), &name), WsaCode{WSAENOTCONN});
}

// A listener bound to ANY stays so; its connections have addresses.
TEST_P(StreamNameTest, ConnectionOfAnAnyListenerHasTheRealAddress) {
  const SOCKET listening = New();
  ASSERT_EQ(Bind(listening, Any()), kOk);
  ASSERT_EQ(Listen(listening), kOk);
  const uint16_t port = NameOf(listening).port();
  const Pair pair = AcceptOne(listening, Loopback(port));
  EXPECT_EQ(NameOf(pair.socket), Loopback(port));
  EXPECT_EQ(NameOf(listening), Any(port));
}

// 4.10, 4.12: a dual-mode listener's IPv4 connections have mapped addresses.
TEST_P(StreamNameTest, DualModeListenerNamesIpv4PeersAsMapped) {
  const SOCKET listening = NewSocket(Family::kIpv6);
  ASSERT_EQ(SetInt(listening, IPPROTO_IPV6, IPV6_V6ONLY, 0), kOk);
  ASSERT_EQ(Bind(listening, SockAddr::Any(Family::kIpv6)), kOk);
  ASSERT_EQ(Listen(listening), kOk);
  const uint16_t port = NameOf(listening).port();
  const Pair pair = AcceptOne(listening, Loopback(port));
  const SockAddr peer = PeerNameOf(pair.socket);
  if (family() == Family::kIpv4) {
    EXPECT_EQ(peer, SockAddr::MappedLoopback(pair.peer.port()));
    EXPECT_EQ(NameOf(pair.socket), SockAddr::MappedLoopback(port));
  } else {
    EXPECT_EQ(peer, Loopback(pair.peer.port()));
  }
}

}  // namespace
}  // namespace wspd::conformance
