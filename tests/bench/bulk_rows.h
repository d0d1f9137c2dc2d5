#ifndef WSPD_TESTS_BENCH_BULK_ROWS_H_
#define WSPD_TESTS_BENCH_BULK_ROWS_H_

#include <cstdint>

#include "tests/bench/row.h"
#include "tests/bench/transport.h"

namespace wspd::bench {

// One connection that sends 64 KiB at a time, in MiB/s from the first send to
// the peer's word that it has all: by blocking sends, and with 8 overlapped
// sends outstanding. Native are the kernel's blocking sends.
Group BulkBlockingGroup();
Group BulkOverlappedGroup();

// The former, once.
double BlockingThroughput(Stream* stream, uint64_t bytes);

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_BULK_ROWS_H_
