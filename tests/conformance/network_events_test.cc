// When each network event is recorded (4.5), told by events and by messages.
#include <string>

#include "tests/conformance/network_event_fixture.h"

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;
using testing::ClosedEndpoint;

constexpr LONG kAll = FD_READ | FD_WRITE | FD_OOB | FD_CLOSE;

class NetworkEventsTest : public NoticeTest {
 protected:
  std::string RecvSome(SOCKET s, size_t size = 100) {
    std::string data;
    EXPECT_EQ(RecvText(s, size, &data), kOk);
    return data;
  }
  // A socket whose connect to `endpoint` has begun.
  SOCKET NewConnecting(const Endpoint& endpoint, LONG events) {
    const SOCKET s = NewSocket(family());
    EXPECT_EQ(Register(s, events), kOk);
    EXPECT_THAT(Connect(s, SockAddr::Of(endpoint)),
                AnyOf(WsaCode{WSAEWOULDBLOCK}, kOk, WsaCode{WSAECONNREFUSED}));
    return s;
  }
};
WSPD_FOR_ALL_NOTICES(NetworkEventsTest);

// ---------------------------------------------------------------- FD_READ

TEST_P(NetworkEventsTest, ReadWhenDataComes) {
  Pair pair = NewRegistered(family(), FD_READ);
  ExpectNothing(pair.socket);
  ASSERT_TRUE(pair.peer.Write("x"));
  Expect(pair.socket, FD_READ, 0);
}

TEST_P(NetworkEventsTest, ReadAtOnceWhenDataIsThere) {
  Pair pair = NewConnection(family());
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(WaitReadable(pair.socket));
  ASSERT_EQ(Register(pair.socket, FD_READ), kOk);
  Expect(pair.socket, FD_READ, 0);
}

TEST_P(NetworkEventsTest, ReadWhenADatagramComes) {
  const SOCKET s = NewDatagrams();
  ASSERT_EQ(Register(s, FD_READ), kOk);
  SendDatagram(s, "x");
  Expect(s, FD_READ, 0);
}

// Data available, not for EOF.
TEST_P(NetworkEventsTest, NoReadAtTheEndOfTheStream) {
  Pair pair = NewRegistered(family(), FD_READ | FD_CLOSE);
  pair.peer.ShutdownSend();
  Expect(pair.socket, FD_CLOSE, 0);
  ExpectNothing(pair.socket);
}

// An event that wasn't selected isn't told.
TEST_P(NetworkEventsTest, NoReadIfItIsNotSelected) {
  Pair pair = NewRegistered(family(), FD_CLOSE | FD_OOB);
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(WaitReadable(pair.socket));
  ExpectNothing(pair.socket);
}

// A pending overlapped receive swallows FD_READ.
TEST_P(NetworkEventsTest, NoReadForWhatAPendingReceiveTakes) {
  Pair pair = NewRegistered(family(), FD_READ);
  Overlapped operation(10);
  ASSERT_EQ(Recv(pair.socket, &operation.wsabuf, 1, &operation.bytes,
                 &operation.flags, operation.WithEvent()),
            kPending);
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(operation.event.Wait(kSoonMs));
  ExpectNothing(pair.socket);
}

// --------------------------------------------------------------- FD_WRITE

// Right after select if sendable.
TEST_P(NetworkEventsTest, WriteAtOnceWhenConnected) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(Register(pair.socket, FD_WRITE), kOk);
  Expect(pair.socket, FD_WRITE, 0);
  ExpectNothing(pair.socket);
}

TEST_P(NetworkEventsTest, WriteAtOnceOnDatagrams) {
  const SOCKET s = NewDatagrams();
  ASSERT_EQ(Register(s, FD_WRITE), kOk);
  Expect(s, FD_WRITE, 0);
}

// Unconnected TCP: nothing.
TEST_P(NetworkEventsTest, NothingOnAnUnconnectedSocket) {
  const SOCKET s = NewBound(family());
  ASSERT_EQ(Register(s, kAll | FD_CONNECT | FD_ACCEPT), kOk);
  ExpectNothing(s);
}

// Sends that succeed are no reason.
TEST_P(NetworkEventsTest, NoWriteAfterASendThatWent) {
  Pair pair = NewRegistered(family(), FD_WRITE);
  EXPECT_EQ(SendText(pair.socket, "hello"), kOk);
  ExpectNothing(pair.socket);
}

