// Overlapped WSPRecv (4.1 to 4.3).
#include <algorithm>
#include <vector>

#include "client_stub/spi_client/event.h"
#include "tests/conformance/stream_fixture.h"
#include "tests/testing/pattern.h"

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;
using testing::Pattern;

class OverlappedRecvTest : public StreamTest {
 protected:
  WsaCode Start(SOCKET s, Overlapped* recv, const Overlap& overlap) {
    return Recv(s, &recv->wsabuf, 1, nullptr, &recv->flags, overlap);
  }
  WsaCode Start(SOCKET s, Overlapped* recv) {
    return Start(s, recv, recv->WithEvent());
  }
  WsaCode Result(SOCKET s, Overlapped* recv, bool wait = false) {
    return GetOverlappedResult(s, &recv->overlapped, &recv->bytes, wait,
                               &recv->flags);
  }
  // A connection with `data` ready to be received.
  Pair NewWith(const std::string& data) {
    Pair pair = NewConnection();
    EXPECT_TRUE(pair.peer.Write(data));
    EXPECT_TRUE(WaitReadable(pair.socket, static_cast<u_long>(data.size())));
    return pair;
  }
};
WSPD_FOR_BOTH_FAMILIES(OverlappedRecvTest);

// ------------------------------------------------------------- 4.1: pending

TEST_P(OverlappedRecvTest, PendsWithoutData) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  EXPECT_FALSE(recv.event.Wait(kNotAtAllMs));
  ASSERT_TRUE(pair.peer.Write("hello"));
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  ASSERT_EQ(Result(pair.socket, &recv), kOk);
  EXPECT_EQ(recv.buffer.substr(0, recv.bytes), "hello");
}

// At start Internal = 0x103; InternalHigh is left alone until completion.
TEST_P(OverlappedRecvTest, StatusIsPending) {
  const Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  recv.overlapped.Internal = 0x5ead;
  recv.overlapped.InternalHigh = 0x5ead;
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  EXPECT_EQ(recv.status(), kStatusPending);
  EXPECT_EQ(recv.overlapped.InternalHigh, 0x5eadu);
}

// When pending, the number of bytes and the flags are not updated.
TEST_P(OverlappedRecvTest, OutParametersStayWhilePending) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  DWORD received = 0x5ead, flags = 0;
  ASSERT_EQ(
      Recv(pair.socket, &recv.wsabuf, 1, &received, &flags, recv.WithEvent()),
      kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_EQ(received, 0x5eadu);
  EXPECT_EQ(flags, 0u);
}

// … they may be gone by then.
TEST_P(OverlappedRecvTest, OutParametersMayGo) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  {
    auto received = std::make_unique<DWORD>(0);
    auto flags = std::make_unique<DWORD>(0);
    ASSERT_EQ(Recv(pair.socket, &recv.wsabuf, 1, received.get(), flags.get(),
                   recv.WithEvent()),
              kPending);
  }
  ASSERT_TRUE(pair.peer.Write("hello"));
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_EQ(Result(pair.socket, &recv), kOk);
}

// hEvent is reset when the operation starts.
TEST_P(OverlappedRecvTest, EventIsResetAtTheStart) {
  const Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  int error;
  ASSERT_TRUE(spi_client::SetEventObject(recv.event.get(), &error));
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  EXPECT_FALSE(recv.event.IsSet());
}

// hEvent | 1 still signals the event.
TEST_P(OverlappedRecvTest, EventWithItsLowBitIsSignalled) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  recv.WithEvent();
  recv.overlapped.hEvent = reinterpret_cast<HANDLE>(
      reinterpret_cast<ULONG_PTR>(recv.event.get()) | 1);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithoutEvent()), kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  EXPECT_TRUE(recv.event.Wait(kSoonMs));
}

// Without event and routine the OVERLAPPED alone tells.
TEST_P(OverlappedRecvTest, StatusTellsWithoutAnEvent) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithoutEvent()), kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  ASSERT_TRUE(WaitUntil([&] { return recv.status() != kStatusPending; },
                        milliseconds(kSoonMs)));
  EXPECT_EQ(recv.status(), kStatusSuccess);
  EXPECT_EQ(recv.overlapped.InternalHigh, 5u);
}

