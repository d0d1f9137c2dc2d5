#ifndef WSPD_TESTS_BENCH_STATISTICS_H_
#define WSPD_TESTS_BENCH_STATISTICS_H_

#include <vector>

namespace wspd::bench {

struct Interval {
  double lo = 0;
  double hi = 0;
};

// `values` must not be empty. NaN if a value is.
double Median(std::vector<double> values);

// The narrowest interval between two of the values, equally far from both ends,
// that holds the median of what they were drawn from with a probability of at
// least 0.95, whatever the distribution (by the binomial distribution); all of
// them if there are fewer than six.
Interval MedianInterval(std::vector<double> values);

// values[i] / base[i] for each i.
std::vector<double> PairedRatios(const std::vector<double>& values,
                                 const std::vector<double>& base);

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_STATISTICS_H_
