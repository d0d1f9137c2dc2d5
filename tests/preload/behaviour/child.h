#ifndef WSPD_TESTS_PRELOAD_BEHAVIOUR_CHILD_H_
#define WSPD_TESTS_PRELOAD_BEHAVIOUR_CHILD_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/owned_fd.h"

namespace wspd::preload {

// A forked child that runs `body` and ends by _exit, with status 1 if any of
// its expectations failed. It is killed if it still runs when the object goes.
class Child {
 public:
  explicit Child(const std::function<void()>& body);
  // One that was started otherwise.
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  void Kill(int signal);
  // Its wait status; -1 if it doesn't end in time.
  int Wait();
  ::testing::AssertionResult Succeeds();

 private:
  pid_t pid_;
  bool ended_ = false;
};

// A gate between processes or threads: what waits goes on when it is opened, or
// when all that could open it are gone. Neither end is one of the first ten
// descriptors, nor kept across exec.
class Gate {
 public:
  Gate();
  void Open();
  // False at the deadline.
  bool Wait() const;
  // For a child that is not to hold the gate shut.
  void CloseOpener() { write_.Reset(-1); }
  int read_end() const { return read_.get(); }
  int write_end() const { return write_.get(); }

 private:
  testing::OwnedFd read_;
  testing::OwnedFd write_;
};

// A role is what this program does when exec'd as `behaviour --role=NAME ARG…`;
// its result is the exit status.
using Arguments = std::vector<std::string>;
class RoleRegistration {
 public:
  RoleRegistration(const char* name, int (*role)(const Arguments& arguments));
};
bool IsRole(int argc, char** argv);
int RunRole(int argc, char** argv);

// The command line of a role, for exec and posix_spawn. Make it before vfork.
class RoleCommand {
 public:
  explicit RoleCommand(const std::string& role,
                       const Arguments& arguments = {});
  RoleCommand(const RoleCommand&) = delete;
  RoleCommand& operator=(const RoleCommand&) = delete;

  const char* path() const { return words_[0].c_str(); }
  char* const* argv() const { return pointers_.data(); }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

// In a child: becomes the role, or exits with status 127.
[[noreturn]] void ExecRole(const RoleCommand& command);

}  // namespace wspd::preload

#endif  // WSPD_TESTS_PRELOAD_BEHAVIOUR_CHILD_H_
