#ifndef WSPD_TESTS_BENCH_IDLE_ROWS_H_
#define WSPD_TESTS_BENCH_IDLE_ROWS_H_

#include "tests/bench/row.h"

namespace wspd::bench {

// The 64-byte echo beside what is idle, as a ratio to that of another client,
// of a daemon of its own, beside nothing.

// 10,000 connected sockets of the same client, which the daemon's limit is
// raised for.
Group EchoBesideIdleSocketsGroup();
// 1,000 other client processes with 5 connected sockets each.
Group EchoBesideIdleClientsGroup();

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_IDLE_ROWS_H_
