// Overlapped WSPSend (4.1 to 4.3).
#include <vector>

#include "client_stub/spi_client/event.h"
#include "tests/conformance/stream_fixture.h"
#include "tests/testing/pattern.h"

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;
using testing::Pattern;
using testing::PatternError;

class OverlappedSendTest : public StreamTest {
 protected:
  WsaCode Start(SOCKET s, Overlapped* send, const Overlap& overlap) {
    return Send(s, &send->wsabuf, 1, nullptr, 0, overlap);
  }
  WsaCode Result(SOCKET s, Overlapped* send, bool wait = false) {
    return GetOverlappedResult(s, &send->overlapped, &send->bytes, wait,
                               &send->flags);
  }
};
WSPD_FOR_BOTH_FAMILIES(OverlappedSendTest);

// 4.1: event signalled at completion; return 0 or WSA_IO_PENDING.
TEST_P(OverlappedSendTest, EventIsSignalled) {
  Pair pair = NewConnection();
  Overlapped& send = NewOverlapped(std::string("hello"));
  ASSERT_THAT(Start(pair.socket, &send, send.WithEvent()),
              AnyOf(kOk, kPending));
  ASSERT_TRUE(send.event.Wait(kSoonMs));
  ASSERT_EQ(Result(pair.socket, &send), kOk);
  EXPECT_EQ(send.bytes, 5u);
  EXPECT_EQ(pair.peer.Read(5), "hello");
}

// 4.1: without event and routine the OVERLAPPED alone tells.
TEST_P(OverlappedSendTest, StatusTellsWithoutAnEvent) {
  Pair pair = NewConnection();
  Overlapped& send = NewOverlapped(std::string("hello"));
  ASSERT_THAT(Start(pair.socket, &send, send.WithoutEvent()),
              AnyOf(kOk, kPending));
  ASSERT_TRUE(WaitUntil([&] { return send.status() != kStatusPending; },
                        milliseconds(kSoonMs)));
  EXPECT_EQ(send.status(), kStatusSuccess);
  EXPECT_EQ(send.overlapped.InternalHigh, 5u);
}

// 2, 4.1: it is done when all is sent.
TEST_P(OverlappedSendTest, LargeSendIsWhole) {
  constexpr size_t kSize = 3 << 20;
  Pair pair = NewConnection();
  Overlapped& send = NewOverlapped(Pattern(0, kSize));
  ASSERT_THAT(Start(pair.socket, &send, send.WithEvent()),
              AnyOf(kOk, kPending));
  EXPECT_EQ(PatternError(pair.peer.Read(kSize), 0), "");
  ASSERT_TRUE(send.event.Wait(kSoonMs));
  ASSERT_EQ(Result(pair.socket, &send), kOk);
  EXPECT_EQ(send.bytes, kSize);
}

TEST_P(OverlappedSendTest, PendsWhileThePeerDoesNotRead) {
  Pair pair = NewSlowConnection();
  const size_t total = FillSendBuffer(pair.socket);
  Overlapped& send = NewOverlapped(std::string(65536, 'y'));
  ASSERT_EQ(Start(pair.socket, &send, send.WithEvent()), kPending);
  EXPECT_FALSE(send.event.Wait(kNotAtAllMs));
  EXPECT_EQ(Result(pair.socket, &send), WsaCode{WSA_IO_INCOMPLETE});
  EXPECT_EQ(pair.peer.Read(total + 65536).size(), total + 65536);
  ASSERT_TRUE(send.event.Wait(kSoonMs));
  EXPECT_EQ(Result(pair.socket, &send), kOk);
  EXPECT_EQ(send.bytes, 65536u);
}

// 4.3: non-blocking mode doesn't apply to overlapped calls.
TEST_P(OverlappedSendTest, NonBlockingModeDoesNotApply) {
  const Pair pair = NewSlowConnection();
  FillSendBuffer(pair.socket);  // leaves it non-blocking
  Overlapped& send = NewOverlapped(std::string(65536, 'y'));
  EXPECT_EQ(Start(pair.socket, &send, send.WithoutEvent()), kPending);
}

