#ifndef WSPD_TESTS_BENCH_DIE_H_
#define WSPD_TESTS_BENCH_DIE_H_

#include <string>

namespace wspd::bench {

// A row runs in a process of its own, so that a call which fails may simply end
// it. Both print the message and exit.
[[noreturn]] void Die(const std::string& message);

// Says errno too.
[[noreturn]] void DieOfErrno(const std::string& call);

// Dies if `result` is -1; returns it otherwise.
int CheckErrno(int result, const char* call);

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_DIE_H_
