#ifndef WSPD_TESTS_TESTING_CHILD_PROCESS_H_
#define WSPD_TESTS_TESTING_CHILD_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/testing/owned_fd.h"
#include "tests/testing/wait_until.h"

namespace wspd::testing {

// Messages, a line each, to and from another process over two pipes.
class LineChannel {
 public:
  LineChannel() = default;
  LineChannel(OwnedFd in, OwnedFd out)
      : in_(std::move(in)), out_(std::move(out)) {}

  void Send(const std::string& line);
  // The next line; "" if the other side is gone, or at kDeadline.
  std::string Receive();
  // Whether Receive would return at once.
  bool HasMessage();
  void Close();

 private:
  OwnedFd in_;
  OwnedFd out_;
  std::string unread_;
};

// A process that runs a role (see role.h) of this very program. It is killed
// if it still runs when the object goes.
class ChildProcess {
 public:
  explicit ChildProcess(const std::string& role,
                        const std::vector<std::string>& arguments = {});
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  LineChannel& channel() { return channel_; }
  pid_t pid() const { return pid_; }

  void Signal(int signal);
  // Waits for its end; the wait status, -1 if it goes on.
  int Wait();
  // SIGKILL, and waits.
  void Kill();

 private:
  pid_t pid_ = 0;
  bool ended_ = false;
  LineChannel channel_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_CHILD_PROCESS_H_
