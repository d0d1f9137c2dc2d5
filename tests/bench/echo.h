#ifndef WSPD_TESTS_BENCH_ECHO_H_
#define WSPD_TESTS_BENCH_ECHO_H_

#include "tests/bench/transport.h"

namespace wspd::bench {

// The median of so many round trips of kEchoSize bytes with a peer that echoes,
// in microseconds.
double EchoMicroseconds(Stream* stream, int round_trips);

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_ECHO_H_
