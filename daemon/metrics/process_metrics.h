#ifndef WSPD_DAEMON_METRICS_PROCESS_METRICS_H_
#define WSPD_DAEMON_METRICS_PROCESS_METRICS_H_

#include "daemon/metrics/families.h"

namespace wspd {

// Adds what Prometheus' convention says that every process tells of itself
// (process_cpu_seconds_total and so on). What /proc doesn't tell is left out.
// Takes a time that grows with the number of open descriptors. Thread-safe.
void AddProcessMetrics(Families* families);

}  // namespace wspd

#endif  // WSPD_DAEMON_METRICS_PROCESS_METRICS_H_
