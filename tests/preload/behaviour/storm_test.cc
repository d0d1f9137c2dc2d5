// All at once: handlers that use sockets and fork amid calls of their own
// thread, and threads that fork while others are in calls.
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <atomic>

#include "tests/preload/behaviour/child.h"
#include "tests/preload/behaviour/echo_peer.h"
#include "tests/preload/behaviour/fixture.h"
#include "tests/testing/thread_group.h"

namespace wspd::preload {
namespace {

using testing::ThreadGroup;

// A run that is to be short says how many it wants.
int Signals() {
  const char* const number = getenv("WSPD_PRELOAD_SIGNALS");
  return number != nullptr ? atoi(number) : 10'000;
}

// What the handler works with.
struct Storm {
  int sockets[2];  // to echoing peers
  std::atomic<int> handled{0};
  std::atomic<int> failed{0};
  sem_t done;
};
Storm storm;

// The child of a handler: uses and closes what it inherited.
void EndChild(int fd) {
  const int made = socket(AF_INET, SOCK_STREAM, 0);
  const bool closed = made >= 0 && close(made) == 0 && close(fd) == 0;
  _exit(closed ? 0 : 1);
}

bool ForkAndWait(int fd) {
  const pid_t pid = fork();
  if (pid == 0) EndChild(fd);
  int status = -1;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status == 0;
}

// Sends, receives, closes and forks.
void OnSignal(int) {
  const int saved = errno;
  const int fd = storm.sockets[storm.handled % 2];
  const int duplicate = dup(fd);
  const bool fine = EchoByte(fd) && duplicate >= 0 && EchoByte(duplicate) &&
                    ForkAndWait(fd) && close(duplicate) == 0;
  if (!fine) ++storm.failed;
  ++storm.handled;
  sem_post(&storm.done);
  errno = saved;
}

// 10,000 signals, each amid a socket call of the thread that handles it, while
// other threads use sockets too.
TEST(StormTest, HandlersUseSocketsAndFork) {
  const int signals = Signals();
  EchoPeer four(AF_INET);
  EchoPeer six(AF_INET6);
  const OwnedFd in_handler[] = {four.Connect(), six.Connect()};
  const OwnedFd outside[] = {four.Connect(), six.Connect()};
  storm.sockets[0] = in_handler[0].get();
  storm.sockets[1] = in_handler[1].get();
  ASSERT_EQ(sem_init(&storm.done, 0, 0), 0);

  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  ASSERT_SUCCESS(sigaction(SIGUSR1, &action, nullptr));

  std::atomic<bool> stop{false};
  std::atomic<int> broken{0};
  const pthread_t target = pthread_self();
  sigset_t mask, before;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &mask, &before);
  ThreadGroup threads;
  threads.Start("load", [&] {
    const OwnedFd ours = six.Connect();
    while (!stop) {
      if (!EchoByte(ours.get())) ++broken;
      const OwnedFd made = OurSocket(AF_INET, SOCK_DGRAM);
    }
  });
  threads.Start("signals", [&] {
    for (int i = 0; i < signals; ++i) {
      pthread_kill(target, SIGUSR1);
      while (sem_wait(&storm.done) != 0) {
      }
    }
    stop = true;
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  while (!stop) {
    // Nothing here but what a handler may interrupt: no malloc, no stdio.
    for (const OwnedFd& fd : outside) {
      if (!EchoByte(fd.get())) ++broken;
    }
  }
  threads.JoinAll(std::chrono::minutes(2));
  EXPECT_EQ(storm.handled, signals);
  EXPECT_EQ(storm.failed, 0);
  EXPECT_EQ(broken, 0);
}

class ForkStormTest : public FamilyTest {};
INSTANTIATE_FOR_FAMILIES(ForkStormTest);

// What each child does: its inherited socket isn't touched (others use it), a
// new one works, and so does a child of its own.
void UseSocketsInAChild(const EchoPeer& peer, int depth) {
  const OwnedFd ours = peer.Connect();
  EXPECT_TRUE(EchoByte(ours.get()));
  if (depth == 0) return;
  Child child([&] {
    EXPECT_TRUE(EchoByte(ours.get()));
    UseSocketsInAChild(peer, depth - 1);
  });
  EXPECT_TRUE(child.Succeeds());
  EXPECT_TRUE(EchoByte(ours.get()));
}

// Threads are in all kinds of calls at the moment of each fork.
TEST_P(ForkStormTest, ThreadsForkWhileOthersAreInCalls) {
  constexpr int kForks = 60;
  EchoPeer peer(family());
  std::atomic<bool> stop{false};
  std::atomic<int> broken{0};
  ThreadGroup threads;
  for (int i = 0; i < 3; ++i) {
    threads.Start("talk", [&] {
      const OwnedFd ours = peer.Connect();
      while (!stop) {
        if (!EchoByte(ours.get())) ++broken;
      }
    });
  }
  threads.Start("connect", [&] {
    while (!stop) {
      const OwnedFd ours = peer.Connect();
      if (!EchoByte(ours.get())) ++broken;
    }
  });
  ThreadGroup forkers;
  for (int i = 0; i < 2; ++i) {
    forkers.Start("fork", [&] {
      for (int j = 0; j < kForks; ++j) {
        Child child([&] { UseSocketsInAChild(peer, j % 3); });
        EXPECT_TRUE(child.Succeeds());
      }
    });
  }
  forkers.JoinAll(std::chrono::minutes(1));
  stop = true;
  threads.JoinAll();
  EXPECT_EQ(broken, 0);
}

// Numbers stay unique while threads open, duplicate and close.
TEST_P(ForkStormTest, ThreadsOpenAndClose) {
  EchoPeer peer(family());
  ThreadGroup threads;
  for (int i = 0; i < 4; ++i) {
    threads.Start("open and close", [&] {
      for (int j = 0; j < 200; ++j) {
        OwnedFd ours = peer.Connect();
        const OwnedFd duplicate(dup(ours.get()));
        const OwnedFd file(dup(STDERR_FILENO));
        ours.Reset(-1);
        ASSERT_TRUE(EchoByte(duplicate.get()));
        ASSERT_EQ(Call(send(file.get(), "x", 1, 0)), Fails(ENOTSOCK));
      }
    });
  }
  threads.JoinAll(std::chrono::minutes(1));
}

// One thread closes what another has just opened at the same number.
TEST_P(ForkStormTest, ThreadsReuseNumbers) {
  EchoPeer peer(family());
  ThreadGroup threads;
  std::atomic<bool> stop{false};
  threads.Start("files", [&] {
    while (!stop) {
      const OwnedFd file(dup(STDERR_FILENO));
      ASSERT_EQ(Call(recv(file.get(), nullptr, 0, 0)), Fails(ENOTSOCK));
    }
  });
  threads.Start("datagrams", [&] {
    while (!stop) {
      const OwnedFd made = OurSocket(family(), SOCK_DGRAM);
      ASSERT_EQ(GetOption(made.get(), SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
    }
  });
  for (int i = 0; i < 300; ++i) {
    const OwnedFd ours = peer.Connect();
    ASSERT_EQ(GetOption(ours.get(), SOL_SOCKET, SO_TYPE), SOCK_STREAM);
    ASSERT_TRUE(EchoByte(ours.get()));
  }
  stop = true;
}

}  // namespace
}  // namespace wspd::preload
