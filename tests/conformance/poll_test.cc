// WSAPoll, which ws2_32 asks a provider for by its GUID (4.9). When a socket is
// ready is 4.6's matter; the arguments' rules are those of its documentation
// and, where that says something else or nothing, of tested Windows.
#include <string>

#include "mswsock.h"
#include "tests/conformance/fixture.h"
#include "tests/testing/wait_until.h"

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;
using testing::ClosedEndpoint;
using testing::milliseconds;
using testing::TimeOf;

// WSAPOLLFD's bits, by Windows' numbers.
constexpr SHORT kReadNormal = 0x0100;
constexpr SHORT kReadBand = 0x0200;
constexpr SHORT kIn = kReadNormal | kReadBand;
constexpr SHORT kOut = 0x0010;
constexpr SHORT kError = 0x0001;
constexpr SHORT kHangUp = 0x0002;
constexpr SHORT kInvalid = 0x0004;

class PollTest : public ConformanceTest,
                 public ::testing::WithParamInterface<Family> {
 protected:
  Family family() const { return GetParam(); }

  void SetUp() override {
    ConformanceTest::SetUp();
    const SOCKET any = NewSocket(family());
    poll_ = reinterpret_cast<LPFN_WSAPOLL>(FindExtension(any, WSAID_WSAPOLL));
    ASSERT_NE(poll_, nullptr);
  }

  // One socket: what it is ready for.
  SHORT Poll(SOCKET s, SHORT events, INT timeout_ms = 0) {
    WSAPOLLFD entry = {s, events, 0x7f};
    const INT count = poll_(&entry, 1, timeout_ms);
    EXPECT_EQ(count, entry.revents == 0 ? 0 : 1);
    return entry.revents;
  }

  LPFN_WSAPOLL poll_ = nullptr;
};
WSPD_FOR_BOTH_FAMILIES(PollTest);

// 4.9: obtained on any socket of the provider.
TEST_P(PollTest, FunctionIsFoundOnDatagramsToo) {
  EXPECT_NE(FindExtension(NewSocket(family(), Protocol::kUdp), WSAID_WSAPOLL),
            nullptr);
}

TEST_P(PollTest, ConnectedSocketIsWritable) {
  EXPECT_EQ(Poll(NewConnection(family()).socket, kIn | kOut), kOut);
}

TEST_P(PollTest, SocketWithDataIsReadable) {
  Pair pair = NewConnection(family());
  EXPECT_EQ(Poll(pair.socket, kIn), 0);
  ASSERT_TRUE(pair.peer.Write("x"));
  EXPECT_EQ(Poll(pair.socket, kIn, kSoonMs), kReadNormal);
}

TEST_P(PollTest, WhatIsNotAskedForIsNotTold) {
  Pair pair = NewConnection(family());
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(WaitReadable(pair.socket));
  EXPECT_EQ(Poll(pair.socket, kOut), kOut);
}

TEST_P(PollTest, ListenerWithAConnectionIsReadable) {
  SockAddr name;
  const SOCKET listener = NewListener(family(), &name);
  EXPECT_EQ(Poll(listener, kIn), 0);
  PeerSocket peer = PeerSocket::ConnectTo(name.ToEndpoint());
  EXPECT_EQ(Poll(listener, kIn, kSoonMs), kReadNormal);
}

TEST_P(PollTest, ClosedConnectionIsHungUp) {
  Pair pair = NewConnection(family());
  pair.peer.Close();
  EXPECT_NE(Poll(pair.socket, kIn, kSoonMs) & kHangUp, 0);
}

TEST_P(PollTest, ResetConnectionIsHungUp) {
  Pair pair = NewConnection(family());
  pair.peer.Reset();
  EXPECT_NE(Poll(pair.socket, kIn, kSoonMs) & kHangUp, 0);
}

TEST_P(PollTest, FailedConnectIsAnError) {
  const SOCKET s = NewSocket(family());
  ASSERT_EQ(SetNonBlocking(s), kOk);
  EXPECT_THAT(Connect(s, SockAddr::Of(ClosedEndpoint(family()))),
              AnyOf(WsaCode{WSAEWOULDBLOCK}, WsaCode{WSAECONNREFUSED}));
  EXPECT_NE(Poll(s, kOut, kSoonMs) & kError, 0);
}

TEST_P(PollTest, ConnectThatSucceedsIsWritable) {
  PeerListener listener(family());
  const SOCKET s = NewSocket(family());
  ASSERT_EQ(SetNonBlocking(s), kOk);
  EXPECT_THAT(Connect(s, SockAddr::Of(listener.endpoint())),
              AnyOf(WsaCode{WSAEWOULDBLOCK}, kOk));
  EXPECT_EQ(Poll(s, kOut, kSoonMs), kOut);
}

// Urgent data is read out of band.
TEST_P(PollTest, UrgentDataIsAReadableBand) {
  Pair pair = NewConnection(family());
  ASSERT_TRUE(pair.peer.WriteUrgent("!"));
  EXPECT_EQ(Poll(pair.socket, kIn, kSoonMs), kReadBand);
}

TEST_P(PollTest, BoundDatagramSocketIsWritable) {
  EXPECT_EQ(Poll(NewBound(family(), Protocol::kUdp), kIn | kOut), kOut);
}

