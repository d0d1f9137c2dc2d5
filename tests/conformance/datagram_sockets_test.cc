// Datagram sockets: their peer, arguments, states, and both families on one.
#include <string>

#include "tests/conformance/datagram_fixture.h"
#include "tests/testing/pattern.h"

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;
using testing::Pattern;

class DatagramSocketTest : public DatagramFamilyTest {
 protected:
  WsaCode ConnectToZero(SOCKET s, short family_number) {
    SockAddr zero = SockAddr::Any(family());
    zero.set_family(family_number);
    return Connect(s, zero);
  }
};
WSPD_FOR_BOTH_FAMILIES(DatagramSocketTest);

// 2: all-zero address removes the peer.
TEST_P(DatagramSocketTest, ConnectToZeroRemovesThePeer) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
  EXPECT_EQ(ConnectToZero(s, static_cast<short>(AddressFamily(family()))), kOk);
  SockAddr name;
  EXPECT_EQ(GetPeerName(s, &name), WsaCode{WSAENOTCONN});
  EXPECT_EQ(SendText(s, "x"), WsaCode{WSAENOTCONN});
}

// 4.12: connect with AF_UNSPEC disconnects.
TEST_P(DatagramSocketTest, ConnectToNoFamilyRemovesThePeer) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
  EXPECT_EQ(ConnectToZero(s, AF_UNSPEC), kOk);
  SockAddr name;
  EXPECT_EQ(GetPeerName(s, &name), WsaCode{WSAENOTCONN});
}

TEST_P(DatagramSocketTest, WithoutAPeerItReceivesFromAllAgain) {
  const SOCKET s = NewDatagrams(family());
  PeerDatagrams other(family());
  ASSERT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
  ASSERT_EQ(ConnectToZero(s, AF_UNSPEC), kOk);
  SendFrom(&other, s, "hello");
  ExpectNext(s, "hello");
}

TEST_P(DatagramSocketTest, WithoutAPeerItKeepsItsPort) {
  SockAddr before, after;
  const SOCKET s = NewDatagrams(family(), &before);
  ASSERT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
  ASSERT_EQ(ConnectToZero(s, AF_UNSPEC), kOk);
  EXPECT_EQ(GetSockName(s, &after), kOk);
  EXPECT_EQ(after.port(), before.port());
}

// 4.12: reconnecting to another peer is allowed.
TEST_P(DatagramSocketTest, ConnectAgainChangesThePeer) {
  const SOCKET s = NewDatagrams(family());
  PeerDatagrams other(family());
  ASSERT_EQ(Connect(s, SockAddr::Of(other.endpoint())), kOk);
  EXPECT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
  SockAddr name;
  EXPECT_EQ(GetPeerName(s, &name), kOk);
  EXPECT_EQ(name, SockAddr::Of(peer_.endpoint()));
  EXPECT_EQ(SendText(s, "hello"), kOk);
  ExpectNext(&peer_, "hello");
}

// 2: queued datagrams from others are dropped.
TEST_P(DatagramSocketTest, ConnectDropsWhatOthersSent) {
  const SOCKET s = NewDatagrams(family());
  PeerDatagrams other(family());
  SendFrom(&other, s, "old");
  ASSERT_TRUE(WaitReadable(s));
  ASSERT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
  SendFrom(&peer_, s, "new");
  ExpectNext(s, "new");
}

// 2: an unbound socket is bound implicitly.
TEST_P(DatagramSocketTest, ConnectBindsImplicitly) {
  const SOCKET s = NewSocket(family(), Protocol::kUdp);
  ASSERT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
  SockAddr name;
  EXPECT_EQ(GetSockName(s, &name), kOk);
  EXPECT_NE(name.port(), 0);
  EXPECT_EQ(SendText(s, "hello"), kOk);
  EXPECT_EQ(peer_.Receive().from.port, name.port());
}

// 2: at once, also where the socket doesn't block.
TEST_P(DatagramSocketTest, ConnectNonBlockingIsDoneAtOnce) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(SetNonBlocking(s), kOk);
  EXPECT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
}

