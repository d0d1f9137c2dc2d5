#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_MUTEX_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define WSPD_ATTRIBUTE(x) __attribute__((x))
#else
#define WSPD_ATTRIBUTE(x)
#endif
#define WSPD_CAPABILITY(x) WSPD_ATTRIBUTE(capability(x))
#define WSPD_SCOPED_CAPABILITY WSPD_ATTRIBUTE(scoped_lockable)
#define WSPD_GUARDED_BY(x) WSPD_ATTRIBUTE(guarded_by(x))
#define WSPD_REQUIRES(...) WSPD_ATTRIBUTE(exclusive_locks_required(__VA_ARGS__))
#define WSPD_ACQUIRE(...) WSPD_ATTRIBUTE(exclusive_lock_function(__VA_ARGS__))
#define WSPD_RELEASE(...) WSPD_ATTRIBUTE(unlock_function(__VA_ARGS__))
#define WSPD_NO_THREAD_SAFETY_ANALYSIS WSPD_ATTRIBUTE(no_thread_safety_analysis)

namespace wspd::spi_client {

using Clock = std::chrono::steady_clock;

// A std::mutex that clang's thread-safety analysis knows.
class WSPD_CAPABILITY("mutex") Mutex {
 public:
  void Lock() WSPD_ACQUIRE() { mutex_.lock(); }
  void Unlock() WSPD_RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class WSPD_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) WSPD_ACQUIRE(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  ~MutexLock() WSPD_RELEASE() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

class CondVar {
 public:
  void Wait(Mutex* mutex) WSPD_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }

  // False once `deadline` has passed.
  bool WaitUntil(Mutex* mutex, Clock::time_point deadline)
      WSPD_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    const std::cv_status status = condition_.wait_until(lock, deadline);
    lock.release();
    return status == std::cv_status::no_timeout;
  }

  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_MUTEX_H_
