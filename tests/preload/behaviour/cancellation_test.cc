// pthread_cancel() of a thread that waits in a socket call: the thread goes,
// its cleanup runs, and nothing stays held.
#include <pthread.h>
#include <signal.h>

#include <atomic>

#include "tests/preload/behaviour/waiting_call.h"
#include "tests/testing/thread_group.h"

namespace wspd::preload {
namespace {

using testing::ThreadGroup;

// A thread by pthreads, whose end by cancellation can be told.
struct Victim {
  WaitingCall* call = nullptr;
  std::atomic<pid_t> id{0};
  std::atomic<bool> cleaned{false};
  std::atomic<bool> returned{false};
  bool disabled = false;
  // Whether it cancels itself before the call.
  bool cancels_itself = false;
};

void Clean(void* argument) { static_cast<Victim*>(argument)->cleaned = true; }

void* MakeCall(void* argument) {
  auto* const victim = static_cast<Victim*>(argument);
  pthread_cleanup_push(Clean, victim);
  if (victim->disabled) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
  victim->id = gettid();
  if (victim->cancels_itself) pthread_cancel(pthread_self());
  victim->call->Make();
  victim->returned = true;
  pthread_cleanup_pop(0);
  return nullptr;
}

// Whether thread `id` sleeps, and goes on sleeping for a while.
bool StaysAsleep(pid_t id) {
  int asleep = 0;
  return WaitUntil([&] {
    char path[64], text[512] = {};
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", id);
    FILE* const file = fopen(path, "r");
    if (file == nullptr) return false;
    const size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    const std::string stat(text, size);
    const bool sleeps = stat.find(") S ") != std::string::npos;
    asleep = sleeps ? asleep + 1 : 0;
    return asleep >= 10;
  });
}

class CancellationTest : public WaitingCallTest {
 protected:
  void Start(bool disabled = false) {
    victim_.disabled = disabled;
    Run();
    ASSERT_TRUE(WaitUntil([&] { return victim_.id != 0; }));
    ASSERT_TRUE(StaysAsleep(victim_.id));
  }
  void Run() {
    victim_.call = call_.get();
    ASSERT_EQ(pthread_create(&thread_, nullptr, MakeCall, &victim_), 0);
  }
  // What the thread ended with.
  void* Join() {
    timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 30;
    void* result = nullptr;
    EXPECT_EQ(pthread_timedjoin_np(thread_, &result, &limit), 0);
    return result;
  }

  Victim victim_;
  pthread_t thread_;
};
INSTANTIATE_FOR_WAITING_CALLS(CancellationTest);

TEST_P(CancellationTest, EndsTheThread) {
  if (!kind().cancels) GTEST_SKIP() << "no cancellation point: pthreads(7)";
  Start();
  ASSERT_EQ(pthread_cancel(thread_), 0);
  EXPECT_EQ(Join(), PTHREAD_CANCELED);
  EXPECT_TRUE(victim_.cleaned);
  EXPECT_FALSE(victim_.returned);
  call_->Satisfy();
  EXPECT_TRUE(call_->Works());
}

// A request that was there before: the call doesn't even start, though it
// wouldn't have to wait.
TEST_P(CancellationTest, PendingRequestComesFirst) {
  if (!kind().cancels) GTEST_SKIP() << "no cancellation point: pthreads(7)";
  call_->Satisfy();
  victim_.cancels_itself = true;
  Run();
  EXPECT_EQ(Join(), PTHREAD_CANCELED);
  EXPECT_TRUE(victim_.cleaned);
  EXPECT_FALSE(victim_.returned);
}

// Other sockets are in use meanwhile, and new ones can be made.
TEST_P(CancellationTest, LeavesNothingHeld) {
  if (!kind().cancels) GTEST_SKIP() << "no cancellation point: pthreads(7)";
  Start();
  ThreadGroup threads;
  std::atomic<bool> done{false};
  const int family = std::get<0>(GetParam());
  threads.Start("talk", [&] {
    const Connection other = MakeConnection(family, Origin::kAccepted);
    while (!done) {
      ASSERT_TRUE(Talk(other.ours.get(), other.peer.get()));
    }
  });
  ASSERT_EQ(pthread_cancel(thread_), 0);
  EXPECT_EQ(Join(), PTHREAD_CANCELED);
  done = true;
  threads.JoinAll();
  const Connection next = MakeConnection(family, Origin::kConnected);
  EXPECT_TRUE(Talk(next.ours.get(), next.peer.get()));
}

// With cancellation disabled the call goes on.
TEST_P(CancellationTest, IsNothingWhenDisabled) {
  Start(true);
  ASSERT_EQ(pthread_cancel(thread_), 0);
  ASSERT_TRUE(StaysAsleep(victim_.id));
  EXPECT_FALSE(victim_.returned);
  call_->Satisfy();
  EXPECT_EQ(Join(), nullptr);
  EXPECT_TRUE(victim_.returned);
  EXPECT_TRUE(call_->Works());
}

// What it would have taken stays.
class PendingCancellationTest : public ConnectionTest {};
INSTANTIATE_FOR_CONNECTIONS(PendingCancellationTest);

struct PendingVictim {
  int fd;
  bool cleaned = false;
};

TEST_P(PendingCancellationTest, TakesNoData) {
  EXPECT_TRUE(SendAll(peer(), "x"));
  ASSERT_NE(WaitFor(ours(), POLLIN), 0);
  PendingVictim victim = {ours()};
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void* argument) -> void* {
                  auto* const self = static_cast<PendingVictim*>(argument);
                  pthread_cancel(pthread_self());
                  char byte;
                  recv(self->fd, &byte, 1, 0);
                  return nullptr;
                },
                &victim),
            0);
  void* result = nullptr;
  ASSERT_EQ(pthread_join(thread, &result), 0);
  EXPECT_EQ(result, PTHREAD_CANCELED);
  EXPECT_EQ(Receive(ours(), 1), "x");
}

}  // namespace
}  // namespace wspd::preload
