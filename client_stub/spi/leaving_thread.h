#ifndef WSPD_CLIENT_STUB_SPI_LEAVING_THREAD_H_
#define WSPD_CLIENT_STUB_SPI_LEAVING_THREAD_H_

#include <cstdint>

namespace wsp {

// A thread that has a few steps left in the library, to the return from it: it
// lets the lock go and restores its signal mask and cancellation, and waits for
// nothing. Whoever unloads the library has to know that they are behind it.
class LeavingThread {
 public:
  // The calling thread, from now on, on its way to a return.
  static LeavingThread ThisReturning();
  // The calling thread, whose stack is being unwound by pthread_cancel or
  // pthread_exit, which takes longer.
  static LeavingThread ThisUnwinding();

  // Waits until it has left: when it has used processor time for much more than
  // these instructions, sleeps, or is gone. At most a second, and that only if
  // the system lets it neither run nor sleep.
  void AwaitOutside() const;

 private:
  LeavingThread(int thread, int64_t enough_ns)
      : thread_(thread), enough_ns_(enough_ns) {}

  bool IsOutside() const;

  // Its id.
  int thread_;
  // Once it has used this much processor time, it is out.
  int64_t enough_ns_;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_LEAVING_THREAD_H_
