#include "tests/testing/role.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <map>

namespace wspd::testing {
namespace {

std::map<std::string, RoleFunction>& Roles() {
  static auto* const roles = new std::map<std::string, RoleFunction>;
  return *roles;
}

}  // namespace

RoleRegistration::RoleRegistration(const char* name, RoleFunction function) {
  Roles()[name] = function;
}

bool IsRole(int argc, char** argv) {
  return argc > 1 && strncmp(argv[1], kRoleFlag, strlen(kRoleFlag)) == 0;
}

int RunRole(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  Role role;
  role.arguments.assign(argv + 2, argv + argc);
  fcntl(kRoleIn, F_SETFD, FD_CLOEXEC);
  fcntl(kRoleOut, F_SETFD, FD_CLOEXEC);
  role.parent = LineChannel(OwnedFd(kRoleIn), OwnedFd(kRoleOut));
  const auto found = Roles().find(argv[1] + strlen(kRoleFlag));
  if (found == Roles().end()) {
    fprintf(stderr, "no role %s\n", argv[1]);
    return 2;
  }
  return found->second(role);
}

std::string ProgramPath() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  if (length < 0) abort();
  return std::string(path, length);
}

}  // namespace wspd::testing