// 4.1: sends leave in the order posted.
TEST_P(OverlappedSendTest, LeaveInTheirOrder) {
  constexpr int kSends = 20;
  constexpr size_t kSize = 20000;
  Pair pair = NewSlowConnection();
  std::vector<Overlapped*> sends;
  for (int i = 0; i < kSends; ++i) {
    sends.push_back(&NewOverlapped(Pattern(i * kSize, kSize)));
    ASSERT_THAT(Start(pair.socket, sends.back(), sends.back()->WithEvent()),
                AnyOf(kOk, kPending));
  }
  EXPECT_EQ(PatternError(pair.peer.Read(kSends * kSize), 0), "");
  for (Overlapped* const send : sends) {
    ASSERT_TRUE(send->event.Wait(kSoonMs));
    EXPECT_EQ(send->overlapped.InternalHigh, kSize);
  }
}

// 2: WSABUF arrays are transient: copy the array before returning pending.
TEST_P(OverlappedSendTest, BufferArrayMayGo) {
  Pair pair = NewSlowConnection();
  const size_t total = FillSendBuffer(pair.socket);
  Overlapped& send = NewOverlapped(std::string(1000, 'y'));
  {
    std::vector<WSABUF> array = {{500, &send.buffer[0]},
                                 {500, &send.buffer[500]}};
    ASSERT_EQ(Send(pair.socket, array.data(), 2, nullptr, 0, send.WithEvent()),
              kPending);
    array[0] = array[1] = {1, nullptr};
  }
  const std::string data = pair.peer.Read(total + 1000);
  EXPECT_EQ(data.substr(total), std::string(1000, 'y'));
}

TEST_P(OverlappedSendTest, NoBytesComplete) {
  Pair pair = NewConnection();
  Overlapped& send = NewOverlapped(std::string(""));
  ASSERT_THAT(Start(pair.socket, &send, send.WithEvent()),
              AnyOf(kOk, kPending));
  ASSERT_TRUE(send.event.Wait(kSoonMs));
  ASSERT_EQ(Result(pair.socket, &send), kOk);
  EXPECT_EQ(send.bytes, 0u);
}

// 4.1: any other error = not started, no indication.
TEST_P(OverlappedSendTest, RefusedCallHasNoIndication) {
  Overlapped& send = NewOverlapped(std::string("x"));
  EXPECT_EQ(Start(New(), &send, send.WithEvent()), WsaCode{WSAENOTCONN});
  EXPECT_FALSE(send.event.Wait(kNotAtAllMs));
}

TEST_P(OverlappedSendTest, AfterShutdownIsRefused) {
  const Pair pair = NewConnection();
  ASSERT_EQ(Shutdown(pair.socket, SD_SEND), kOk);
  Overlapped& send = NewOverlapped(std::string("x"));
  EXPECT_EQ(Start(pair.socket, &send, send.WithEvent()), WsaCode{WSAESHUTDOWN});
}

TEST_P(OverlappedSendTest, NullBuffersAreAFault) {
  const Pair pair = NewConnection();
  Overlapped& send = NewOverlapped(std::string("x"));
  EXPECT_EQ(Send(pair.socket, nullptr, 1, nullptr, 0, send.WithEvent()),
            WsaCode{WSAEFAULT});
}

// 4.3: a reset ends what is pending.
TEST_P(OverlappedSendTest, ResetEndsIt) {
  Pair pair = NewSlowConnection();
  FillSendBuffer(pair.socket);
  Overlapped& send = NewOverlapped(std::string(300000, 'y'));
  ASSERT_EQ(Start(pair.socket, &send, send.WithEvent()), kPending);
  pair.peer.Reset();
  ASSERT_TRUE(send.event.Wait(kSoonMs));
  EXPECT_EQ(Result(pair.socket, &send), WsaCode{WSAECONNRESET});
  EXPECT_EQ(send.status(), kStatusConnectionReset);
}

