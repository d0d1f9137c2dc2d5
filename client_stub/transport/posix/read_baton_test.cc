#include "client_stub/transport/read_baton.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "client_stub/base/posix/signal_set.h"
#include "client_stub/transport/waiter.h"

namespace wsp {
namespace {

class ReadBatonTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_), 0);
    baton_.SetConnection(ends_[0]);
  }

  void TearDown() override {
    baton_.DropConnection();
    for (const auto& waiter : waiters_) baton_.Remove(waiter.get());
    close(ends_[0]);
    close(ends_[1]);
  }

  Waiter* NewWaiter() {
    waiters_.push_back(Waiter::Create());
    baton_.Add(waiters_.back().get());
    return waiters_.back().get();
  }

  void MakeReadable() { ASSERT_EQ(write(ends_[1], "x", 1), 1); }

  static bool SeesConnection(Waiter* waiter) {
    return (waiter->Wait(0) & Waiter::kConnection) != 0;
  }

  int ends_[2];
  ReadBaton baton_;
  std::vector<std::unique_ptr<Waiter>> waiters_;
};

TEST_F(ReadBatonTest, WhoBeginsToWaitTakesIt) {
  Waiter* first = NewWaiter();
  Waiter* second = NewWaiter();
  baton_.BeginWaiting(first);
  EXPECT_EQ(baton_.holder(), first);
  baton_.BeginWaiting(second);
  EXPECT_EQ(baton_.holder(), second);
  MakeReadable();
  EXPECT_FALSE(SeesConnection(first));
  EXPECT_TRUE(SeesConnection(second));
}

TEST_F(ReadBatonTest, WhoHasItsAnswerPassesItOnToOneThatWaits) {
  Waiter* first = NewWaiter();
  Waiter* second = NewWaiter();
  baton_.BeginWaiting(first);
  baton_.BeginWaiting(second);
  MakeReadable();
  baton_.EndWaiting(second);
  EXPECT_EQ(baton_.holder(), first);
  EXPECT_TRUE(SeesConnection(first)) << "what had come already counts";
  EXPECT_FALSE(SeesConnection(second));
}

TEST_F(ReadBatonTest, TheOnlyOneKeepsIt) {
  Waiter* only = NewWaiter();
  baton_.BeginWaiting(only);
  baton_.EndWaiting(only);
  EXPECT_EQ(baton_.holder(), only);
  EXPECT_FALSE(baton_.is_carried());
}

TEST_F(ReadBatonTest, TheServiceReadsOnlyWhenWantedAndNobodyElseDoes) {
  Waiter* service = NewWaiter();
  Waiter* caller = NewWaiter();
  baton_.SetService(service);
  baton_.BeginWaiting(caller);
  baton_.WantService(true);
  EXPECT_EQ(baton_.holder(), caller);
  baton_.EndWaiting(caller);
  EXPECT_EQ(baton_.holder(), service);
  EXPECT_TRUE(baton_.is_carried());
  baton_.WantService(false);
  MakeReadable();
  EXPECT_FALSE(SeesConnection(service));
}

TEST_F(ReadBatonTest, TheServiceBeginsAtOnceIfNobodyWaits) {
  Waiter* service = NewWaiter();
  Waiter* caller = NewWaiter();
  baton_.SetService(service);
  baton_.BeginWaiting(caller);
  baton_.EndWaiting(caller);
  baton_.WantService(true);
  EXPECT_EQ(baton_.holder(), service);
}

TEST_F(ReadBatonTest, AVanishedHolderLeavesItToAnother) {
  Waiter* first = NewWaiter();
  baton_.BeginWaiting(first);
  std::unique_ptr<Waiter> second = Waiter::Create();
  baton_.Add(second.get());
  baton_.BeginWaiting(second.get());
  baton_.Remove(second.get());
  EXPECT_EQ(baton_.holder(), first);
  MakeReadable();
  EXPECT_TRUE(SeesConnection(first));
}