// 4.1: Internal is written last: who sees it final sees all the rest.
TEST_P(OverlappedRecvTest, ResultIsWholeWhenTheStatusSaysSo) {
  constexpr int kRounds = 300;
  Pair pair = NewConnection();
  for (int i = 0; i < kRounds; ++i) {
    Overlapped& recv = NewOverlapped(4);
    recv.overlapped.InternalHigh = 0x5ead;
    recv.overlapped.Offset = 0x5ead;
    ASSERT_EQ(Start(pair.socket, &recv, recv.WithoutEvent()), kPending);
    ASSERT_TRUE(pair.peer.Write("abc"));
    const auto end = testing::Clock::now() + milliseconds(kSoonMs);
    // No wait of any kind in between, which would hide what comes late.
    while (recv.status() == kStatusPending && testing::Clock::now() < end) {
    }
    ASSERT_EQ(recv.overlapped.InternalHigh, 3u) << i;
    ASSERT_EQ(recv.overlapped.Offset, 0u) << i;
    ASSERT_EQ(recv.buffer.substr(0, 3), "abc") << i;
    ASSERT_EQ(recv.status(), kStatusSuccess) << i;
  }
}

// 2: the array of buffers is transient.
TEST_P(OverlappedRecvTest, BufferArrayMayGo) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(4);
  {
    std::vector<WSABUF> array = {{2, &recv.buffer[0]}, {2, &recv.buffer[2]}};
    ASSERT_EQ(Recv(pair.socket, array.data(), 2, nullptr, &recv.flags,
                   recv.WithEvent()),
              kPending);
    array[0] = array[1] = {1, nullptr};
  }
  ASSERT_TRUE(pair.peer.Write("abcd"));
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_EQ(recv.buffer, "abcd");
}

// ----------------------------------------------------- 4.3: data is there

// WSARecv with data available returns 0 …
TEST_P(OverlappedRecvTest, DataThatIsThereComesAtOnce) {
  const Pair pair = NewWith("hello");
  Overlapped& recv = NewOverlapped(10);
  DWORD received = 0;
  ASSERT_EQ(Recv(pair.socket, &recv.wsabuf, 1, &received, &recv.flags,
                 recv.WithEvent()),
            kOk);
  EXPECT_EQ(received, 5u);
  EXPECT_EQ(recv.buffer.substr(0, 5), "hello");
}

// … with Internal and InternalHigh final when the call returns …
TEST_P(OverlappedRecvTest, StatusIsFinalAtOnce) {
  const Pair pair = NewWith("hello");
  Overlapped& recv = NewOverlapped(10);
  DWORD received = 0;
  ASSERT_EQ(Recv(pair.socket, &recv.wsabuf, 1, &received, &recv.flags,
                 recv.WithEvent()),
            kOk);
  EXPECT_EQ(recv.status(), kStatusSuccess);
  EXPECT_EQ(recv.overlapped.InternalHigh, 5u);
}

// … and the indication still happens.
TEST_P(OverlappedRecvTest, EventIsSignalledAlsoThen) {
  const Pair pair = NewWith("hello");
  Overlapped& recv = NewOverlapped(10);
  ASSERT_THAT(Start(pair.socket, &recv), AnyOf(kOk, kPending));
  EXPECT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_EQ(Result(pair.socket, &recv), kOk);
  EXPECT_EQ(recv.bytes, 5u);
}

TEST_P(OverlappedRecvTest, GivesWhatIsThereAndNoMore) {
  const Pair pair = NewWith("hello");
  Overlapped& recv = NewOverlapped(2);
  ASSERT_THAT(Start(pair.socket, &recv), AnyOf(kOk, kPending));
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_EQ(recv.buffer, "he");
  std::string rest;
  ASSERT_EQ(RecvText(pair.socket, 10, &rest), kOk);
  EXPECT_EQ(rest, "llo");
}

// ------------------------------------------------------- 4.3: zero bytes

// A 0-length buffer waits for data, then completes with 0 bytes.
TEST_P(OverlappedRecvTest, EmptyBufferWaitsForData) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped();
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  EXPECT_FALSE(recv.event.Wait(kNotAtAllMs));
  ASSERT_TRUE(pair.peer.Write("hello"));
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  ASSERT_EQ(Result(pair.socket, &recv), kOk);
  EXPECT_EQ(recv.bytes, 0u);
  std::string data;
  ASSERT_EQ(RecvExactly(pair.socket, 5, &data), kOk);
  EXPECT_EQ(data, "hello");
}

TEST_P(OverlappedRecvTest, EmptyBufferIsDoneIfDataIsThere) {
  const Pair pair = NewWith("hello");
  Overlapped& recv = NewOverlapped();
  ASSERT_THAT(Start(pair.socket, &recv), AnyOf(kOk, kPending));
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  ASSERT_EQ(Result(pair.socket, &recv), kOk);
  EXPECT_EQ(recv.bytes, 0u);
}

// Zero buffers with overlapped → WSAEINVAL.
TEST_P(OverlappedRecvTest, NoBuffersAreInvalid) {
  const Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(1);
  EXPECT_EQ(Recv(pair.socket, &recv.wsabuf, 0, nullptr, &recv.flags,
                 recv.WithEvent()),
            WsaCode{WSAEINVAL});
}