// Once space frees after a send failed with WSAEWOULDBLOCK.
TEST_P(NetworkEventsTest, WriteWhenThereIsRoomAgain) {
  Pair pair = NewSlowConnection(family());
  ASSERT_EQ(Register(pair.socket, FD_WRITE), kOk);
  Expect(pair.socket, FD_WRITE, 0);
  const size_t sent = FillSendBuffer(pair.socket);
  ExpectNothing(pair.socket);
  EXPECT_EQ(pair.peer.Read(sent).size(), sent);
  Expect(pair.socket, FD_WRITE, 0);
}

// -------------------------------------------------------- FD_OOB: urgent data

TEST_P(NetworkEventsTest, OutOfBandWhenUrgentDataComes) {
  Pair pair = NewRegistered(family(), FD_OOB | FD_READ);
  ASSERT_TRUE(pair.peer.WriteUrgent("!"));
  Expect(pair.socket, FD_OOB, 0);
}

// Urgent data and not OOBINLINE.
TEST_P(NetworkEventsTest, ReadWhenUrgentDataIsInline) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(SetInt(pair.socket, SOL_SOCKET, SO_OOBINLINE, 1), kOk);
  ASSERT_EQ(Register(pair.socket, FD_OOB | FD_READ), kOk);
  ASSERT_TRUE(pair.peer.WriteUrgent("!"));
  Expect(pair.socket, FD_READ, 0);
}

TEST_P(NetworkEventsTest, OutOfBandAtOnceWhenItIsThere) {
  Pair pair = NewRegistered(family(), FD_OOB);
  ASSERT_TRUE(pair.peer.WriteUrgent("!"));
  Expect(pair.socket, FD_OOB, 0);
  // In message mode a true condition is posted by every new selection.
  if (!message_mode()) return;
  ASSERT_EQ(Register(pair.socket, FD_OOB), kOk);
  Expect(pair.socket, FD_OOB, 0);
}

// -------------------------------------------------------------- FD_ACCEPT

TEST_P(NetworkEventsTest, AcceptWhenAConnectionIsQueued) {
  SockAddr name;
  const SOCKET listener = NewRegisteredListener(family(), &name);
  ExpectNothing(listener);
  PeerSocket peer = PeerSocket::ConnectTo(name.ToEndpoint());
  Expect(listener, FD_ACCEPT, 0);
}

TEST_P(NetworkEventsTest, AcceptAtOnceWhenAConnectionIsThere) {
  SockAddr name;
  const SOCKET listener = NewListener(family(), &name);
  PeerSocket peer = PeerSocket::ConnectTo(name.ToEndpoint());
  ASSERT_EQ(Register(listener, FD_ACCEPT), kOk);
  Expect(listener, FD_ACCEPT, 0);
}

TEST_P(NetworkEventsTest, AcceptWhenRegisteredBeforeListen) {
  const SOCKET listener = NewBound(family());
  SockAddr name;
  ASSERT_EQ(GetSockName(listener, &name), kOk);
  ASSERT_EQ(Register(listener, FD_ACCEPT), kOk);
  EXPECT_EQ(Listen(listener), kOk);
  PeerSocket peer = PeerSocket::ConnectTo(name.ToEndpoint());
  Expect(listener, FD_ACCEPT, 0);
}

// ------------------------------------------------------------- FD_CONNECT

TEST_P(NetworkEventsTest, ConnectAndWriteWhenConnected) {
  PeerListener listener(family());
  const SOCKET s =
      NewConnecting(listener.endpoint(), FD_CONNECT | FD_WRITE | FD_CLOSE);
  Told told = Expect(s, FD_CONNECT | FD_WRITE);
  EXPECT_EQ(told[FD_CONNECT], 0);
  EXPECT_EQ(told[FD_WRITE], 0);
  ExpectNothing(s);
}

// Failed connect → FD_CONNECT with WSAECONNREFUSED, no FD_WRITE.
TEST_P(NetworkEventsTest, ConnectWithItsErrorWhenRefused) {
  const SOCKET s =
      NewConnecting(ClosedEndpoint(family()), FD_CONNECT | FD_WRITE | FD_CLOSE);
  Expect(s, FD_CONNECT, WSAECONNREFUSED);
  ExpectNothing(s);
}

