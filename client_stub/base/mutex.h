#ifndef WSPD_CLIENT_STUB_BASE_MUTEX_H_
#define WSPD_CLIENT_STUB_BASE_MUTEX_H_

#include <pthread.h>

#include "client_stub/base/thread_annotations.h"

namespace wsp {

// A pthread mutex that the thread-safety analysis knows. Constant-initialised
// and trivially destructible, so that it may be a global of a library that is
// unloaded.
class WSP_CAPABILITY("mutex") Mutex {
 public:
  constexpr Mutex() = default;

  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() WSP_ACQUIRE() { pthread_mutex_lock(&mutex_); }
  void Unlock() WSP_RELEASE() { pthread_mutex_unlock(&mutex_); }

  // Tells the analysis what it can't see: the caller holds it.
  void AssertHeld() const WSP_ASSERT_HELD(this) {}

  // In a forked child, where the holder may not exist any more.
  void ResetAfterFork() { mutex_ = PTHREAD_MUTEX_INITIALIZER; }

 private:
  friend class CondVar;

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
};

class WSP_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) WSP_ACQUIRE(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  ~MutexLock() WSP_RELEASE() { mutex_->Unlock(); }

  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_BASE_MUTEX_H_
