#ifndef WSPD_DAEMON_METRICS_FAMILIES_H_
#define WSPD_DAEMON_METRICS_FAMILIES_H_

#include <string>
#include <utility>
#include <vector>

#include "daemon/metrics/duration_histogram.h"
#include "prometheus/client_metric.h"
#include "prometheus/metric_family.h"

namespace wspd {

using Labels = std::vector<prometheus::ClientMetric::Label>;

// Puts metrics together, a family after the other: what is added belongs to the
// family that was begun last. Not thread-safe.
class Families {
 public:
  void BeginCounter(std::string name, std::string help) {
    Begin(std::move(name), std::move(help), prometheus::MetricType::Counter);
  }
  void BeginGauge(std::string name, std::string help) {
    Begin(std::move(name), std::move(help), prometheus::MetricType::Gauge);
  }
  void BeginHistogram(std::string name, std::string help) {
    Begin(std::move(name), std::move(help), prometheus::MetricType::Histogram);
  }

  // A value of a counter or a gauge.
  void Add(Labels labels, double value);
  // A histogram, in seconds.
  void Add(Labels labels, const DurationHistogram::Sum& sum);

  // Families of one value.
  void Counter(std::string name, std::string help, double value) {
    BeginCounter(std::move(name), std::move(help));
    Add({}, value);
  }
  void Gauge(std::string name, std::string help, double value) {
    BeginGauge(std::move(name), std::move(help));
    Add({}, value);
  }

  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  void Begin(std::string name, std::string help, prometheus::MetricType type) {
    families_.push_back({std::move(name), std::move(help), type, {}});
  }

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_METRICS_FAMILIES_H_
