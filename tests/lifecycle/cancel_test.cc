// The final WSPCleanup cancels what is pending, whoever calls it and from
// where.
#include <algorithm>
#include <atomic>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/blocking_hook.h"
#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/upcalls.h"
#include "tests/testing/process_files.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNotInitialised{WSANOTINITIALISED};
constexpr WsaCode kInterrupted{WSAEINTR};
// More than the kernel takes for a peer that doesn't read.
constexpr size_t kTooMuch = 32 << 20;

class CancelTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  void ExpectUsableAgain() {
    ASSERT_EQ(spi_->Startup(), kOk);
    Connection connection = Connect();
    EXPECT_EQ(spi_->Send(connection.socket, "again"), kOk);
    EXPECT_EQ(connection.peer.Read(5), "again");
    EXPECT_EQ(spi_->Cleanup(), kOk);
    EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  }
};

// ------------------------------------------------------ blocking calls

TEST_F(CancelTest, FinalCleanupEndsBlockingCallsOf64ThreadsWithInterrupted) {
  constexpr int kOfEach = 16;
  PeerListener::Options full_options;
  full_options.backlog = 0;
  PeerListener full(full_options);
  full.FillBacklog();
  PeerListener::Options narrow_options;
  narrow_options.receive_buffer = 4096;
  PeerListener narrow(narrow_options);

  std::vector<Connection> receiving, sending;
  std::vector<SOCKET> accepting(kOfEach), connecting(kOfEach);
  for (int i = 0; i < kOfEach; ++i) {
    receiving.push_back(Connect());
    sending.push_back(Connect(narrow));
    Endpoint endpoint;
    ASSERT_EQ(spi_->ListenNew(&accepting[i], &endpoint), kOk);
    ASSERT_EQ(spi_->Socket(&connecting[i]), kOk);
  }
  const std::string much(kTooMuch, 'x');
  ThreadGroup threads;
  for (int i = 0; i < kOfEach; ++i) {
    threads.Start("recv", [&, i] {
      std::string data;
      EXPECT_EQ(spi_->Recv(receiving[i].socket, 10, &data), kInterrupted);
    });
    threads.Start("accept", [&, i] {
      SOCKET accepted;
      EXPECT_EQ(spi_->Accept(accepting[i], &accepted), kInterrupted);
    });
    threads.Start("connect", [&, i] {
      EXPECT_EQ(spi_->Connect(connecting[i], full.endpoint()), kInterrupted);
    });
    threads.Start("send", [&, i] {
      EXPECT_EQ(spi_->Send(sending[i].socket, much), kInterrupted);
    });
  }
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_EQ(threads.ended(), 0);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  threads.JoinAll(seconds(10));
  for (Connection& connection : receiving) {
    EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  }
  for (Connection& connection : sending) {
    EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  }
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  ExpectUsableAgain();
}

TEST_F(CancelTest, ManyThreadsBlockedOnOneSocketAllEnd) {
  Connection connection = Connect();
  ThreadGroup threads;
  for (int i = 0; i < 64; ++i) {
    threads.Start("recv", [&] {
      std::string data;
      EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), kInterrupted);
    });
  }
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(spi_->Cleanup(), kOk);
  threads.JoinAll(seconds(10));
}

TEST_F(CancelTest, CallsBegunAfterwardsAreNotInitialised) {
  Connection connection = Connect();
  ASSERT_EQ(spi_->Cleanup(), kOk);
  std::string data;
  EXPECT_EQ(spi_->Send(connection.socket, "x"), kNotInitialised);
  EXPECT_EQ(spi_->Recv(connection.socket, 1, &data), kNotInitialised);
  EXPECT_EQ(spi_->Close(connection.socket), kNotInitialised);
}

TEST_F(CancelTest, HandlesOfAnEarlierRegistrationAreNoSockets) {
  Connection connection = Connect();
  ASSERT_EQ(spi_->Cleanup(), kOk);
  ASSERT_EQ(spi_->Startup(), kOk);
  EXPECT_EQ(spi_->Send(connection.socket, "x"), WsaCode{WSAENOTSOCK});
  EXPECT_EQ(spi_->Close(connection.socket), WsaCode{WSAENOTSOCK});
}

