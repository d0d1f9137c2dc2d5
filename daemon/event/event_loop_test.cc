#include "daemon/event/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace {

// How far the wall clock has been set forward for this process.
std::atomic<time_t> wall_clock_step{0};

}  // namespace

// The C library's, but for the step: setting the machine's clock isn't for
// tests.
extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const int result = static_cast<int>(syscall(SYS_clock_gettime, clock, time));
  if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += wall_clock_step;
  return result;
}

namespace wspd {
namespace {

constexpr absl::Duration kDeadline = absl::Minutes(1);

class CountingHandler : public EventHandler {
 public:
  explicit CountingHandler(std::function<void()> next)
      : next_(std::move(next)) {}
  void OnEvents(uint32_t) override { next_(); }

 private:
  const std::function<void()> next_;
};

TEST(EventLoopTest, TellsOfReadiness) {
  auto loop = *EventLoop::Create("test");
  const OwnedFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  absl::Notification ready;
  auto watch = loop->Watch(
      event.get(), EPOLLIN | EPOLLONESHOT,
      std::make_shared<CountingHandler>([&ready] { ready.Notify(); }));
  ASSERT_TRUE(watch.ok());
  EXPECT_FALSE(ready.HasBeenNotified());
  const uint64_t one = 1;
  ASSERT_EQ(write(event.get(), &one, sizeof(one)), sizeof(one));
  EXPECT_TRUE(ready.WaitForNotificationWithTimeout(kDeadline));
  loop->Unwatch(*watch, event.get());
}

TEST(EventLoopTest, AnOldWatchDoesNotReachANewHandler) {
  auto loop = *EventLoop::Create("test");
  const OwnedFd event(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  std::atomic<int> first_calls{0};
  auto first = loop->Watch(
      event.get(), EPOLLIN | EPOLLET,
      std::make_shared<CountingHandler>([&first_calls] { ++first_calls; }));
  loop->Unwatch(*first, event.get());
  // Everything that the loop had begun is through.
  absl::Notification idle;
  loop->Post([&idle] { idle.Notify(); });
  ASSERT_TRUE(idle.WaitForNotificationWithTimeout(kDeadline));
  const int before = first_calls;
  absl::Notification ready;
  auto second = loop->Watch(
      event.get(), EPOLLIN | EPOLLONESHOT,
      std::make_shared<CountingHandler>([&ready] { ready.Notify(); }));
  ASSERT_NE(*first, *second);
  EXPECT_TRUE(ready.WaitForNotificationWithTimeout(kDeadline));
  loop->Unwatch(*first, -1);  // Twice is harmless.
  EXPECT_EQ(first_calls, before);
  loop->Unwatch(*second, event.get());
}

TEST(EventLoopTest, NoWatchHasTheIdZeroThatNeverWatchedOnesGiveBack) {
  auto loop = *EventLoop::Create("test");
  const OwnedFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  absl::Notification ready;
  auto first = loop->Watch(
      event.get(), EPOLLIN | EPOLLONESHOT,
      std::make_shared<CountingHandler>([&ready] { ready.Notify(); }));
  ASSERT_NE(*first, 0);
  loop->Unwatch(0, -1);
  const uint64_t one = 1;
  ASSERT_EQ(write(event.get(), &one, sizeof(one)), sizeof(one));
  EXPECT_TRUE(ready.WaitForNotificationWithTimeout(kDeadline));
  loop->Unwatch(*first, event.get());
}

TEST(EventLoopTest, TimersRunInTheirOrderAndCanBeCancelled) {
  auto loop = *EventLoop::Create("test");
  std::vector<int> order;
  absl::Notification done;
  loop->Post([&] {
    loop->RunAfter(absl::Milliseconds(3), [&] {
      order.push_back(3);
      done.Notify();
    });
    loop->RunAfter(absl::Milliseconds(1), [&] { order.push_back(1); });
    const auto cancelled =
        loop->RunAfter(absl::Milliseconds(2), [&] { order.push_back(2); });
    loop->CancelTimer(cancelled);
    loop->CancelTimer(cancelled);
  });
  ASSERT_TRUE(done.WaitForNotificationWithTimeout(kDeadline));
  EXPECT_EQ(order, (std::vector<int>{1, 3}));
}

TEST(EventLoopTest, ATimerFromAnotherThreadWakesTheLoop) {
  auto loop = *EventLoop::Create("test");
  absl::Notification late, soon;
  loop->RunAfter(absl::Hours(1), [&late] { late.Notify(); });
  loop->RunAfter(absl::Milliseconds(1), [&soon] { soon.Notify(); });
  EXPECT_TRUE(soon.WaitForNotificationWithTimeout(kDeadline));
  EXPECT_FALSE(late.HasBeenNotified());
}

TEST(EventLoopTest, AStepOfTheWallClockMovesNoTimer) {
  auto loop = *EventLoop::Create("test");
  std::atomic<bool> early{false};
  absl::Notification on_time;
  loop->RunAfter(absl::Hours(1), [&early] { early = true; });
  const absl::Time before = absl::Now();
  wall_clock_step = 2 * 60 * 60;
  EXPECT_GE(absl::Now() - before, absl::Hours(2));
  loop->RunAfter(absl::Milliseconds(1), [&on_time] { on_time.Notify(); });
  // Back before where it was: what is due in a moment still is.
  wall_clock_step = -2 * 60 * 60;
  on_time.WaitForNotification();
  EXPECT_FALSE(early);
  wall_clock_step = 0;
}

TEST(EventLoopTest, ADelayWithoutEndNeverComes) {
  auto loop = *EventLoop::Create("test");
  std::atomic<bool> ran{false};
  loop->RunAfter(absl::InfiniteDuration(), [&ran] { ran = true; });
  absl::Notification soon;
  loop->RunAfter(absl::Milliseconds(1), [&soon] { soon.Notify(); });
  EXPECT_TRUE(soon.WaitForNotificationWithTimeout(kDeadline));
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace wspd
