#ifndef WSPD_TESTS_BENCH_FOOTPRINT_ROWS_H_
#define WSPD_TESTS_BENCH_FOOTPRINT_ROWS_H_

#include "tests/bench/row.h"

namespace wspd::bench {

// What a fresh daemon's own memory grows by, in KiB a socket, from before its
// first client to when that holds 5,000 connected sockets on which nothing
// happens.
Group IdleSocketGroup();
// WSPStartup in a fresh process, in milliseconds; the loading beside it is
// shown, but not bounded.
Group StartupGroup();
// The provider's file after strip --strip-unneeded, in KiB.
Group LibrarySizeGroup();
// Threads and resident memory (in KiB) that the provider adds to a C++ process
// which loads it, starts up, connects and does one overlapped receive.
Group AddedToProcessGroup();

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_FOOTPRINT_ROWS_H_
