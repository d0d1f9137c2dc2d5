#ifndef WSPD_CLIENT_STUB_BASE_COND_VAR_H_
#define WSPD_CLIENT_STUB_BASE_COND_VAR_H_

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <time.h>

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
    pthread_cond_wait(&condition_, &mutex->mutex_);
  }

  // False once `ms` milliseconds have passed.
  bool WaitFor(Mutex* mutex, int64_t ms) WSP_REQUIRES(mutex) {
    timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
      ++until.tv_sec;
      until.tv_nsec -= 1000000000;
    }
    return pthread_cond_clockwait(&condition_, &mutex->mutex_, CLOCK_MONOTONIC,
                                  &until) != ETIMEDOUT;
  }

  void SignalAll() { pthread_cond_broadcast(&condition_); }

  // In a forked child, where the waiting threads don't exist.
  void ResetAfterFork() { condition_ = PTHREAD_COND_INITIALIZER; }

 private:
  pthread_cond_t condition_ = PTHREAD_COND_INITIALIZER;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_BASE_COND_VAR_H_
