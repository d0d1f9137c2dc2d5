// WSPConnect of stream sockets.
#include <ws2tcpip.h>

#include <memory>

#include "tests/conformance/stream_fixture.h"

namespace wspd::conformance {
namespace {

class ConnectTest : public StreamTest {
 protected:
  SockAddr Closed() { return SockAddr::Of(ClosedEndpoint(family())); }
  Family OtherFamily() {
    return family() == Family::kIpv4 ? Family::kIpv6 : Family::kIpv4;
  }
  // Waits for a non-blocking connect to succeed.
  void WaitConnected(SOCKET s, const SockAddr& name) {
    WsaCode code;
    EXPECT_TRUE(WaitUntil(
        [&] {
          code = Connect(s, name);
          return code != WsaCode{WSAEALREADY};
        },
        milliseconds(kSoonMs)));
    EXPECT_EQ(code, WsaCode{WSAEISCONN});
  }
  WsaCode ConnectWith(SOCKET s, LPWSABUF caller_data, LPQOS sqos, LPQOS gqos) {
    const SockAddr name = PeerName();
    int error = 0;
    const int result = table().lpWSPConnect(
        s, name.get(), name.length(), caller_data, nullptr, sqos, gqos, &error);
    return result == 0 ? kOk : error == 0 ? kNoErrorGiven : WsaCode{error};
  }
};
WSPD_FOR_BOTH_FAMILIES(ConnectTest);

// ------------------------------------------------------------- 2: blocking

// 2: blocking: until done.
TEST_P(ConnectTest, BlockingConnects) {
  Pair pair = NewConnection();
  ASSERT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_EQ(pair.peer.Read(1), "x");
}

// 2: an unbound socket is bound implicitly.
TEST_P(ConnectTest, UnboundSocketIsBound) {
  const Pair pair = NewConnection();
  EXPECT_EQ(NameOf(pair.socket), Loopback(NameOf(pair.socket).port()));
  EXPECT_NE(NameOf(pair.socket).port(), 0);
}

TEST_P(ConnectTest, BoundSocketKeepsItsName) {
  const SOCKET s = NewBound();
  const SockAddr name = NameOf(s);
  ASSERT_EQ(Connect(s, PeerName()), kOk);
  EXPECT_EQ(NameOf(s), name);
}

TEST_P(ConnectTest, LongerNameIsFine) {
  SockAddr name = PeerName();
  name.set_length(sizeof(sockaddr_storage));
  EXPECT_EQ(Connect(New(), name), kOk);
}

TEST_P(ConnectTest, WaitsForTheHandshake) {
  PeerListener::Options options;
  options.family = family();
  options.backlog = 0;
  auto full = std::make_unique<PeerListener>(options);
  full->FillBacklog();
  const SOCKET s = New();
  const WsaCode code =
      WhileBlocked([&] { return Connect(s, SockAddr::Of(full->endpoint())); },
                   [&] { EXPECT_EQ(Close(s), kOk); });
  EXPECT_THAT(code, IsCancelled());
}

// ------------------------------------------------------------- 2: refused

TEST_P(ConnectTest, RefusedIsAnError) {
  EXPECT_EQ(Connect(New(), Closed()), WsaCode{WSAECONNREFUSED});
}

// 2, 5.2: after REFUSED the same socket may connect again.
TEST_P(ConnectTest, RefusedSocketMayConnectAgain) {
  const SOCKET s = New();
  ASSERT_EQ(Connect(s, Closed()), WsaCode{WSAECONNREFUSED});
  ASSERT_EQ(Connect(s, Closed()), WsaCode{WSAECONNREFUSED});
  ASSERT_EQ(Connect(s, PeerName()), kOk);
  PeerSocket peer = listener().Accept();
  ASSERT_EQ(SendText(s, "x"), kOk);
  EXPECT_EQ(peer.Read(1), "x");
}

TEST_P(ConnectTest, RefusedBoundSocketMayConnectAgain) {
  const SOCKET s = NewBound();
  const SockAddr name = NameOf(s);
  ASSERT_EQ(Connect(s, Closed()), WsaCode{WSAECONNREFUSED});
  ASSERT_EQ(Connect(s, PeerName()), kOk);
  EXPECT_EQ(NameOf(s), name);
}

TEST_P(ConnectTest, RefusedSocketIsNotConnected) {
  const SOCKET s = New();
  ASSERT_EQ(Connect(s, Closed()), WsaCode{WSAECONNREFUSED});
  SockAddr name;
  EXPECT_EQ(GetPeerName(s, &name), WsaCode{WSAENOTCONN});
  EXPECT_EQ(SendText(s, "x"), WsaCode{WSAENOTCONN});
}

// ------------------------------------------------------------ 2: time-outs

class ConnectTimeOutTest : public StreamTest {
 protected:
  void SetUp() override {
    StreamTest::SetUp();
    if (HasFatalFailure()) return;
    PeerListener::Options options;
    options.family = family();
    options.backlog = 0;
    full_ = std::make_unique<PeerListener>(options);
    full_->FillBacklog();
  }
  // A socket that gives an attempt up after a second (4.10 TCP_MAXRT).
  SOCKET NewImpatient() {
    const SOCKET s = New();
    EXPECT_EQ(SetInt(s, IPPROTO_TCP, TCP_MAXRT, 1), kOk);
    return s;
  }
  // The name of a host that doesn't answer.
  SockAddr Silent() { return SockAddr::Of(full_->endpoint()); }

