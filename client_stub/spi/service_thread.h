#ifndef WSPD_CLIENT_STUB_SPI_SERVICE_THREAD_H_
#define WSPD_CLIENT_STUB_SPI_SERVICE_THREAD_H_

#include <pthread.h>

#include <cstddef>

#include "client_stub/spi/library.h"
#include "client_stub/transport/posix/waiter.h"

namespace wsp {

// The stub's one thread of its own. It reads the connection while overlapped
// operations are pending and no other thread reads, and does their upcalls. All
// signals are blocked in it, and its stack is ours, so that nothing is left of
// it once it is joined.
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
  static constexpr size_t kStackBytes = 256 << 10;

  static void* Main(void* self);
  void Run();

  pthread_t thread_ = {};
  void* stack_ = nullptr;
  Waiter* waiter_ = nullptr;
  bool running_ = false;
  bool stopping_ = false;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_SERVICE_THREAD_H_