TEST_P(DatagramSocketTest, ConnectToAnUnknownFamilyFails) {
  SockAddr to = SockAddr::Of(peer_.endpoint());
  to.set_family(77);
  EXPECT_EQ(Connect(NewDatagrams(family()), to), WsaCode{WSAEAFNOSUPPORT});
}

TEST_P(DatagramSocketTest, ConnectWithAShortNameIsAFault) {
  const SOCKET s = NewDatagrams(family());
  const SockAddr to = SockAddr::Of(peer_.endpoint());
  EXPECT_EQ(Connect(s, to.get(), to.length() - 1), WsaCode{WSAEFAULT});
}

// 5.4: SO_ERROR isn't set by each failing call …
TEST_P(DatagramSocketTest, FailedConnectIsNoSocketError) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(Connect(s, SockAddr::Loopback(family(), 0)),
            WsaCode{WSAEADDRNOTAVAIL});
  int value = -1;
  EXPECT_EQ(GetInt(s, SOL_SOCKET, SO_ERROR, &value), kOk);
  EXPECT_EQ(value, 0);
}

// … but by the program, until a connect succeeds.
TEST_P(DatagramSocketTest, FailedConnectLeavesTheSocketsError) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(SetInt(s, SOL_SOCKET, SO_ERROR, WSAECONNREFUSED), kOk);
  ASSERT_EQ(Connect(s, SockAddr::Loopback(family(), 0)),
            WsaCode{WSAEADDRNOTAVAIL});
  int value = -1;
  EXPECT_EQ(GetInt(s, SOL_SOCKET, SO_ERROR, &value), kOk);
  EXPECT_EQ(value, WSAECONNREFUSED);
  ASSERT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
  EXPECT_EQ(GetInt(s, SOL_SOCKET, SO_ERROR, &value), kOk);
  EXPECT_EQ(value, 0);
}

// 2 WSPGetPeerName: connected only.
TEST_P(DatagramSocketTest, PeerNameWithoutAPeer) {
  SockAddr name;
  EXPECT_EQ(GetPeerName(NewDatagrams(family()), &name), WsaCode{WSAENOTCONN});
}

// 5.2: send UDP, no destination.
TEST_P(DatagramSocketTest, SendWithoutAPeerIsNotConnected) {
  EXPECT_EQ(SendText(NewDatagrams(family()), "x"), WsaCode{WSAENOTCONN});
}

// 5.2: WSPSendTo with NULL lpTo: doc WSAEDESTADDRREQ, WT WSAENOTCONN.
TEST_P(DatagramSocketTest, SendToNobodyWithoutAPeerFails) {
  const SOCKET s = NewDatagrams(family());
  char byte = 'x';
  WSABUF buffer = {1, &byte};
  DWORD sent = 0;
  EXPECT_THAT(SendTo(s, &buffer, 1, &sent, 0, nullptr, 0),
              AnyOf(WsaCode{WSAEDESTADDRREQ}, WsaCode{WSAENOTCONN}));
}

TEST_P(DatagramSocketTest, SendToNobodyWithAPeerGoesToThePeer) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
  char byte = 'x';
  WSABUF buffer = {1, &byte};
  DWORD sent = 0;
  EXPECT_EQ(SendTo(s, &buffer, 1, &sent, 0, nullptr, 0), kOk);
  ExpectNext(&peer_, "x");
}

TEST_P(DatagramSocketTest, SendToWithAShortNameIsAFault) {
  const SOCKET s = NewDatagrams(family());
  char byte = 'x';
  WSABUF buffer = {1, &byte};
  DWORD sent = 0;
  const SockAddr to = SockAddr::Of(peer_.endpoint());
  EXPECT_EQ(SendTo(s, &buffer, 1, &sent, 0, to.get(), to.length() - 1),
            WsaCode{WSAEFAULT});
}

