// WSPEventSelect: its arguments, its event object, and what a new selection
// makes of what is recorded (4.5, event mode). When events are recorded is in
// network_events.
#include <string>

#include "client_stub/spi_client/event.h"
#include "tests/conformance/network_event_fixture.h"

namespace wspd::conformance {
namespace {

class EventSelectTest : public NetworkEventTest,
                        public ::testing::WithParamInterface<Family> {
 protected:
  EventSelectTest() : NetworkEventTest(Notice::kEvent) {}
  Family family() const { return GetParam(); }
};
WSPD_FOR_BOTH_FAMILIES(EventSelectTest);

// ------------------------------------------------------- 2 WSPEventSelect

// WSAEINVAL (bad event/mask).
TEST_P(EventSelectTest, NoEventIsInvalid) {
  EXPECT_EQ(EventSelect(NewSocket(family()), WSA_INVALID_EVENT, FD_READ),
            WsaCode{WSAEINVAL});
}

TEST_P(EventSelectTest, ClosedEventIsInvalid) {
  int error = 0;
  const WSAEVENT closed = spi_client::OpenEventObject(&error);
  ASSERT_TRUE(spi_client::CloseEventObject(closed, &error));
  EXPECT_EQ(EventSelect(NewSocket(family()), closed, FD_READ),
            WsaCode{WSAEINVAL});
}

TEST_P(EventSelectTest, UnknownEventsAreInvalid) {
  EXPECT_EQ(EventSelect(NewSocket(family()), event_.get(), 1 << 20),
            WsaCode{WSAEINVAL});
}

// lEvent 0 cancels; with an event or without.
TEST_P(EventSelectTest, CancelNeedsNoEvent) {
  const SOCKET s = NewSocket(family());
  ASSERT_EQ(EventSelect(s, event_.get(), FD_READ), kOk);
  ASSERT_EQ(EventSelect(s, WSA_INVALID_EVENT, 0), kOk);
  ASSERT_EQ(EventSelect(s, event_.get(), 0), kOk);
}

// A selection that fails changes nothing.
TEST_P(EventSelectTest, FailedSelectionLeavesTheOldOne) {
  Pair pair = NewRegistered(family(), FD_READ);
  EXPECT_EQ(EventSelect(pair.socket, event_.get(), 1 << 20),
            WsaCode{WSAEINVAL});
  ASSERT_TRUE(pair.peer.Write("x"));
  Expect(pair.socket, FD_READ, 0);
}

TEST_P(EventSelectTest, FailedSelectionLeavesTheSocketBlocking) {
  const SOCKET s = NewSocket(family());
  EXPECT_EQ(EventSelect(s, WSA_INVALID_EVENT, FD_READ), WsaCode{WSAEINVAL});
  EXPECT_EQ(SetNonBlocking(s, false), kOk);
}

// ------------------------------------------------------- 4.5: event objects

// The event object is set each time that an enabled event gets recorded.
TEST_P(EventSelectTest, EventIsSetForEachNewRecord) {
  Pair pair = NewRegistered(family(), FD_READ | FD_CLOSE);
  int error = 0;
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(event_.Wait(kSoonMs));
  ASSERT_TRUE(spi_client::ResetEventObject(event_.get(), &error));
  pair.peer.Close();
  EXPECT_TRUE(event_.Wait(kSoonMs));
  EXPECT_EQ(EventNames(Enumerate(pair.socket)), EventNames(FD_READ | FD_CLOSE));
}

// It isn't reset by anything but the application, or an enumeration with it.
TEST_P(EventSelectTest, EventStaysSetAfterTheRead) {
  Pair pair = NewRegistered(family(), FD_READ);
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(event_.Wait(kSoonMs));
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 10, &data), kOk);
  EXPECT_TRUE(event_.IsSet());
}

TEST_P(EventSelectTest, OneEventCanServeSeveralSockets) {
  Pair a = NewRegistered(family(), FD_READ);
  Pair b = NewRegistered(family(), FD_READ);
  ASSERT_TRUE(a.peer.Write("x"));
  ASSERT_TRUE(event_.Wait(kSoonMs));
  EXPECT_EQ(Enumerate(b.socket), 0);
  EXPECT_EQ(Enumerate(a.socket), FD_READ);
}