TEST_F(CancelTest, CloseEndsABlockedCallOfAnotherThread) {
  Connection connection = Connect();
  SOCKET listener;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
  ThreadGroup threads;
  threads.Start("recv", [&] {
    std::string data;
    EXPECT_FALSE(spi_->Recv(connection.socket, 10, &data).ok());
  });
  threads.Start("accept", [&] {
    SOCKET accepted;
    EXPECT_FALSE(spi_->Accept(listener, &accepted).ok());
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(spi_->Close(connection.socket), kOk);
  EXPECT_EQ(spi_->Close(listener), kOk);
  threads.JoinAll(seconds(10));
}

// ------------------------------------------------ overlapped operations

std::atomic<int> routine_calls{0};

void CALLBACK CountingRoutine(DWORD, DWORD, LPWSAOVERLAPPED, DWORD) {
  ++routine_calls;
}

class OverlappedCancelTest : public CancelTest {
 protected:
  void SetUp() override {
    CancelTest::SetUp();
    routine_calls = 0;
  }

  static void ExpectCancelled(const Operation& operation) {
    EXPECT_EQ(operation.status(), kStatusCancelled);
    EXPECT_EQ(operation.error(), DWORD{WSA_OPERATION_ABORTED});
  }

  // Nothing is delivered, not even to a wait that asks for it, nor when the
  // peer's bytes would have come.
  static void ExpectNoRoutineRan() {
    spi_client::SleepAlertable(100);
    EXPECT_EQ(routine_calls, 0);
  }
};

TEST_F(OverlappedCancelTest, FinalCleanupAbortsReceivesWithoutEventOrRoutine) {
  Connection with_event = Connect();
  Connection with_routine = Connect();
  Connection with_neither = Connect();
  Event event;
  Operation event_op, routine_op, silent_op;
  event_op.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(with_event.socket, &event_op, 10), kPending);
  ASSERT_EQ(
      spi_->StartRecv(with_routine.socket, &routine_op, 10, CountingRoutine),
      kPending);
  ASSERT_EQ(spi_->StartRecv(with_neither.socket, &silent_op, 10), kPending);
  EXPECT_TRUE(event_op.is_pending());

  EXPECT_EQ(spi_->Cleanup(), kOk);
  ExpectCancelled(event_op);
  ExpectCancelled(routine_op);
  ExpectCancelled(silent_op);
  with_event.peer.Write("too late");
  with_routine.peer.Write("too late");
  EXPECT_FALSE(event.IsSet());
  ExpectNoRoutineRan();
  EXPECT_FALSE(event.IsSet());
}

TEST_F(OverlappedCancelTest, FinalCleanupAbortsSendsWithoutEventOrRoutine) {
  Connection with_event = Connect();
  Connection with_routine = Connect();
  Event event;
  Operation event_op, routine_op;
  event_op.overlapped.hEvent = event.get();
  const std::string much(kTooMuch, 'x');
  ASSERT_EQ(spi_->StartSend(with_event.socket, &event_op, much), kPending);
  ASSERT_EQ(
      spi_->StartSend(with_routine.socket, &routine_op, much, CountingRoutine),
      kPending);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  ExpectCancelled(event_op);
  ExpectCancelled(routine_op);
  EXPECT_FALSE(event.IsSet());
  ExpectNoRoutineRan();
}

TEST_F(OverlappedCancelTest, OperationsOfOtherThreadsAreAbortedToo) {
  Connection connection = Connect();
  Operation operation;
  Event issued, look;
  ThreadGroup threads;
  threads.Start("issuer", [&] {
    int error;
    EXPECT_EQ(
        spi_->StartRecv(connection.socket, &operation, 10, CountingRoutine),
        kPending);
    spi_client::SetEventObject(issued.get(), &error);
    EXPECT_TRUE(look.Wait());
    ExpectNoRoutineRan();
  });
  ASSERT_TRUE(issued.Wait());
  EXPECT_EQ(spi_->Cleanup(), kOk);
  ExpectCancelled(operation);
  int error;
  spi_client::SetEventObject(look.get(), &error);
}

TEST_F(OverlappedCancelTest, ManyPendingOperationsAreAllAborted) {
  constexpr int kConnections = 20;
  constexpr int kEach = 20;
  std::vector<Connection> connections;
  std::vector<Operation> operations(kConnections * kEach);
  for (int i = 0; i < kConnections; ++i) {
    connections.push_back(Connect());
    for (int j = 0; j < kEach; ++j) {
      ASSERT_EQ(
          spi_->StartRecv(connections[i].socket, &operations[i * kEach + j],
                          100, j % 2 == 0 ? CountingRoutine : nullptr),
          kPending);
    }
  }
  EXPECT_EQ(spi_->Cleanup(), kOk);
  for (const Operation& operation : operations) ExpectCancelled(operation);
  ExpectNoRoutineRan();
}

TEST_F(OverlappedCancelTest, ARoutineOfBeforeThatHasNotRunStaysOut) {
  Connection connection = Connect();
  Operation operation;
  ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 5, CountingRoutine),
            kPending);
  connection.peer.Write("hello");
  ASSERT_TRUE(WaitUntil([&] { return !operation.is_pending(); }));
  EXPECT_EQ(operation.error(), 0u);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  ExpectNoRoutineRan();
}

