#ifndef WSPD_TESTS_BENCH_EVENT_ROWS_H_
#define WSPD_TESTS_BENCH_EVENT_ROWS_H_

#include "tests/bench/row.h"

namespace wspd::bench {

// 1,000 connected sockets that are all readable, in microseconds for all of
// them: one WSPSelect, native one poll(); and WSPEnumNetworkEvents of each,
// whose event has come, native one epoll_wait().
Group EventGroup();

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_EVENT_ROWS_H_
