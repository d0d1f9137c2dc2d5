// Completion routines of overlapped receives (4.1).
#include <thread>
#include <vector>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/event.h"
#include "tests/conformance/stream_fixture.h"

namespace wspd::conformance {
namespace {

// A call of the routine.
struct Run {
  DWORD error, bytes, flags;
  LPWSAOVERLAPPED overlapped;
  std::thread::id thread;
};

// Of the only case in this process.
std::vector<Run> runs;
// What a routine does before it returns.
std::function<void()> in_routine;
int depth = 0, deepest = 0;

void CALLBACK Keep(DWORD error, DWORD bytes, LPWSAOVERLAPPED overlapped,
                   DWORD flags) {
  deepest = std::max(deepest, ++depth);
  runs.push_back({error, bytes, flags, overlapped, std::this_thread::get_id()});
  if (in_routine) in_routine();
  --depth;
}

class CompletionRoutineTest : public StreamTest {
 protected:
  WsaCode Start(SOCKET s, Overlapped* recv) {
    return Recv(s, &recv->wsabuf, 1, nullptr, &recv->flags,
                recv->WithRoutine(Keep));
  }
  // Sleeps alertably until routines have run so often.
  void WaitForRuns(size_t count) {
    while (runs.size() < count) {
      ASSERT_EQ(spi_client::SleepAlertable(kSoonMs),
                DWORD{WSA_WAIT_IO_COMPLETION});
    }
  }
};
WSPD_FOR_BOTH_FAMILIES(CompletionRoutineTest);

// A routine is queued as a user APC to the issuing thread.
TEST_P(CompletionRoutineTest, RunsInTheIssuingThread) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  WaitForRuns(1);
  EXPECT_EQ(runs[0].thread, std::this_thread::get_id());
}

TEST_P(CompletionRoutineTest, GetsTheResult) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  WaitForRuns(1);
  EXPECT_EQ(runs[0].error, 0u);
  EXPECT_EQ(runs[0].bytes, 5u);
  EXPECT_EQ(runs[0].flags, 0u);
  EXPECT_EQ(runs[0].overlapped, &recv.overlapped);
  EXPECT_EQ(recv.buffer.substr(0, 5), "hello");
}

// The OVERLAPPED is final when it runs.
TEST_P(CompletionRoutineTest, StatusIsFinalByThen) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ULONG_PTR status = kStatusPending;
  in_routine = [&] { status = recv.status(); };
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  WaitForRuns(1);
  EXPECT_EQ(status, kStatusSuccess);
}

// Only in an alertable wait.
TEST_P(CompletionRoutineTest, DoesNotRunInAWaitThatIsNotAlertable) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  ASSERT_TRUE(WaitUntil([&] { return recv.status() != kStatusPending; },
                        milliseconds(kSoonMs)));
  Event never;
  const WSAEVENT events[] = {never.get()};
  EXPECT_EQ(spi_client::WaitForEvents(events, 1, false, kNotAtAllMs, false),
            DWORD{WSA_WAIT_TIMEOUT});
  EXPECT_TRUE(runs.empty());
}

TEST_P(CompletionRoutineTest, RunsInAnAlertableWaitForEvents) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  Event never;
  const WSAEVENT events[] = {never.get()};
  EXPECT_EQ(spi_client::WaitForEvents(events, 1, false, kSoonMs, true),
            DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(runs.size(), 1u);
}

// Of the issuing thread alone.
TEST_P(CompletionRoutineTest, DoesNotRunInAnotherThread) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  {
    ThreadGroup other;
    other.Start("alertable",
                [] { EXPECT_EQ(spi_client::SleepAlertable(kNotAtAllMs), 0u); });
  }
  EXPECT_TRUE(runs.empty());
  WaitForRuns(1);
}

// hEvent is left to the application.
TEST_P(CompletionRoutineTest, EventIsLeftAlone) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  recv.WithEvent();
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  WaitForRuns(1);
  EXPECT_FALSE(recv.event.IsSet());
}

// … so that it may hold anything.
TEST_P(CompletionRoutineTest, EventMayBeAnything) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  recv.overlapped.hEvent = reinterpret_cast<HANDLE>(0x5ead);
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  WaitForRuns(1);
  EXPECT_EQ(recv.overlapped.hEvent, reinterpret_cast<HANDLE>(0x5ead));
}

