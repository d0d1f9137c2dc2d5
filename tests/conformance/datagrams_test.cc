// WSPSendTo and WSPRecvFrom on datagram sockets, with every way to wait.
#include <string>

#include "mswsock.h"
#include "tests/conformance/datagram_fixture.h"
#include "tests/testing/pattern.h"

namespace wspd::conformance {
namespace {

using testing::Pattern;
using testing::PatternError;

constexpr size_t kMostBytes4 = 65507;
constexpr size_t kMostBytes6 = 65527;

class DatagramsTest : public DatagramModeTest {};
WSPD_FOR_ALL_DATAGRAM_MODES(DatagramsTest);

// ------------------------------------------------------------ 2 WSPSendTo

TEST_P(DatagramsTest, SendToArrivesFromTheBoundPort) {
  SockAddr name;
  const SOCKET s = NewDatagrams(family(), &name);
  DWORD sent = 0;
  EXPECT_EQ(SendDatagram(s, "hello", SockAddr::Of(peer_.endpoint()), 0, &sent),
            kOk);
  EXPECT_EQ(sent, 5u);
  const PeerDatagrams::Datagram datagram = peer_.Receive();
  EXPECT_EQ(datagram.data, "hello");
  EXPECT_EQ(datagram.from, name.ToEndpoint());
}

// 2: unbound UDP is bound implicitly.
TEST_P(DatagramsTest, SendToBindsImplicitly) {
  const SOCKET s = NewSocket(family(), Protocol::kUdp);
  SockAddr name;
  EXPECT_EQ(GetSockName(s, &name), WsaCode{WSAEINVAL});
  EXPECT_EQ(SendDatagram(s, "x", SockAddr::Of(peer_.endpoint())), kOk);
  EXPECT_EQ(GetSockName(s, &name), kOk);
  EXPECT_NE(name.port(), 0);
  EXPECT_EQ(peer_.Receive().from.port, name.port());
}

TEST_P(DatagramsTest, SendToOfNothingIsAnEmptyDatagram) {
  const SOCKET s = NewDatagrams(family());
  DWORD sent = 1;
  EXPECT_EQ(SendDatagram(s, "", SockAddr::Of(peer_.endpoint()), 0, &sent), kOk);
  EXPECT_EQ(sent, 0u);
  const PeerDatagrams::Datagram datagram = peer_.Receive();
  EXPECT_TRUE(datagram.came);
  EXPECT_EQ(datagram.data, "");
}

// 4.10: SO_MAX_MSG_SIZE, as far as it goes.
TEST_P(DatagramsTest, LargestDatagramGoesAndComes) {
  const size_t most = family() == Family::kIpv4 ? kMostBytes4 : kMostBytes6;
  const SOCKET s = NewDatagrams(family());
  DWORD sent = 0;
  EXPECT_EQ(SendDatagram(s, Pattern(0, most), SockAddr::Of(peer_.endpoint()), 0,
                         &sent),
            kOk);
  EXPECT_EQ(sent, most);
  const std::string there = peer_.Receive().data;
  EXPECT_EQ(there.size(), most);
  EXPECT_EQ(PatternError(there, 0), "");
  SendFrom(&peer_, s, Pattern(7, most));
  const Received back = Receive(s, 65536);
  EXPECT_EQ(back.code, kOk);
  EXPECT_EQ(back.data.size(), most);
  EXPECT_EQ(PatternError(back.data, 7), "");
}

// 5.2: UDP > 65507.
TEST_P(DatagramsTest, LargerDatagramIsTooBig) {
  const size_t most = family() == Family::kIpv4 ? kMostBytes4 : kMostBytes6;
  const SOCKET s = NewDatagrams(family());
  EXPECT_EQ(SendDatagram(s, std::string(most + 1, 'x'),
                         SockAddr::Of(peer_.endpoint())),
            WsaCode{WSAEMSGSIZE});
}

// 5.2: sendto port 0.
TEST_P(DatagramsTest, SendToPortZeroHasNoAddress) {
  const SOCKET s = NewDatagrams(family());
  EXPECT_EQ(SendDatagram(s, "x", SockAddr::Loopback(family(), 0)),
            WsaCode{WSAEADDRNOTAVAIL});
}

// 2 WSPSendTo: WSAEAFNOSUPPORT.
TEST_P(DatagramsTest, SendToAnUnknownFamilyFails) {
  const SOCKET s = NewDatagrams(family());
  SockAddr to = SockAddr::Of(peer_.endpoint());
  to.set_family(77);
  EXPECT_EQ(SendDatagram(s, "x", to), WsaCode{WSAEAFNOSUPPORT});
}

// 2: OOB on a non-stream socket, PARTIAL; 5.2 MSG_OOB on UDP.
TEST_P(DatagramsTest, SendOutOfBandIsNotSupported) {
  const SOCKET s = NewDatagrams(family());
  EXPECT_EQ(SendDatagram(s, "x", SockAddr::Of(peer_.endpoint()), MSG_OOB),
            WsaCode{WSAEOPNOTSUPP});
}

TEST_P(DatagramsTest, SendOfAPartIsNotSupported) {
  const SOCKET s = NewDatagrams(family());
  EXPECT_EQ(SendDatagram(s, "x", SockAddr::Of(peer_.endpoint()), MSG_PARTIAL),
            WsaCode{WSAEOPNOTSUPP});
}

TEST_P(DatagramsTest, SendAfterShutdownFails) {
  const SOCKET s = NewDatagrams(family());
  EXPECT_EQ(Shutdown(s, SD_SEND), kOk);
  EXPECT_EQ(SendDatagram(s, "x", SockAddr::Of(peer_.endpoint())),
            WsaCode{WSAESHUTDOWN});
}

TEST_P(DatagramsTest, SendOnAClosedSocketFails) {
  const SOCKET s = NewDatagrams(family());
  EXPECT_EQ(Close(s), kOk);
  WSABUF buffer = {0, nullptr};
  DWORD sent = 0;
  const SockAddr to = SockAddr::Of(peer_.endpoint());
  EXPECT_EQ(SendTo(s, &buffer, 1, &sent, 0, to.get(), to.length()),
            WsaCode{WSAENOTSOCK});
}

// ---------------------------------------------------------- 2 WSPRecvFrom

TEST_P(DatagramsTest, ReceiveTellsTheSender) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  const Received received = Receive(s);
  EXPECT_EQ(received.code, kOk);
  EXPECT_EQ(received.data, "hello");
  EXPECT_EQ(received.from, SockAddr::Of(peer_.endpoint()));
  EXPECT_EQ(received.from.length(), AddressLength(family()));
  EXPECT_EQ(received.flags, 0u);
}

// 2: one message each.
TEST_P(DatagramsTest, EachReceiveGivesOneDatagram) {
  const SOCKET s = NewDatagrams(family());
  for (const char* data : {"one", "two", "three"}) SendFrom(&peer_, s, data);
  EXPECT_EQ(Receive(s).data, "one");
  EXPECT_EQ(Receive(s).data, "two");
  EXPECT_EQ(Receive(s).data, "three");
}

TEST_P(DatagramsTest, BufferOfTheSameSizeIsEnough) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  const Received received = Receive(s, 5);
  EXPECT_EQ(received.code, kOk);
  EXPECT_EQ(received.data, "hello");
}

