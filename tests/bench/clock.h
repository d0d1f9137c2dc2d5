#ifndef WSPD_TESTS_BENCH_CLOCK_H_
#define WSPD_TESTS_BENCH_CLOCK_H_

#include <time.h>

namespace wspd::bench {

// Seconds on a clock that all processes of the machine share.
inline double Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

inline void Sleep(double seconds) {
  timespec time;
  time.tv_sec = static_cast<time_t>(seconds);
  time.tv_nsec =
      static_cast<long>((seconds - static_cast<double>(time.tv_sec)) * 1e9);
  nanosleep(&time, nullptr);
}

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_CLOCK_H_
