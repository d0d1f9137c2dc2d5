#ifndef WSPD_TESTS_BENCH_ROUNDS_H_
#define WSPD_TESTS_BENCH_ROUNDS_H_

#include <functional>

#include "tests/bench/row.h"

namespace wspd::bench {

// Measures both in turn, `options.rounds` times, each first every other time,
// after a round that isn't counted. `base` is left out with ours_only.
Samples MeasureInTurn(const Options& options,
                      const std::function<double()>& base,
                      const std::function<double()>& ours);

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_ROUNDS_H_
