#include "daemon/service/watchdog.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;

constexpr absl::Duration kDeadline = absl::Seconds(30);
constexpr absl::Duration kPeriod = absl::Milliseconds(2);

// What the watchdog said.
class Hearer {
 public:
  Watchdog::Sink Sink() {
    return {[this] {
              absl::MutexLock lock(&mu_);
              ++well_;
            },
            [this](const std::vector<std::string>& names) {
              absl::MutexLock lock(&mu_);
              ++silences_;
              silent_ = names;
            }};
  }

  int well() {
    absl::MutexLock lock(&mu_);
    return well_;
  }
  std::vector<std::string> silent() {
    absl::MutexLock lock(&mu_);
    return silent_;
  }

  // Waits until it has been said so many times more.
  bool AwaitWell(int more) { return Await(&well_, more); }
  bool AwaitSilences(int more) { return Await(&silences_, more); }

 private:
  bool Await(const int* count, int more) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    absl::MutexLock lock(&mu_);
    const int wanted = *count + more;
    auto reached = [count, wanted] { return *count >= wanted; };
    return mu_.AwaitWithTimeout(absl::Condition(&reached), kDeadline);
  }

  absl::Mutex mu_;
  int well_ ABSL_GUARDED_BY(mu_) = 0;
  int silences_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::string> silent_ ABSL_GUARDED_BY(mu_);
};

class WatchdogTest : public ::testing::Test {
 protected:
  static Watchdog::Subject Of(const std::string& name, EventLoop* loop) {
    return {name, [loop](std::function<void()> answer) {
              loop->Post(std::move(answer));
            }};
  }

  Hearer hearer_;
  const std::unique_ptr<EventLoop> control_ =
      EventLoop::Create("control").value();
  const std::unique_ptr<EventLoop> first_ = EventLoop::Create("first").value();
  const std::unique_ptr<EventLoop> second_ =
      EventLoop::Create("second").value();
};

TEST_F(WatchdogTest, SaysAgainAndAgainThatAllAreWell) {
  Watchdog watchdog(kPeriod, control_.get(),
                    {Of("first", first_.get()), Of("second", second_.get())},
                    hearer_.Sink());
  EXPECT_TRUE(hearer_.AwaitWell(3));
}

TEST_F(WatchdogTest, OneThreadThatHangsIsNamedAndEndsTheSaying) {
  Watchdog watchdog(kPeriod, control_.get(),
                    {Of("first", first_.get()), Of("second", second_.get())},
                    hearer_.Sink());
  ASSERT_TRUE(hearer_.AwaitWell(1));
  absl::Notification go_on;
  absl::Notification hangs;
  second_->Post([&] {
    hangs.Notify();
    go_on.WaitForNotification();
  });
  hangs.WaitForNotification();
  // A round may have been answered before.
  ASSERT_TRUE(hearer_.AwaitSilences(1));
  const int well = hearer_.well();
  EXPECT_TRUE(hearer_.AwaitSilences(3));
  EXPECT_EQ(hearer_.well(), well);
  EXPECT_THAT(hearer_.silent(), ElementsAre("second"));
  go_on.Notify();
  EXPECT_TRUE(hearer_.AwaitWell(2));
}

TEST_F(WatchdogTest, AHangingControlLoopSaysNothing) {
  Watchdog watchdog(kPeriod, control_.get(), {Of("first", first_.get())},
                    hearer_.Sink());
  ASSERT_TRUE(hearer_.AwaitWell(1));
  absl::Notification go_on;
  int before = 0;
  int after = 0;
  absl::Notification over;
  control_->Post([&] {
    before = hearer_.well();
    go_on.WaitForNotificationWithTimeout(10 * kPeriod);
    after = hearer_.well();
    over.Notify();
  });
  over.WaitForNotification();
  EXPECT_EQ(before, after);
  EXPECT_TRUE(hearer_.AwaitWell(1));
}

TEST_F(WatchdogTest, LateAnswersOfAStoppedOneAreIgnored) {
  std::function<void()> late;
  absl::Notification asked;
  {
    Watchdog watchdog(kPeriod, control_.get(),
                      {{"late",
                        [&](std::function<void()> answer) {
                          late = std::move(answer);
                          asked.Notify();
                        }}},
                      hearer_.Sink());
    asked.WaitForNotification();
  }
  late();
  EXPECT_EQ(hearer_.well(), 0);
}

}  // namespace
}  // namespace wspd
