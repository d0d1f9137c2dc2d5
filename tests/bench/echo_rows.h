#ifndef WSPD_TESTS_BENCH_ECHO_ROWS_H_
#define WSPD_TESTS_BENCH_ECHO_ROWS_H_

#include "tests/bench/row.h"

namespace wspd::bench {

// Round trips of 64 bytes, by a blocking send and a blocking receive; a round's
// value is the median of its round trips, in microseconds.
Group EchoGroup();
// While one overlapped receive is pending on another socket.
Group EchoWithReceivePendingGroup();
// While 8 overlapped sends of 64 KiB are outstanding on another socket, whose
// peer reads 64 KiB a millisecond; another thread sends anew what completes.
Group EchoWithSendsOutstandingGroup();

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_ECHO_ROWS_H_
