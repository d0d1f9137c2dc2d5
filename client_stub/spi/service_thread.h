#ifndef WSPD_CLIENT_STUB_SPI_SERVICE_THREAD_H_
#define WSPD_CLIENT_STUB_SPI_SERVICE_THREAD_H_

#include "client_stub/base/own_thread.h"
#include "client_stub/spi/library.h"
#include "client_stub/transport/waiter.h"

namespace wsp {

// The stub's one thread of its own. It reads the connection while overlapped
// operations are pending and no other thread reads, and does their upcalls. All
// signals are blocked in it.
class ServiceThread {
 public:
  ServiceThread() = default;
  ServiceThread(const ServiceThread&) = delete;
  ServiceThread& operator=(const ServiceThread&) = delete;

  // Starts it, waiting on `waiter`, which stays the caller's. False if the
  // system refuses.
  bool Start(Waiter* waiter) WSP_REQUIRES(g_library.mutex);
  bool running() const { return running_; }
  Waiter* waiter() const { return waiter_; }

  // Ends it and waits for that, without the lock, which is held again
  // afterwards. Not on the thread itself.
  void Stop() WSP_REQUIRES(g_library.mutex);

 private:
  void Run();

  OwnThread thread_;
  Waiter* waiter_ = nullptr;
  bool running_ = false;
  bool stopping_ = false;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_SERVICE_THREAD_H_