bool IsLibraryMapped() {
  const std::set<std::string> files = MappedFiles();
  return std::any_of(files.begin(), files.end(), [](const std::string& file) {
    return file.find("libwsp") != std::string::npos;
  });
}

// An APC that is queued can't be taken back: it keeps the library until it has
// run, and no longer.
TEST_F(OverlappedCancelTest, WaitAfterUnloadingRunsNothingAndFreesTheLibrary) {
  Connection connection = Connect();
  Operation operation;
  ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 5, CountingRoutine),
            kPending);
  connection.peer.Write("hello");
  ASSERT_TRUE(WaitUntil([&] { return !operation.is_pending(); }));
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_TRUE(spi_->Unload());
  spi_.reset();
  EXPECT_TRUE(IsLibraryMapped());
  ExpectNoRoutineRan();
  EXPECT_FALSE(IsLibraryMapped());
}

TEST_F(OverlappedCancelTest, CloseAbortsWithEventAndRoutine) {
  Connection with_event = Connect();
  Connection with_routine = Connect();
  Event event;
  Operation event_op, routine_op;
  event_op.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(with_event.socket, &event_op, 10), kPending);
  ASSERT_EQ(
      spi_->StartRecv(with_routine.socket, &routine_op, 10, CountingRoutine),
      kPending);
  EXPECT_EQ(spi_->Close(with_event.socket), kOk);
  EXPECT_EQ(spi_->Close(with_routine.socket), kOk);
  EXPECT_TRUE(event.Wait());
  EXPECT_EQ(event_op.error(), DWORD{WSA_OPERATION_ABORTED});
  EXPECT_EQ(spi_client::SleepAlertable(10000), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(routine_calls, 1);
  EXPECT_EQ(routine_op.error(), DWORD{WSA_OPERATION_ABORTED});
}

// ------------------------------- cleanup from within the provider's calls

// What a callback that cleans up has to work with, and finds.
struct Nested {
  Spi* spi = nullptr;
  WsaCode result{-2};
  int calls = 0;

  void CleanUp() {
    ++calls;
    result = spi->Cleanup();
  }
} nested;

class NestedCleanupTest : public OverlappedCancelTest {
 protected:
  void SetUp() override {
    OverlappedCancelTest::SetUp();
    nested = {};
    nested.spi = spi_.get();
  }
  void TearDown() override {
    spi_client::SetBlockingHook({});
    OverlappedCancelTest::TearDown();
  }

