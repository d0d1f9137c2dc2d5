#ifndef WSPD_CLIENT_STUB_PRELOAD_SHIELD_H_
#define WSPD_CLIENT_STUB_PRELOAD_SHIELD_H_

#include <signal.h>

#include "client_stub/spi/fork_guard.h"

namespace wsp {

// What a thread is like inside the library: all signals blocked but those that
// its own faults raise, not cancellable. The end restores what was, errno too.
class Shield {
 public:
  // In a forked child the library is made anew first (StartAnewAfterFork).
  Shield();
  ~Shield();

  Shield(const Shield&) = delete;
  Shield& operator=(const Shield&) = delete;

  ProcessKind process() const { return process_; }
  // The caller's signal mask: for a wait in which nothing is held.
  const sigset_t& caller_signals() const { return caller_signals_; }

 private:
  sigset_t caller_signals_;
  int caller_cancel_state_;
  const int caller_errno_;
  ProcessKind process_;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_SHIELD_H_
