#ifndef WSPD_TESTS_BENCH_CONNECTION_ROWS_H_
#define WSPD_TESTS_BENCH_CONNECTION_ROWS_H_

#include "tests/bench/row.h"

namespace wspd::bench {

// Connections per second, one after another: connect, send and receive 1 KiB,
// close.
Group ConnectionGroup();

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_CONNECTION_ROWS_H_