  // A thread blocked in a receive, which the cleanup has to end.
  void StartBystander(ThreadGroup* threads) {
    bystander_ = Connect();
    threads->Start("bystander", [&] {
      std::string data;
      EXPECT_EQ(spi_->Recv(bystander_.socket, 10, &data), kInterrupted);
    });
  }
  void ExpectFullCleanup() {
    EXPECT_EQ(nested.calls, 1);
    EXPECT_EQ(nested.result, kOk);
    EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
    if (bystander_.peer.is_open()) {
      EXPECT_EQ(bystander_.peer.WaitForEnd(), Ending::kReset);
    }
    ExpectUsableAgain();
  }

  Connection bystander_;
};

void CALLBACK CleaningRoutine(DWORD error, DWORD, LPWSAOVERLAPPED, DWORD) {
  EXPECT_EQ(error, 0u);
  nested.CleanUp();
}

TEST_F(NestedCleanupTest, FromACompletionRoutine) {
  ThreadGroup threads;
  StartBystander(&threads);
  Connection first = Connect();
  Connection second = Connect();
  Operation first_op, second_op;
  ASSERT_EQ(spi_->StartRecv(first.socket, &first_op, 5, CleaningRoutine),
            kPending);
  ASSERT_EQ(spi_->StartRecv(second.socket, &second_op, 5, CountingRoutine),
            kPending);
  ASSERT_TRUE(threads.WaitUntilBlocked());
  first.peer.Write("hello");
  EXPECT_EQ(spi_client::SleepAlertable(20000), DWORD{WSA_WAIT_IO_COMPLETION});
  threads.JoinAll(seconds(10));
  ExpectCancelled(second_op);
  ExpectNoRoutineRan();
  EXPECT_EQ(second.peer.WaitForEnd(), Ending::kReset);
  ExpectFullCleanup();
}

int CALLBACK CleaningCondition(LPWSABUF, LPWSABUF, LPQOS, LPQOS, LPWSABUF,
                               LPWSABUF, GROUP*, DWORD_PTR decision) {
  nested.CleanUp();
  return static_cast<int>(decision);
}

class NestedConditionTest : public NestedCleanupTest,
                            public ::testing::WithParamInterface<int> {};

TEST_P(NestedConditionTest, AcceptIsInterruptedWhateverTheDecision) {
  ThreadGroup threads;
  StartBystander(&threads);
  SOCKET listener, accepted;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
  ASSERT_TRUE(threads.WaitUntilBlocked());
  PeerSocket peer = PeerSocket::ConnectTo(endpoint);
  ASSERT_TRUE(peer.is_open());
  EXPECT_EQ(spi_->Accept(listener, &accepted, CleaningCondition, GetParam()),
            kInterrupted);
  threads.JoinAll(seconds(10));
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
  ExpectFullCleanup();
}

INSTANTIATE_TEST_SUITE_P(Decisions, NestedConditionTest,
                         ::testing::Values(CF_ACCEPT, CF_REJECT, CF_DEFER));

BOOL CALLBACK CleaningHook(DWORD_PTR again) {
  if (nested.calls == 0) nested.CleanUp();
  return static_cast<BOOL>(again);
}

class NestedHookTest : public NestedCleanupTest,
                       public ::testing::WithParamInterface<BOOL> {
 protected:
  void SetHook() {
    spi_client::SetBlockingHook(
        {CleaningHook, static_cast<DWORD_PTR>(GetParam())});
  }
};

TEST_P(NestedHookTest, ReceiveIsInterrupted) {
  ThreadGroup threads;
  StartBystander(&threads);
  Connection connection = Connect();
  ASSERT_TRUE(threads.WaitUntilBlocked());
  SetHook();
  std::string data;
  EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), kInterrupted);
  spi_client::SetBlockingHook({});
  threads.JoinAll(seconds(10));
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  ExpectFullCleanup();
}

