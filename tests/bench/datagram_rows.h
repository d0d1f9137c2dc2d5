#ifndef WSPD_TESTS_BENCH_DATAGRAM_ROWS_H_
#define WSPD_TESTS_BENCH_DATAGRAM_ROWS_H_

#include "tests/bench/row.h"

namespace wspd::bench {

// UDP datagrams of 1,400 bytes a second in one direction, at the client: sent
// to a peer that reads all the time, and received from one that sends all the
// time. One blocking call at a time, and with 32 overlapped operations
// outstanding; native are the kernel's blocking calls.
Group DatagramSendGroup();
Group DatagramReceiveGroup();

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_DATAGRAM_ROWS_H_