// -------------------------------------------------------------- routines

struct Ran {
  int calls = 0;
  DWORD error = 0, bytes = 0;
  LPWSAOVERLAPPED overlapped = nullptr;
} ran;

void CALLBACK Keep(DWORD error, DWORD bytes, LPWSAOVERLAPPED overlapped,
                   DWORD) {
  ++ran.calls;
  ran.error = error;
  ran.bytes = bytes;
  ran.overlapped = overlapped;
}

// 4.1: return 0 = completed at once; the indication still happens.
TEST_P(OverlappedSendTest, RoutineRunsInTheNextAlertableWait) {
  Pair pair = NewConnection();
  Overlapped& send = NewOverlapped(std::string("hello"));
  ASSERT_THAT(Start(pair.socket, &send, send.WithRoutine(Keep)),
              AnyOf(kOk, kPending));
  EXPECT_EQ(pair.peer.Read(5), "hello");
  EXPECT_EQ(ran.calls, 0);
  EXPECT_EQ(spi_client::SleepAlertable(kSoonMs), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(ran.calls, 1);
  EXPECT_EQ(ran.error, 0u);
  EXPECT_EQ(ran.bytes, 5u);
  EXPECT_EQ(ran.overlapped, &send.overlapped);
}

// 4.1: hEvent is left to the application.
TEST_P(OverlappedSendTest, RoutineLeavesTheEventAlone) {
  Pair pair = NewConnection();
  Overlapped& send = NewOverlapped(std::string("hello"));
  send.WithEvent();
  ASSERT_THAT(Start(pair.socket, &send, send.WithRoutine(Keep)),
              AnyOf(kOk, kPending));
  EXPECT_EQ(spi_client::SleepAlertable(kSoonMs), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_FALSE(send.event.IsSet());
}

// 4.1: without an OVERLAPPED the call is synchronous, and a routine is ignored.
TEST_P(OverlappedSendTest, RoutineWithoutAnOverlappedIsIgnored) {
  Pair pair = NewConnection();
  Overlapped& send = NewOverlapped(std::string("hello"));
  DWORD sent = 0;
  ASSERT_EQ(Send(pair.socket, &send.wsabuf, 1, &sent, 0, {nullptr, Keep}), kOk);
  EXPECT_EQ(sent, 5u);
  EXPECT_EQ(pair.peer.Read(5), "hello");
  EXPECT_EQ(spi_client::SleepAlertable(kNotAtAllMs), 0u);
  EXPECT_EQ(ran.calls, 0);
}

// 4.1: WSPSendTo on a stream pends as WSPSend does.
TEST_P(OverlappedSendTest, SendToPendsWhileThePeerDoesNotRead) {
  Pair pair = NewSlowConnection();
  const size_t total = FillSendBuffer(pair.socket);
  Overlapped& send = NewOverlapped(std::string(65536, 'y'));
  ASSERT_EQ(SendTo(pair.socket, &send.wsabuf, 1, nullptr, 0, nullptr, 0,
                   send.WithEvent()),
            kPending);
  EXPECT_EQ(pair.peer.Read(total + 65536).size(), total + 65536);
  ASSERT_TRUE(send.event.Wait(kSoonMs));
  EXPECT_EQ(Result(pair.socket, &send), kOk);
  EXPECT_EQ(send.bytes, 65536u);
}

// 4.1, 4.3: a socket without the overlapped attribute: synchronous, the routine
// is ignored.
TEST_P(OverlappedSendTest, WithoutOverlappedFlagItIsSynchronous) {
  Pair pair = ConformanceTest::NewConnection(family(), 0);
  Overlapped& send = NewOverlapped(std::string("hello"));
  DWORD sent = 0;
  ASSERT_EQ(
      Send(pair.socket, &send.wsabuf, 1, &sent, 0, send.WithRoutine(Keep)),
      kOk);
  EXPECT_EQ(sent, 5u);
  EXPECT_EQ(pair.peer.Read(5), "hello");
}

}  // namespace
}  // namespace wspd::conformance
