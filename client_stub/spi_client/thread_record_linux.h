#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_THREAD_RECORD_LINUX_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_THREAD_RECORD_LINUX_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <cstdint>
#include <deque>

#include "client_stub/spi_client/mutex.h"

namespace wspd::spi_client {

// What a thread needs to wait alertably: a wake-up count and a queue of APCs.
// Reused for another thread after its own has ended and all ids are closed.
class ThreadRecord {
 public:
  // The calling thread's record, made at the first call.
  static ThreadRecord* Current();

  // Any thread:
  void Wake();

  // A WSATHREADID's handle for this record, or 0 if no more can be opened.
  uint64_t OpenHandle();
  static bool CloseHandle(uint64_t handle);
  // False if `handle` is not open or its thread has ended.
  static bool Queue(uint64_t handle, LPWSAUSERAPC apc, DWORD_PTR context);

  // The record's own thread only:

  // Take this before testing the condition to wait for.
  uint64_t WakeCount();
  // Waits for a Wake since WakeCount returned `seen`. False at the deadline,
  // which null means never comes.
  bool WaitForWake(uint64_t seen, const Clock::time_point* deadline);
  // Runs what is queued, and what that queues in turn. True if anything ran.
  bool RunApcs();
  // The handle that the thread keeps until its end.
  uint64_t own_handle() const { return own_handle_; }

  // Use Current().
  ThreadRecord() = default;

 private:
  struct Apc {
    LPWSAUSERAPC function;
    DWORD_PTR context;
  };
  struct Owner;  // of a record, in thread-local storage

  void Begin();
  void End();
  void ReturnIfUnusedLocked() WSPD_REQUIRES(mutex_);

  uint64_t own_handle_ = 0;
  Mutex mutex_;
  CondVar woken_;
  uint64_t wake_count_ WSPD_GUARDED_BY(mutex_) = 0;
  bool running_ WSPD_GUARDED_BY(mutex_) = false;
  int open_handles_ WSPD_GUARDED_BY(mutex_) = 0;
  std::deque<Apc> apcs_ WSPD_GUARDED_BY(mutex_);
};

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_THREAD_RECORD_LINUX_H_
