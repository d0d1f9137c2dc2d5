#ifndef WSPD_TESTS_BENCH_CPU_ROWS_H_
#define WSPD_TESTS_BENCH_CPU_ROWS_H_

#include "tests/bench/row.h"

namespace wspd::bench {

// CPU seconds of the client and of the daemon, apart; native are those of a
// client of the kernel's own sockets. The kernel's work is the process's whose
// call it does: over loopback TCP the sender's is most of the receiver's, too.

// For a GiB sent by blocking sends of 64 KiB.
Group CpuOfBulkGroup();
// For 100,000 blocking sends and receives of 64 bytes, of an echo.
Group CpuOfCallsGroup();

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_CPU_ROWS_H_
