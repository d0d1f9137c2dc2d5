#ifndef WSPD_TESTS_TESTING_ROLE_H_
#define WSPD_TESTS_TESTING_ROLE_H_

#include <stdio.h>

#include <string>
#include <vector>

#include "tests/testing/child_process.h"

namespace wspd::testing {

// A role is what a test program does as a child of itself. It is defined beside
// its test as
//
//   int HoldConnection(Role& role) { …; return 0; }
//   const RoleRegistration kHold("HoldConnection", HoldConnection);
//
// and run by ChildProcess. Its result is the process's exit status.
struct Role {
  std::vector<std::string> arguments;
  LineChannel parent;
};

using RoleFunction = int (*)(Role& role);

class RoleRegistration {
 public:
  RoleRegistration(const char* name, RoleFunction function);
};

// Ends the process with status 1, saying why, unless `condition`.
#define WSPD_ROLE_CHECK(condition, what)                                 \
  do {                                                                   \
    if (!(condition)) {                                                  \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, \
              std::string(what).c_str());                                \
      _exit(1);                                                          \
    }                                                                    \
  } while (false)

// For a program's main: whether it is to run a role, and that role, whose
// result is the program's. The arguments are all the program's.
bool IsRole(int argc, char** argv);
int RunRole(int argc, char** argv);

// Of the running program.
std::string ProgramPath();

inline constexpr char kRoleFlag[] = "--role=";
constexpr int kRoleIn = 100;  // descriptors
constexpr int kRoleOut = 101;

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_ROLE_H_