// A new selection replaces the event object.
TEST_P(EventSelectTest, OnlyTheLastEventIsSet) {
  Pair pair = NewRegistered(family(), FD_READ);
  Event other;
  ASSERT_EQ(EventSelect(pair.socket, other.get(), FD_READ), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  EXPECT_TRUE(other.Wait(kSoonMs));
  EXPECT_FALSE(event_.IsSet());
}

// 4.5: a new Async/EventSelect replaces any earlier one of either kind.
TEST_P(EventSelectTest, EventsReplaceMessages) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(AsyncSelect(pair.socket, window_.handle(), kMessage, FD_READ), kOk);
  ASSERT_EQ(EventSelect(pair.socket, event_.get(), FD_READ), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  EXPECT_TRUE(event_.Wait(kSoonMs));
  PostedMessage message;
  EXPECT_FALSE(window_.Take(&message, kNotAtAllMs));
}

TEST_P(EventSelectTest, MessagesReplaceEvents) {
  Pair pair = NewRegistered(family(), FD_READ);
  ASSERT_EQ(AsyncSelect(pair.socket, window_.handle(), kMessage, FD_READ), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  PostedMessage message;
  EXPECT_TRUE(window_.Take(&message, kSoonMs));
  EXPECT_FALSE(event_.IsSet());
}

TEST_P(EventSelectTest, CancelOfEventsCancelsMessages) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(AsyncSelect(pair.socket, window_.handle(), kMessage, FD_READ), kOk);
  ASSERT_EQ(EventSelect(pair.socket, WSA_INVALID_EVENT, 0), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(WaitReadable(pair.socket));
  PostedMessage message;
  EXPECT_FALSE(window_.Take(&message, kNotAtAllMs));
}

// --------------------------------------- 4.5 [WT]: selecting again, event mode

// An already enumerated condition is not reported again by re-select …
TEST_P(EventSelectTest, EnumeratedConditionIsNotToldAgain) {
  Pair pair = NewRegistered(family(), FD_READ);
  ASSERT_TRUE(pair.peer.Write("x"));
  Expect(pair.socket, FD_READ);
  ASSERT_EQ(Register(pair.socket, FD_READ), kOk);
  ExpectNothing(pair.socket);
}

// … even through mask 0 …
TEST_P(EventSelectTest, EnumeratedConditionIsNotToldAfterACancel) {
  Pair pair = NewRegistered(family(), FD_READ);
  ASSERT_TRUE(pair.peer.Write("x"));
  Expect(pair.socket, FD_READ);
  ASSERT_EQ(Register(pair.socket, 0), kOk);
  ASSERT_EQ(Register(pair.socket, FD_READ), kOk);
  ExpectNothing(pair.socket);
}

TEST_P(EventSelectTest, EnumeratedCloseIsNotToldAgain) {
  Pair pair = NewRegistered(family(), FD_CLOSE);
  pair.peer.Close();
  Expect(pair.socket, FD_CLOSE);
  ASSERT_EQ(Register(pair.socket, FD_CLOSE), kOk);
  ExpectNothing(pair.socket);
}

// … but new data, connections, urgent bytes set it without recv or accept.
TEST_P(EventSelectTest, NewDataIsToldWithoutARead) {
  Pair pair = NewRegistered(family(), FD_READ);
  ASSERT_TRUE(pair.peer.Write("x"));
  Expect(pair.socket, FD_READ);
  ASSERT_TRUE(pair.peer.Write("y"));
  Expect(pair.socket, FD_READ);
}

TEST_P(EventSelectTest, NewConnectionIsToldWithoutAnAccept) {
  SockAddr name;
  const SOCKET listener = NewRegisteredListener(family(), &name);
  PeerSocket first = PeerSocket::ConnectTo(name.ToEndpoint());
  Expect(listener, FD_ACCEPT);
  PeerSocket second = PeerSocket::ConnectTo(name.ToEndpoint());
  Expect(listener, FD_ACCEPT);
}

TEST_P(EventSelectTest, NewUrgentDataIsToldWithoutARead) {
  Pair pair = NewRegistered(family(), FD_OOB);
  ASSERT_TRUE(pair.peer.WriteUrgent("1"));
  Expect(pair.socket, FD_OOB);
  ASSERT_TRUE(pair.peer.WriteUrgent("2"));
  Expect(pair.socket, FD_OOB);
}

TEST_P(EventSelectTest, NewDataBehindUrgentDataIsToldWithoutARead) {
  Pair pair = NewRegistered(family(), FD_READ | FD_OOB);
  ASSERT_TRUE(pair.peer.Write("a"));
  Expect(pair.socket, FD_READ);
  ASSERT_TRUE(pair.peer.WriteUrgent("1"));
  Expect(pair.socket, FD_OOB);
  ASSERT_TRUE(pair.peer.Write("b"));
  Expect(pair.socket, FD_READ);
}

// A recorded, not yet enumerated event survives a re-select with a mask lacking
// it and comes back when selected again.
TEST_P(EventSelectTest, RecordSurvivesASelectionWithoutIt) {
  Pair pair = NewRegistered(family(), FD_READ);
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(event_.Wait(kSoonMs));
  ASSERT_EQ(Register(pair.socket, FD_CLOSE), kOk);
  EXPECT_EQ(Enumerate(pair.socket), 0);
  ASSERT_EQ(Register(pair.socket, FD_READ), kOk);
  Expect(pair.socket, FD_READ);
}

// send() does not clear a recorded FD_WRITE.
TEST_P(EventSelectTest, SendLeavesTheWriteRecord) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(Register(pair.socket, FD_WRITE), kOk);
  ASSERT_TRUE(event_.Wait(kSoonMs));
  EXPECT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_EQ(Enumerate(pair.socket), FD_WRITE);
}

// Auto re-post only after enumeration and re-enabling.
TEST_P(EventSelectTest, ReadWithoutAnEnumerationLeavesOneRecord) {
  Pair pair = NewRegistered(family(), FD_READ);
  ASSERT_TRUE(pair.peer.Write("xy"));
  ASSERT_TRUE(event_.Wait(kSoonMs));
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 2, &data), kOk);
  EXPECT_EQ(Enumerate(pair.socket), FD_READ);
  EXPECT_EQ(Enumerate(pair.socket), 0);
}

