// What an accepted socket has of its listener's registration (2 WSPAccept,
// 4.5), told by events and by messages.
#include <string>

#include "tests/conformance/network_event_fixture.h"

namespace wspd::conformance {
namespace {

class EventInheritanceTest : public NoticeTest {
 protected:
  static constexpr LONG kInherited = FD_READ | FD_WRITE | FD_CLOSE;

  // A connection accepted on a listener that is registered for `events` besides
  // FD_ACCEPT, which has been told.
  Pair NewInheriting(LONG events) {
    SockAddr name;
    listener_ = NewRegisteredListener(family(), &name, events);
    Pair pair;
    pair.peer = PeerSocket::ConnectTo(name.ToEndpoint());
    Expect(listener_, FD_ACCEPT);
    EXPECT_EQ(Accept(listener_, &pair.socket), kOk);
    return pair;
  }

  SOCKET listener_ = INVALID_SOCKET;
};
WSPD_FOR_ALL_NOTICES(EventInheritanceTest);

// 4.5 [WT]: accepted sockets inherit the registration and get FD_WRITE at once.
TEST_P(EventInheritanceTest, WriteAtOnce) {
  Pair pair = NewInheriting(kInherited);
  Expect(pair.socket, FD_WRITE, 0);
}

TEST_P(EventInheritanceTest, ReadWhenDataComes) {
  Pair pair = NewInheriting(FD_READ);
  ASSERT_TRUE(pair.peer.Write("x"));
  Expect(pair.socket, FD_READ, 0);
}

// Data that came before the accept.
TEST_P(EventInheritanceTest, ReadAtOnceWhenDataIsThere) {
  SockAddr name;
  const SOCKET listener = NewRegisteredListener(family(), &name, FD_READ);
  PeerSocket peer = PeerSocket::ConnectTo(name.ToEndpoint());
  ASSERT_TRUE(peer.Write("x"));
  Expect(listener, FD_ACCEPT);
  SOCKET accepted;
  ASSERT_EQ(Accept(listener, &accepted), kOk);
  Expect(accepted, FD_READ, 0);
}

TEST_P(EventInheritanceTest, CloseWhenThePeerCloses) {
  Pair pair = NewInheriting(FD_CLOSE);
  pair.peer.Close();
  Expect(pair.socket, FD_CLOSE, 0);
}

TEST_P(EventInheritanceTest, OutOfBandWhenUrgentDataComes) {
  Pair pair = NewInheriting(FD_OOB);
  ASSERT_TRUE(pair.peer.WriteUrgent("!"));
  Expect(pair.socket, FD_OOB, 0);
}

// It was connected before it was there.
TEST_P(EventInheritanceTest, NoConnect) {
  Pair pair = NewInheriting(FD_CONNECT);
  ExpectNothing(pair.socket);
}

// Nothing that the listener wasn't registered for.
TEST_P(EventInheritanceTest, NothingThatTheListenerHadNot) {
  Pair pair = NewInheriting(FD_CLOSE);
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(WaitReadable(pair.socket));
  ExpectNothing(pair.socket);
}

TEST_P(EventInheritanceTest, NothingFromAListenerWithoutRegistration) {
  SockAddr name;
  const SOCKET listener = NewListener(family(), &name);
  Pair pair = AcceptOne(listener, name);
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(WaitReadable(pair.socket));
  WSANETWORKEVENTS events = {};
  EXPECT_EQ(EnumNetworkEvents(pair.socket, WSA_INVALID_EVENT, &events), kOk);
  EXPECT_EQ(events.lNetworkEvents, 0);
}

// 2 WSPAccept: the listener's properties at the accept, also its way to wait.
TEST_P(EventInheritanceTest, SocketDoesNotBlock) {
  Pair pair = NewInheriting(FD_READ);
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), WsaCode{WSAEWOULDBLOCK});
  EXPECT_EQ(SetNonBlocking(pair.socket, false), WsaCode{WSAEINVAL});
}

// The registration is the accepted socket's own.
TEST_P(EventInheritanceTest, CancelIsNotTheListeners) {
  Pair pair = NewInheriting(FD_READ);
  ASSERT_EQ(Register(pair.socket, 0), kOk);
  SockAddr name;
  ASSERT_EQ(GetSockName(listener_, &name), kOk);
  PeerSocket next = PeerSocket::ConnectTo(name.ToEndpoint());
  Expect(listener_, FD_ACCEPT, 0);
}

TEST_P(EventInheritanceTest, CancelOfTheListenerIsNotTheSockets) {
  Pair pair = NewInheriting(FD_READ);
  ASSERT_EQ(Register(listener_, 0), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  Expect(pair.socket, FD_READ, 0);
}

TEST_P(EventInheritanceTest, CloseOfTheListenerIsNotTheSockets) {
  Pair pair = NewInheriting(FD_READ);
  EXPECT_EQ(Close(listener_), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  Expect(pair.socket, FD_READ, 0);
}

TEST_P(EventInheritanceTest, SelectionOfItsOwnReplacesWhatItHas) {
  Pair pair = NewInheriting(FD_READ);
  ASSERT_EQ(Register(pair.socket, FD_CLOSE), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(WaitReadable(pair.socket));
  ExpectNothing(pair.socket);
  pair.peer.Close();
  Expect(pair.socket, FD_CLOSE, 0);
}

// 4.5's table holds for it as for any socket.
TEST_P(EventInheritanceTest, ReadIsEnabledByAReceive) {
  Pair pair = NewInheriting(FD_READ);
  ASSERT_TRUE(pair.peer.Write("xy"));
  ASSERT_TRUE(WaitReadable(pair.socket, 2));
  Expect(pair.socket, FD_READ, 0);
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), kOk);
  Expect(pair.socket, FD_READ, 0);
}

}  // namespace
}  // namespace wspd::conformance