// 4.3 [WT]: NULL lpNumberOfBytes with NULL overlapped.
TEST_P(DatagramSocketTest, SendToWithoutACountIsAFault) {
  const SOCKET s = NewDatagrams(family());
  char byte = 'x';
  WSABUF buffer = {1, &byte};
  const SockAddr to = SockAddr::Of(peer_.endpoint());
  EXPECT_EQ(SendTo(s, &buffer, 1, nullptr, 0, to.get(), to.length()),
            WsaCode{WSAEFAULT});
}

TEST_P(DatagramSocketTest, ReceiveWithoutACountIsAFault) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "x");
  char byte;
  WSABUF buffer = {1, &byte};
  DWORD flags = 0;
  SockAddr from;
  EXPECT_EQ(RecvFrom(s, &buffer, 1, nullptr, &flags, from.get(),
                     from.length_pointer()),
            WsaCode{WSAEFAULT});
}

// 2: scatter and gather.
TEST_P(DatagramSocketTest, SeveralBuffersAreOneDatagram) {
  const SOCKET s = NewDatagrams(family());
  std::string a = "one ", b = "and ", c = "two";
  WSABUF parts[] = {{4, &a[0]}, {4, &b[0]}, {3, &c[0]}};
  DWORD sent = 0;
  const SockAddr to = SockAddr::Of(peer_.endpoint());
  EXPECT_EQ(SendTo(s, parts, 3, &sent, 0, to.get(), to.length()), kOk);
  EXPECT_EQ(sent, 11u);
  ExpectNext(&peer_, "one and two");
}

TEST_P(DatagramSocketTest, OneDatagramFillsSeveralBuffers) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "one and two");
  char a[4], b[4], c[9];
  WSABUF parts[] = {{4, a}, {4, b}, {9, c}};
  DWORD bytes = 0, flags = 0;
  EXPECT_EQ(RecvFrom(s, parts, 3, &bytes, &flags, nullptr, nullptr), kOk);
  EXPECT_EQ(bytes, 11u);
  EXPECT_EQ(std::string(a, 4) + std::string(b, 4) + std::string(c, 3),
            "one and two");
}

TEST_P(DatagramSocketTest, ReceiveWithoutAskingForTheSender) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  char data[10];
  WSABUF buffer = {sizeof(data), data};
  DWORD bytes = 0, flags = 0;
  EXPECT_EQ(RecvFrom(s, &buffer, 1, &bytes, &flags, nullptr, nullptr), kOk);
  EXPECT_EQ(std::string(data, bytes), "hello");
}

// 2: WSPRecv on a bound socket that has no peer.
TEST_P(DatagramSocketTest, PlainReceiveGivesADatagram) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  std::string data;
  EXPECT_EQ(RecvText(s, kRoom, &data), kOk);
  EXPECT_EQ(data, "hello");
}

TEST_P(DatagramSocketTest, PlainReceiveUnboundIsInvalid) {
  std::string data;
  EXPECT_EQ(RecvText(NewSocket(family(), Protocol::kUdp), kRoom, &data),
            WsaCode{WSAEINVAL});
}

// 2 WSPRecvFrom: WSAEFAULT (fromlen too small).
TEST_P(DatagramSocketTest, TooShortRoomForTheSenderIsAFault) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  char data[10];
  WSABUF buffer = {sizeof(data), data};
  DWORD bytes = 0, flags = 0;
  SockAddr from;
  int length = AddressLength(family()) - 1;
  EXPECT_EQ(RecvFrom(s, &buffer, 1, &bytes, &flags, from.get(), &length),
            WsaCode{WSAEFAULT});
}

// 2: WSAEWOULDBLOCK.
TEST_P(DatagramSocketTest, ReceiveOfNothingWouldBlock) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(SetNonBlocking(s), kOk);
  std::string data;
  EXPECT_EQ(RecvText(s, kRoom, &data), WsaCode{WSAEWOULDBLOCK});
}

