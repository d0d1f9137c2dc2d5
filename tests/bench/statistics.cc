#include "tests/bench/statistics.h"

#include <algorithm>
#include <cmath>

namespace wspd::bench {
namespace {

constexpr double kTailProbability = 0.025;

// How many values may be left out at either end.
size_t ValuesToLeaveOut(size_t count) {
  double term = std::pow(0.5, static_cast<double>(count));
  double tail = term;  // P(at most `left_out` of them below the median)
  size_t left_out = 0;
  while (tail <= kTailProbability) {
    ++left_out;
    term *= static_cast<double>(count - left_out + 1) /
            static_cast<double>(left_out);
    tail += term;
  }
  return left_out == 0 ? 0 : left_out - 1;
}

}  // namespace

double Median(std::vector<double> values) {
  for (double value : values) {
    if (std::isnan(value)) return value;
  }
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

Interval MedianInterval(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t left_out = ValuesToLeaveOut(values.size());
  return {values[left_out], values[values.size() - 1 - left_out]};
}

std::vector<double> PairedRatios(const std::vector<double>& values,
                                 const std::vector<double>& base) {
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(values.size(), base.size()); ++i) {
    ratios.push_back(values[i] / base[i]);
  }
  return ratios;
}

}  // namespace wspd::bench
