// Signals while a call waits: EINTR, SA_RESTART, masks, handlers that use
// sockets themselves, and handlers that never return.
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <atomic>

#include "tests/preload/behaviour/waiting_call.h"
#include "tests/testing/pattern.h"
#include "tests/testing/thread_group.h"

namespace wspd::preload {
namespace {

using testing::ThreadGroup;

std::atomic<int> handled{0};

void Count(int) { ++handled; }

void Handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ASSERT_SUCCESS(sigaction(signal, &action, nullptr));
}

class InterruptionTest : public WaitingCallTest {
 protected:
  // Makes the call in a thread that waits in it when this returns.
  void Start(const Outcome& wanted) {
    threads_.Start("call",
                   [this, wanted] { EXPECT_EQ(call_->Make(), wanted); });
    ASSERT_TRUE(threads_.WaitUntilBlocked());
    ASSERT_EQ(threads_.ended(), 0) << "the call doesn't wait";
  }
  void Signal() {
    const int before = handled;
    ASSERT_EQ(pthread_kill(threads_.native_handle(0), SIGUSR1), 0);
    ASSERT_TRUE(WaitUntil([&] { return handled > before; }));
  }

  ThreadGroup threads_;
};
INSTANTIATE_FOR_WAITING_CALLS(InterruptionTest);

TEST_P(InterruptionTest, IsEintr) {
  Handle(SIGUSR1, Count, 0);
  Start(Fails(EINTR));
  Signal();
  threads_.JoinAll();
  call_->Satisfy();
  EXPECT_TRUE(call_->Works());
}

TEST_P(InterruptionTest, RestartsIfTheHandlerSaysSo) {
  if (!kind().restarts) GTEST_SKIP() << "Linux never restarts it: signal(7)";
  Handle(SIGUSR1, Count, SA_RESTART);
  Start(Gives(1));
  for (int i = 0; i < 3; ++i) {
    Signal();
    ASSERT_TRUE(threads_.WaitUntilBlocked());
    ASSERT_EQ(threads_.ended(), 0) << "it doesn't restart";
  }
  call_->Satisfy();
  threads_.JoinAll();
  EXPECT_TRUE(call_->Works());
}

TEST_P(InterruptionTest, NeverRestartsWhatLinuxNeverDoes) {
  if (kind().restarts) GTEST_SKIP() << "Linux restarts it: signal(7)";
  Handle(SIGUSR1, Count, SA_RESTART);
  Start(Fails(EINTR));
  Signal();
  threads_.JoinAll();
  call_->Satisfy();
  EXPECT_TRUE(call_->Works());
}

// A blocked signal waits for the call.
TEST_P(InterruptionTest, BlockedSignalWaits) {
  Handle(SIGUSR1, Count, 0);
  sigset_t set, before;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, &before);
  Start(Gives(1));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_EQ(pthread_kill(threads_.native_handle(0), SIGUSR1), 0);
  ASSERT_TRUE(threads_.WaitUntilBlocked());
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(threads_.ended(), 0);
  call_->Satisfy();
  threads_.JoinAll();
  EXPECT_TRUE(call_->Works());
}

// An ignored one doesn't interrupt, whatever the call.
TEST_P(InterruptionTest, IgnoredSignalIsNothing) {
  signal(SIGUSR1, SIG_IGN);
  Start(Gives(1));
  ASSERT_EQ(pthread_kill(threads_.native_handle(0), SIGUSR1), 0);
  ASSERT_TRUE(threads_.WaitUntilBlocked());
  EXPECT_EQ(threads_.ended(), 0);
  call_->Satisfy();
  threads_.JoinAll();
  EXPECT_TRUE(call_->Works());
}

thread_local sigjmp_buf escape;

void Escape(int) { siglongjmp(escape, 1); }

// A handler that leaves the call by siglongjmp: nothing is held, and the
// socket goes on, for this thread and others.
TEST_P(InterruptionTest, HandlerLeavesTheCall) {
  Handle(SIGUSR1, Escape, 0);
  std::atomic<int> escapes{0};
  threads_.Start("call", [&] {
    // Not a variable of this frame: those are indeterminate after the jump.
    if (sigsetjmp(escape, 1) != 0 && ++escapes == 5) return;
    EXPECT_EQ(call_->Make(), Gives(0)) << "the call returned";
  });
  for (int i = 1; i <= 5; ++i) {
    ASSERT_TRUE(threads_.WaitUntilBlocked());
    ASSERT_EQ(threads_.ended(), 0);
    ASSERT_EQ(pthread_kill(threads_.native_handle(0), SIGUSR1), 0);
    ASSERT_TRUE(WaitUntil([&] { return escapes >= i; }));
  }
  threads_.JoinAll();
  call_->Satisfy();
  EXPECT_TRUE(call_->Works());
}

// The mask is as it was before each call and after.
TEST_P(InterruptionTest, MaskIsLeftAlone) {
  Handle(SIGUSR1, Count, 0);
  threads_.Start("call", [this] {
    sigset_t set, after;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    EXPECT_EQ(call_->Make(), Gives(1));
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    EXPECT_EQ(sigismember(&after, SIGUSR2), 1);
    EXPECT_EQ(sigismember(&after, SIGUSR1), 0);
    EXPECT_EQ(sigismember(&after, SIGTERM), 0);
  });
  ASSERT_TRUE(threads_.WaitUntilBlocked());
  call_->Satisfy();
}

