#ifndef WSPD_DAEMON_METRICS_DAEMON_COLLECTOR_H_
#define WSPD_DAEMON_METRICS_DAEMON_COLLECTOR_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/journal/event_journal.h"
#include "daemon/metrics/families.h"
#include "daemon/metrics/reload_status.h"
#include "daemon/metrics/session_metrics.h"
#include "daemon/policy/policy_counts.h"
#include "daemon/session/registry.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace wspd {

// The daemon's metrics, read off its own counters when somebody asks, but once
// a second at most: looking at every client, socket and descriptor takes its
// time and locks, and whoever may connect may ask.
//
// Thread-safe.
class DaemonCollector : public prometheus::Collectable {
 public:
  // All outlive the collector.
  struct Sources {
    const Registry* registry;
    const EventJournal* journal;
    const SessionMetrics* sessions;
    const PolicyCounts* refusals;
    const ReloadStatus* reloads;
  };

  explicit DaemonCollector(const Sources& sources) : sources_(sources) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  // Sockets by plane and state, whose names they have.
  using Census = std::map<std::pair<std::string, std::string>, uint64_t>;

  std::vector<prometheus::MetricFamily> Look() const;
  void AddClients(const DaemonTotals& totals, Families* families) const;
  void AddSockets(Families* families) const;
  void AddCalls(const DaemonTotals& totals, Families* families) const;
  void AddCleanups(Families* families) const;
  void AddEvents(Families* families) const;
  Census TakeCensus() const;

  const Sources sources_;
  // Held while it is looked, so that one does it for all that ask.
  mutable absl::Mutex mu_;
  mutable std::vector<prometheus::MetricFamily> seen_ ABSL_GUARDED_BY(mu_);
  mutable absl::Time seen_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace wspd

#endif  // WSPD_DAEMON_METRICS_DAEMON_COLLECTOR_H_
