#ifndef WSPD_TESTS_STRESS_CALLER_H_
#define WSPD_TESTS_STRESS_CALLER_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <condition_variable>
#include <mutex>

#include "tests/stress/ledger.h"
#include "tests/testing/spi.h"

namespace wspd::testing {

// A thread's blocking calls, which another thread may end: by having the
// thread's blocking hook call WSPCancelBlockingCall, or by closing the socket.
class Caller {
 public:
  Caller(Spi* spi, Ledger* ledger) : spi_(spi), ledger_(ledger) {}
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  // For the calling thread, before a blocking call: with the hook, for a while
  // the call can be cancelled. A `record` allows another thread to close `s`.
  void Begin(bool with_hook, SOCKET s = INVALID_SOCKET,
             ConnectionRecord* record = nullptr);
  // After it. Whether another thread has closed the socket.
  bool End();

  // For any other thread. False if there is nothing to end.
  bool Cancel();
  bool Close();

 private:
  static BOOL CALLBACK Hook(DWORD_PTR context);
  bool RunHook();

  Spi* const spi_;
  Ledger* const ledger_;
  int hook_turns_ = 0;  // of the calling thread
  std::mutex mutex_;
  std::condition_variable cancelled_;
  // Under the mutex.
  bool has_hook_ = false;
  bool cancel_ = false;
  bool closed_ = false;
  SOCKET socket_ = INVALID_SOCKET;
  ConnectionRecord* record_ = nullptr;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_CALLER_H_
