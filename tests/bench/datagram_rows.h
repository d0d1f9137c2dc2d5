#ifndef WSPD_TESTS_BENCH_DATAGRAM_ROWS_H_
#define WSPD_TESTS_BENCH_DATAGRAM_ROWS_H_

#include "tests/bench/row.h"
#include "tests/bench/transport.h"

namespace wspd::bench {

// UDP datagrams of 1,400 bytes a second in one direction, at the client: sent
// to a peer that reads all the time, and received from one that sends all the
// time. One blocking call at a time, and with 32 overlapped operations
// outstanding; native are the kernel's blocking calls.
Group DatagramSendGroup();
Group DatagramReceiveGroup();

// The blocking calls, once; of a socket to the peer's port for that.
double SendRate(const Options& options, Datagrams* socket);
double ReceiveRate(const Options& options, Datagrams* socket);

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_DATAGRAM_ROWS_H_
