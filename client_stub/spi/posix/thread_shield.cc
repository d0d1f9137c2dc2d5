#include "client_stub/spi/thread_shield.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "client_stub/base/posix/signal_set.h"
#include "client_stub/spi/library.h"
#include "client_stub/transport/posix/descriptors.h"

namespace wsp {
namespace {

// Raised by what the thread itself does; blocking them would kill the process.
constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

sigset_t AllButFaults() {
  sigset_t signals;
  sigfillset(&signals);
  for (const int fault : kFaults) sigdelset(&signals, fault);
  return signals;
}

void RestoreMask(SignalMask mask) {
  const sigset_t caller = SetOf(mask);
  pthread_sigmask(SIG_SETMASK, &caller, nullptr);
}

// Forgets everything of the parent's: it is a copy, perhaps taken in the middle
// of a change, and is left to lie. The parent's descriptors are only closed,
// which the daemon doesn't notice.
void StartAnewAfterFork() {
  g_library.mutex.ResetAfterFork();
  g_library.changed.ResetAfterFork();
  CloseInheritedDescriptors();
  {
    MutexLock lock(&g_library.mutex);
    g_library.provider = nullptr;
    ++g_library.generation;
    g_library.lifecycle_busy = false;
    g_library.tearing_down = false;
    g_library.name_space = nullptr;
    g_library.name_space_inside = 0;
    g_library.name_space_leavers = nullptr;
  }
  t_thread = ThreadRecord();
  ForkHandled();
}

}  // namespace

ThreadShield::ThreadShield() : caller_errno_(errno) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &caller_cancel_state_);
  const sigset_t blocked = AllButFaults();
  sigset_t caller;
  pthread_sigmask(SIG_SETMASK, &blocked, &caller);
  caller_mask_ = MaskOf(caller);
  process_ = CheckForkGuard();
  if (process_ == ProcessKind::kForked) StartAnewAfterFork();
}

ThreadShield::~ThreadShield() {
  Open();
  errno = caller_errno_;
}

SignalMask ThreadShield::HeldBack() const {
  return MaskOf(AllButFaults()) & ~caller_mask_;
}

void ThreadShield::Open() {
  RestoreMask(caller_mask_);
  AllowCancel();
}

void ThreadShield::Close() {
  ForbidCancel();
  const sigset_t blocked = AllButFaults();
  pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
  if (CheckForkGuard() == ProcessKind::kForked) StartAnewAfterFork();
}

void ThreadShield::AllowCancel() {
  pthread_setcancelstate(caller_cancel_state_, nullptr);
}

void ThreadShield::ForbidCancel() {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
}

void ThreadShield::GiveUp() { RestoreMask(caller_mask_); }

}  // namespace wsp
