#ifndef WSPD_TESTS_BENCH_DEATH_ROWS_H_
#define WSPD_TESTS_BENCH_DEATH_ROWS_H_

#include "tests/bench/row.h"

namespace wspd::bench {

// SIGKILL of a process that holds 1,000 connections: from just before kill() to
// the first and to the last event in the peer's epoll, in milliseconds. Native
// the kernel closes them; through the daemon each must end with a reset.
Group DeathGroup();

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_DEATH_ROWS_H_
