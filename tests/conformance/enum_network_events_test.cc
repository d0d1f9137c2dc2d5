// WSPEnumNetworkEvents: copies and clears the record, and resets the event
// (2, 4.5).
#include <atomic>
#include <string>
#include <thread>

#include "client_stub/spi_client/event.h"
#include "tests/conformance/network_event_fixture.h"

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;
using testing::ClosedEndpoint;

class EnumNetworkEventsTest : public NetworkEventTest,
                              public ::testing::WithParamInterface<Family> {
 protected:
  EnumNetworkEventsTest() : NetworkEventTest(Notice::kEvent) {}
  Family family() const { return GetParam(); }

  // A connection with FD_READ recorded and its event set.
  Pair NewWithRead() {
    Pair pair = NewRegistered(family(), FD_READ);
    EXPECT_TRUE(pair.peer.Write("x"));
    EXPECT_TRUE(event_.Wait(kSoonMs));
    return pair;
  }
};
WSPD_FOR_BOTH_FAMILIES(EnumNetworkEventsTest);

TEST_P(EnumNetworkEventsTest, RecordIsCopiedAndCleared) {
  Pair pair = NewWithRead();
  WSANETWORKEVENTS events = {};
  EXPECT_EQ(EnumNetworkEvents(pair.socket, WSA_INVALID_EVENT, &events), kOk);
  EXPECT_EQ(events.lNetworkEvents, FD_READ);
  EXPECT_EQ(events.iErrorCode[FD_READ_BIT], 0);
  EXPECT_EQ(EnumNetworkEvents(pair.socket, WSA_INVALID_EVENT, &events), kOk);
  EXPECT_EQ(events.lNetworkEvents, 0);
}

// ResetEvent(hEventObject).
TEST_P(EnumNetworkEventsTest, EventIsReset) {
  Pair pair = NewWithRead();
  EXPECT_EQ(Enumerate(pair.socket), FD_READ);
  EXPECT_FALSE(event_.IsSet());
}

// 4.5: with hEventObject NULL no event is reset.
TEST_P(EnumNetworkEventsTest, NoEventIsResetIfNoneIsGiven) {
  Pair pair = NewWithRead();
  WSANETWORKEVENTS events = {};
  EXPECT_EQ(EnumNetworkEvents(pair.socket, WSA_INVALID_EVENT, &events), kOk);
  EXPECT_TRUE(event_.IsSet());
}

// It is the given event that is reset, whichever was registered.
TEST_P(EnumNetworkEventsTest, TheGivenEventIsReset) {
  Pair pair = NewWithRead();
  Event other;
  int error = 0;
  ASSERT_TRUE(spi_client::SetEventObject(other.get(), &error));
  WSANETWORKEVENTS events = {};
  EXPECT_EQ(EnumNetworkEvents(pair.socket, other.get(), &events), kOk);
  EXPECT_FALSE(other.IsSet());
  EXPECT_TRUE(event_.IsSet());
}

TEST_P(EnumNetworkEventsTest, EventIsResetEvenIfNothingIsRecorded) {
  Pair pair = NewRegistered(family(), FD_READ);
  int error = 0;
  ASSERT_TRUE(spi_client::SetEventObject(event_.get(), &error));
  EXPECT_EQ(Enumerate(pair.socket), 0);
  EXPECT_FALSE(event_.IsSet());
}

// 6.1 [WT]: entries are untouched unless set.
TEST_P(EnumNetworkEventsTest, OnlyEntriesOfEventsAreWritten) {
  Pair pair = NewWithRead();
  WSANETWORKEVENTS events;
  for (int& code : events.iErrorCode) code = 4711;
  events.lNetworkEvents = 4711;
  EXPECT_EQ(EnumNetworkEvents(pair.socket, event_.get(), &events), kOk);
  EXPECT_EQ(events.lNetworkEvents, FD_READ);
  for (int i = 0; i < FD_MAX_EVENTS; ++i) {
    EXPECT_EQ(events.iErrorCode[i], i == FD_READ_BIT ? 0 : 4711) << i;
  }
}

TEST_P(EnumNetworkEventsTest, NoEntryIsWrittenIfNothingIsRecorded) {
  Pair pair = NewRegistered(family(), FD_READ);
  WSANETWORKEVENTS events;
  for (int& code : events.iErrorCode) code = 4711;
  EXPECT_EQ(EnumNetworkEvents(pair.socket, event_.get(), &events), kOk);
  EXPECT_EQ(events.lNetworkEvents, 0);
  for (int code : events.iErrorCode) EXPECT_EQ(code, 4711);
}

// 2: entry errors CONNECT {… CONNREFUSED …}.
TEST_P(EnumNetworkEventsTest, ErrorOfAConnectIsInItsEntry) {
  const SOCKET s = NewSocket(family());
  ASSERT_EQ(Register(s, FD_CONNECT), kOk);
  EXPECT_THAT(Connect(s, SockAddr::Of(ClosedEndpoint(family()))),
              AnyOf(WsaCode{WSAEWOULDBLOCK}, WsaCode{WSAECONNREFUSED}));
  ASSERT_TRUE(event_.Wait(kSoonMs));
  WSANETWORKEVENTS events = {};
  EXPECT_EQ(EnumNetworkEvents(s, event_.get(), &events), kOk);
  EXPECT_EQ(events.lNetworkEvents, FD_CONNECT);
  EXPECT_EQ(events.iErrorCode[FD_CONNECT_BIT], WSAECONNREFUSED);
}

