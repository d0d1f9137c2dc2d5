#ifndef WSPD_TESTS_TESTING_SPAWN_H_
#define WSPD_TESTS_TESTING_SPAWN_H_

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace wspd::testing {

// Where the programs under test are, from the folder that tests start in.
extern const char kDaemonPath[];

struct SpawnOptions {
  std::vector<std::string> arguments;    // with the program first
  std::vector<std::string> environment;  // NAME=value, besides our own
  // Which of our descriptors the program gets, and as which: (ours, its).
  std::vector<std::pair<int, int>> descriptors;
};

// Starts a program that is killed should the calling thread end before it.
// Runs no atfork handlers. Aborts on failure.
pid_t Spawn(const SpawnOptions& options);

// Waits for `pid` to end; its wait status, or -1 at the deadline.
int WaitForExit(pid_t pid);

// "exit status 1", "signal 9".
std::string DescribeStatus(int status);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_SPAWN_H_
