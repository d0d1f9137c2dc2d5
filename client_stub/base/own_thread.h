#ifndef WSPD_CLIENT_STUB_BASE_OWN_THREAD_H_
#define WSPD_CLIENT_STUB_BASE_OWN_THREAD_H_

#include <cstdint>

namespace wsp {

// A thread of the library's own. Its stack, of 256 KiB, is ours too, so that
// nothing is left of the thread once it is joined. Its signals are blocked as
// they are in the thread that starts it.
class OwnThread {
 public:
  OwnThread() = default;
  OwnThread(const OwnThread&) = delete;
  OwnThread& operator=(const OwnThread&) = delete;

  // Has it run `run(argument)`, and no more than that. Not while it runs. False
  // if the system refuses.
  bool Start(void (*run)(void* argument), void* argument);

  // Waits until it has ended, which is to be done exactly once, by another
  // thread.
  void Join();

 private:
  static void* Main(void* self);

  void (*run_)(void* argument) = nullptr;
  void* argument_ = nullptr;
  // The system's name for it.
  uintptr_t thread_ = 0;
  void* stack_ = nullptr;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_BASE_OWN_THREAD_H_
