#ifndef WSPD_CLIENT_STUB_BASE_COND_VAR_H_
#define WSPD_CLIENT_STUB_BASE_COND_VAR_H_

#include <cstdint>

#include "client_stub/base/mutex.h"

namespace wsp {

// A condition of a Mutex; as constant-initialised and trivially destructible as
// that. Waiting is a cancellation point: cancellation has to be off.
class CondVar {
 public:
  constexpr CondVar() = default;

  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  void Wait(Mutex* mutex) WSP_REQUIRES(mutex) {
    condition_.Wait(&mutex->mutex_);
  }

  // False once `ms` milliseconds have passed.
  bool WaitFor(Mutex* mutex, int64_t ms) WSP_REQUIRES(mutex) {
    return condition_.WaitFor(&mutex->mutex_, ms);
  }

  void SignalAll() { condition_.SignalAll(); }

  // In a forked child, where the waiting threads don't exist.
  void ResetAfterFork() { condition_ = NativeCondVar(); }

 private:
  NativeCondVar condition_;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_BASE_COND_VAR_H_
