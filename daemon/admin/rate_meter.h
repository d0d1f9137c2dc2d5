#ifndef WSPD_DAEMON_ADMIN_RATE_METER_H_
#define WSPD_DAEMON_ADMIN_RATE_METER_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// How fast a server's totals have grown of late. Thread-safe.
class RateMeter {
 public:
  // How often Add() is to be called.
  static constexpr absl::Duration kPeriod = absl::Seconds(1);

  // The totals of `now`, which is SteadyTime().
  void Add(absl::Duration now, const wsp::v1::GetServerInfoResponse& totals);

  // Sets the rates of the last second, ten and sixty; of less, if there isn't
  // that much, and none before the second Add().
  void Fill(wsp::v1::GetServerInfoResponse* info) const;

 private:
  struct Sample {
    absl::Duration at;
    uint64_t calls = 0;
    uint64_t bytes_sent = 0;
    uint64_t bytes_received = 0;
    uint64_t clients = 0;
    uint64_t connections = 0;
  };

  static constexpr size_t kMostSeconds = 60;

  // The one that came `back` before the last.
  const Sample& At(size_t back) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return samples_[(count_ - 1 - back) % samples_.size()];
  }

  mutable absl::Mutex mu_;
  std::array<Sample, kMostSeconds + 1> samples_ ABSL_GUARDED_BY(mu_);
  // All that ever came.
  size_t count_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_RATE_METER_H_