// What is no socket is told of in its entry, and by tested Windows not counted;
// the others go on.
TEST_P(PollTest, ClosedSocketIsInvalidAmongOthers) {
  const SOCKET closed = NewSocket(family());
  EXPECT_EQ(Close(closed), kOk);
  Pair pair = NewConnection(family());
  WSAPOLLFD entries[] = {{closed, kIn, 0}, {pair.socket, kOut, 0}};
  EXPECT_EQ(poll_(entries, 2, 0), 1);
  EXPECT_EQ(entries[0].revents, kInvalid);
  EXPECT_EQ(entries[1].revents, kOut);
}

// The same of a negative one, whatever is asked for.
TEST_P(PollTest, NegativeSocketIsPassedOver) {
  Pair pair = NewConnection(family());
  WSAPOLLFD entries[] = {{INVALID_SOCKET, kError, 0x7f},
                         {pair.socket, kIn, 0x7f}};
  EXPECT_EQ(poll_(entries, 2, 0), 0);
  EXPECT_EQ(entries[0].revents, kInvalid);
  EXPECT_EQ(entries[1].revents, 0);
}

// ... and they don't end a wait either.
TEST_P(PollTest, WhatIsNoSocketEndsNoWait) {
  Pair pair = NewConnection(family());
  WSAPOLLFD entries[] = {{INVALID_SOCKET, kIn, 0}, {pair.socket, kIn, 0}};
  const milliseconds time =
      TimeOf([&] { EXPECT_EQ(poll_(entries, 2, kNotAtAllMs), 0); });
  EXPECT_GE(time.count(), kNotAtAllMs - 10);
}

TEST_P(PollTest, SocketsThatAreNoneAreAnError) {
  WSAPOLLFD entries[] = {{INVALID_SOCKET, kError, 0}, {0xabacab, kError, 0}};
  WSASetLastError(0);
  EXPECT_EQ(poll_(entries, 2, 0), SOCKET_ERROR);
  EXPECT_EQ(WsaCode{WSAGetLastError()}, WsaCode{WSAENOTSOCK});
  EXPECT_EQ(entries[0].revents, kInvalid);
  EXPECT_EQ(entries[1].revents, kInvalid);
}

TEST_P(PollTest, WhatCannotBeAskedForIsInvalid) {
  Pair pair = NewConnection(family());
  for (int bit = 1; bit < 0x10000; bit <<= 1) {
    if ((bit & (kIn | kOut)) != 0) continue;
    WSAPOLLFD entry = {pair.socket, static_cast<SHORT>(bit), 0x7f};
    WSASetLastError(0);
    EXPECT_EQ(poll_(&entry, 1, 0), SOCKET_ERROR) << bit;
    EXPECT_EQ(WsaCode{WSAGetLastError()}, WsaCode{WSAEINVAL}) << bit;
  }
}

TEST_P(PollTest, NoArrayIsAFault) {
  WSASetLastError(0);
  EXPECT_EQ(poll_(nullptr, 1, 0), SOCKET_ERROR);
  EXPECT_EQ(WsaCode{WSAGetLastError()}, WsaCode{WSAEFAULT});
}

// By tested Windows the end of a connection is no data.
TEST_P(PollTest, EndIsNotReadable) {
  Pair pair = NewConnection(family());
  ASSERT_TRUE(pair.peer.Write("x"));
  pair.peer.ShutdownSend();
  EXPECT_NE(Poll(pair.socket, 0, kSoonMs) & kHangUp, 0);
  EXPECT_EQ(Poll(pair.socket, kIn | kOut), kReadNormal | kOut | kHangUp);
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), kOk);
  EXPECT_EQ(Poll(pair.socket, kIn | kOut), kOut | kHangUp);
}

TEST_P(PollTest, OwnShutdownIsNotReadable) {
  Pair pair = NewConnection(family());
  EXPECT_EQ(Shutdown(pair.socket, SD_RECEIVE), kOk);
  EXPECT_EQ(Poll(pair.socket, kIn | kOut), kOut);
}

TEST_P(PollTest, TimeoutTellsNothing) {
  Pair pair = NewConnection(family());
  WSAPOLLFD entry = {pair.socket, kIn, 0x7f};
  const milliseconds time =
      TimeOf([&] { EXPECT_EQ(poll_(&entry, 1, kNotAtAllMs), 0); });
  EXPECT_EQ(entry.revents, 0);
  EXPECT_GE(time.count(), kNotAtAllMs - 10);
}

TEST_P(PollTest, WaitWithoutALimitEndsWhenDataComes) {
  Pair pair = NewConnection(family());
  ThreadGroup threads;
  SHORT ready = 0;
  threads.Start("poll", [&] { ready = Poll(pair.socket, kIn, -1); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_TRUE(pair.peer.Write("x"));
  threads.JoinAll();
  EXPECT_EQ(ready, kReadNormal);
}

// The extension functions report by WSASetLastError.
TEST_P(PollTest, NoEntriesAreInvalid) {
  WSAPOLLFD entry = {INVALID_SOCKET, kIn, 0};
  WSASetLastError(0);
  EXPECT_EQ(poll_(&entry, 0, 0), SOCKET_ERROR);
  EXPECT_EQ(WsaCode{WSAGetLastError()}, WsaCode{WSAEINVAL});
}

}  // namespace
}  // namespace wspd::conformance
