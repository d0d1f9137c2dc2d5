#ifndef WSPD_CLIENT_STUB_BASE_WINDOWS_NATIVE_LOCK_H_
#define WSPD_CLIENT_STUB_BASE_WINDOWS_NATIVE_LOCK_H_

// Before <windows.h>, which it includes.
#include <winsock2.h>

#include <cstdint>

namespace wsp {

// What Mutex is made of.
class NativeMutex {
 public:
  void Lock() { AcquireSRWLockExclusive(&lock_); }
  void Unlock() { ReleaseSRWLockExclusive(&lock_); }

  bool TryLockFor(int64_t ms) {
    const ULONGLONG begin = GetTickCount64();
    while (TryAcquireSRWLockExclusive(&lock_) == 0) {
      if (GetTickCount64() - begin >= static_cast<ULONGLONG>(ms)) return false;
      Sleep(1);
    }
    return true;
  }

 private:
  friend class NativeCondVar;

  SRWLOCK lock_ = SRWLOCK_INIT;
};

// What CondVar is made of.
class NativeCondVar {
 public:
  void Wait(NativeMutex* mutex) {
    SleepConditionVariableSRW(&condition_, &mutex->lock_, INFINITE, 0);
  }

  // False once `ms` milliseconds have passed. One call waits a month at most.
  bool WaitFor(NativeMutex* mutex, int64_t ms) {
    constexpr int64_t kLongest = INT32_MAX;
    const auto wait = static_cast<DWORD>(ms < kLongest ? ms : kLongest);
    return SleepConditionVariableSRW(&condition_, &mutex->lock_, wait, 0) !=
               FALSE ||
           ms > kLongest;
  }

  void SignalAll() { WakeAllConditionVariable(&condition_); }

 private:
  CONDITION_VARIABLE condition_ = CONDITION_VARIABLE_INIT;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_BASE_WINDOWS_NATIVE_LOCK_H_
