#ifndef WSPD_TESTS_BENCH_CPU_TIME_H_
#define WSPD_TESTS_BENCH_CPU_TIME_H_

#include <sys/types.h>

namespace wspd::bench {

// The seconds that a process's threads have run so far, in the kernel too; pid
// 0 is the calling one.
double CpuSeconds(pid_t pid = 0);

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_CPU_TIME_H_
