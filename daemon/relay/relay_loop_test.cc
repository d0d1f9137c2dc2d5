#include "daemon/relay/relay_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/base/owned_fd.h"
#include "daemon/relay/relay_turns.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(60);

class Handler : public RelayHandler {
 public:
  explicit Handler(const void* client) : RelayHandler(client) {}
  void OnEvents(RelayEnd, uint32_t) override { on_event(); }
  void OnTurn() override { on_turn(); }
  void OnTime() override { on_time(); }

  std::function<void()> on_event;
  std::function<void()> on_turn;
  std::function<void()> on_time;
};

// Becomes ready, once for each write.
class Event {
 public:
  void Make() {
    const uint64_t one = 1;
    EXPECT_EQ(write(fd_.get(), &one, sizeof(one)), ssize_t{sizeof(one)});
  }
  int fd() const { return fd_.get(); }

 private:
  const OwnedFd fd_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

class RelayLoopTest : public testing::Test {
 protected:
  ~RelayLoopTest() override { loop_->Stop(); }

  std::shared_ptr<Handler> MakeOther(std::function<void()> on_event) {
    auto other = std::make_shared<Handler>(&other_client_);
    other->on_event = std::move(on_event);
    EXPECT_EQ(loop_->Watch(event_.fd(), EPOLLIN | EPOLLET, other.get(),
                           RelayEnd::kReal),
              0);
    return other;
  }

  // Makes `count` sockets of a client that have more to do after each of their
  // turns, which take a millisecond, until one of these isn't wanted.
  void KeepBusy(int count, const std::function<bool()>& turn) {
    for (int i = 0; i < count; ++i) {
      busy_.push_back(std::make_shared<Handler>(&busy_client_));
      busy_.back()->on_turn = [this, one = std::weak_ptr(busy_.back()), turn] {
        ++turns_;
        if (!turn()) return;
        const auto end = RelayLoop::Clock::now() + std::chrono::milliseconds(1);
        while (RelayLoop::Clock::now() < end) {
        }
        loop_->Defer(one.lock());
      };
    }
    loop_->Ask([this] {
      for (const auto& one : busy_) loop_->Defer(one);
    });
  }

  void Await(const absl::Notification& notification) {
    EXPECT_TRUE(notification.WaitForNotificationWithTimeout(kDeadline));
  }

  const int busy_client_ = 0;
  const int other_client_ = 0;
  Event event_;
  std::vector<std::shared_ptr<Handler>> busy_;
  // The thread's, until it has said that something is finished.
  int turns_ = 0;
  absl::Notification finished_;
  const std::unique_ptr<RelayLoop> loop_ = *RelayLoop::Create("relay");
};

TEST_F(RelayLoopTest, WhatComesForAnotherClientDoesntWaitForAllOfABusyOnes) {
  constexpr int kSockets = 500;
  constexpr int kTurn = 10;
  int turns = 0;
  const auto other = MakeOther([&] {
    turns = turns_;
    finished_.Notify();
  });
  KeepBusy(kSockets, [&] {
    if (turns_ == kTurn) event_.Make();
    return turns_ < 2 * kSockets && !finished_.HasBeenNotified();
  });
  Await(finished_);
  EXPECT_LE(turns, kTurn + 2);
}

TEST_F(RelayLoopTest, WhatComesForAnotherClientDoesntWaitForAllThatIsDue) {
  constexpr int kTimers = 500;
  constexpr int kTime = 10;
  int times = 0, times_before = 0;
  const auto other = MakeOther([&] { times_before = times; });
  loop_->Ask([&] {
    for (int i = 0; i < kTimers; ++i) {
      busy_.push_back(std::make_shared<Handler>(&busy_client_));
      busy_.back()->on_time = [&] {
        if (++times == kTime) event_.Make();
        const auto end = RelayLoop::Clock::now() + std::chrono::milliseconds(1);
        while (RelayLoop::Clock::now() < end) {
        }
        if (times == kTimers) finished_.Notify();
      };
      loop_->WakeAfter(absl::ZeroDuration(), busy_.back());
    }
  });
  // And all of these have their time.
  Await(finished_);
  EXPECT_GT(times_before, 0);
  EXPECT_LE(times_before, kTime + 2);
}

TEST_F(RelayLoopTest, TurnsAreShortWhileThereAreOthers) {
  bool before = true, meanwhile = false;
  const auto other = MakeOther([&] { meanwhile = loop_->is_shared(); });
  KeepBusy(2, [&] {
    if (turns_ == 1) {
      before = loop_->is_shared();
      event_.Make();
    }
    if (meanwhile && !loop_->is_shared() && !finished_.HasBeenNotified()) {
      finished_.Notify();
    }
    return !finished_.HasBeenNotified();
  });
  // And long again some time after.
  Await(finished_);
  EXPECT_FALSE(before);
  EXPECT_TRUE(meanwhile);
  EXPECT_EQ(loop_->turn_bytes(), RelayLoop::kTurnBytes);
}

TEST_F(RelayLoopTest, WhoIsRetiredIsKeptForWhatItIsStillToBeTold) {
  auto table = std::make_shared<Handler>(&other_client_);
  const std::weak_ptr<Handler> weak = table;
  table->on_event = [&] {
    loop_->Defer(table);
    loop_->Forget(event_.fd());
    loop_->Retire(std::move(table));
  };
  table->on_turn = [&] { finished_.Notify(); };
  ASSERT_EQ(loop_->Watch(event_.fd(), EPOLLIN | EPOLLET, table.get(),
                         RelayEnd::kProgram),
            0);
  event_.Make();
  Await(finished_);
  // And for no longer.
  const absl::Time end = absl::Now() + kDeadline;
  while (!weak.expired() && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_TRUE(weak.expired());
}

}  // namespace
}  // namespace wspd
