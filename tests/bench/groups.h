#ifndef WSPD_TESTS_BENCH_GROUPS_H_
#define WSPD_TESTS_BENCH_GROUPS_H_

#include <vector>

#include "tests/bench/row.h"

namespace wspd::bench {

// All rows, in the order in which they are shown.
std::vector<Group> AllGroups();

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_GROUPS_H_
