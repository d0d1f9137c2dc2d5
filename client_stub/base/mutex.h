#ifndef WSPD_CLIENT_STUB_BASE_MUTEX_H_
#define WSPD_CLIENT_STUB_BASE_MUTEX_H_

#include <cstdint>

#include "client_stub/base/thread_annotations.h"
#if defined(_WIN32)
#include "client_stub/base/windows/native_lock.h"
#else
#include "client_stub/base/posix/native_lock.h"
#endif

namespace wsp {

// The system's mutex, which the thread-safety analysis knows.
// Constant-initialised and trivially destructible, so that it may be a global
// of a library that is unloaded.
class WSP_CAPABILITY("mutex") Mutex {
 public:
  constexpr Mutex() = default;

  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() WSP_ACQUIRE() { mutex_.Lock(); }
  void Unlock() WSP_RELEASE() { mutex_.Unlock(); }

  // False if it isn't free within `ms` milliseconds; also where this thread
  // itself holds it.
  bool TryLockFor(int64_t ms) WSP_TRY_ACQUIRE(true) {
    return mutex_.TryLockFor(ms);
  }

  // Tells the analysis what it can't see: the caller holds it.
  void AssertHeld() const WSP_ASSERT_HELD(this) {}

  // In a forked child, where the holder may not exist any more.
  void ResetAfterFork() { mutex_ = NativeMutex(); }

 private:
  friend class CondVar;

  NativeMutex mutex_;
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