TEST_F(ReadBatonTest, WatchesForWritingToo) {
  Waiter* waiter = NewWaiter();
  baton_.BeginWaiting(waiter);
  EXPECT_FALSE(SeesConnection(waiter));
  baton_.WantWrite(true);
  EXPECT_TRUE(SeesConnection(waiter));
  baton_.WantWrite(false);
  EXPECT_FALSE(SeesConnection(waiter));
}

TEST_F(ReadBatonTest, ANewConnectionIsWatchedByTheHolder) {
  Waiter* waiter = NewWaiter();
  baton_.BeginWaiting(waiter);
  baton_.DropConnection();
  MakeReadable();
  EXPECT_FALSE(SeesConnection(waiter));
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  baton_.SetConnection(ends[0]);
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  EXPECT_TRUE(SeesConnection(waiter));
  baton_.DropConnection();
  close(ends[0]);
  close(ends[1]);
}

TEST_F(ReadBatonTest, PassingItOnWakesASleepingThreadOnlyForData) {
  Waiter* sleeper = NewWaiter();
  Waiter* caller = NewWaiter();
  baton_.BeginWaiting(sleeper);
  std::atomic<int> wakings{0};
  std::thread thread([&] {
    while ((sleeper->Wait(-1) & Waiter::kConnection) == 0) ++wakings;
  });
  for (int i = 0; i < 100; ++i) {
    baton_.BeginWaiting(caller);
    baton_.EndWaiting(caller);
  }
  EXPECT_EQ(wakings, 0);
  MakeReadable();
  thread.join();
}

TEST_F(ReadBatonTest, AHangUpDoesNotKeepTheOthersBusy) {
  Waiter* idle = NewWaiter();
  Waiter* holder = NewWaiter();
  baton_.BeginWaiting(idle);
  baton_.BeginWaiting(holder);
  shutdown(ends_[1], SHUT_RDWR);
  EXPECT_TRUE(SeesConnection(holder));
  SeesConnection(idle);  // once is allowed
  EXPECT_FALSE(SeesConnection(idle));
}

TEST_F(ReadBatonTest, WakesAllThatWaitAndTheService) {
  Waiter* service = NewWaiter();
  Waiter* first = NewWaiter();
  Waiter* second = NewWaiter();
  Waiter* idle = NewWaiter();
  baton_.SetService(service);
  baton_.BeginWaiting(first);
  baton_.BeginWaiting(second);
  baton_.WakeAll();
  EXPECT_EQ(service->Wait(0), Waiter::kWoken);
  EXPECT_EQ(first->Wait(0), Waiter::kWoken);
  EXPECT_EQ(second->Wait(0), Waiter::kWoken);
  EXPECT_EQ(idle->Wait(0), 0u);
}

TEST(WaiterTest, WakeIsSeenOnceEvenIfItCameBefore) {
  const std::unique_ptr<Waiter> waiter = Waiter::Create();
  waiter->Wake();
  EXPECT_EQ(waiter->Wait(-1), Waiter::kWoken);
  EXPECT_EQ(waiter->Wait(0), 0u);
  waiter->Wake();
  EXPECT_EQ(waiter->Wait(-1), Waiter::kWoken);
}

TEST(WaiterTest, SeesItsOwnThreadsPendingSignal) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  const std::unique_ptr<Waiter> waiter = Waiter::Create();
  waiter->WatchSignals(MaskOf(signals));
  EXPECT_EQ(waiter->Wait(0), 0u);
  pthread_kill(pthread_self(), SIGUSR1);
  EXPECT_EQ(waiter->Wait(-1), Waiter::kSignal);
  std::thread([&] {
    EXPECT_EQ(waiter->Wait(0), 0u) << "it isn't this thread's";
  }).join();
  int number;
  sigwait(&signals, &number);
  EXPECT_EQ(waiter->Wait(0), 0u);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace
}  // namespace wsp
