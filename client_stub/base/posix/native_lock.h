#ifndef WSPD_CLIENT_STUB_BASE_POSIX_NATIVE_LOCK_H_
#define WSPD_CLIENT_STUB_BASE_POSIX_NATIVE_LOCK_H_

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <time.h>

namespace wsp {

// By the monotonic clock.
inline timespec TimeAfter(int64_t ms) {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  time.tv_sec += ms / 1000;
  time.tv_nsec += ms % 1000 * 1000000;
  if (time.tv_nsec >= 1000000000) {
    ++time.tv_sec;
    time.tv_nsec -= 1000000000;
  }
  return time;
}

// What Mutex is made of.
class NativeMutex {
 public:
  void Lock() { pthread_mutex_lock(&mutex_); }
  void Unlock() { pthread_mutex_unlock(&mutex_); }

  bool TryLockFor(int64_t ms) {
    // Mostly it is free, and ThreadSanitizer knows no
    // pthread_mutex_clocklock().
    if (pthread_mutex_trylock(&mutex_) == 0) return true;
    const timespec until = TimeAfter(ms);
    return pthread_mutex_clocklock(&mutex_, CLOCK_MONOTONIC, &until) == 0;
  }

 private:
  friend class NativeCondVar;

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
};

// What CondVar is made of.
class NativeCondVar {
 public:
  void Wait(NativeMutex* mutex) {
    pthread_cond_wait(&condition_, &mutex->mutex_);
  }

  // False once `ms` milliseconds have passed.
  bool WaitFor(NativeMutex* mutex, int64_t ms) {
    const timespec until = TimeAfter(ms);
    return pthread_cond_clockwait(&condition_, &mutex->mutex_, CLOCK_MONOTONIC,
                                  &until) != ETIMEDOUT;
  }

  void SignalAll() { pthread_cond_broadcast(&condition_); }

 private:
  pthread_cond_t condition_ = PTHREAD_COND_INITIALIZER;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_BASE_POSIX_NATIVE_LOCK_H_
