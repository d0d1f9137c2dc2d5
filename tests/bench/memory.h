#ifndef WSPD_TESTS_BENCH_MEMORY_H_
#define WSPD_TESTS_BENCH_MEMORY_H_

#include <sys/types.h>

#include <string>

namespace wspd::bench {

// A field of /proc/PID/smaps_rollup ("Anonymous", "Rss"), in KiB.
double MemoryKib(pid_t pid, const std::string& field);

// The threads of the calling process.
int ThreadCount();

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_MEMORY_H_
