#ifndef WSPD_DAEMON_METRICS_DURATION_HISTOGRAM_H_
#define WSPD_DAEMON_METRICS_DURATION_HISTOGRAM_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace wspd {

// How often something took how long, in buckets that are the same for all.
//
// Thread-safe; observing takes two relaxed additions, and no lock.
class DurationHistogram {
 public:
  // The most that each bucket holds, nanoseconds; there is one more bucket for
  // what is above the last.
  static constexpr std::array<int64_t, 19> kBoundsNs = {
      10'000,        25'000,        50'000,        100'000,       250'000,
      500'000,       1'000'000,     2'500'000,     5'000'000,     10'000'000,
      25'000'000,    50'000'000,    100'000'000,   250'000'000,   500'000'000,
      1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};
  static constexpr size_t kBuckets = kBoundsNs.size() + 1;

  // What several have counted, together.
  struct Sum {
    std::array<uint64_t, kBuckets> counts{};
    uint64_t ns = 0;
  };

  // `ns` below 0 counts as 0.
  void Observe(int64_t ns) {
    if (ns < 0) ns = 0;
    size_t bucket = 0;
    while (bucket < kBoundsNs.size() && ns > kBoundsNs[bucket]) ++bucket;
    counts_[bucket].fetch_add(1, std::memory_order_relaxed);
    ns_.fetch_add(static_cast<uint64_t>(ns), std::memory_order_relaxed);
  }

  void AddTo(Sum* sum) const {
    for (size_t i = 0; i < kBuckets; ++i) {
      sum->counts[i] += counts_[i].load(std::memory_order_relaxed);
    }
    sum->ns += ns_.load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<uint64_t>, kBuckets> counts_{};
  std::atomic<uint64_t> ns_{0};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_METRICS_DURATION_HISTOGRAM_H_
