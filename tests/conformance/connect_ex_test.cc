// ConnectEx and DisconnectEx (4.9).
#include "tests/conformance/extension_fixture.h"

namespace wspd::conformance {
namespace {

class ConnectExTest : public ExtensionTest {};
WSPD_FOR_BOTH_FAMILIES(ConnectExTest);

TEST_P(ConnectExTest, Connects) {
  const SOCKET s = NewBound();
  Overlapped& connect = NewOverlapped();
  ExpectDone(ConnectEx(s, PeerName(), connect.WithEvent().overlapped),
             &connect);
  ASSERT_EQ(Result(s, &connect), kOk);
  PeerSocket peer = listener().Accept();
  ASSERT_EQ(SendText(s, "x"), kOk);
  EXPECT_EQ(peer.Read(1), "x");
}

// Optional first data.
TEST_P(ConnectExTest, SendsTheFirstData) {
  const SOCKET s = NewBound();
  Overlapped& connect = NewOverlapped();
  const std::string data = "hello";
  ExpectDone(ConnectEx(s, PeerName(), connect.WithEvent().overlapped, data),
             &connect);
  ASSERT_EQ(Result(s, &connect), kOk);
  EXPECT_EQ(connect.bytes, 5u);
  EXPECT_EQ(listener().Accept().Read(5), "hello");
}

TEST_P(ConnectExTest, RefusedIsTheResult) {
  const SOCKET s = NewBound();
  Overlapped& connect = NewOverlapped();
  const WsaCode started = ConnectEx(s, SockAddr::Of(ClosedEndpoint(family())),
                                    connect.WithEvent().overlapped);
  // 4.1: it may be known at once, and then isn't started: nothing tells of it.
  if (started == WsaCode{WSAECONNREFUSED}) {
    EXPECT_FALSE(connect.event.Wait(kNotAtAllMs));
    SockAddr name;
    EXPECT_EQ(GetPeerName(s, &name), WsaCode{WSAENOTCONN});
    EXPECT_EQ(Connect(s, PeerName()), kOk);
    return;
  }
  ASSERT_EQ(started, kPending);
  ASSERT_TRUE(connect.event.Wait(kSoonMs));
  EXPECT_EQ(connect.status(), kStatusConnectionRefused);
  EXPECT_EQ(Result(s, &connect), WsaCode{WSAECONNREFUSED});
}

// The socket must be bound (WSAEINVAL).
TEST_P(ConnectExTest, UnboundIsInvalid) {
  Overlapped& connect = NewOverlapped();
  EXPECT_EQ(ConnectEx(New(), PeerName(), connect.WithEvent().overlapped),
            WsaCode{WSAEINVAL});
}

// NULL overlapped: 87.
TEST_P(ConnectExTest, NoOverlappedIsAnInvalidParameter) {
  EXPECT_EQ(ConnectEx(NewBound(), PeerName(), nullptr),
            WsaCode{WSA_INVALID_PARAMETER});
}

// Connected WSAEISCONN.
TEST_P(ConnectExTest, ConnectedIsAnError) {
  const Pair pair = NewConnection();
  Overlapped& connect = NewOverlapped();
  EXPECT_EQ(ConnectEx(pair.socket, PeerName(), connect.WithEvent().overlapped),
            WsaCode{WSAEISCONN});
}

// Connecting WSAEINVAL.
TEST_P(ConnectExTest, ConnectingIsInvalid) {
  Overlapped& connect = NewOverlapped();
  EXPECT_EQ(
      ConnectEx(NewConnecting(), PeerName(), connect.WithEvent().overlapped),
      WsaCode{WSAEINVAL});
}

TEST_P(ConnectExTest, ListenerIsInvalid) {
  Overlapped& connect = NewOverlapped();
  EXPECT_EQ(
      ConnectEx(NewListener(), PeerName(), connect.WithEvent().overlapped),
      WsaCode{WSAEINVAL});
}

TEST_P(ConnectExTest, BadHandleIsNoSocket) {
  Overlapped& connect = NewOverlapped();
  EXPECT_EQ(
      ConnectEx(INVALID_SOCKET, PeerName(), connect.WithEvent().overlapped),
      WsaCode{WSAENOTSOCK});
}

// 4.3: Internal becomes pending even when the call fails argument checks.
TEST_P(ConnectExTest, StatusIsPendingAlsoOfARefusedCall) {
  Overlapped& connect = NewOverlapped();
  ASSERT_EQ(ConnectEx(New(), PeerName(), connect.WithEvent().overlapped),
            WsaCode{WSAEINVAL});
  EXPECT_EQ(connect.status(), kStatusPending);
}

// getpeername WSAENOTCONN until SO_UPDATE_CONNECT_CONTEXT.
TEST_P(ConnectExTest, PeersNameNeedsTheContext) {
  const SOCKET s = NewBound();
  Overlapped& connect = NewOverlapped();
  ExpectDone(ConnectEx(s, PeerName(), connect.WithEvent().overlapped),
             &connect);
  SockAddr name;
  EXPECT_EQ(GetPeerName(s, &name), WsaCode{WSAENOTCONN});
  ASSERT_EQ(UpdateConnectContext(s), kOk);
  EXPECT_EQ(PeerNameOf(s), PeerName());
}

// 4.12: getpeername WSAENOTCONN while connecting by ConnectEx.
TEST_P(ConnectExTest, ConnectingHasNoPeersName) {
  PeerListener::Options options;
  options.family = family();
  options.backlog = 0;
  PeerListener full(options);
  full.FillBacklog();
  const SOCKET s = NewBound();
  Overlapped& connect = NewOverlapped();
  ASSERT_EQ(ConnectEx(s, SockAddr::Of(full.endpoint()),
                      connect.WithEvent().overlapped),
            kPending);
  SockAddr name;
  EXPECT_EQ(GetPeerName(s, &name), WsaCode{WSAENOTCONN});
}

// 2: closing aborts it, with its indication.
TEST_P(ConnectExTest, ClosingAborts) {
  PeerListener::Options options;
  options.family = family();
  options.backlog = 0;
  PeerListener full(options);
  full.FillBacklog();
  const SOCKET s = NewBound();
  Overlapped& connect = NewOverlapped();
  ASSERT_EQ(ConnectEx(s, SockAddr::Of(full.endpoint()),
                      connect.WithEvent().overlapped),
            kPending);
  ASSERT_EQ(Close(s), kOk);
  ASSERT_TRUE(connect.event.Wait(kSoonMs));
  EXPECT_THAT(connect.status(), IsAbortedStatus());
}

// ------------------------------------------------------------- DisconnectEx

class DisconnectExTest : public ExtensionTest {};
WSPD_FOR_BOTH_FAMILIES(DisconnectExTest);

// NULL overlapped = blocking.
TEST_P(DisconnectExTest, EndsTheConnection) {
  Pair pair = NewConnection();
  ASSERT_EQ(DisconnectEx(pair.socket, nullptr), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
}

TEST_P(DisconnectExTest, OverlappedGivesItsIndication) {
  Pair pair = NewConnection();
  Overlapped& disconnect = NewOverlapped();
  ExpectDone(DisconnectEx(pair.socket, disconnect.WithEvent().overlapped),
             &disconnect);
  EXPECT_EQ(Result(pair.socket, &disconnect), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
}

// Unconnected WSAENOTCONN.
TEST_P(DisconnectExTest, UnconnectedIsAnError) {
  EXPECT_EQ(DisconnectEx(New(), nullptr), WsaCode{WSAENOTCONN});
  EXPECT_EQ(DisconnectEx(NewBound(), nullptr), WsaCode{WSAENOTCONN});
}

// Bad WSAENOTSOCK.
TEST_P(DisconnectExTest, BadHandleIsNoSocket) {
  EXPECT_EQ(DisconnectEx(INVALID_SOCKET, nullptr), WsaCode{WSAENOTSOCK});
}

// TF_REUSE_SOCKET or 0.
TEST_P(DisconnectExTest, OtherFlagsAreInvalid) {
  Pair pair = NewConnection();
  EXPECT_EQ(DisconnectEx(pair.socket, nullptr, 0x100), WsaCode{WSAEINVAL});
  ASSERT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_EQ(pair.peer.Read(1), "x");
}

// Afterwards send WSAESHUTDOWN …
TEST_P(DisconnectExTest, SendAfterwardsIsAnError) {
  const Pair pair = NewConnection();
  ASSERT_EQ(DisconnectEx(pair.socket, nullptr), kOk);
  EXPECT_EQ(SendText(pair.socket, "x"), WsaCode{WSAESHUTDOWN});
}

// … connect WSAEISCONN (no reuse) …
TEST_P(DisconnectExTest, ConnectAfterwardsIsAnError) {
  const Pair pair = NewConnection();
  ASSERT_EQ(DisconnectEx(pair.socket, nullptr), kOk);
  EXPECT_EQ(Connect(pair.socket, PeerName()), WsaCode{WSAEISCONN});
}

// … recv and get*name still work …
TEST_P(DisconnectExTest, RecvAfterwardsWorks) {
  Pair pair = NewConnection();
  ASSERT_EQ(DisconnectEx(pair.socket, nullptr), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 1, &data), kOk);
  EXPECT_EQ(data, "x");
}

TEST_P(DisconnectExTest, NamesStay) {
  const Pair pair = NewConnection();
  const SockAddr own = NameOf(pair.socket), peer = PeerNameOf(pair.socket);
  ASSERT_EQ(DisconnectEx(pair.socket, nullptr), kOk);
  EXPECT_EQ(NameOf(pair.socket), own);
  EXPECT_EQ(PeerNameOf(pair.socket), peer);
}

// … repeat succeeds.
TEST_P(DisconnectExTest, RepeatSucceeds) {
  const Pair pair = NewConnection();
  ASSERT_EQ(DisconnectEx(pair.socket, nullptr), kOk);
  EXPECT_EQ(DisconnectEx(pair.socket, nullptr), kOk);
}

constexpr DWORD kReuseSocket = 2;  // TF_REUSE_SOCKET

// TF_REUSE_SOCKET: the socket may connect anew.
TEST_P(DisconnectExTest, ReusedSocketConnectsAgain) {
  const SOCKET s = NewBound();
  Overlapped& connect = NewOverlapped();
  ExpectDone(ConnectEx(s, PeerName(), connect.WithEvent().overlapped),
             &connect);
  PeerSocket first = listener().Accept();
  Overlapped& disconnect = NewOverlapped();
  const WsaCode started =
      DisconnectEx(s, disconnect.WithEvent().overlapped, kReuseSocket);
  EXPECT_EQ(first.WaitForEnd(), Ending::kOrderly);
  first.Close();
  ExpectDone(started, &disconnect);
  PeerListener other(family());
  Overlapped& again = NewOverlapped();
  ExpectDone(ConnectEx(s, SockAddr::Of(other.endpoint()),
                       again.WithEvent().overlapped),
             &again);
  EXPECT_EQ(again.status(), kStatusSuccess);
  PeerSocket second = other.Accept();
  ASSERT_EQ(SendText(s, "x"), kOk);
  EXPECT_EQ(second.Read(1), "x");
}

// … or be AcceptEx's accept socket.
TEST_P(DisconnectExTest, ReusedSocketAcceptsAgain) {
  SockAddr name;
  const SOCKET listening = NewListener(&name);
  const SOCKET s = New();
  for (int i = 0; i < 2; ++i) {
    PeerSocket peer = PeerSocket::ConnectTo(name.ToEndpoint());
    ASSERT_TRUE(peer.is_open());
    Overlapped& accept = NewOverlapped();
    ExpectDone(AcceptEx(listening, s, &accept), &accept);
    ASSERT_EQ(accept.status(), kStatusSuccess);
    ASSERT_EQ(SendText(s, "x"), kOk);
    EXPECT_EQ(peer.Read(1), "x");
    Overlapped& disconnect = NewOverlapped();
    const WsaCode started =
        DisconnectEx(s, disconnect.WithEvent().overlapped, kReuseSocket);
    EXPECT_EQ(peer.WaitForEnd(), Ending::kOrderly);
    peer.Close();
    ExpectDone(started, &disconnect);
  }
}

}  // namespace
}  // namespace wspd::conformance
