#include "tests/bench/die.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

namespace wspd::bench {

void Die(const std::string& message) {
  fprintf(stderr, "wsp_bench: %s\n", message.c_str());
  _exit(1);
}

void DieOfErrno(const std::string& call) {
  const int error = errno;
  Die(call + ": " + strerror(error));
}

int CheckErrno(int result, const char* call) {
  if (result == -1) DieOfErrno(call);
  return result;
}

}  // namespace wspd::bench
