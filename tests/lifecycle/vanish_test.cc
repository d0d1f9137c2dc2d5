// Threads that vanish while they wait in the provider leave nothing held: the
// others go on.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

// A thread that jumps out of a call never gives back what the call held, which
// is memory of a few bytes.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:VanishTest";
}

namespace wspd::testing {
namespace {

constexpr int kThreads = 64;

thread_local sigjmp_buf way_out;
thread_local volatile sig_atomic_t has_way_out = 0;

void JumpOut(int) {
  if (has_way_out) siglongjmp(way_out, 1);
}

class VanishTest : public ProviderTest {
 protected:
  enum class Fate { kServed, kCancelled, kJumped };

  void SetUp() override {
    ProviderTest::SetUp();
    struct sigaction action = {};
    action.sa_handler = JumpOut;
    sigaction(SIGUSR1, &action, nullptr);
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  struct Waiter {
    Connection connection;
    std::atomic<bool> served{false};
    std::atomic<bool> jumped{false};
  };

  void Wait(Waiter* waiter) {
    if (sigsetjmp(way_out, 1) != 0) {
      has_way_out = 0;
      waiter->jumped = true;
      return;
    }
    has_way_out = 1;
    // Without an object that a jump would skip the destructor of.
    char data[16];
    DWORD count = 0, flags = 0;
    int error = 0;
    WSABUF buffer = {sizeof(data), data};
    const int result =
        spi_->table().lpWSPRecv(waiter->connection.socket, &buffer, 1, &count,
                                &flags, nullptr, nullptr, nullptr, &error);
    has_way_out = 0;
    waiter->served = result == 0 && count == 5 && memcmp(data, "hello", 5) == 0;
  }

  // Lets 64 threads wait, some vanish, and looks after the others.
  void Run(const std::vector<Fate>& fates) {
    std::vector<Waiter> waiters(kThreads);
    ThreadGroup threads;
    for (Waiter& waiter : waiters) {
      waiter.connection = Connect();
      threads.Start("waiter", [this, &waiter] { Wait(&waiter); });
    }
    ASSERT_TRUE(threads.WaitUntilBlocked());
    std::vector<int> order(kThreads);
    for (int i = 0; i < kThreads; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random_);
    for (const int i : order) {
      if (fates[i] == Fate::kCancelled) {
        pthread_cancel(threads.native_handle(i));
      } else if (fates[i] == Fate::kJumped) {
        pthread_kill(threads.native_handle(i), SIGUSR1);
      }
      // Now and then one that stays is served in between.
      if (fates[i] == Fate::kServed && random_() % 2 == 0) {
        waiters[i].connection.peer.Write("hello");
      } else if (fates[i] == Fate::kServed) {
        late_.push_back(i);
      }
    }
    for (const int i : late_) waiters[i].connection.peer.Write("hello");
    threads.JoinAll(seconds(20));
    for (int i = 0; i < kThreads; ++i) {
      EXPECT_EQ(waiters[i].served, fates[i] == Fate::kServed) << i;
      EXPECT_EQ(waiters[i].jumped, fates[i] == Fate::kJumped) << i;
    }
    ExpectStillUsable(&waiters);
  }

  void ExpectStillUsable(std::vector<Waiter>* waiters) {
    Connection fresh = Connect();
    std::string data;
    EXPECT_TRUE(fresh.peer.Write("fresh"));
    EXPECT_EQ(spi_->RecvExactly(fresh.socket, 5, &data), kOk);
    for (Waiter& waiter : *waiters) {
      EXPECT_EQ(spi_->Close(waiter.connection.socket), kOk);
    }
    EXPECT_EQ(spi_->Cleanup(), kOk);
    EXPECT_EQ(fresh.peer.WaitForEnd(), Ending::kReset);
    EXPECT_EQ(spi_->Cleanup(), WsaCode{WSANOTINITIALISED});
  }

  std::vector<Fate> RandomFates(const std::vector<Fate>& choices) {
    std::vector<Fate> fates(kThreads);
    for (Fate& fate : fates) fate = choices[random_() % choices.size()];
    return fates;
  }

  std::mt19937 random_{20100106};
  std::vector<int> late_;
};

TEST_F(VanishTest, ByCancellation) {
  Run(RandomFates({Fate::kServed, Fate::kCancelled}));
}

TEST_F(VanishTest, ByJumpingOutOfASignalHandler) {
  Run(RandomFates({Fate::kServed, Fate::kJumped}));
}

TEST_F(VanishTest, ByBoth) {
  Run(RandomFates({Fate::kServed, Fate::kCancelled, Fate::kJumped}));
}

TEST_F(VanishTest, AllButOne) {
  std::vector<Fate> fates = RandomFates({Fate::kCancelled, Fate::kJumped});
  fates[kThreads / 2] = Fate::kServed;
  Run(fates);
}

// A handler that returns is no way out: the call goes on.
TEST_F(VanishTest, SignalAloneInterruptsNothing) {
  Connection connection = Connect();
  ThreadGroup threads;
  threads.Start("recv", [&] {
    std::string data;
    EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), kOk);
    EXPECT_EQ(data, "hello");
  });
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(threads.WaitUntilBlocked());
    pthread_kill(threads.native_handle(0), SIGUSR1);
  }
  EXPECT_TRUE(connection.peer.Write("hello"));
  threads.JoinAll(seconds(10));
}

}  // namespace
}  // namespace wspd::testing
