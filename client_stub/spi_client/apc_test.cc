#include "client_stub/spi_client/apc.h"

#include <atomic>
#include <thread>
#include <vector>

#include "client_stub/spi_client/event.h"
#include "gtest/gtest.h"

namespace wspd::spi_client {
namespace {

// What the APCs of a test did. The thread that runs them writes.
struct Log {
  std::vector<int> order;
  std::vector<std::thread::id> threads;
};
Log* current_log = nullptr;

void CALLBACK Note(DWORD_PTR number) {
  current_log->order.push_back(static_cast<int>(number));
  current_log->threads.push_back(std::this_thread::get_id());
}

class ApcTest : public ::testing::Test {
 protected:
  ApcTest() { current_log = &log_; }
  ~ApcTest() override { current_log = nullptr; }

  Log log_;
  int error_ = 0;
};

TEST_F(ApcTest, RunsInOrderInTheNextAlertableWait) {
  WSATHREADID id = CurrentThreadId();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(QueueApc(&id, Note, i, &error_), 0);
  EXPECT_EQ(SleepAlertable(WSA_INFINITE), WSA_WAIT_IO_COMPLETION);
  EXPECT_EQ(log_.order, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(SleepAlertable(0), 0u);
}

TEST_F(ApcTest, DoesNotRunInAnUnalertableWait) {
  WSATHREADID id = CurrentThreadId();
  WSAEVENT event = OpenEventObject(&error_);
  QueueApc(&id, Note, 1, &error_);
  EXPECT_EQ(WaitForEvents(&event, 1, false, 0, false), WSA_WAIT_TIMEOUT);
  EXPECT_TRUE(log_.order.empty());
  EXPECT_EQ(WaitForEvents(&event, 1, false, 0, true), WSA_WAIT_IO_COMPLETION);
  EXPECT_EQ(log_.order.size(), 1u);
  CloseEventObject(event, &error_);
}

TEST_F(ApcTest, ASignalledEventGoesBeforeQueuedApcs) {
  WSATHREADID id = CurrentThreadId();
  WSAEVENT event = OpenEventObject(&error_);
  SetEventObject(event, &error_);
  QueueApc(&id, Note, 1, &error_);
  EXPECT_EQ(WaitForEvents(&event, 1, false, WSA_INFINITE, true),
            WSA_WAIT_EVENT_0);
  EXPECT_TRUE(log_.order.empty());
  EXPECT_EQ(SleepAlertable(0), WSA_WAIT_IO_COMPLETION);
  CloseEventObject(event, &error_);
}

TEST_F(ApcTest, RunsInTheThreadThatTheIdNames) {
  WSATHREADID id = {};
  WSAEVENT ready = OpenEventObject(&error_);
  std::thread target([&] {
    id = CurrentThreadId();
    int error;
    SetEventObject(ready, &error);
    EXPECT_EQ(SleepAlertable(WSA_INFINITE), WSA_WAIT_IO_COMPLETION);
  });
  const std::thread::id target_id = target.get_id();
  WaitForEvents(&ready, 1, false, WSA_INFINITE, false);
  EXPECT_EQ(QueueApc(&id, Note, 7, &error_), 0);
  EXPECT_EQ(SleepAlertable(0), 0u) << "this thread isn't the target";
  target.join();
  EXPECT_EQ(log_.threads, std::vector<std::thread::id>{target_id});
  CloseEventObject(ready, &error_);
}

TEST_F(ApcTest, AnEndedThreadsIdIsRefused) {
  WSATHREADID own = {};
  WSATHREADID opened = {};
  std::thread thread([&] {
    own = CurrentThreadId();
    int error;
    EXPECT_EQ(OpenCurrentThreadId(&opened, &error), 0);
    EXPECT_EQ(QueueApc(&own, Note, 1, &error), 0);
  });
  thread.join();
  EXPECT_EQ(QueueApc(&own, Note, 2, &error_), SOCKET_ERROR);
  EXPECT_EQ(error_, WSAEFAULT);
  EXPECT_EQ(QueueApc(&opened, Note, 3, &error_), SOCKET_ERROR);
  EXPECT_EQ(CloseThreadId(&opened, &error_), 0);
  EXPECT_TRUE(log_.order.empty());
}

TEST_F(ApcTest, AnOpenedIdServesUntilClosed) {
  WSATHREADID id = {};
  ASSERT_EQ(OpenCurrentThreadId(&id, &error_), 0);
  WSATHREADID copy = id;
  EXPECT_EQ(QueueApc(&copy, Note, 1, &error_), 0);
  EXPECT_EQ(CloseThreadId(&id, &error_), 0);
  EXPECT_EQ(QueueApc(&copy, Note, 2, &error_), SOCKET_ERROR);
  EXPECT_EQ(CloseThreadId(&copy, &error_), SOCKET_ERROR);
  EXPECT_EQ(SleepAlertable(0), WSA_WAIT_IO_COMPLETION);
  EXPECT_EQ(log_.order, std::vector<int>{1});
}

TEST_F(ApcTest, BadArgumentsAreRefused) {
  WSATHREADID id = CurrentThreadId();
  WSATHREADID zero = {};
  EXPECT_EQ(QueueApc(nullptr, Note, 0, &error_), SOCKET_ERROR);
  EXPECT_EQ(QueueApc(&id, nullptr, 0, &error_), SOCKET_ERROR);
  EXPECT_EQ(QueueApc(&zero, Note, 0, &error_), SOCKET_ERROR);
  EXPECT_EQ(error_, WSAEFAULT);
  EXPECT_EQ(OpenCurrentThreadId(nullptr, &error_), SOCKET_ERROR);
  EXPECT_EQ(CloseThreadId(&zero, &error_), SOCKET_ERROR);
}

// An APC may wait alertably itself, and queue more.
void CALLBACK QueueAndWait(DWORD_PTR number) {
  Note(number);
  WSATHREADID id = CurrentThreadId();
  int error;
  EXPECT_EQ(QueueApc(&id, Note, number + 1, &error), 0);
  EXPECT_EQ(SleepAlertable(WSA_INFINITE), WSA_WAIT_IO_COMPLETION);
  EXPECT_EQ(QueueApc(&id, Note, number + 2, &error), 0);
}

TEST_F(ApcTest, AnApcMayWaitAndQueueMore) {
  WSATHREADID id = CurrentThreadId();
  EXPECT_EQ(QueueApc(&id, QueueAndWait, 1, &error_), 0);
  EXPECT_EQ(SleepAlertable(WSA_INFINITE), WSA_WAIT_IO_COMPLETION);
  EXPECT_EQ(log_.order, (std::vector<int>{1, 2, 3}));
}

std::atomic<int> apcs_run{0};
void CALLBACK Count(DWORD_PTR) { ++apcs_run; }

TEST_F(ApcTest, ManyThreadsQueueToOne) {
  constexpr int kEach = 2000;
  constexpr int kThreads = 3;
  apcs_run = 0;
  WSATHREADID id = CurrentThreadId();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([id] {
      WSATHREADID target = id;
      int error;
      for (int i = 0; i < kEach; ++i) {
        EXPECT_EQ(QueueApc(&target, Count, 0, &error), 0);
      }
    });
  }
  while (apcs_run < kThreads * kEach) SleepAlertable(WSA_INFINITE);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(apcs_run, kThreads * kEach);
}

}  // namespace
}  // namespace wspd::spi_client