// Return 0 = completed at once; the indication still happens, later.
TEST_P(CompletionRoutineTest, DoesNotRunInsideTheCall) {
  Pair pair = NewConnection();
  ASSERT_TRUE(pair.peer.Write("hello"));
  ASSERT_TRUE(WaitReadable(pair.socket, 5));
  Overlapped& recv = NewOverlapped(10);
  ASSERT_THAT(Start(pair.socket, &recv), ::testing::AnyOf(kOk, kPending));
  EXPECT_TRUE(runs.empty());
  WaitForRuns(1);
  EXPECT_EQ(runs[0].bytes, 5u);
}

// An error of the operation, as a WSA code.
TEST_P(CompletionRoutineTest, GetsTheError) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv), kPending);
  pair.peer.Reset();
  WaitForRuns(1);
  EXPECT_EQ(runs[0].error, DWORD{WSAECONNRESET});
  EXPECT_EQ(runs[0].bytes, 0u);
}

// A refused call has none.
TEST_P(CompletionRoutineTest, DoesNotRunForARefusedCall) {
  Overlapped& recv = NewOverlapped(10);
  EXPECT_EQ(Start(New(), &recv), WsaCode{WSAENOTCONN});
  EXPECT_EQ(spi_client::SleepAlertable(kNotAtAllMs), 0u);
}

// A routine may issue further I/O.
TEST_P(CompletionRoutineTest, MayIssueFurtherCalls) {
  Pair pair = NewConnection();
  Overlapped& first = NewOverlapped(1);
  Overlapped& second = NewOverlapped(1);
  in_routine = [&] {
    if (runs.size() == 1) {
      EXPECT_EQ(Start(pair.socket, &second), kPending);
    }
  };
  ASSERT_EQ(Start(pair.socket, &first), kPending);
  ASSERT_TRUE(pair.peer.Write("a"));
  WaitForRuns(1);
  ASSERT_TRUE(pair.peer.Write("b"));
  WaitForRuns(2);
  EXPECT_EQ(first.buffer + second.buffer, "ab");
}

// Routines of one socket never nest.
TEST_P(CompletionRoutineTest, NeverNest) {
  Pair pair = NewConnection();
  Overlapped& first = NewOverlapped(1);
  Overlapped& second = NewOverlapped(1);
  in_routine = [] { spi_client::SleepAlertable(0); };
  ASSERT_EQ(Start(pair.socket, &first), kPending);
  ASSERT_EQ(Start(pair.socket, &second), kPending);
  ASSERT_TRUE(pair.peer.Write("ab"));
  ASSERT_TRUE(WaitUntil([&] { return second.status() != kStatusPending; },
                        milliseconds(kSoonMs)));
  WaitForRuns(2);
  EXPECT_EQ(deepest, 1);
}

// Several routines of one thread all run.
TEST_P(CompletionRoutineTest, AllRun) {
  constexpr size_t kRecvs = 10;
  Pair pair = NewConnection();
  std::vector<Overlapped*> recvs;
  for (size_t i = 0; i < kRecvs; ++i) {
    recvs.push_back(&NewOverlapped(1));
    ASSERT_EQ(Start(pair.socket, recvs.back()), kPending);
  }
  ASSERT_TRUE(pair.peer.Write(std::string(kRecvs, 'x')));
  WaitForRuns(kRecvs);
  for (Overlapped* const recv : recvs) EXPECT_EQ(recv->buffer, "x");
}

// 4.1: the WSATHREADID is the caller's, and lasts as long as the call.
TEST_P(CompletionRoutineTest, ThreadIdMayGo) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  WSATHREADID thread = spi_client::CurrentThreadId();
  int error = 0;
  ASSERT_EQ(
      table().lpWSPRecv(pair.socket, &recv.wsabuf, 1, nullptr, &recv.flags,
                        &recv.overlapped, Keep, &thread, &error),
      SOCKET_ERROR);
  ASSERT_EQ(error, WSA_IO_PENDING);
  thread = {};
  ASSERT_TRUE(pair.peer.Write("hello"));
  WaitForRuns(1);
}

}  // namespace
}  // namespace wspd::conformance