// 3.3 C2: the registration dies silently with the provider's cleanup.
TEST_P(EventSelectTest, CleanupSetsNoEvent) {
  Pair pair = NewRegistered(family(), FD_READ | FD_CLOSE);
  ASSERT_EQ(Cleanup(), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kReset);
  EXPECT_FALSE(event_.Wait(kNotAtAllMs));
}

TEST_P(EventSelectTest, CleanupPostsNoMessage) {
  Pair pair = NewConnection(family());
  EXPECT_EQ(
      AsyncSelect(pair.socket, window_.handle(), kMessage, FD_READ | FD_CLOSE),
      kOk);
  ASSERT_EQ(Cleanup(), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kReset);
  PostedMessage message;
  EXPECT_FALSE(window_.Take(&message, kNotAtAllMs));
}

// 4.9: after SIO_*_CHANGE has answered WSAEWOULDBLOCK the event is awaited.
TEST_P(EventSelectTest, ChangesCanBeAwaited) {
  const SOCKET s = NewBound(family());
  ASSERT_EQ(Register(s, FD_ADDRESS_LIST_CHANGE | FD_ROUTING_INTERFACE_CHANGE),
            kOk);
  DWORD returned = 0;
  EXPECT_EQ(
      Ioctl(s, SIO_ADDRESS_LIST_CHANGE, nullptr, 0, nullptr, 0, &returned),
      WsaCode{WSAEWOULDBLOCK});
  SockAddr to = SockAddr::Loopback(family());
  EXPECT_EQ(Ioctl(s, SIO_ROUTING_INTERFACE_CHANGE, to.get(), to.length(),
                  nullptr, 0, &returned),
            WsaCode{WSAEWOULDBLOCK});
  ExpectNothing(s);
}

// FD_QOS can be selected; nothing comes of it.
TEST_P(EventSelectTest, QualityOfServiceCanBeSelected) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(Register(pair.socket, FD_QOS | FD_GROUP_QOS), kOk);
  ExpectNothing(pair.socket);
}

}  // namespace
}  // namespace wspd::conformance
