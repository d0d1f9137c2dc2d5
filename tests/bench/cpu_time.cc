#include "tests/bench/cpu_time.h"

#include <time.h>

#include "tests/bench/die.h"

namespace wspd::bench {

double CpuSeconds(pid_t pid) {
  clockid_t clock;
  if (clock_getcpuclockid(pid, &clock) != 0) Die("clock_getcpuclockid");
  timespec time;
  CheckErrno(clock_gettime(clock, &time), "clock_gettime");
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace wspd::bench
