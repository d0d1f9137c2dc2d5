#include "daemon/metrics/families.h"

#include <cstddef>
#include <cstdint>
#include <limits>

namespace wspd {

void Families::Add(Labels labels, double value) {
  prometheus::MetricFamily& family = families_.back();
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  if (family.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

void Families::Add(Labels labels, const DurationHistogram::Sum& sum) {
  constexpr double kNsPerSecond = 1e9;
  prometheus::ClientMetric& metric = families_.back().metric.emplace_back();
  metric.label = std::move(labels);
  prometheus::ClientMetric::Histogram& histogram = metric.histogram;
  uint64_t count = 0;
  for (size_t i = 0; i < DurationHistogram::kBuckets; ++i) {
    count += sum.counts[i];
    const double bound =
        i < DurationHistogram::kBoundsNs.size()
            ? static_cast<double>(DurationHistogram::kBoundsNs[i]) /
                  kNsPerSecond
            : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({count, bound});
  }
  histogram.sample_count = count;
  histogram.sample_sum = static_cast<double>(sum.ns) / kNsPerSecond;
}

}  // namespace wspd
