#include "client_stub/preload/shield.h"

#include <errno.h>
#include <pthread.h>

#include "client_stub/preload/process.h"

namespace wsp {
namespace {

// Raised by what the thread itself does; blocking them would kill the process.
constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

}  // namespace

Shield::Shield() : caller_errno_(errno) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &caller_cancel_state_);
  sigset_t blocked;
  sigfillset(&blocked);
  for (const int fault : kFaults) sigdelset(&blocked, fault);
  pthread_sigmask(SIG_SETMASK, &blocked, &caller_signals_);
  EnsureLoaded();
  process_ = CheckForkGuard();
  if (process_ == ProcessKind::kForked) {
    StartAnewAfterFork();
    process_ = ProcessKind::kOwner;
  }
}

Shield::~Shield() {
  pthread_sigmask(SIG_SETMASK, &caller_signals_, nullptr);
  pthread_setcancelstate(caller_cancel_state_, nullptr);
  errno = caller_errno_;
}

}  // namespace wsp
