// AcceptEx and GetAcceptExSockaddrs (4.9).
#include "tests/conformance/extension_fixture.h"

namespace wspd::conformance {
namespace {

class AcceptExTest : public ExtensionTest {
 protected:
  void SetUp() override {
    ExtensionTest::SetUp();
    listening_ = NewListener(&name_);
  }
  PeerSocket NewPeer() {
    PeerSocket peer = PeerSocket::ConnectTo(name_.ToEndpoint());
    EXPECT_TRUE(peer.is_open());
    return peer;
  }
  WsaCode Fails(SOCKET listening, SOCKET s) {
    Overlapped& accept = NewOverlapped();
    return AcceptEx(listening, s, &accept);
  }

  SOCKET listening_ = INVALID_SOCKET;
  SockAddr name_;
};
WSPD_FOR_BOTH_FAMILIES(AcceptExTest);

// ------------------------------------------------------------- it accepts

TEST_P(AcceptExTest, WaitsForAConnection) {
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  ASSERT_EQ(AcceptEx(listening_, s, &accept), kPending);
  EXPECT_FALSE(accept.event.Wait(kNotAtAllMs));
  PeerSocket peer = NewPeer();
  ASSERT_TRUE(accept.event.Wait(kSoonMs));
  EXPECT_EQ(Result(listening_, &accept), kOk);
  ASSERT_EQ(SendText(s, "x"), kOk);
  EXPECT_EQ(peer.Read(1), "x");
}

TEST_P(AcceptExTest, TakesAConnectionThatIsThere) {
  PeerSocket peer = NewPeer();
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  ExpectDone(AcceptEx(listening_, s, &accept), &accept);
  EXPECT_EQ(accept.status(), kStatusSuccess);
  ASSERT_EQ(SendText(s, "x"), kOk);
  EXPECT_EQ(peer.Read(1), "x");
}

// Receive length 0 = complete at connect …
TEST_P(AcceptExTest, WithoutRoomForDataItWaitsForNone) {
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  ASSERT_EQ(AcceptEx(listening_, s, &accept), kPending);
  PeerSocket peer = NewPeer();
  ASSERT_TRUE(accept.event.Wait(kSoonMs));
  EXPECT_EQ(accept.overlapped.InternalHigh, 0u);
}

// … else at first data.
TEST_P(AcceptExTest, WithRoomForDataItWaitsForSome) {
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  ASSERT_EQ(AcceptEx(listening_, s, &accept, 100), kPending);
  PeerSocket peer = NewPeer();
  EXPECT_FALSE(accept.event.Wait(kNotAtAllMs));
  ASSERT_TRUE(peer.Write("hello"));
  ASSERT_TRUE(accept.event.Wait(kSoonMs));
  ASSERT_EQ(Result(listening_, &accept), kOk);
  EXPECT_EQ(accept.buffer.substr(0, accept.bytes), "hello");
}

// Peer close before data = success, 0 bytes.
TEST_P(AcceptExTest, PeersEndBeforeDataIsSuccess) {
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  ASSERT_EQ(AcceptEx(listening_, s, &accept, 100), kPending);
  NewPeer().Close();
  ASSERT_TRUE(accept.event.Wait(kSoonMs));
  ASSERT_EQ(Result(listening_, &accept), kOk);
  EXPECT_EQ(accept.bytes, 0u);
}

TEST_P(AcceptExTest, RestOfTheDataStays) {
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  PeerSocket peer = NewPeer();
  ASSERT_TRUE(peer.Write("hello"));
  ExpectDone(AcceptEx(listening_, s, &accept, 2), &accept);
  EXPECT_EQ(accept.buffer.substr(0, 2), "he");
  std::string data;
  ASSERT_EQ(RecvExactly(s, 3, &data), kOk);
  EXPECT_EQ(data, "llo");
}

// Several are served in turn.
TEST_P(AcceptExTest, SeveralMayPend) {
  const SOCKET a = New(), b = New();
  Overlapped& first = NewOverlapped();
  Overlapped& second = NewOverlapped();
  ASSERT_EQ(AcceptEx(listening_, a, &first), kPending);
  ASSERT_EQ(AcceptEx(listening_, b, &second), kPending);
  PeerSocket peer_a = NewPeer();
  ASSERT_TRUE(first.event.Wait(kSoonMs));
  EXPECT_EQ(second.status(), kStatusPending);
  PeerSocket peer_b = NewPeer();
  ASSERT_TRUE(second.event.Wait(kSoonMs));
  ASSERT_EQ(SendText(a, "a"), kOk);
  EXPECT_EQ(peer_a.Read(1), "a");
  ASSERT_EQ(SendText(b, "b"), kOk);
  EXPECT_EQ(peer_b.Read(1), "b");
}

// A CF_DEFERred connection is taken by AcceptEx.
int CALLBACK Defer(LPWSABUF, LPWSABUF, LPQOS, LPQOS, LPWSABUF, LPWSABUF, GROUP*,
                   DWORD_PTR) {
  return CF_DEFER;
}

TEST_P(AcceptExTest, TakesADeferredConnection) {
  PeerSocket peer = NewPeer();
  SOCKET none;
  ASSERT_EQ(Accept(listening_, &none, nullptr, Defer), WsaCode{WSATRY_AGAIN});
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  ExpectDone(AcceptEx(listening_, s, &accept), &accept);
  ASSERT_EQ(SendText(s, "x"), kOk);
  EXPECT_EQ(peer.Read(1), "x");
}

// -------------------------------------------------------------- the names

// GetAcceptExSockaddrs: local parsing of the buffer.
TEST_P(AcceptExTest, NamesAreInTheBuffer) {
  constexpr DWORD kRoom = 10;
  PeerSocket peer = NewPeer();
  ASSERT_TRUE(peer.Write("hello"));
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  ExpectDone(AcceptEx(listening_, s, &accept, kRoom), &accept);
  const auto parse = reinterpret_cast<LPFN_GETACCEPTEXSOCKADDRS>(
      FindExtension(s, WSAID_GETACCEPTEXSOCKADDRS));
  ASSERT_NE(parse, nullptr);
  sockaddr *local = nullptr, *remote = nullptr;
  int local_length = 0, remote_length = 0;
  parse(&accept.buffer[0], kRoom, kNameRoom, kNameRoom, &local, &local_length,
        &remote, &remote_length);
  ASSERT_EQ(local_length, AddressLength(family()));
  ASSERT_EQ(remote_length, AddressLength(family()));
  SockAddr local_name, remote_name;
  memcpy(local_name.get(), local, local_length);
  memcpy(remote_name.get(), remote, remote_length);
  EXPECT_EQ(local_name, name_);
  EXPECT_EQ(remote_name, Loopback(peer.port()));
}

// SO_UPDATE_ACCEPT_CONTEXT enables getsockname, getpeername, shutdown …
TEST_P(AcceptExTest, ContextGivesTheNames) {
  PeerSocket peer = NewPeer();
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  ExpectDone(AcceptEx(listening_, s, &accept), &accept);
  ASSERT_EQ(UpdateAcceptContext(s, listening_), kOk);
  EXPECT_EQ(NameOf(s), name_);
  EXPECT_EQ(PeerNameOf(s), Loopback(peer.port()));
  EXPECT_EQ(Shutdown(s, SD_SEND), kOk);
  EXPECT_EQ(peer.WaitForEnd(), Ending::kOrderly);
}

// … which fail before.
TEST_P(AcceptExTest, NamesAndShutdownNeedTheContext) {
  PeerSocket peer = NewPeer();
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  ExpectDone(AcceptEx(listening_, s, &accept), &accept);
  SockAddr name;
  EXPECT_EQ(GetSockName(s, &name), WsaCode{WSAEINVAL});
  EXPECT_EQ(GetPeerName(s, &name), WsaCode{WSAENOTCONN});
  EXPECT_EQ(Shutdown(s, SD_SEND), WsaCode{WSAENOTCONN});
  // Nor has the peer seen anything of it.
  ASSERT_EQ(SendText(s, "x"), kOk);
  EXPECT_EQ(peer.Read(1), "x");
  EXPECT_EQ(peer.PeekEnd(), Ending::kStillOpen);
}

TEST_P(AcceptExTest, ContextOfWhatDoesNotListenIsInvalid) {
  PeerSocket peer = NewPeer();
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  ExpectDone(AcceptEx(listening_, s, &accept), &accept);
  EXPECT_EQ(UpdateAcceptContext(s, New()), WsaCode{WSAEINVAL});
  SockAddr name;
  EXPECT_EQ(GetPeerName(s, &name), WsaCode{WSAENOTCONN});
}

// Local length 0 is allowed.
TEST_P(AcceptExTest, RoomForTheLocalNameMayBeNone) {
  PeerSocket peer = NewPeer();
  Overlapped& accept = NewOverlapped(kNameRoom);
  ExpectDone(AcceptExRaw(listening_, New(), &accept.buffer[0], 0, 0, kNameRoom,
                         accept.WithEvent().overlapped),
             &accept);
  EXPECT_EQ(accept.status(), kStatusSuccess);
}

// Address lengths too small → pends, then completes STATUS_BUFFER_TOO_SMALL …
TEST_P(AcceptExTest, LittleRoomForNamesFailsInTheEnd) {
  Overlapped& accept = NewOverlapped(100);
  ASSERT_EQ(AcceptExRaw(listening_, New(), &accept.buffer[0], 0, 3, 3,
                        accept.WithEvent().overlapped),
            kPending);
  PeerSocket peer = NewPeer();
  ASSERT_TRUE(accept.event.Wait(kSoonMs));
  EXPECT_EQ(accept.status(), kStatusBufferTooSmall);
}

// … and the connection stays queued.
TEST_P(AcceptExTest, LittleRoomForNamesLeavesTheConnection) {
  Overlapped& accept = NewOverlapped(100);
  ASSERT_EQ(AcceptExRaw(listening_, New(), &accept.buffer[0], 0, 3, 3,
                        accept.WithEvent().overlapped),
            kPending);
  PeerSocket peer = NewPeer();
  ASSERT_TRUE(accept.event.Wait(kSoonMs));
  SOCKET s;
  ASSERT_EQ(Accept(listening_, &s), kOk);
  ASSERT_EQ(SendText(s, "x"), kOk);
  EXPECT_EQ(peer.Read(1), "x");
}

// ----------------------------------------------------------- the arguments

// NULL overlapped: ERROR_INVALID_PARAMETER.
TEST_P(AcceptExTest, NoOverlappedIsAnInvalidParameter) {
  char buffer[2 * kNameRoom];
  EXPECT_EQ(
      AcceptExRaw(listening_, New(), buffer, 0, kNameRoom, kNameRoom, nullptr),
      WsaCode{WSA_INVALID_PARAMETER});
}

// NULL buffer, or remote length 0 → WSAEFAULT.
TEST_P(AcceptExTest, NoBufferIsAFault) {
  Overlapped& accept = NewOverlapped();
  EXPECT_EQ(AcceptExRaw(listening_, New(), nullptr, 0, kNameRoom, kNameRoom,
                        accept.WithEvent().overlapped),
            WsaCode{WSAEFAULT});
}

TEST_P(AcceptExTest, NoRoomForTheRemoteNameIsAFault) {
  Overlapped& accept = NewOverlapped(kNameRoom);
  EXPECT_EQ(AcceptExRaw(listening_, New(), &accept.buffer[0], 0, kNameRoom, 0,
                        accept.WithEvent().overlapped),
            WsaCode{WSAEFAULT});
}

// 4.3: Internal becomes pending even when the call fails argument checks.
TEST_P(AcceptExTest, StatusIsPendingAlsoOfARefusedCall) {
  Overlapped& accept = NewOverlapped();
  ASSERT_EQ(AcceptExRaw(listening_, New(), nullptr, 0, kNameRoom, kNameRoom,
                        accept.WithEvent().overlapped),
            WsaCode{WSAEFAULT});
  EXPECT_EQ(accept.status(), kStatusPending);
}

// --------------------------------------------------------------- the sockets

// Bad handle WSAENOTSOCK.
TEST_P(AcceptExTest, BadHandlesAreNoSockets) {
  EXPECT_EQ(Fails(listening_, INVALID_SOCKET), WsaCode{WSAENOTSOCK});
  EXPECT_EQ(Fails(INVALID_SOCKET, New()), WsaCode{WSAENOTSOCK});
}

// Listener not listening WSAEINVAL.
TEST_P(AcceptExTest, FreshListenerIsInvalid) {
  EXPECT_EQ(Fails(New(), New()), WsaCode{WSAEINVAL});
  EXPECT_EQ(Fails(NewBound(), New()), WsaCode{WSAEINVAL});
}

// Accept socket: not bound or connected, else WSAEINVAL.
TEST_P(AcceptExTest, BoundAcceptSocketIsInvalid) {
  EXPECT_EQ(Fails(listening_, NewBound()), WsaCode{WSAEINVAL});
}

TEST_P(AcceptExTest, ConnectedAcceptSocketIsInvalid) {
  const Pair pair = NewConnection();
  EXPECT_EQ(Fails(listening_, pair.socket), WsaCode{WSAEINVAL});
}

// … stream.
TEST_P(AcceptExTest, DatagramAcceptSocketIsInvalid) {
  EXPECT_EQ(Fails(listening_, NewSocket(family(), Protocol::kUdp)),
            WsaCode{WSAEINVAL});
}

// The same accept socket twice → WSAEINVAL.
TEST_P(AcceptExTest, SameAcceptSocketTwiceIsInvalid) {
  const SOCKET s = New();
  Overlapped& first = NewOverlapped();
  Overlapped& second = NewOverlapped();
  ASSERT_EQ(AcceptEx(listening_, s, &first), kPending);
  EXPECT_EQ(AcceptEx(listening_, s, &second), WsaCode{WSAEINVAL});
}

// Connect on it → WSAEINVAL.
TEST_P(AcceptExTest, AcceptSocketDoesNotConnect) {
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  ASSERT_EQ(AcceptEx(listening_, s, &accept), kPending);
  EXPECT_EQ(Connect(s, PeerName()), WsaCode{WSAEINVAL});
}

// … and so does ConnectEx.
TEST_P(AcceptExTest, AcceptSocketDoesNotConnectByConnectEx) {
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  Overlapped& connect = NewOverlapped();
  ASSERT_EQ(AcceptEx(listening_, s, &accept), kPending);
  EXPECT_EQ(ConnectEx(s, PeerName(), connect.WithEvent().overlapped),
            WsaCode{WSAEINVAL});
}

// ------------------------------------------------------------------- closing

// Closing either socket completes with 995.
TEST_P(AcceptExTest, ClosingTheListenerAborts) {
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  ASSERT_EQ(AcceptEx(listening_, s, &accept), kPending);
  ASSERT_EQ(Close(listening_), kOk);
  ASSERT_TRUE(accept.event.Wait(kSoonMs));
  EXPECT_EQ(accept.status(), kStatusCancelled);
}

TEST_P(AcceptExTest, ClosingTheAcceptSocketAborts) {
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  ASSERT_EQ(AcceptEx(listening_, s, &accept), kPending);
  ASSERT_EQ(Close(s), kOk);
  ASSERT_TRUE(accept.event.Wait(kSoonMs));
  EXPECT_EQ(accept.status(), kStatusCancelled);
}

// … and the listener goes on.
TEST_P(AcceptExTest, ListenerGoesOnAfterAnAbort) {
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  ASSERT_EQ(AcceptEx(listening_, s, &accept), kPending);
  ASSERT_EQ(Close(s), kOk);
  ASSERT_TRUE(accept.event.Wait(kSoonMs));
  AcceptOne(listening_, name_);
}

}  // namespace
}  // namespace wspd::conformance
