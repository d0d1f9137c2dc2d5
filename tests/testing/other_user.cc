#include "tests/testing/other_user.h"

#include <grp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace wspd::testing {

bool MayBecomeOthers() {
  const pid_t child = fork();
  if (child < 0) abort();
  if (child == 0) _exit(BecomeUser(kAlice) ? 0 : 1);
  int status = -1;
  if (waitpid(child, &status, 0) != child) abort();
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool BecomeUser(uid_t user) {
  // /proc stays the user's, as of a program that the user has started.
  return setgroups(0, nullptr) == 0 &&
         setresgid(kTheirGroup, kTheirGroup, kTheirGroup) == 0 &&
         setresuid(user, user, user) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0;
}

}  // namespace wspd::testing
