#include "tests/testing/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/testing/wait_until.h"

namespace wspd::testing {
namespace {

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& s : strings) {
    pointers.push_back(const_cast<char*>(s.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

// The later of two settings of a name wins with neither getenv nor execve, so
// that ours are left out where they are given anew.
std::vector<std::string> MergedEnvironment(
    const std::vector<std::string>& changes) {
  std::vector<std::string> merged = changes;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string setting = *entry;
    const std::string name = setting.substr(0, setting.find('=') + 1);
    bool changed = false;
    for (const std::string& change : changes) {
      changed |= change.compare(0, name.size(), name) == 0;
    }
    if (!changed) merged.push_back(setting);
  }
  return merged;
}

}  // namespace

const char kDaemonPath[] = "tests/testing/wspd";

pid_t Spawn(const SpawnOptions& options) {
  // setpriv becomes the program: the pid is the same.
  std::vector<std::string> command = {"/usr/bin/setpriv", "--pdeathsig", "KILL",
                                      "--"};
  command.insert(command.end(), options.arguments.begin(),
                 options.arguments.end());
  const std::vector<std::string> environment =
      MergedEnvironment(options.environment);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // Out of the way of the numbers that the program gets.
  std::vector<int> copies;
  for (const auto& [ours, its] : options.descriptors) {
    copies.push_back(fcntl(ours, F_DUPFD_CLOEXEC, 300));
    posix_spawn_file_actions_adddup2(&actions, copies.back(), its);
  }
  pid_t pid;
  const int error =
      posix_spawn(&pid, command[0].c_str(), &actions, nullptr,
                  Pointers(command).data(), Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  for (const int copy : copies) close(copy);
  if (error != 0) {
    fprintf(stderr, "posix_spawn: %s\n", strerror(error));
    abort();
  }
  return pid;
}

int WaitForExit(pid_t pid) {
  int status = -1;
  const bool ended = WaitUntil(
      [&] { return TEMP_FAILURE_RETRY(waitpid(pid, &status, WNOHANG)) != 0; });
  return ended ? status : -1;
}

std::string DescribeStatus(int status) {
  if (status == -1) return "still running";
  if (WIFEXITED(status)) {
    return "exit status " + std::to_string(WEXITSTATUS(status));
  }
  return "signal " + std::to_string(WTERMSIG(status));
}

}  // namespace wspd::testing
