#ifndef WSPD_TESTS_BENCH_LENT_ROWS_H_
#define WSPD_TESTS_BENCH_LENT_ROWS_H_

#include <vector>

#include "tests/bench/row.h"

namespace wspd::bench {

// The provider on the lent plane: synchronous calls that need no daemon. Each
// is measured in turn with the kernel's sockets and with the same on the
// forwarded plane, and has a row for either ratio.
std::vector<Group> LentGroups();

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_LENT_ROWS_H_
