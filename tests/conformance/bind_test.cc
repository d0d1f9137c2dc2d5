// WSPBind: names, addresses, ports, and what it refuses.
#include "tests/conformance/stream_fixture.h"

namespace wspd::conformance {
namespace {

class BindTest : public VariantTest {
 protected:
  SockAddr Loopback(uint16_t port = 0) {
    return SockAddr::Loopback(family(), port);
  }
  SockAddr Any(uint16_t port = 0) { return SockAddr::Any(family(), port); }
  Family OtherFamily() {
    return family() == Family::kIpv4 ? Family::kIpv6 : Family::kIpv4;
  }
  SockAddr NameOf(SOCKET s) {
    SockAddr name;
    EXPECT_EQ(GetSockName(s, &name), kOk);
    return name;
  }
  // A port that was free a moment ago.
  uint16_t FreePort() {
    const SOCKET s = NewBound(family(), protocol());
    const uint16_t port = NameOf(s).port();
    EXPECT_EQ(Close(s), kOk);
    return port;
  }
};
WSPD_FOR_ALL_VARIANTS(BindTest);

// ------------------------------------------------------------- 2: it works

// 2: port 0 → an ephemeral port.
TEST_P(BindTest, PortZeroGivesAPort) {
  const SOCKET s = New();
  ASSERT_EQ(Bind(s, Loopback()), kOk);
  EXPECT_GE(NameOf(s).port(), 1024);
}

// 2: … a unique one.
TEST_P(BindTest, PortZeroGivesEverySocketAPortOfItsOwn) {
  const SOCKET a = NewBound(family(), protocol());
  const SOCKET b = NewBound(family(), protocol());
  EXPECT_NE(NameOf(a).port(), NameOf(b).port());
}

TEST_P(BindTest, GivenAddressAndPortAreTheName) {
  const SockAddr name = Loopback(FreePort());
  const SOCKET s = New();
  ASSERT_EQ(Bind(s, name), kOk);
  EXPECT_EQ(NameOf(s), name);
}

// 2: address ANY.
TEST_P(BindTest, AnyAddressStaysAny) {
  const SOCKET s = New();
  ASSERT_EQ(Bind(s, Any()), kOk);
  const SockAddr name = NameOf(s);
  EXPECT_EQ(name, Any(name.port()));
  EXPECT_NE(name.port(), 0);
}

TEST_P(BindTest, LongerNameIsFine) {
  const SOCKET s = New();
  SockAddr name = Loopback();
  name.set_length(sizeof(sockaddr_storage));
  EXPECT_EQ(Bind(s, name), kOk);
}

// 2: name is const.
TEST_P(BindTest, NameIsOnlyRead) {
  const SOCKET s = New();
  const SockAddr name = Loopback();
  ASSERT_EQ(Bind(s, name), kOk);
  EXPECT_EQ(name, Loopback());
}

TEST_P(BindTest, PortIsFreeAgainAfterClose) {
  const SockAddr name = Loopback(FreePort());
  for (int i = 0; i < 3; ++i) {
    const SOCKET s = New();
    ASSERT_EQ(Bind(s, name), kOk);
    ASSERT_EQ(Close(s), kOk);
  }
}

// ------------------------------------------------- 2, 4.12: bad arguments

// 4.12: NULL → WSAEFAULT.
TEST_P(BindTest, NullNameIsAFault) {
  EXPECT_EQ(Bind(New(), nullptr, AddressLength(family())), WsaCode{WSAEFAULT});
}

class BindLengthTest : public BindTest {};
WSPD_FOR_ALL_VARIANTS(BindLengthTest);

// 4.12: short → WSAEFAULT.
TEST_P(BindLengthTest, OneByteShortIsAFault) {
  const SockAddr name = Loopback();
  EXPECT_EQ(Bind(New(), name.get(), name.length() - 1), WsaCode{WSAEFAULT});
}

TEST_P(BindLengthTest, OnlyTheFamilyIsAFault) {
  EXPECT_EQ(Bind(New(), Loopback().get(), sizeof(short)), WsaCode{WSAEFAULT});
}

TEST_P(BindLengthTest, ZeroIsAFault) {
  EXPECT_EQ(Bind(New(), Loopback().get(), 0), WsaCode{WSAEFAULT});
}

TEST_P(BindLengthTest, NegativeIsAFault) {
  EXPECT_EQ(Bind(New(), Loopback().get(), -1), WsaCode{WSAEFAULT});
}

// 2 [WT], 4.12: a family mismatch is WSAEAFNOSUPPORT.
TEST_P(BindTest, OtherFamilyIsNotSupported) {
  SockAddr name = SockAddr::Loopback(OtherFamily());
  name.set_length(sizeof(sockaddr_storage));
  EXPECT_EQ(Bind(New(), name), WsaCode{WSAEAFNOSUPPORT});
}

TEST_P(BindTest, UnknownFamilyIsNotSupported) {
  SockAddr name = Loopback();
  name.set_family(0x7ead);
  EXPECT_EQ(Bind(New(), name), WsaCode{WSAEAFNOSUPPORT});
}

// 1.2: AF_INET6 is 23 on Windows, 10 on Linux.
TEST_P(BindTest, LinuxsNumberForIpv6IsNotSupported) {
  SockAddr name = Loopback();
  name.set_family(10);
  EXPECT_EQ(Bind(New(), name), WsaCode{WSAEAFNOSUPPORT});
}

// 4.12: non-local address.
TEST_P(BindTest, ForeignAddressIsNotAvailable) {
  EXPECT_EQ(Bind(New(), SockAddr::Foreign(family())),
            WsaCode{WSAEADDRNOTAVAIL});
}

// ----------------------------------------------------- 2: states and ports

// 4.12: again WSAEINVAL.
TEST_P(BindTest, SecondBindIsInvalid) {
  const SOCKET s = NewBound(family(), protocol());
  const SockAddr name = NameOf(s);
  EXPECT_EQ(Bind(s, Loopback()), WsaCode{WSAEINVAL});
  EXPECT_EQ(Bind(s, Any()), WsaCode{WSAEINVAL});
  EXPECT_EQ(NameOf(s), name);
}

TEST_P(BindTest, SecondBindToTheSameNameIsInvalid) {
  const SOCKET s = NewBound(family(), protocol());
  EXPECT_EQ(Bind(s, NameOf(s)), WsaCode{WSAEINVAL});
}

// 2: an unbound socket is bound implicitly by connect.
TEST_P(BindTest, BindAfterConnectIsInvalid) {
  const PeerListener listener(family());
  const SOCKET s = New();
  ASSERT_EQ(Connect(s, SockAddr::Of(listener.endpoint())), kOk);
  EXPECT_EQ(Bind(s, Loopback()), WsaCode{WSAEINVAL});
}

// 2: WSAEADDRINUSE.
TEST_P(BindTest, PortOfAnotherSocketIsInUse) {
  const SOCKET s = NewBound(family(), protocol());
  EXPECT_EQ(Bind(New(), NameOf(s)), WsaCode{WSAEADDRINUSE});
}

// A failed bind changes nothing.
TEST_P(BindTest, FailedBindLeavesTheSocketUnbound) {
  const SOCKET taken = NewBound(family(), protocol());
  const SOCKET s = New();
  ASSERT_EQ(Bind(s, NameOf(taken)), WsaCode{WSAEADDRINUSE});
  SockAddr name;
  EXPECT_EQ(GetSockName(s, &name), WsaCode{WSAEINVAL});
  EXPECT_EQ(Bind(s, Loopback()), kOk);
}

// 5.4: SO_ERROR is not set by each failing call.
TEST_P(BindTest, FailedBindIsNoSocketError) {
  const SOCKET s = New();
  ASSERT_EQ(Bind(s, SockAddr::Foreign(family())), WsaCode{WSAEADDRNOTAVAIL});
  int value = -1;
  EXPECT_EQ(GetInt(s, SOL_SOCKET, SO_ERROR, &value), kOk);
  EXPECT_EQ(value, 0);
}

class StreamBindTest : public StreamTest {};
WSPD_FOR_BOTH_FAMILIES(StreamBindTest);

TEST_P(StreamBindTest, PortOfAKernelListenerIsInUse) {
  EXPECT_EQ(Bind(New(), PeerName()), WsaCode{WSAEADDRINUSE});
}

TEST_P(StreamBindTest, BindOnAListenerIsInvalid) {
  EXPECT_EQ(Bind(NewListener(), Loopback()), WsaCode{WSAEINVAL});
}

TEST_P(StreamBindTest, BindOnAnAcceptedSocketIsInvalid) {
  EXPECT_EQ(Bind(NewAccepted().socket, Loopback()), WsaCode{WSAEINVAL});
}

// 2: may defer the address choice to connect.
TEST_P(StreamBindTest, ConnectChoosesTheAddressAndKeepsThePort) {
  const SOCKET s = New();
  ASSERT_EQ(Bind(s, Any()), kOk);
  const uint16_t port = NameOf(s).port();
  ASSERT_EQ(Connect(s, PeerName()), kOk);
  EXPECT_EQ(NameOf(s), Loopback(port));
}

class BroadcastBindTest : public ConformanceTest {};

// 2: WSAEACCES (broadcast): a datagram socket and the broadcast address,
// without SO_BROADCAST.
TEST_F(BroadcastBindTest, AddressNeedsSoBroadcast) {
  SockAddr name = SockAddr::Any(Family::kIpv4);
  name.in().sin_addr.s_addr = INADDR_BROADCAST;
  EXPECT_EQ(Bind(NewSocket(Family::kIpv4, Protocol::kUdp), name),
            WsaCode{WSAEACCES});
  // The loopback network's.
  name.in().sin_addr.s_addr = htonl(0x7fffffff);
  EXPECT_EQ(Bind(NewSocket(Family::kIpv4, Protocol::kUdp), name),
            WsaCode{WSAEACCES});
}

TEST_F(BroadcastBindTest, RefusedSocketIsNotBound) {
  SockAddr name = SockAddr::Any(Family::kIpv4);
  name.in().sin_addr.s_addr = htonl(0x7fffffff);
  const SOCKET s = NewSocket(Family::kIpv4, Protocol::kUdp);
  EXPECT_EQ(Bind(s, name), WsaCode{WSAEACCES});
  EXPECT_EQ(GetSockName(s, &name), WsaCode{WSAEINVAL});
  EXPECT_EQ(Bind(s, SockAddr::Loopback(Family::kIpv4)), kOk);
}

TEST_F(BroadcastBindTest, AddressIsBoundWithSoBroadcast) {
  SockAddr name = SockAddr::Any(Family::kIpv4);
  name.in().sin_addr.s_addr = htonl(0x7fffffff);
  const SOCKET s = NewSocket(Family::kIpv4, Protocol::kUdp);
  ASSERT_EQ(SetInt(s, SOL_SOCKET, SO_BROADCAST, 1), kOk);
  EXPECT_EQ(Bind(s, name), kOk);
}

}  // namespace
}  // namespace wspd::conformance
