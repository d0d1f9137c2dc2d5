#include "client_stub/spi/notifications.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace wsp {
namespace {

// What the upcalls did, and a gate that the next one may wait at.
struct Recorded {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> done;
  bool closed = false;
  bool reached = false;
  bool fails = false;
};
Recorded* recorded = nullptr;

BOOL Record(const std::string& what) {
  std::unique_lock<std::mutex> lock(recorded->mutex);
  if (recorded->closed) {
    recorded->reached = true;
    recorded->changed.notify_all();
    recorded->changed.wait(lock, [] { return !recorded->closed; });
  }
  recorded->done.push_back(what);
  return recorded->fails ? FALSE : TRUE;
}

std::string Name(WSAEVENT event) {
  return std::to_string(reinterpret_cast<uintptr_t>(event));
}

BOOL WSPAPI SetEvent(WSAEVENT event, LPINT) {
  return Record("set " + Name(event));
}
BOOL WSPAPI ResetEvent(WSAEVENT event, LPINT) {
  return Record("reset " + Name(event));
}
BOOL WSPAPI Post(HWND, UINT message, WPARAM wparam, LPARAM lparam) {
  return Record("post " + std::to_string(message) + " " +
                std::to_string(wparam) + " " + std::to_string(lparam));
}

WSAEVENT Event(uintptr_t number) { return reinterpret_cast<WSAEVENT>(number); }

using Done = std::vector<std::string>;

class NotificationsTest : public testing::Test {
 protected:
  NotificationsTest() {
    recorded = &recorded_;
    table_.lpWPUSetEvent = SetEvent;
    table_.lpWPUResetEvent = ResetEvent;
    table_.lpWPUPostMessage = Post;
  }

  void Run() {
    MutexLock lock(&g_library.mutex);
    notifications_.Run(table_, notifications_.asked());
  }
  // Starts a thread that runs, and waits until it is in an upcall.
  std::thread RunUntilGate() {
    recorded_.closed = true;
    std::thread runner([this] { Run(); });
    std::unique_lock<std::mutex> lock(recorded_.mutex);
    recorded_.changed.wait(lock, [this] { return recorded_.reached; });
    return runner;
  }
  void OpenGate() {
    const std::lock_guard<std::mutex> lock(recorded_.mutex);
    recorded_.closed = false;
    recorded_.changed.notify_all();
  }

  Recorded recorded_;
  WSPUPCALLTABLE table_ = {};
  Notifications notifications_;
};

TEST_F(NotificationsTest, GoOutInOrder) {
  EXPECT_FALSE(notifications_.due());
  notifications_.Set({1, 1}, Event(4));
  notifications_.Reset(Event(4));
  notifications_.Post({2, 2}, nullptr, 10, 11, 12);
  notifications_.Set({1, 1}, Event(4));
  EXPECT_TRUE(notifications_.due());
  Run();
  EXPECT_EQ(recorded_.done,
            (Done{"set 4", "reset 4", "post 10 11 12", "set 4"}));
  EXPECT_FALSE(notifications_.due());
}

TEST_F(NotificationsTest, WhatIsForgottenNeverGoesOut) {
  notifications_.Set({1, 1}, Event(4));
  notifications_.Set({1, 2}, Event(8));
  notifications_.Post({2, 1}, nullptr, 10, 11, 12);
  notifications_.Reset(Event(4));
  notifications_.Forget(1, 2);
  Run();
  EXPECT_EQ(recorded_.done, (Done{"set 8", "post 10 11 12", "reset 4"}));
  notifications_.Set({1, 2}, Event(8));
  notifications_.Post({2, 1}, nullptr, 10, 11, 12);
  notifications_.ForgetAll();
  Run();
  EXPECT_EQ(recorded_.done.size(), 3u);
}

TEST_F(NotificationsTest, WhoForgetsWaitsForWhatIsJustGoingOut) {
  notifications_.Set({1, 1}, Event(4));
  notifications_.Set({1, 1}, Event(8));
  notifications_.Set({2, 1}, Event(12));
  std::thread runner = RunUntilGate();
  bool over = false;
  std::promise<void> forgotten;
  std::thread waiter([&] {
    MutexLock lock(&g_library.mutex);
    notifications_.Forget(1, UINT64_MAX);
    forgotten.set_value();
    // Another socket's is nothing to wait for.
    notifications_.AwaitSocket(2);
    notifications_.AwaitSocket(1);
    over = true;
    const std::lock_guard<std::mutex> recorded_lock(recorded_.mutex);
    EXPECT_EQ(recorded_.done.at(0), "set 4");
  });
  forgotten.get_future().wait();
  {
    MutexLock lock(&g_library.mutex);
    EXPECT_FALSE(over);
    EXPECT_FALSE(notifications_.due()) << "somebody is at it";
  }
  OpenGate();
  waiter.join();
  runner.join();
  EXPECT_EQ(recorded_.done, (Done{"set 4", "set 12"}));
}

TEST_F(NotificationsTest, AResetIsDoneWhenItsTicketIs) {
  MutexLock lock(&g_library.mutex);
  notifications_.Set({1, 1}, Event(4));
  const uint64_t ticket = notifications_.Reset(Event(4));
  notifications_.AwaitTicket(table_, ticket);
  EXPECT_EQ(recorded_.done, (Done{"set 4", "reset 4"}));
  EXPECT_FALSE(notifications_.Failed(ticket));
  recorded_.fails = true;
  const uint64_t failing = notifications_.Reset(Event(4));
  notifications_.AwaitTicket(table_, failing);
  EXPECT_TRUE(notifications_.Failed(failing));
  EXPECT_FALSE(notifications_.Failed(ticket));
}

// The thread that does them isn't kept for what comes later.
TEST_F(NotificationsTest, GoOutUpToATicket) {
  MutexLock lock(&g_library.mutex);
  notifications_.Set({1, 1}, Event(4));
  const uint64_t last = notifications_.asked();
  notifications_.Set({1, 1}, Event(8));
  EXPECT_TRUE(notifications_.IsDueUpTo(last));
  notifications_.Run(table_, last);
  EXPECT_EQ(recorded_.done, Done{"set 4"});
  EXPECT_FALSE(notifications_.IsDueUpTo(last));
  EXPECT_TRUE(notifications_.due());
  notifications_.Run(table_, notifications_.asked());
  EXPECT_EQ(recorded_.done, (Done{"set 4", "set 8"}));
}

// Somebody sits in an upcall, and events go on.
TEST_F(NotificationsTest, KeepNoMoreThanThereIsToTell) {
  notifications_.Set({1, 1}, Event(4));
  std::thread runner = RunUntilGate();
  {
    MutexLock lock(&g_library.mutex);
    for (int i = 0; i < 100000; ++i) {
      notifications_.Set({1, 1}, Event(8));
      notifications_.Post({2, 1}, nullptr, 10, 11, 12);
    }
  }
  OpenGate();
  runner.join();
  Run();
  EXPECT_GE(recorded_.done.size(), 10001u);
  EXPECT_LE(recorded_.done.size(), 10300u);
}

}  // namespace
}  // namespace wsp