// 2, 5.2: excess is WSAEMSGSIZE with the buffer filled, bytes = buffer.
TEST_P(DatagramsTest, TooSmallABufferIsFilled) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  const Received received = Receive(s, 4);
  EXPECT_EQ(received.code, WsaCode{WSAEMSGSIZE});
  EXPECT_EQ(received.data, "hell");
  EXPECT_EQ(received.from, SockAddr::Of(peer_.endpoint()));
}

// 2: UDP loses the rest.
TEST_P(DatagramsTest, RestOfADatagramIsLost) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  SendFrom(&peer_, s, "again");
  EXPECT_EQ(Receive(s, 4).code, WsaCode{WSAEMSGSIZE});
  EXPECT_EQ(Receive(s).data, "again");
}

// 2: MSG_PARTIAL for protocols that keep the rest.
TEST_P(DatagramsTest, NoPartIsToCome) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  EXPECT_EQ(Receive(s, 4).flags & MSG_PARTIAL, 0u);
}

TEST_P(DatagramsTest, EmptyDatagramIsReceived) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "");
  SendFrom(&peer_, s, "after");
  const Received received = Receive(s);
  EXPECT_EQ(received.code, kOk);
  EXPECT_EQ(received.data, "");
  EXPECT_EQ(received.from, SockAddr::Of(peer_.endpoint()));
  EXPECT_EQ(Receive(s).data, "after");
}

// 2: MSG_PEEK 2.
TEST_P(DatagramsTest, PeekLeavesTheDatagram) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  for (int i = 0; i < 2; ++i) {
    const Received peeked = Receive(s, kRoom, MSG_PEEK);
    EXPECT_EQ(peeked.code, kOk);
    EXPECT_EQ(peeked.data, "hello");
    EXPECT_EQ(peeked.from, SockAddr::Of(peer_.endpoint()));
  }
  EXPECT_EQ(Receive(s).data, "hello");
}

TEST_P(DatagramsTest, PeekIntoTooSmallABufferLosesNothing) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  const Received peeked = Receive(s, 4, MSG_PEEK);
  EXPECT_EQ(peeked.code, WsaCode{WSAEMSGSIZE});
  EXPECT_EQ(peeked.data, "hell");
  EXPECT_EQ(Receive(s).data, "hello");
}

// 2, 5.2: OOB on a non-stream socket.
TEST_P(DatagramsTest, ReceiveOutOfBandIsNotSupported) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  EXPECT_EQ(Receive(s, kRoom, MSG_OOB).code, WsaCode{WSAEOPNOTSUPP});
}

// 2: unbound is WSAEINVAL; 4.12, 5.2.
TEST_P(DatagramsTest, ReceiveUnboundIsInvalid) {
  EXPECT_EQ(Receive(NewSocket(family(), Protocol::kUdp)).code,
            WsaCode{WSAEINVAL});
}

