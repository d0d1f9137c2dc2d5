// WSPAsyncSelect: its arguments, its messages, and what a new selection does in
// message mode (4.5). When events are recorded is in network_events.
#include <string>

#include "tests/conformance/network_event_fixture.h"

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;
using testing::ClosedEndpoint;

class AsyncSelectTest : public NetworkEventTest,
                        public ::testing::WithParamInterface<Family> {
 protected:
  AsyncSelectTest() : NetworkEventTest(Notice::kMessage) {}
  Family family() const { return GetParam(); }
};
WSPD_FOR_BOTH_FAMILIES(AsyncSelectTest);

// ------------------------------------------------------- 2 WSPAsyncSelect

// WSAEINVAL (hwnd/state).
TEST_P(AsyncSelectTest, NoWindowIsInvalid) {
  EXPECT_EQ(AsyncSelect(NewSocket(family()), nullptr, kMessage, FD_READ),
            WsaCode{WSAEINVAL});
}

TEST_P(AsyncSelectTest, UnknownEventsAreInvalid) {
  EXPECT_EQ(
      AsyncSelect(NewSocket(family()), window_.handle(), kMessage, 1 << 20),
      WsaCode{WSAEINVAL});
}

TEST_P(AsyncSelectTest, CancelNeedsNoMessage) {
  const SOCKET s = NewSocket(family());
  ASSERT_EQ(AsyncSelect(s, window_.handle(), kMessage, FD_READ), kOk);
  ASSERT_EQ(AsyncSelect(s, window_.handle(), 0, 0), kOk);
}

TEST_P(AsyncSelectTest, FailedSelectionLeavesTheSocketBlocking) {
  const SOCKET s = NewSocket(family());
  EXPECT_EQ(AsyncSelect(s, nullptr, kMessage, FD_READ), WsaCode{WSAEINVAL});
  EXPECT_EQ(SetNonBlocking(s, false), kOk);
}

// 4.5: wParam = socket, lParam low word = event, high word = error.
TEST_P(AsyncSelectTest, MessageHasSocketEventAndError) {
  const SOCKET s = NewSocket(family());
  ASSERT_EQ(AsyncSelect(s, window_.handle(), 0x4d2, FD_CONNECT), kOk);
  EXPECT_THAT(Connect(s, SockAddr::Of(ClosedEndpoint(family()))),
              AnyOf(WsaCode{WSAEWOULDBLOCK}, WsaCode{WSAECONNREFUSED}));
  PostedMessage message;
  ASSERT_TRUE(window_.Take(&message, kSoonMs));
  EXPECT_EQ(message.message, 0x4d2u);
  EXPECT_EQ(message.wparam, static_cast<WPARAM>(s));
  EXPECT_EQ(LOWORD(message.lparam), FD_CONNECT);
  EXPECT_EQ(HIWORD(message.lparam), WSAECONNREFUSED);
}

// One message for each event.
TEST_P(AsyncSelectTest, EachEventHasItsMessage) {
  Pair pair = NewConnection(family());
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(WaitReadable(pair.socket));
  ASSERT_EQ(Register(pair.socket, FD_READ | FD_WRITE), kOk);
  Expect(pair.socket, FD_READ | FD_WRITE);
}

// A new selection replaces window and message.
TEST_P(AsyncSelectTest, OnlyTheLastWindowIsToldOf) {
  Pair pair = NewRegistered(family(), FD_READ);
  MessageWindow other;
  ASSERT_EQ(AsyncSelect(pair.socket, other.handle(), 0x555, FD_READ), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  PostedMessage message;
  ASSERT_TRUE(other.Take(&message, kSoonMs));
  EXPECT_EQ(message.message, 0x555u);
  EXPECT_FALSE(window_.Take(&message, 0));
}

// 4.5: lEvent 0 stops messages, also those that a receive would enable again.
TEST_P(AsyncSelectTest, NothingIsPostedAfterACancel) {
  Pair pair = NewRegistered(family(), FD_READ);
  ASSERT_TRUE(pair.peer.Write("xy"));
  Expect(pair.socket, FD_READ);
  ASSERT_EQ(Register(pair.socket, 0), kOk);
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), kOk);
  ASSERT_TRUE(pair.peer.Write("z"));
  ExpectNothing(pair.socket);
}