TEST_P(NestedHookTest, AcceptIsInterrupted) {
  SOCKET listener, accepted;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
  SetHook();
  EXPECT_EQ(spi_->Accept(listener, &accepted), kInterrupted);
  spi_client::SetBlockingHook({});
  ExpectFullCleanup();
}

INSTANTIATE_TEST_SUITE_P(HookSays, NestedHookTest,
                         ::testing::Values(FALSE, TRUE));

TEST_F(NestedCleanupTest, HookMayCancelItsCallAlone) {
  Connection connection = Connect();
  spi_client::SetBlockingHook(
      {[](DWORD_PTR) -> BOOL {
         int error = 0;
         if (nested.calls++ == 0) {
           EXPECT_EQ(nested.spi->table().lpWSPCancelBlockingCall(&error), 0)
               << WsaCode{error};
         }
         return FALSE;
       },
       0});
  std::string data;
  EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), kInterrupted);
  spi_client::SetBlockingHook({});
  connection.peer.Write("hello");
  EXPECT_EQ(spi_->RecvExactly(connection.socket, 5, &data), kOk);
  EXPECT_EQ(data, "hello");
}

TEST_F(NestedCleanupTest, CancelWithNothingToCancelIsInvalid) {
  int error = 0;
  EXPECT_EQ(spi_->table().lpWSPCancelBlockingCall(&error), SOCKET_ERROR);
  EXPECT_EQ(WsaCode{error}, WsaCode{WSAEINVAL});
}

// The stub's own thread can't be waited for by itself, so that a cleanup from
// an upcall that it makes is refused.
std::atomic<pid_t> test_thread{0};
std::atomic<int> upcall_result{-2};

void CleanUpOnOtherThreads() {
  if (gettid() == test_thread || upcall_result != -2) return;
  upcall_result = nested.spi->Cleanup().code;
}

BOOL WSPAPI CleaningSetEvent(WSAEVENT event, LPINT error) {
  CleanUpOnOtherThreads();
  return spi_client::Upcalls().lpWPUSetEvent(event, error);
}

int WSPAPI CleaningQueueApc(LPWSATHREADID thread, LPWSAUSERAPC apc,
                            DWORD_PTR context, LPINT error) {
  CleanUpOnOtherThreads();
  return spi_client::Upcalls().lpWPUQueueApc(thread, apc, context, error);
}

class UpcallTest : public NestedCleanupTest {
 protected:
  void SetUp() override {
    NestedCleanupTest::SetUp();
    ASSERT_EQ(spi_->Cleanup(), kOk);
    test_thread = gettid();
    upcall_result = -2;
    WSPUPCALLTABLE upcalls = spi_client::Upcalls();
    upcalls.lpWPUSetEvent = CleaningSetEvent;
    upcalls.lpWPUQueueApc = CleaningQueueApc;
    ASSERT_EQ(spi_->StartupWith(upcalls), kOk);
  }
  void ExpectRefusedAndNotCounted(Connection& connection) {
    EXPECT_EQ(WsaCode{upcall_result}, WsaCode{WSAEINPROGRESS});
    EXPECT_EQ(spi_->Send(connection.socket, "on"), kOk);
    EXPECT_EQ(connection.peer.Read(2), "on");
    EXPECT_EQ(spi_->Cleanup(), kOk);
    EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  }
};

TEST_F(UpcallTest, CleanupWhileAnEventIsSetOnTheStubsThreadIsRefused) {
  Connection connection = Connect();
  Event event;
  Operation operation;
  operation.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 5), kPending);
  connection.peer.Write("hello");
  ASSERT_TRUE(event.Wait());
  ExpectRefusedAndNotCounted(connection);
}

TEST_F(UpcallTest, CleanupWhileAnApcIsQueuedOnTheStubsThreadIsRefused) {
  Connection connection = Connect();
  Operation operation;
  ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 5, CountingRoutine),
            kPending);
  connection.peer.Write("hello");
  ASSERT_EQ(spi_client::SleepAlertable(20000), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(routine_calls, 1);
  ExpectRefusedAndNotCounted(connection);
}

}  // namespace
}  // namespace wspd::testing
