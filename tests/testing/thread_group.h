#ifndef WSPD_TESTS_TESTING_THREAD_GROUP_H_
#define WSPD_TESTS_TESTING_THREAD_GROUP_H_

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/testing/wait_until.h"

namespace wspd::testing {

// Threads that make one blocking call each, or few. A thread that hangs can't
// be got rid of, so that the program ends then, saying which.
class ThreadGroup {
 public:
  ThreadGroup() = default;
  ~ThreadGroup() { JoinAll(); }
  ThreadGroup(const ThreadGroup&) = delete;
  ThreadGroup& operator=(const ThreadGroup&) = delete;

  // `name` is for the message about a hanging one.
  void Start(const std::string& name, std::function<void()> body);

  // Waits until every thread that hasn't ended sleeps in the kernel, and has
  // done so for a while: that its call is under way shows nowhere else. False
  // at kDeadline.
  bool WaitUntilBlocked();

  // How many have ended.
  int ended() const;

  // Waits for all.
  void JoinAll(Clock::duration deadline = kDeadline);

  // To send a signal to, or cancel, thread number `index`.
  pthread_t native_handle(size_t index);

 private:
  struct Member {
    std::string name;
    std::atomic<pid_t> thread_id{0};
    std::atomic<bool> ended{false};
    std::thread thread;
  };

  bool AllAsleep(std::vector<long>* counts) const;

  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_THREAD_GROUP_H_
