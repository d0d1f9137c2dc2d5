#include "client_stub/spi_client/event.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace wspd::spi_client {
namespace {

class EventTest : public ::testing::Test {
 protected:
  ~EventTest() override {
    for (WSAEVENT event : opened_) CloseEventObject(event, &error_);
  }

  WSAEVENT Open() {
    opened_.push_back(OpenEventObject(&error_));
    EXPECT_NE(opened_.back(), WSA_INVALID_EVENT);
    return opened_.back();
  }

  DWORD Poll(WSAEVENT event) {
    return WaitForEvents(&event, 1, false, 0, false);
  }

  int error_ = 0;
  std::vector<WSAEVENT> opened_;
};

TEST_F(EventTest, StartsUnsignalledAndStaysSignalledUntilReset) {
  const WSAEVENT event = Open();
  EXPECT_EQ(Poll(event), WSA_WAIT_TIMEOUT);
  EXPECT_TRUE(SetEventObject(event, &error_));
  EXPECT_EQ(Poll(event), WSA_WAIT_EVENT_0);
  EXPECT_EQ(Poll(event), WSA_WAIT_EVENT_0);
  EXPECT_TRUE(SetEventObject(event, &error_));
  EXPECT_TRUE(ResetEventObject(event, &error_));
  EXPECT_EQ(Poll(event), WSA_WAIT_TIMEOUT);
}

TEST_F(EventTest, ANewEventInAnOldOnesPlaceIsUnsignalled) {
  WSAEVENT event = OpenEventObject(&error_);
  SetEventObject(event, &error_);
  EXPECT_TRUE(CloseEventObject(event, &error_));
  EXPECT_EQ(Poll(Open()), WSA_WAIT_TIMEOUT);
}

TEST_F(EventTest, ClosedHandleIsInvalid) {
  const WSAEVENT event = OpenEventObject(&error_);
  EXPECT_TRUE(CloseEventObject(event, &error_));
  EXPECT_FALSE(SetEventObject(event, &error_));
  EXPECT_EQ(error_, WSA_INVALID_HANDLE);
  EXPECT_FALSE(ResetEventObject(event, &error_));
  EXPECT_FALSE(CloseEventObject(event, &error_));
  EXPECT_EQ(Poll(event), WSA_WAIT_FAILED);
  EXPECT_EQ(Poll(nullptr), WSA_WAIT_FAILED);
}

TEST_F(EventTest, TheLowBitsOfAHandleAreIgnored) {
  const WSAEVENT event = Open();
  const auto tagged =
      reinterpret_cast<WSAEVENT>(reinterpret_cast<uintptr_t>(event) | 1);
  EXPECT_TRUE(SetEventObject(tagged, &error_));
  EXPECT_EQ(Poll(event), WSA_WAIT_EVENT_0);
}

TEST_F(EventTest, CountIsBetweenOneAndTheMaximum) {
  std::vector<WSAEVENT> events;
  for (int i = 0; i <= WSA_MAXIMUM_WAIT_EVENTS; ++i) events.push_back(Open());
  SetEventObject(events[WSA_MAXIMUM_WAIT_EVENTS - 1], &error_);
  EXPECT_EQ(WaitForEvents(events.data(), 0, false, 0, false), WSA_WAIT_FAILED);
  EXPECT_EQ(
      WaitForEvents(events.data(), WSA_MAXIMUM_WAIT_EVENTS, false, 0, false),
      WSA_WAIT_EVENT_0 + WSA_MAXIMUM_WAIT_EVENTS - 1);
  EXPECT_EQ(WaitForEvents(events.data(), WSA_MAXIMUM_WAIT_EVENTS + 1, false, 0,
                          false),
            WSA_WAIT_FAILED);
}

TEST_F(EventTest, WaitForAnyNamesTheLowest) {
  const WSAEVENT events[] = {Open(), Open(), Open()};
  SetEventObject(events[2], &error_);
  EXPECT_EQ(WaitForEvents(events, 3, false, WSA_INFINITE, false),
            WSA_WAIT_EVENT_0 + 2);
  SetEventObject(events[1], &error_);
  EXPECT_EQ(WaitForEvents(events, 3, false, WSA_INFINITE, false),
            WSA_WAIT_EVENT_0 + 1);
}

TEST_F(EventTest, WaitForAllNeedsAll) {
  const WSAEVENT events[] = {Open(), Open()};
  SetEventObject(events[0], &error_);
  EXPECT_EQ(WaitForEvents(events, 2, true, 0, false), WSA_WAIT_TIMEOUT);
  std::thread setter([&] { SetEventObject(events[1], &error_); });
  EXPECT_EQ(WaitForEvents(events, 2, true, WSA_INFINITE, false),
            WSA_WAIT_EVENT_0);
  setter.join();
}

TEST_F(EventTest, SettingWakesAllWaitingThreads) {
  const WSAEVENT event = Open();
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([event] {
      EXPECT_EQ(WaitForEvents(&event, 1, false, WSA_INFINITE, false),
                WSA_WAIT_EVENT_0);
    });
  }
  SetEventObject(event, &error_);
  for (std::thread& waiter : waiters) waiter.join();
}

// A ball between two threads: a lost wake-up hangs the test.
TEST_F(EventTest, NoWakeUpIsLost) {
  const WSAEVENT there = Open();
  const WSAEVENT back = Open();
  constexpr int kRounds = 5000;
  std::thread other([&] {
    int error;
    for (int i = 0; i < kRounds; ++i) {
      WaitForEvents(&there, 1, false, WSA_INFINITE, false);
      ResetEventObject(there, &error);
      SetEventObject(back, &error);
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    SetEventObject(there, &error_);
    WaitForEvents(&back, 1, false, WSA_INFINITE, false);
    ResetEventObject(back, &error_);
  }
  other.join();
}

}  // namespace
}  // namespace wspd::spi_client