// ------------------------------------------------------------ 4.1: ordering

// Receive buffers are filled in the order posted.
TEST_P(OverlappedRecvTest, BuffersAreFilledInTheOrderPosted) {
  constexpr int kRecvs = 10;
  Pair pair = NewConnection();
  std::vector<Overlapped*> recvs;
  for (int i = 0; i < kRecvs; ++i) {
    recvs.push_back(&NewOverlapped(4));
    ASSERT_EQ(Start(pair.socket, recvs.back()), kPending);
  }
  const std::string data = Pattern(0, 4 * kRecvs);
  ASSERT_TRUE(pair.peer.Write(data));
  for (int i = 0; i < kRecvs; ++i) {
    ASSERT_TRUE(recvs[i]->event.Wait(kSoonMs));
    EXPECT_EQ(recvs[i]->buffer, data.substr(4 * i, 4));
  }
}

// A later synchronous call doesn't get in front.
TEST_P(OverlappedRecvTest, SynchronousRecvComesAfterThem) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(2);
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  std::string data;
  EXPECT_EQ(WhileBlocked([&] { return RecvText(pair.socket, 10, &data); },
                         [&] { EXPECT_TRUE(pair.peer.Write("abcd")); }),
            kOk);
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_EQ(recv.buffer + data, "abcd");
}

// Several threads may post on the same socket; no byte is lost.
TEST_P(OverlappedRecvTest, ThreadsPostOnOneSocket) {
  constexpr int kThreads = 4;
  Pair pair = NewConnection();
  std::vector<Overlapped*> recvs;
  for (int i = 0; i < kThreads; ++i) {
    recvs.push_back(&NewOverlapped(1));
  }
  ThreadGroup threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.Start("recv", [&, i] {
      EXPECT_THAT(Start(pair.socket, recvs[i]), AnyOf(kOk, kPending));
      EXPECT_TRUE(recvs[i]->event.Wait(kSoonMs));
    });
  }
  ASSERT_TRUE(pair.peer.Write("abcd"));
  threads.JoinAll();
  std::string all;
  for (Overlapped* const recv : recvs) all += recv->buffer;
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, "abcd");
}

// --------------------------------------------------- 4.3: non-blocking mode

// Overlapped recv without data on a FIONBIO socket → WSA_IO_PENDING, with or
// without an event.
TEST_P(OverlappedRecvTest, NonBlockingModeDoesNotApply) {
  const Pair pair = NewConnection();
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  Overlapped& with = NewOverlapped(1);
  Overlapped& without = NewOverlapped(1);
  EXPECT_EQ(Start(pair.socket, &with), kPending);
  EXPECT_EQ(Start(pair.socket, &without, without.WithoutEvent()), kPending);
}

int routines_run = 0;
void CALLBACK CountRoutine(DWORD, DWORD, LPWSAOVERLAPPED, DWORD) {
  ++routines_run;
}

// 4.1: without an OVERLAPPED the call is synchronous, and a routine is ignored.
TEST_P(OverlappedRecvTest, RoutineWithoutAnOverlappedIsIgnored) {
  const Pair pair = NewWith("hello");
  Overlapped& recv = NewOverlapped(10);
  DWORD received = 0;
  ASSERT_EQ(Recv(pair.socket, &recv.wsabuf, 1, &received, &recv.flags,
                 {nullptr, CountRoutine}),
            kOk);
  EXPECT_EQ(received, 5u);
  EXPECT_EQ(spi_client::SleepAlertable(kNotAtAllMs), 0u);
  EXPECT_EQ(routines_run, 0);
}

// On a socket made without WSA_FLAG_OVERLAPPED an overlapped recv blocks …
TEST_P(OverlappedRecvTest, WithoutOverlappedFlagItBlocks) {
  Pair pair = ConformanceTest::NewConnection(family(), 0);
  Overlapped& recv = NewOverlapped(10);
  DWORD received = 0;
  EXPECT_EQ(WhileBlocked(
                [&] {
                  return Recv(pair.socket, &recv.wsabuf, 1, &received,
                              &recv.flags, recv.WithEvent());
                },
                [&] { EXPECT_TRUE(pair.peer.Write("hello")); }),
            kOk);
  EXPECT_EQ(received, 5u);
}

// … even if FIONBIO is on.
TEST_P(OverlappedRecvTest, WithoutOverlappedFlagItBlocksAlsoNonBlocking) {
  Pair pair = ConformanceTest::NewConnection(family(), 0);
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  Overlapped& recv = NewOverlapped(10);
  DWORD received = 0;
  EXPECT_EQ(WhileBlocked(
                [&] {
                  return Recv(pair.socket, &recv.wsabuf, 1, &received,
                              &recv.flags, recv.WithEvent());
                },
                [&] { EXPECT_TRUE(pair.peer.Write("hello")); }),
            kOk);
}