class SignalTest : public ConnectionTest {};
INSTANTIATE_FOR_CONNECTIONS(SignalTest);

// signal(7): with SO_RCVTIMEO a receive isn't restarted.
TEST_P(SignalTest, TimeoutsAreNotRestarted) {
  Handle(SIGUSR1, Count, SA_RESTART);
  const timeval limit = {60, 0};
  ASSERT_SUCCESS(
      setsockopt(ours(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
  ThreadGroup threads;
  threads.Start("recv", [&] {
    char byte;
    EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Fails(EINTR));
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_EQ(pthread_kill(threads.native_handle(0), SIGUSR1), 0);
}

// What was received before the signal isn't lost.
TEST_P(SignalTest, InterruptedWaitAllGivesWhatItHas) {
  Handle(SIGUSR1, Count, 0);
  EXPECT_TRUE(SendAll(peer(), "abc"));
  ASSERT_NE(WaitFor(ours(), POLLIN), 0);
  ThreadGroup threads;
  threads.Start("recv", [&] {
    char buffer[6];
    EXPECT_EQ(Call(recv(ours(), buffer, 6, MSG_WAITALL)), Gives(3));
    EXPECT_EQ(std::string(buffer, 3), "abc");
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_EQ(pthread_kill(threads.native_handle(0), SIGUSR1), 0);
}

// How much went out before the signal is said.
TEST_P(SignalTest, InterruptedSendSaysHowMuch) {
  Handle(SIGUSR1, Count, 0);
  const std::string data = testing::Pattern(0, 32'000'000);
  std::atomic<ssize_t> sent{0};
  ThreadGroup threads;
  threads.Start("send",
                [&] { sent = send(ours(), data.data(), data.size(), 0); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_EQ(pthread_kill(threads.native_handle(0), SIGUSR1), 0);
  threads.JoinAll();
  EXPECT_GT(sent, 0);
  EXPECT_LT(sent, static_cast<ssize_t>(data.size()));
  CloseOurs();
  EXPECT_EQ(ReceiveToEnd(peer()).size(), static_cast<size_t>(sent));
}

// ppoll and its kin unblock a signal for the wait only.
class MaskedWaitTest : public SignalTest {
 protected:
  void SetUp() override {
    SignalTest::SetUp();
    Handle(SIGUSR1, Count, 0);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &blocked, &open_), 0);
    raise(SIGUSR1);
    ASSERT_EQ(handled, 0);
  }
  void TearDown() override { EXPECT_EQ(handled, 1); }

  sigset_t open_;
};
INSTANTIATE_FOR_CONNECTIONS(MaskedWaitTest);

TEST_P(MaskedWaitTest, Ppoll) {
  pollfd watched = {ours(), POLLIN, 0};
  EXPECT_EQ(Call(ppoll(&watched, 1, nullptr, &open_)), Fails(EINTR));
}

TEST_P(MaskedWaitTest, Pselect) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ours(), &set);
  EXPECT_EQ(Call(pselect(ours() + 1, &set, nullptr, nullptr, nullptr, &open_)),
            Fails(EINTR));
}

TEST_P(MaskedWaitTest, EpollPwait) {
  const OwnedFd epoll(epoll_create1(0));
  epoll_event event = {};
  event.events = EPOLLIN;
  ASSERT_SUCCESS(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, ours(), &event));
  EXPECT_EQ(Call(epoll_pwait(epoll.get(), &event, 1, -1, &open_)),
            Fails(EINTR));
}

TEST_P(MaskedWaitTest, EpollPwait2) {
  const OwnedFd epoll(epoll_create1(0));
  epoll_event event = {};
  event.events = EPOLLIN;
  ASSERT_SUCCESS(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, ours(), &event));
  EXPECT_EQ(Call(epoll_pwait2(epoll.get(), &event, 1, nullptr, &open_)),
            Fails(EINTR));
}

// Signals that data itself raises.
volatile sig_atomic_t sigios = 0;
void CountSigio(int) { sigios = sigios + 1; }

TEST_P(SignalTest, SigioTellsOfData) {
  signal(SIGIO, CountSigio);
  ASSERT_SUCCESS(fcntl(ours(), F_SETOWN, getpid()));
  EXPECT_EQ(Call(fcntl(ours(), F_GETOWN)), Gives(getpid()));
  ASSERT_SUCCESS(fcntl(ours(), F_SETFL, O_ASYNC | O_NONBLOCK));
  EXPECT_EQ(Call(fcntl(ours(), F_GETFL)), Gives(O_RDWR | O_ASYNC | O_NONBLOCK));
  const int before = sigios;
  EXPECT_TRUE(SendAll(peer(), "x"));
  EXPECT_TRUE(WaitUntil([&] { return sigios > before; }));
}

TEST_P(SignalTest, SignalOfChoiceTellsOfData) {
  signal(SIGRTMIN, CountSigio);
  ASSERT_SUCCESS(fcntl(ours(), F_SETOWN, getpid()));
  ASSERT_SUCCESS(fcntl(ours(), F_SETSIG, SIGRTMIN));
  EXPECT_EQ(Call(fcntl(ours(), F_GETSIG)), Gives(SIGRTMIN));
  ASSERT_SUCCESS(fcntl(ours(), F_SETFL, O_ASYNC));
  const int before = sigios;
  EXPECT_TRUE(SendAll(peer(), "x"));
  EXPECT_TRUE(WaitUntil([&] { return sigios > before; }));
}

}  // namespace
}  // namespace wspd::preload