TEST_P(DatagramsTest, ReceiveAfterShutdownFails) {
  const SOCKET s = NewDatagrams(family());
  EXPECT_EQ(Shutdown(s, SD_RECEIVE), kOk);
  EXPECT_EQ(Receive(s).code, WsaCode{WSAESHUTDOWN});
}

// 5.2: ICMP, not connected: WSAECONNRESET on the next receive. Once.
TEST_P(DatagramsTest, UnreachablePortIsToldToTheNextReceive) {
  const SOCKET s = NewDatagrams(family());
  EXPECT_EQ(SendToNobody(s, family()), kOk);
  EXPECT_EQ(Receive(s).code, WsaCode{WSAECONNRESET});
  SendFrom(&peer_, s, "still here");
  EXPECT_EQ(Receive(s).data, "still here");
}

// 5.2: ICMP, connected: WSAECONNRESET on receive; no send fails for it.
TEST_P(DatagramsTest, UnreachablePeerIsToldToTheNextReceive) {
  const SOCKET s = NewDatagrams(family());
  const Endpoint nobody = peer_.endpoint();
  peer_.Close();
  ASSERT_EQ(Connect(s, SockAddr::Of(nobody)), kOk);
  EXPECT_EQ(SendText(s, "anybody?"), kOk);
  EXPECT_EQ(SendText(s, "anybody?"), kOk);
  EXPECT_EQ(Receive(s).code, WsaCode{WSAECONNRESET});
}

// 4.9: SIO_UDP_CONNRESET FALSE stops WSAECONNRESET.
TEST_P(DatagramsTest, UnreachablePortIsNotToldIfNotWanted) {
  const SOCKET s = NewDatagrams(family());
  BOOL wanted = FALSE;
  DWORD returned = 0;
  ASSERT_EQ(Ioctl(s, SIO_UDP_CONNRESET, &wanted, sizeof(wanted), nullptr, 0,
                  &returned),
            kOk);
  EXPECT_EQ(SendToNobody(s, family()), kOk);
  SendFrom(&peer_, s, "data");
  const Received received = Receive(s);
  EXPECT_EQ(received.code, kOk);
  EXPECT_EQ(received.data, "data");
}

TEST_P(DatagramsTest, UnreachablePeerIsNotToldIfNotWanted) {
  const SOCKET s = NewDatagrams(family());
  BOOL wanted = FALSE;
  DWORD returned = 0;
  ASSERT_EQ(Ioctl(s, SIO_UDP_CONNRESET, &wanted, sizeof(wanted), nullptr, 0,
                  &returned),
            kOk);
  PeerDatagrams nobody(family());
  nobody.Close();
  ASSERT_EQ(Connect(s, SockAddr::Of(nobody.endpoint())), kOk);
  EXPECT_EQ(SendText(s, "anybody?"), kOk);
  ASSERT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
  SendFrom(&peer_, s, "data");
  EXPECT_EQ(Receive(s).data, "data");
}

// 4.9: TRUE, the default, brings it back.
TEST_P(DatagramsTest, UnreachablePortIsToldAgainIfWantedAgain) {
  const SOCKET s = NewDatagrams(family());
  for (BOOL wanted : {FALSE, TRUE}) {
    DWORD returned = 0;
    ASSERT_EQ(Ioctl(s, SIO_UDP_CONNRESET, &wanted, sizeof(wanted), nullptr, 0,
                    &returned),
              kOk);
  }
  EXPECT_EQ(SendToNobody(s, family()), kOk);
  EXPECT_EQ(Receive(s).code, WsaCode{WSAECONNRESET});
}

// ------------------------------------------------- 2 WSPConnect: the peer

TEST_P(DatagramsTest, ConnectedSendGoesToThePeer) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
  EXPECT_EQ(SendText(s, "hello"), kOk);
  ExpectNext(&peer_, "hello");
}

// 2: on connected UDP lpTo overrides for this datagram.
TEST_P(DatagramsTest, ConnectedSendToGoesElsewhereOnce) {
  const SOCKET s = NewDatagrams(family());
  PeerDatagrams other(family());
  ASSERT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
  EXPECT_EQ(SendDatagram(s, "elsewhere", SockAddr::Of(other.endpoint())), kOk);
  ExpectNext(&other, "elsewhere");
  EXPECT_EQ(SendText(s, "back"), kOk);
  ExpectNext(&peer_, "back");
}

// 4.12: connected UDP filters sources.
TEST_P(DatagramsTest, ConnectedReceivesFromThePeerOnly) {
  const SOCKET s = NewDatagrams(family());
  PeerDatagrams stranger(family());
  ASSERT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
  SendFrom(&stranger, s, "strange");
  SendFrom(&peer_, s, "known");
  const Received received = Receive(s);
  EXPECT_EQ(received.data, "known");
  // 2 WSPRecvFrom: fills lpFrom on connectionless sockets, as this one is.
  EXPECT_EQ(received.from, SockAddr::Of(peer_.endpoint()));
}

}  // namespace
}  // namespace wspd::conformance