TEST_P(NetworkEventsTest, ConnectAgainWhenTheNextAttemptEnds) {
  const SOCKET s = NewConnecting(ClosedEndpoint(family()), FD_CONNECT);
  Expect(s, FD_CONNECT, WSAECONNREFUSED);
  PeerListener listener(family());
  EXPECT_THAT(Connect(s, SockAddr::Of(listener.endpoint())),
              AnyOf(WsaCode{WSAEWOULDBLOCK}, kOk));
  Expect(s, FD_CONNECT, 0);
}

// Registering only after the connect has finished: event mode reports
// FD_CONNECT|FD_WRITE, message mode FD_WRITE only.
TEST_P(NetworkEventsTest, ConnectThatHasFinishedBefore) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(Register(pair.socket, FD_CONNECT | FD_WRITE), kOk);
  Expect(pair.socket, message_mode() ? FD_WRITE : FD_CONNECT | FD_WRITE);
  ExpectNothing(pair.socket);
}

// UDP connect() → FD_CONNECT|FD_WRITE in event mode.
TEST_P(NetworkEventsTest, ConnectOfDatagrams) {
  if (message_mode()) GTEST_SKIP() << "measured in event mode only";
  const SOCKET s = NewSocket(family(), Protocol::kUdp);
  ASSERT_EQ(Register(s, FD_CONNECT | FD_WRITE), kOk);
  EXPECT_EQ(Connect(s, SockAddr::Of(sender_.endpoint())), kOk);
  Expect(s, FD_CONNECT | FD_WRITE);
}

// --------------------------------------------------------------- FD_CLOSE

// Peer FIN: error 0.
TEST_P(NetworkEventsTest, CloseWhenThePeerCloses) {
  Pair pair = NewRegistered(family(), FD_CLOSE);
  pair.peer.Close();
  Expect(pair.socket, FD_CLOSE, 0);
}

TEST_P(NetworkEventsTest, CloseWhenThePeerStopsSending) {
  Pair pair = NewRegistered(family(), FD_CLOSE);
  pair.peer.ShutdownSend();
  Expect(pair.socket, FD_CLOSE, 0);
}

// … and the later close adds nothing.
TEST_P(NetworkEventsTest, CloseOnlyOnce) {
  Pair pair = NewRegistered(family(), FD_CLOSE);
  pair.peer.ShutdownSend();
  Expect(pair.socket, FD_CLOSE, 0);
  pair.peer.Close();
  ExpectNothing(pair.socket);
}

// RST → WSAECONNRESET / WSAECONNABORTED.
TEST_P(NetworkEventsTest, CloseWithItsErrorWhenThePeerResets) {
  Pair pair = NewRegistered(family(), FD_CLOSE);
  pair.peer.Reset();
  EXPECT_THAT(Expect(pair.socket, FD_CLOSE)[FD_CLOSE],
              AnyOf(static_cast<int>(WSAECONNRESET),
                    static_cast<int>(WSAECONNABORTED)));
}

// WT: recorded at once, with data unread.
TEST_P(NetworkEventsTest, CloseWhileDataIsUnread) {
  Pair pair = NewRegistered(family(), FD_READ | FD_CLOSE);
  ASSERT_TRUE(pair.peer.Write("unread"));
  pair.peer.Close();
  Expect(pair.socket, FD_READ | FD_CLOSE);
}

// … and nothing more after the last read.
TEST_P(NetworkEventsTest, NoCloseAfterTheLastRead) {
  Pair pair = NewRegistered(family(), FD_READ | FD_CLOSE);
  ASSERT_TRUE(pair.peer.Write("unread"));
  pair.peer.Close();
  Expect(pair.socket, FD_READ | FD_CLOSE);
  EXPECT_EQ(RecvSome(pair.socket), "unread");
  EXPECT_EQ(RecvSome(pair.socket), "");
  ExpectNothing(pair.socket);
}

// Local shutdown and peer's SD_RECEIVE give no FD_CLOSE.
TEST_P(NetworkEventsTest, NoCloseForOnesOwnShutdown) {
  Pair pair = NewRegistered(family(), FD_CLOSE);
  EXPECT_EQ(Shutdown(pair.socket, SD_SEND), kOk);
  ExpectNothing(pair.socket);
}

TEST_P(NetworkEventsTest, NoCloseWhenThePeerStopsReceiving) {
  Pair pair = NewRegistered(family(), FD_CLOSE);
  pair.peer.ShutdownReceive();
  ExpectNothing(pair.socket);
}

