// Tells ThreadSanitizer what Debian's Abseil, which isn't instrumented, does:
// without it every use of absl::Mutex and absl::Notification is a data race.
// The linker's --wrap sends the project's calls here (see BUILD.bazel). What
// nobody uses yet, as reader locks and condition variables, is left out.

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

// A program that is linked without the sanitizer in such a build, as the daemon
// is, gets the plain functions.
#if __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>

extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
#else
#define AnnotateIgnoreReadsBegin(file, line) (void)0
#define AnnotateIgnoreReadsEnd(file, line) (void)0
#define AnnotateIgnoreWritesBegin(file, line) (void)0
#define AnnotateIgnoreWritesEnd(file, line) (void)0
#define __tsan_mutex_pre_lock(mutex, flags) (void)(mutex)
#define __tsan_mutex_post_lock(mutex, flags, recursion) (void)(mutex)
#define __tsan_mutex_pre_unlock(mutex, flags) (void)(mutex)
#define __tsan_mutex_post_unlock(mutex, flags) (void)(mutex)
#define __tsan_mutex_try_lock 0
#define __tsan_mutex_try_lock_failed 0
#define __tsan_mutex_destroy(mutex, flags) (void)(mutex)
#define __tsan_acquire(address) (void)(address)
#define __tsan_release(address) (void)(address)
#endif

// These names are the mangled ones behind --wrap's prefixes; "debian3" is the
// inline namespace of Debian 12's Abseil.
#define REAL(name) __real__ZN4absl7debian3##name
#define REAL_CONST(name) __real__ZNK4absl7debian3##name
#define WRAP(name) __wrap__ZN4absl7debian3##name
#define WRAP_CONST(name) __wrap__ZNK4absl7debian3##name

using absl::Condition;
using absl::Duration;
using absl::Mutex;
using absl::Notification;

namespace {

// A wait gives the lock away and takes it again.
class Waiting {
 public:
  explicit Waiting(Mutex* mutex) : mutex_(mutex) {
    __tsan_mutex_pre_unlock(mutex_, 0);
    __tsan_mutex_post_unlock(mutex_, 0);
    __tsan_mutex_pre_lock(mutex_, 0);
  }
  ~Waiting() { __tsan_mutex_post_lock(mutex_, 0, 0); }

 private:
  Mutex* const mutex_;
};

}  // namespace

extern "C" {

void REAL(5Mutex4LockEv)(Mutex* mutex);
void WRAP(5Mutex4LockEv)(Mutex* mutex) {
  __tsan_mutex_pre_lock(mutex, 0);
  REAL(5Mutex4LockEv)(mutex);
  __tsan_mutex_post_lock(mutex, 0, 0);
}

bool REAL(5Mutex7TryLockEv)(Mutex* mutex);
bool WRAP(5Mutex7TryLockEv)(Mutex* mutex) {
  __tsan_mutex_pre_lock(mutex, __tsan_mutex_try_lock);
  const bool locked = REAL(5Mutex7TryLockEv)(mutex);
  __tsan_mutex_post_lock(
      mutex,
      __tsan_mutex_try_lock | (locked ? 0 : __tsan_mutex_try_lock_failed), 0);
  return locked;
}

void REAL(5Mutex6UnlockEv)(Mutex* mutex);
void WRAP(5Mutex6UnlockEv)(Mutex* mutex) {
  __tsan_mutex_pre_unlock(mutex, 0);
  REAL(5Mutex6UnlockEv)(mutex);
  __tsan_mutex_post_unlock(mutex, 0);
}

void REAL(5MutexD1Ev)(Mutex* mutex);
void WRAP(5MutexD1Ev)(Mutex* mutex) {
  __tsan_mutex_destroy(mutex, 0);
  // It takes itself out of the graph that finds deadlocks, which has a lock of
  // its own.
  AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  REAL(5MutexD1Ev)(mutex);
  AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
  AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}

void REAL(5Mutex5AwaitERKNS0_9ConditionE)(Mutex* mutex, const Condition& until);
void WRAP(5Mutex5AwaitERKNS0_9ConditionE)(Mutex* mutex,
                                          const Condition& until) {
  const Waiting waiting(mutex);
  REAL(5Mutex5AwaitERKNS0_9ConditionE)(mutex, until);
}

bool REAL(5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE)(
    Mutex* mutex, const Condition& until, Duration timeout);
bool WRAP(5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE)(
    Mutex* mutex, const Condition& until, Duration timeout) {
  const Waiting waiting(mutex);
  return REAL(5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE)(
      mutex, until, timeout);
}

void REAL(12Notification6NotifyEv)(Notification* notification);
void WRAP(12Notification6NotifyEv)(Notification* notification) {
  __tsan_release(notification);
  REAL(12Notification6NotifyEv)(notification);
}

void REAL_CONST(12Notification19WaitForNotificationEv)(
    const Notification* notification);
void WRAP_CONST(12Notification19WaitForNotificationEv)(
    const Notification* notification) {
  REAL_CONST(12Notification19WaitForNotificationEv)(notification);
  __tsan_acquire(const_cast<Notification*>(notification));
}

bool REAL_CONST(12Notification30WaitForNotificationWithTimeoutENS0_8DurationE)(
    const Notification* notification, Duration timeout);
bool WRAP_CONST(12Notification30WaitForNotificationWithTimeoutENS0_8DurationE)(
    const Notification* notification, Duration timeout) {
  const bool notified =
      REAL_CONST(12Notification30WaitForNotificationWithTimeoutENS0_8DurationE)(
          notification, timeout);
  if (notified) __tsan_acquire(const_cast<Notification*>(notification));
  return notified;
}

}  // extern "C"
