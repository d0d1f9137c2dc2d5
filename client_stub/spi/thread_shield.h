#ifndef WSPD_CLIENT_STUB_SPI_THREAD_SHIELD_H_
#define WSPD_CLIENT_STUB_SPI_THREAD_SHIELD_H_

#include "client_stub/base/signal_mask.h"
#include "client_stub/spi/fork_guard.h"

namespace wsp {

// What a thread is like inside the stub: all signals blocked but those that the
// thread's own faults raise, not cancellable, errno left as it was. Opened only
// where nothing of ours is held.
class ThreadShield {
 public:
  // Also tells a forked child, whose library state is made anew first.
  ThreadShield();
  ~ThreadShield();

  ThreadShield(const ThreadShield&) = delete;
  ThreadShield& operator=(const ThreadShield&) = delete;

  ProcessKind process() const { return process_; }

  // The signals that the caller would take, and the shield keeps away.
  SignalMask HeldBack() const;

  // As the caller was: for application code, and to let signals in.
  void Open();
  // Also for a child that the application forked meanwhile, whose library state
  // is made anew.
  void Close();
  // As the caller was, but with signals still blocked: for a wait.
  void AllowCancel();
  void ForbidCancel();
  // For good, in a thread that is on its way out.
  void GiveUp();

 private:
  SignalMask caller_mask_;
  int caller_cancel_state_;
  int caller_errno_;
  ProcessKind process_;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_THREAD_SHIELD_H_