// 2 WSPCloseSocket: registrations dropped, no FD_CLOSE afterwards.
TEST_P(NetworkEventsTest, NothingAfterOnesOwnClose) {
  Pair pair = NewRegistered(family(), FD_CLOSE | FD_READ);
  EXPECT_EQ(Close(pair.socket), kOk);
  pair.peer.Close();
  PostedMessage message;
  EXPECT_FALSE(message_mode() ? window_.Take(&message, kNotAtAllMs)
                              : event_.Wait(kNotAtAllMs));
}

// A socket that has ended already.
TEST_P(NetworkEventsTest, CloseAtOnceWhenThePeerHasClosed) {
  Pair pair = NewConnection(family());
  pair.peer.Close();
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), kOk);
  ASSERT_EQ(Register(pair.socket, FD_CLOSE), kOk);
  Expect(pair.socket, FD_CLOSE, 0);
}

// ------------------------------------------------ changes of what is selected

// 4.5: lEvent 0 cancels.
TEST_P(NetworkEventsTest, NothingOnceCancelled) {
  Pair pair = NewRegistered(family(), FD_READ | FD_CLOSE);
  ASSERT_EQ(Register(pair.socket, 0), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(WaitReadable(pair.socket));
  PostedMessage message;
  EXPECT_FALSE(message_mode() ? window_.Take(&message, kNotAtAllMs)
                              : event_.Wait(kNotAtAllMs));
}

// 4.5: a new select replaces any earlier one: no sum of the two.
TEST_P(NetworkEventsTest, NewSelectionReplacesTheOldOne) {
  Pair pair = NewRegistered(family(), FD_READ);
  ASSERT_EQ(Register(pair.socket, FD_CLOSE), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  pair.peer.Close();
  Expect(pair.socket, FD_CLOSE, 0);
}

// 4.6: select has no influence on what is recorded.
TEST_P(NetworkEventsTest, SelectTakesNoEvent) {
  Pair pair = NewRegistered(family(), FD_READ);
  ASSERT_TRUE(pair.peer.Write("x"));
  fd_set read = {1, {pair.socket}};
  const TIMEVAL soon = {kSoonMs / 1000, 0};
  int ready = 0;
  EXPECT_EQ(Select(&read, nullptr, nullptr, &soon, &ready), kOk);
  EXPECT_EQ(ready, 1);
  Expect(pair.socket, FD_READ, 0);
}

// -------------------------------------------------- the socket's own ways

// 2: both make the socket non-blocking.
TEST_P(NetworkEventsTest, SocketDoesNotBlockAnyMore) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(Register(pair.socket, FD_READ), kOk);
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), WsaCode{WSAEWOULDBLOCK});
}

// 4.5: with mask 0 it stays so.
TEST_P(NetworkEventsTest, SocketDoesNotBlockOnceCancelled) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(Register(pair.socket, FD_READ), kOk);
  ASSERT_EQ(Register(pair.socket, 0), kOk);
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), WsaCode{WSAEWOULDBLOCK});
}

// 4.5: FIONBIO 0 while a registration exists → WSAEINVAL.
TEST_P(NetworkEventsTest, SocketCannotBeMadeToBlock) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(Register(pair.socket, FD_READ), kOk);
  EXPECT_EQ(SetNonBlocking(pair.socket, false), WsaCode{WSAEINVAL});
  EXPECT_EQ(SetNonBlocking(pair.socket, true), kOk);
}

TEST_P(NetworkEventsTest, SocketCanBeMadeToBlockOnceCancelled) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(Register(pair.socket, FD_READ), kOk);
  ASSERT_EQ(Register(pair.socket, 0), kOk);
  EXPECT_EQ(SetNonBlocking(pair.socket, false), kOk);
}

TEST_P(NetworkEventsTest, ClosedSocketIsNoSocket) {
  const SOCKET s = NewSocket(family());
  EXPECT_EQ(Close(s), kOk);
  EXPECT_EQ(Register(s, FD_READ), WsaCode{WSAENOTSOCK});
}

// Events of several sockets are told apart.
TEST_P(NetworkEventsTest, EachSocketHasItsOwn) {
  Pair a = NewRegistered(family(), FD_READ);
  Pair b = NewRegistered(family(), FD_READ);
  ASSERT_TRUE(b.peer.Write("x"));
  Expect(b.socket, FD_READ, 0);
  ASSERT_TRUE(a.peer.Write("x"));
  Expect(a.socket, FD_READ, 0);
}

}  // namespace
}  // namespace wspd::conformance