 private:
  std::unique_ptr<PeerListener> full_;
};
WSPD_FOR_BOTH_FAMILIES(ConnectTimeOutTest);

// 2: WSAETIMEDOUT; 5.2: the same socket may connect again.
TEST_P(ConnectTimeOutTest, BlockingTimesOutAndMayConnectAgain) {
  const SOCKET s = NewImpatient();
  ASSERT_EQ(Connect(s, Silent()), WsaCode{WSAETIMEDOUT});
  SockAddr name;
  EXPECT_EQ(GetPeerName(s, &name), WsaCode{WSAENOTCONN});
  ASSERT_EQ(Connect(s, PeerName()), kOk);
  PeerSocket peer = listener().Accept();
  ASSERT_EQ(SendText(s, "x"), kOk);
  EXPECT_EQ(peer.Read(1), "x");
}

// 2 WSPEnumNetworkEvents, 4.5: FD_CONNECT has the error; 5.4: SO_ERROR too.
TEST_P(ConnectTimeOutTest, NonBlockingIsToldOfTheTimeOut) {
  const SOCKET s = NewImpatient();
  Event event;
  ASSERT_EQ(EventSelect(s, event.get(), FD_CONNECT | FD_WRITE), kOk);
  ASSERT_EQ(Connect(s, Silent()), WsaCode{WSAEWOULDBLOCK});
  ASSERT_TRUE(event.Wait(kSoonMs));
  WSANETWORKEVENTS events = {};
  ASSERT_EQ(EnumNetworkEvents(s, event.get(), &events), kOk);
  EXPECT_EQ(events.lNetworkEvents, FD_CONNECT);
  EXPECT_EQ(WsaCode{events.iErrorCode[FD_CONNECT_BIT]}, WsaCode{WSAETIMEDOUT});
  EXPECT_EQ(ErrorOf(s), WSAETIMEDOUT);
}

// --------------------------------------------------------- 2: non-blocking

// 2: WSAEWOULDBLOCK; then it connects.
TEST_P(ConnectTest, NonBlockingWouldBlock) {
  const SOCKET s = New();
  ASSERT_EQ(SetNonBlocking(s), kOk);
  ASSERT_EQ(Connect(s, PeerName()), WsaCode{WSAEWOULDBLOCK});
  PeerSocket peer = listener().Accept();
  ASSERT_TRUE(peer.is_open());
  WaitConnected(s, PeerName());
  EXPECT_EQ(SendText(s, "x"), kOk);
  EXPECT_EQ(peer.Read(1), "x");
}

// 2, 4.12: connect while connecting.
TEST_P(ConnectTest, ConnectingIsAlready) {
  const SOCKET s = NewConnecting();
  EXPECT_EQ(Connect(s, PeerName()), WsaCode{WSAEALREADY});
}

// 4.6, 5.4: a failed connect leaves SO_ERROR, which stays so on repeated reads.
TEST_P(ConnectTest, NonBlockingRefusedIsTheSocketsError) {
  const SOCKET s = NewRefused();
  EXPECT_EQ(ErrorOf(s), WSAECONNREFUSED);
  EXPECT_EQ(ErrorOf(s), WSAECONNREFUSED);
}

// 4.6: … and through the next connect until one succeeds.
TEST_P(ConnectTest, ErrorEndsWithASuccessfulConnect) {
  const SOCKET s = NewRefused();
  ASSERT_EQ(Connect(s, PeerName()), WsaCode{WSAEWOULDBLOCK});
  WaitConnected(s, PeerName());
  EXPECT_EQ(ErrorOf(s), 0);
}

TEST_P(ConnectTest, ErrorStaysThroughAFailingConnect) {
  const SOCKET s = NewRefused();
  ASSERT_EQ(Connect(s, Closed()), WsaCode{WSAEWOULDBLOCK});
  EXPECT_EQ(ErrorOf(s), WSAECONNREFUSED);
}

// 5.2: connect after a failed attempt: a real result, no "aborted".
TEST_P(ConnectTest, NonBlockingRefusedMayConnectAgainBlocking) {
  const SOCKET s = NewRefused();
  ASSERT_EQ(SetNonBlocking(s, false), kOk);
  EXPECT_EQ(Connect(s, PeerName()), kOk);
}

// 4.6: whoever waited for the one that failed. Whether its error is to be read
// in between, 5.4 leaves open.
TEST_P(ConnectTest, BlockingRefusedThenConnectedHasNoError) {
  const SOCKET s = New();
  ASSERT_EQ(Connect(s, Closed()), WsaCode{WSAECONNREFUSED});
  ASSERT_EQ(Connect(s, PeerName()), kOk);
  EXPECT_EQ(ErrorOf(s), 0);
}

// ----------------------------------------------------- 4.12: while connecting

TEST_P(ConnectTest, ConnectingSendIsNotConnected) {
  EXPECT_EQ(SendText(NewConnecting(), "x"), WsaCode{WSAENOTCONN});
}

TEST_P(ConnectTest, ConnectingRecvIsNotConnected) {
  std::string data;
  EXPECT_EQ(RecvText(NewConnecting(), 1, &data), WsaCode{WSAENOTCONN});
}

TEST_P(ConnectTest, ConnectingShutdownIsNotConnected) {
  EXPECT_EQ(Shutdown(NewConnecting(), SD_SEND), WsaCode{WSAENOTCONN});
}

TEST_P(ConnectTest, ConnectingHasAName) {
  const SockAddr name = NameOf(NewConnecting());
  EXPECT_EQ(name.family(), AddressFamily(family()));
  EXPECT_NE(name.port(), 0);
}

// 4.12, 5.2: getpeername succeeds after connect().
TEST_P(ConnectTest, ConnectingHasAPeersName) {
  const SockAddr name = PeerNameOf(NewConnecting());
  EXPECT_EQ(name, Loopback(name.port()));
}

TEST_P(ConnectTest, ConnectingHasNoError) {
  EXPECT_EQ(ErrorOf(NewConnecting()), 0);
}

TEST_P(ConnectTest, ConnectingMayBeClosed) {
  EXPECT_EQ(Close(NewConnecting()), kOk);
}

TEST_P(ConnectTest, ConnectingBindIsInvalid) {
  EXPECT_EQ(Bind(NewConnecting(), Loopback()), WsaCode{WSAEINVAL});
}

// ------------------------------------------------------------- 2: states

// 2, 4.12.
TEST_P(ConnectTest, ConnectedIsAnError) {
  const Pair pair = NewConnection();
  EXPECT_EQ(Connect(pair.socket, PeerName()), WsaCode{WSAEISCONN});
}

TEST_P(ConnectTest, AcceptedIsAnError) {
  const Pair pair = NewAccepted();
  EXPECT_EQ(Connect(pair.socket, PeerName()), WsaCode{WSAEISCONN});
}

TEST_P(ConnectTest, ConnectedNonBlockingIsAnError) {
  const Pair pair = NewConnection();
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  EXPECT_EQ(Connect(pair.socket, PeerName()), WsaCode{WSAEISCONN});
}

// 2: WSAEINVAL (listening).
TEST_P(ConnectTest, ListeningIsInvalid) {
  EXPECT_EQ(Connect(NewListener(), PeerName()), WsaCode{WSAEINVAL});
}

// ------------------------------------------------------------- 2: names

// 2, 4.12: to port 0 or ANY.
TEST_P(ConnectTest, PortZeroIsNotAvailable) {
  EXPECT_EQ(Connect(New(), Loopback(0)), WsaCode{WSAEADDRNOTAVAIL});
}

TEST_P(ConnectTest, AnyAddressIsNotAvailable) {
  EXPECT_EQ(Connect(New(), Any(PeerName().port())), WsaCode{WSAEADDRNOTAVAIL});
}

TEST_P(ConnectTest, NullNameIsAFault) {
  EXPECT_EQ(Connect(New(), nullptr, AddressLength(family())),
            WsaCode{WSAEFAULT});
}

TEST_P(ConnectTest, ShortNameIsAFault) {
  const SockAddr name = PeerName();
  EXPECT_EQ(Connect(New(), name.get(), name.length() - 1), WsaCode{WSAEFAULT});
  EXPECT_EQ(Connect(New(), name.get(), 0), WsaCode{WSAEFAULT});
  EXPECT_EQ(Connect(New(), name.get(), -1), WsaCode{WSAEFAULT});
}

// 2: WSAEAFNOSUPPORT.
TEST_P(ConnectTest, OtherFamilyIsNotSupported) {
  SockAddr name = SockAddr::Loopback(OtherFamily(), 9);
  name.set_length(sizeof(sockaddr_storage));
  EXPECT_EQ(Connect(New(), name), WsaCode{WSAEAFNOSUPPORT});
}

TEST_P(ConnectTest, UnknownFamilyIsNotSupported) {
  SockAddr name = PeerName();
  name.set_family(0x7ead);
  EXPECT_EQ(Connect(New(), name), WsaCode{WSAEAFNOSUPPORT});
}

// A failing call changes nothing.
TEST_P(ConnectTest, BadNameLeavesTheSocketAsItWas) {
  const SOCKET s = New();
  ASSERT_EQ(Connect(s, Loopback(0)), WsaCode{WSAEADDRNOTAVAIL});
  SockAddr name;
  EXPECT_EQ(GetSockName(s, &name), WsaCode{WSAEINVAL});
  EXPECT_EQ(Connect(s, PeerName()), kOk);
}

// ------------------------------------------------ 2: what TCP/IP has not got

// 2: WSAEPROTONOSUPPORT (caller data).
TEST_P(ConnectTest, CallerDataIsNotSupported) {
  char text[] = "data";
  WSABUF data = {sizeof(text), text};
  EXPECT_EQ(ConnectWith(New(), &data, nullptr, nullptr),
            WsaCode{WSAEPROTONOSUPPORT});
}

// 2: WSAEOPNOTSUPP (SQOS, GQOS).
TEST_P(ConnectTest, QualityOfServiceIsNotSupported) {
  QOS qos = {};
  EXPECT_EQ(ConnectWith(New(), nullptr, &qos, nullptr), WsaCode{WSAEOPNOTSUPP});
}

TEST_P(ConnectTest, QualityOfServiceOfAGroupIsNotSupported) {
  QOS qos = {};
  EXPECT_EQ(ConnectWith(New(), nullptr, nullptr, &qos), WsaCode{WSAEOPNOTSUPP});
}

// ------------------------------------------------------------- dual mode

class DualModeConnectTest : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(, DualModeConnectTest,
                         ::testing::Values(Family::kIpv4),
                         [](const auto&) { return "ToIpv4"; });

// 4.10: without IPV6_V6ONLY IPv4 is reached by mapped addresses.
TEST_P(DualModeConnectTest, ReachesIpv4) {
  const SOCKET s = NewSocket(Family::kIpv6);
  ASSERT_EQ(SetInt(s, IPPROTO_IPV6, IPV6_V6ONLY, 0), kOk);
  const SockAddr name = SockAddr::MappedLoopback(PeerName().port());
  ASSERT_EQ(Connect(s, name), kOk);
  EXPECT_EQ(PeerNameOf(s), name);
  EXPECT_EQ(NameOf(s), SockAddr::MappedLoopback(NameOf(s).port()));
}

// 4.10: IPV6_V6ONLY is the default.
TEST_P(DualModeConnectTest, OnlyIfAskedFor) {
  const SOCKET s = NewSocket(Family::kIpv6);
  EXPECT_FALSE(Connect(s, SockAddr::MappedLoopback(PeerName().port())).ok());
}

}  // namespace
}  // namespace wspd::conformance