TEST_P(DatagramSocketTest, BlockedReceiveEndsWithADatagram) {
  const SOCKET s = NewDatagrams(family());
  ThreadGroup threads;
  Received received;
  threads.Start("receive", [&] { received = Receive(s); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  SendFrom(&peer_, s, "hello");
  threads.JoinAll();
  EXPECT_EQ(received.code, kOk);
  EXPECT_EQ(received.data, "hello");
}

// 2 WSPCloseSocket: blocking calls in other threads are cancelled. 3.3: the
// code is one of these.
TEST_P(DatagramSocketTest, CloseEndsABlockedReceive) {
  const SOCKET s = NewDatagrams(family());
  ThreadGroup threads;
  WsaCode code;
  threads.Start("receive", [&] {
    std::string data;
    code = RecvText(s, kRoom, &data);
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(Close(s), kOk);
  threads.JoinAll();
  EXPECT_THAT(code, AnyOf(WsaCode{WSAEINTR}, WsaCode{WSAENOTSOCK},
                          WsaCode{WSAECONNABORTED}));
}

// 4.3, 5.2: time-out by SO_RCVTIMEO.
TEST_P(DatagramSocketTest, ReceiveTimesOut) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(SetInt(s, SOL_SOCKET, SO_RCVTIMEO, 50), kOk);
  std::string data;
  EXPECT_EQ(RecvText(s, kRoom, &data), WsaCode{WSAETIMEDOUT});
}

// 4.3: a timed-out receive leaves lpNumberOfBytes untouched.
TEST_P(DatagramSocketTest, TimedOutReceiveLeavesTheCount) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(SetInt(s, SOL_SOCKET, SO_RCVTIMEO, 50), kOk);
  char byte;
  WSABUF buffer = {1, &byte};
  DWORD bytes = 4711, flags = 0;
  EXPECT_EQ(Recv(s, &buffer, 1, &bytes, &flags), WsaCode{WSAETIMEDOUT});
  EXPECT_EQ(bytes, 4711u);
}

// 5.2: shutdown of unconnected UDP succeeds, and is remembered.
TEST_P(DatagramSocketTest, ShutdownBothWaysWithoutAPeer) {
  const SOCKET s = NewDatagrams(family());
  EXPECT_EQ(Shutdown(s, SD_BOTH), kOk);
  std::string data;
  EXPECT_EQ(RecvText(s, kRoom, &data), WsaCode{WSAESHUTDOWN});
  EXPECT_EQ(SendDatagram(s, "x", SockAddr::Of(peer_.endpoint())),
            WsaCode{WSAESHUTDOWN});
}

TEST_P(DatagramSocketTest, ShutdownOfSendingLeavesReceiving) {
  const SOCKET s = NewDatagrams(family());
  EXPECT_EQ(Shutdown(s, SD_SEND), kOk);
  SendFrom(&peer_, s, "hello");
  ExpectNext(s, "hello");
}

TEST_P(DatagramSocketTest, ShutdownOfReceivingLeavesSending) {
  const SOCKET s = NewDatagrams(family());
  EXPECT_EQ(Shutdown(s, SD_RECEIVE), kOk);
  EXPECT_EQ(SendDatagram(s, "hello", SockAddr::Of(peer_.endpoint())), kOk);
  ExpectNext(&peer_, "hello");
}

TEST_P(DatagramSocketTest, ShutdownWithAnUnknownDirectionIsInvalid) {
  EXPECT_EQ(Shutdown(NewDatagrams(family()), 3), WsaCode{WSAEINVAL});
}

// 4.12, 5.2: accept and listen on UDP.
TEST_P(DatagramSocketTest, ListenIsNotSupported) {
  EXPECT_EQ(Listen(NewDatagrams(family())), WsaCode{WSAEOPNOTSUPP});
}

TEST_P(DatagramSocketTest, AcceptIsNotSupported) {
  SOCKET accepted;
  EXPECT_EQ(Accept(NewDatagrams(family()), &accepted), WsaCode{WSAEOPNOTSUPP});
}

// 4.9 FIONREAD, with one datagram queued; several are told differently by the
// documentation and by Windows.
TEST_P(DatagramSocketTest, BytesReadableAreThoseOfTheDatagram) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  ASSERT_TRUE(WaitReadable(s));
  u_long bytes = 0;
  EXPECT_EQ(BytesReadable(s, &bytes), kOk);
  EXPECT_EQ(bytes, 5u);
}

// 4.1: sends leave in the order of the calls; nothing is lost or doubled where
// the peer keeps up.
TEST_P(DatagramSocketTest, ManyDatagramsKeepTheirOrder) {
  const SOCKET s = NewDatagrams(family());
  for (size_t i = 0; i < 200; ++i) {
    const std::string data = Pattern(i * 50, 50);
    ASSERT_EQ(SendDatagram(s, data, SockAddr::Of(peer_.endpoint())), kOk);
    ASSERT_EQ(peer_.Receive().data, data) << i;
  }
}

TEST_P(DatagramSocketTest, ManyDatagramsComeInTheirOrder) {
  const SOCKET s = NewDatagrams(family());
  for (size_t i = 0; i < 50; ++i) SendFrom(&peer_, s, Pattern(i * 50, 50));
  for (size_t i = 0; i < 50; ++i) {
    ASSERT_EQ(Receive(s).data, Pattern(i * 50, 50)) << i;
  }
}

// 2 WSPCloseSocket, 3.3 C5: what was sent before the close still arrives.
TEST_P(DatagramSocketTest, CloseLosesNoDatagram) {
  const SOCKET s = NewDatagrams(family());
  EXPECT_EQ(SendDatagram(s, "last words", SockAddr::Of(peer_.endpoint())), kOk);
  EXPECT_EQ(Close(s), kOk);
  ExpectNext(&peer_, "last words");
}

TEST_P(DatagramSocketTest, CloseFreesThePort) {
  SockAddr name;
  EXPECT_EQ(Close(NewDatagrams(family(), &name)), kOk);
  EXPECT_EQ(Bind(NewSocket(family(), Protocol::kUdp), name), kOk);
}

// ------------------------------------------------------ 4.10 IPV6_V6ONLY

class DualModeTest : public DatagramTest {
 protected:
  // Bound to all addresses of IPv6, and of IPv4 if `dual`.
  SOCKET NewOnAny(bool dual) {
    const SOCKET s = NewSocket(Family::kIpv6, Protocol::kUdp);
    if (dual) {
      EXPECT_EQ(SetInt(s, IPPROTO_IPV6, IPV6_V6ONLY, 0), kOk);
    }
    EXPECT_EQ(Bind(s, SockAddr::Any(Family::kIpv6)), kOk);
    EXPECT_EQ(GetSockName(s, &name_), kOk);
    return s;
  }

  SockAddr name_;
  PeerDatagrams ipv4_{Family::kIpv4};
  PeerDatagrams ipv6_{Family::kIpv6};
};

// The default is TRUE.
TEST_F(DualModeTest, Ipv6OnlyReceivesNoIpv4) {
  const SOCKET s = NewOnAny(false);
  ipv4_.Send("four", {Family::kIpv4, name_.port()});
  ASSERT_TRUE(ipv6_.Send("six", {Family::kIpv6, name_.port()}));
  ExpectNext(s, "six");
}

TEST_F(DualModeTest, BothAreReceivedWithTheOptionOff) {
  const SOCKET s = NewOnAny(true);
  ASSERT_TRUE(ipv4_.Send("four", {Family::kIpv4, name_.port()}));
  const Received received = Receive(s);
  EXPECT_EQ(received.data, "four");
  EXPECT_EQ(received.from, SockAddr::MappedLoopback(ipv4_.endpoint().port));
  ASSERT_TRUE(ipv6_.Send("six", {Family::kIpv6, name_.port()}));
  ExpectNext(s, "six");
}

TEST_F(DualModeTest, SendToAMappedAddressGoesToIpv4) {
  const SOCKET s = NewOnAny(true);
  EXPECT_EQ(
      SendDatagram(s, "hello", SockAddr::MappedLoopback(ipv4_.endpoint().port)),
      kOk);
  ExpectNext(&ipv4_, "hello");
}

}  // namespace
}  // namespace wspd::conformance
