#include "client_stub/preload/shield.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <cstdint>

#include "client_stub/preload/kernel_calls.h"
#include "client_stub/preload/process.h"

namespace wsp {
namespace {

// Raised by what the thread itself does; blocking them would kill the process.
constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

// By which glibc has all threads change their users: who does that waits for
// them. sigdelset() knows it not.
constexpr int kSetCredentialsSignal = 33;

void Unblock(int signal, sigset_t* blocked) {
  uint64_t mask;
  memcpy(&mask, blocked, sizeof mask);
  mask &= ~(uint64_t{1} << (signal - 1));
  memcpy(blocked, &mask, sizeof mask);
}

}  // namespace

Shield::Shield() : caller_signals_(), caller_errno_(errno) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &caller_cancel_state_);
  sigset_t blocked;
  // Past the C library, which leaves its own signals out. A thread that is
  // cancelled asynchronously may have its signal on the way when it disables
  // cancellation, and glibc then doesn't look at that any more: it would end
  // here, with whatever is locked.
  memset(&blocked, 0xff, sizeof blocked);
  for (const int fault : kFaults) sigdelset(&blocked, fault);
  Unblock(kSetCredentialsSignal, &blocked);
  kernel::SetSignalMask(&blocked, &caller_signals_);
  EnsureLoaded();
  process_ = CheckForkGuard();
  if (process_ == ProcessKind::kForked) {
    StartAnewAfterFork();
    process_ = ProcessKind::kOwner;
  }
}

Shield::~Shield() {
  kernel::SetSignalMask(&caller_signals_, nullptr);
  pthread_setcancelstate(caller_cancel_state_, nullptr);
  errno = caller_errno_;
}

}  // namespace wsp
