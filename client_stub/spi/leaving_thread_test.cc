#include "client_stub/spi/leaving_thread.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

namespace wsp {
namespace {

using Clock = std::chrono::steady_clock;

Clock::duration TimeToAwait(const LeavingThread& thread) {
  const Clock::time_point begin = Clock::now();
  thread.AwaitOutside();
  return Clock::now() - begin;
}

// Far below the bound at which waiting is given up.
constexpr std::chrono::milliseconds kPrompt(300);

TEST(LeavingThreadTest, OneThatIsGoneHasLeft) {
  std::promise<LeavingThread> promise;
  std::thread thread(
      [&] { promise.set_value(LeavingThread::ThisReturning()); });
  thread.join();
  EXPECT_LT(TimeToAwait(promise.get_future().get()), kPrompt);
}

TEST(LeavingThreadTest, OneThatSleepsHasLeft) {
  std::promise<LeavingThread> promise;
  std::promise<void> end;
  std::thread thread([&] {
    promise.set_value(LeavingThread::ThisReturning());
    end.get_future().wait();
  });
  EXPECT_LT(TimeToAwait(promise.get_future().get()), kPrompt);
  end.set_value();
  thread.join();
}

TEST(LeavingThreadTest, OneThatGoesOnWorkingHasLeft) {
  std::promise<LeavingThread> promise;
  std::atomic<bool> stop{false};
  std::thread thread([&] {
    promise.set_value(LeavingThread::ThisReturning());
    while (!stop) {
    }
  });
  EXPECT_LT(TimeToAwait(promise.get_future().get()), kPrompt);
  stop = true;
  thread.join();
}

}  // namespace
}  // namespace wsp
