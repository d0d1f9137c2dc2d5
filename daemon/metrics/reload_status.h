#ifndef WSPD_DAEMON_METRICS_RELOAD_STATUS_H_
#define WSPD_DAEMON_METRICS_RELOAD_STATUS_H_

#include <atomic>
#include <cstdint>

#include "absl/time/clock.h"

namespace wspd {

// Whether the configuration was last read without a mistake. Thread-safe.
class ReloadStatus {
 public:
  // Read at the start.
  ReloadStatus() { Set(true); }

  void Set(bool ok) {
    ok_.store(ok, std::memory_order_relaxed);
    if (ok) {
      good_at_ns_.store(absl::GetCurrentTimeNanos(), std::memory_order_relaxed);
    }
  }

  bool ok() const { return ok_.load(std::memory_order_relaxed); }
  // Unix time of the last time without one, nanoseconds.
  int64_t good_at_ns() const {
    return good_at_ns_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<bool> ok_{true};
  std::atomic<int64_t> good_at_ns_{0};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_METRICS_RELOAD_STATUS_H_