TEST_P(AsyncSelectTest, CancelOfMessagesCancelsEvents) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(EventSelect(pair.socket, event_.get(), FD_READ), kOk);
  ASSERT_EQ(AsyncSelect(pair.socket, window_.handle(), 0, 0), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(WaitReadable(pair.socket));
  EXPECT_FALSE(event_.Wait(kNotAtAllMs));
}

// 1.3: messages go by WPUPostMessage, which a closed window refuses; the socket
// is none the worse for it.
TEST_P(AsyncSelectTest, WindowMayGo) {
  Pair pair = NewConnection(family());
  {
    MessageWindow gone;
    ASSERT_EQ(AsyncSelect(pair.socket, gone.handle(), kMessage, FD_READ), kOk);
  }
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(WaitReadable(pair.socket));
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), kOk);
  EXPECT_EQ(data, "x");
}

// ------------------------------------- 4.5 [WT]: selecting again, message mode

// Every re-select of a true condition posts again, FD_CLOSE too.
TEST_P(AsyncSelectTest, TrueConditionIsPostedBySelectingAgain) {
  Pair pair = NewRegistered(family(), FD_READ);
  ASSERT_TRUE(pair.peer.Write("x"));
  for (int i = 0; i < 3; ++i) {
    Expect(pair.socket, FD_READ, 0);
    ASSERT_EQ(Register(pair.socket, FD_READ), kOk);
  }
}

TEST_P(AsyncSelectTest, SendableIsPostedBySelectingAgain) {
  Pair pair = NewConnection(family());
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(Register(pair.socket, FD_WRITE), kOk);
    Expect(pair.socket, FD_WRITE, 0);
  }
}

TEST_P(AsyncSelectTest, CloseIsPostedBySelectingAgain) {
  Pair pair = NewRegistered(family(), FD_CLOSE);
  pair.peer.Close();
  for (int i = 0; i < 3; ++i) {
    Expect(pair.socket, FD_CLOSE, 0);
    ASSERT_EQ(Register(pair.socket, FD_CLOSE), kOk);
  }
}

TEST_P(AsyncSelectTest, WaitingConnectionIsPostedBySelectingAgain) {
  SockAddr name;
  const SOCKET listener = NewRegisteredListener(family(), &name);
  PeerSocket peer = PeerSocket::ConnectTo(name.ToEndpoint());
  for (int i = 0; i < 3; ++i) {
    Expect(listener, FD_ACCEPT, 0);
    ASSERT_EQ(Register(listener, FD_ACCEPT), kOk);
  }
}

// New data without an intervening recv posts nothing.
TEST_P(AsyncSelectTest, NewDataIsNotPostedWithoutARead) {
  Pair pair = NewRegistered(family(), FD_READ);
  ASSERT_TRUE(pair.peer.Write("x"));
  Expect(pair.socket, FD_READ);
  ASSERT_TRUE(pair.peer.Write("y"));
  ASSERT_TRUE(WaitReadable(pair.socket, 2));
  ExpectNothing(pair.socket);
}

// UDP socket: FD_WRITE at once.
TEST_P(AsyncSelectTest, DatagramSocketIsSendableAtOnce) {
  const SOCKET s = NewSocket(family(), Protocol::kUdp);
  ASSERT_EQ(Register(s, FD_WRITE | FD_READ), kOk);
  Expect(s, FD_WRITE, 0);
}

// 2: the errors of messages; FD_CLOSE {NETDOWN, CONNRESET, CONNABORTED}.
TEST_P(AsyncSelectTest, ResetIsPostedWithItsError) {
  Pair pair = NewRegistered(family(), FD_CLOSE);
  pair.peer.Reset();
  EXPECT_THAT(Expect(pair.socket, FD_CLOSE)[FD_CLOSE],
              AnyOf(static_cast<int>(WSAECONNRESET),
                    static_cast<int>(WSAECONNABORTED)));
}

// Messages of one socket come in the order of what happened.
TEST_P(AsyncSelectTest, MessagesKeepTheOrderOfEvents) {
  Pair pair = NewRegistered(family(), FD_READ | FD_CLOSE);
  ASSERT_TRUE(pair.peer.Write("x"));
  Expect(pair.socket, FD_READ);
  pair.peer.Close();
  Expect(pair.socket, FD_CLOSE);
}

}  // namespace
}  // namespace wspd::conformance