// 2: CLOSE {NETDOWN, CONNRESET, CONNABORTED}.
TEST_P(EnumNetworkEventsTest, ErrorOfAResetIsInItsEntry) {
  Pair pair = NewRegistered(family(), FD_CLOSE);
  pair.peer.Reset();
  ASSERT_TRUE(event_.Wait(kSoonMs));
  WSANETWORKEVENTS events = {};
  EXPECT_EQ(EnumNetworkEvents(pair.socket, event_.get(), &events), kOk);
  EXPECT_EQ(events.lNetworkEvents, FD_CLOSE);
  EXPECT_THAT(events.iErrorCode[FD_CLOSE_BIT],
              AnyOf(static_cast<int>(WSAECONNRESET),
                    static_cast<int>(WSAECONNABORTED)));
}

// The errors of an entry are the record's, as SO_ERROR is the socket's.
TEST_P(EnumNetworkEventsTest, ErrorIsGoneWithTheRecord) {
  Pair pair = NewRegistered(family(), FD_CLOSE);
  pair.peer.Reset();
  Expect(pair.socket, FD_CLOSE);
  WSANETWORKEVENTS events = {};
  EXPECT_EQ(EnumNetworkEvents(pair.socket, event_.get(), &events), kOk);
  EXPECT_EQ(events.lNetworkEvents, 0);
}

// Several events come together.
TEST_P(EnumNetworkEventsTest, AllThatIsRecordedComesAtOnce) {
  Pair pair = NewConnection(family());
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(WaitReadable(pair.socket));
  ASSERT_EQ(Register(pair.socket, FD_READ | FD_WRITE), kOk);
  ASSERT_TRUE(event_.Wait(kSoonMs));
  EXPECT_EQ(EventNames(Enumerate(pair.socket)), EventNames(FD_READ | FD_WRITE));
}

// 4.5 [WT]: bits that are not currently selected are not cleared.
TEST_P(EnumNetworkEventsTest, RecordOfWhatIsNotSelectedStays) {
  Pair pair = NewWithRead();
  ASSERT_EQ(Register(pair.socket, FD_WRITE), kOk);
  EXPECT_EQ(Enumerate(pair.socket) & FD_READ, 0);
  ASSERT_EQ(Register(pair.socket, FD_READ), kOk);
  EXPECT_EQ(Enumerate(pair.socket), FD_READ);
}

// A socket that was never registered has nothing recorded.
TEST_P(EnumNetworkEventsTest, UnregisteredSocketHasNoEvents) {
  Pair pair = NewConnection(family());
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(WaitReadable(pair.socket));
  EXPECT_EQ(Enumerate(pair.socket), 0);
}

TEST_P(EnumNetworkEventsTest, WithoutAPlaceForTheEventsItFails) {
  Pair pair = NewWithRead();
  EXPECT_THAT(EnumNetworkEvents(pair.socket, event_.get(), nullptr),
              AnyOf(WsaCode{WSAEINVAL}, WsaCode{WSAEFAULT}));
}

// … and the record stays.
TEST_P(EnumNetworkEventsTest, FailureLeavesTheRecord) {
  Pair pair = NewWithRead();
  EXPECT_NE(EnumNetworkEvents(pair.socket, event_.get(), nullptr), kOk);
  EXPECT_EQ(Enumerate(pair.socket), FD_READ);
}

TEST_P(EnumNetworkEventsTest, ClosedEventIsInvalidAndLeavesTheRecord) {
  Pair pair = NewWithRead();
  int error = 0;
  const WSAEVENT closed = spi_client::OpenEventObject(&error);
  ASSERT_TRUE(spi_client::CloseEventObject(closed, &error));
  WSANETWORKEVENTS events = {};
  EXPECT_EQ(EnumNetworkEvents(pair.socket, closed, &events),
            WsaCode{WSAEINVAL});
  EXPECT_EQ(events.lNetworkEvents, 0);
  EXPECT_EQ(Enumerate(pair.socket), FD_READ);
}

TEST_P(EnumNetworkEventsTest, ClosedSocketIsNoSocket) {
  Pair pair = NewWithRead();
  EXPECT_EQ(Close(pair.socket), kOk);
  WSANETWORKEVENTS events = {};
  EXPECT_EQ(EnumNetworkEvents(pair.socket, event_.get(), &events),
            WsaCode{WSAENOTSOCK});
}

// 2: atomically. However the two interleave, each byte's event is told: a byte
// comes while the record is being copied, cleared, and the event reset.
TEST_P(EnumNetworkEventsTest, NoRecordIsLostBetweenTwoEnumerations) {
  constexpr int kBytes = 2000;
  Pair pair = NewRegistered(family(), FD_READ);
  std::atomic<int> received{0};
  std::atomic<bool> given_up{false};
  ThreadGroup threads;
  threads.Start("the peer", [&] {
    for (int i = 0; i < kBytes; ++i) {
      // Not while an earlier byte is there: its record would be told instead.
      while (received < i && !given_up) std::this_thread::yield();
      if (given_up || !pair.peer.Write("x")) return;
    }
  });
  while (received < kBytes && !given_up) {
    LONG events = Enumerate(pair.socket);
    while (events == 0 && event_.Wait(kSoonMs)) {
      events = Enumerate(pair.socket);
    }
    std::string data;
    const WsaCode code = RecvText(pair.socket, 1, &data);
    if (events != FD_READ || !code.ok()) {
      ADD_FAILURE() << "byte " << received << ": " << EventNames(events) << ", "
                    << code;
      given_up = true;
    }
    ++received;
  }
  threads.JoinAll();
}

}  // namespace
}  // namespace wspd::conformance