// 4.3: time-outs apply only to synchronous blocking calls.
TEST_P(OverlappedRecvTest, TimeoutDoesNotApply) {
  Pair pair = NewConnection();
  ASSERT_EQ(SetInt(pair.socket, SOL_SOCKET, SO_RCVTIMEO, 20), kOk);
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  EXPECT_FALSE(recv.event.Wait(kNotAtAllMs));
  ASSERT_TRUE(pair.peer.Write("hello"));
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_EQ(recv.status(), kStatusSuccess);
}

// ------------------------------------------------------------ 4.3: the end

TEST_P(OverlappedRecvTest, GracefulCloseIsNoBytes) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  pair.peer.Close();
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  ASSERT_EQ(Result(pair.socket, &recv), kOk);
  EXPECT_EQ(recv.bytes, 0u);
  EXPECT_EQ(recv.status(), kStatusSuccess);
}

// RST during an overlapped recv → Internal STATUS_CONNECTION_RESET …
TEST_P(OverlappedRecvTest, ResetIsTheStatus) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  pair.peer.Reset();
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_EQ(recv.status(), kStatusConnectionReset);
  EXPECT_EQ(Result(pair.socket, &recv), WsaCode{WSAECONNRESET});
}

// … SO_ERROR remains 0; each later recv fails again.
TEST_P(OverlappedRecvTest, ResetStays) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  Overlapped& later = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  pair.peer.Reset();
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_EQ(ErrorOf(pair.socket), 0);
  const WsaCode code = Start(pair.socket, &later);
  if (code == kPending) {
    ASSERT_TRUE(later.event.Wait(kSoonMs));
    EXPECT_EQ(later.status(), kStatusConnectionReset);
  } else {
    EXPECT_EQ(code, WsaCode{WSAECONNRESET});
  }
}

// All pending ones end with the connection.
TEST_P(OverlappedRecvTest, EndReachesAllPendingOnes) {
  Pair pair = NewConnection();
  Overlapped& first = NewOverlapped(10);
  Overlapped& second = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &first), kPending);
  ASSERT_EQ(Start(pair.socket, &second), kPending);
  pair.peer.Close();
  for (Overlapped* const recv : {&first, &second}) {
    ASSERT_TRUE(recv->event.Wait(kSoonMs));
    EXPECT_EQ(recv->status(), kStatusSuccess);
    EXPECT_EQ(recv->overlapped.InternalHigh, 0u);
  }
}

// 5.2: and by a reset, which a kernel tells only once, all as by that.
TEST_P(OverlappedRecvTest, ResetReachesAllPendingOnes) {
  Pair pair = NewConnection();
  Overlapped& first = NewOverlapped(10);
  Overlapped& second = NewOverlapped(10);
  Overlapped& third = NewOverlapped(10);
  for (Overlapped* const recv : {&first, &second, &third}) {
    ASSERT_EQ(Start(pair.socket, recv), kPending);
  }
  pair.peer.Reset();
  for (Overlapped* const recv : {&first, &second, &third}) {
    ASSERT_TRUE(recv->event.Wait(kSoonMs));
    EXPECT_EQ(recv->status(), kStatusConnectionReset);
  }
}

// ------------------------------------------------------------ 4.1: refused

// Any other error = not started, no indication.
TEST_P(OverlappedRecvTest, RefusedCallHasNoIndication) {
  Overlapped& recv = NewOverlapped(1);
  EXPECT_EQ(Start(New(), &recv), WsaCode{WSAENOTCONN});
  EXPECT_FALSE(recv.event.Wait(kNotAtAllMs));
}

TEST_P(OverlappedRecvTest, AfterShutdownIsRefused) {
  const Pair pair = NewConnection();
  ASSERT_EQ(Shutdown(pair.socket, SD_RECEIVE), kOk);
  Overlapped& recv = NewOverlapped(1);
  EXPECT_EQ(Start(pair.socket, &recv), WsaCode{WSAESHUTDOWN});
}

TEST_P(OverlappedRecvTest, NullBuffersAreAFault) {
  const Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(1);
  EXPECT_EQ(
      Recv(pair.socket, nullptr, 1, nullptr, &recv.flags, recv.WithEvent()),
      WsaCode{WSAEFAULT});
}

TEST_P(OverlappedRecvTest, NullFlagsAreAFault) {
  const Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(1);
  EXPECT_EQ(
      Recv(pair.socket, &recv.wsabuf, 1, nullptr, nullptr, recv.WithEvent()),
      WsaCode{WSAEFAULT});
}

}  // namespace
}  // namespace wspd::conformance
