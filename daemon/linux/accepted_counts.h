#ifndef WSPD_DAEMON_LINUX_ACCEPTED_COUNTS_H_
#define WSPD_DAEMON_LINUX_ACCEPTED_COUNTS_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "daemon/linux/lent_listeners.h"
#include "daemon/linux/lent_socket.h"
#include "daemon/linux/sock_diag.h"

namespace wspd {

// Tells whether TCP connections that have ended were accepted by lent
// listeners, which only their local addresses say. It is looked who listens at
// most once a `settle_time`; ends in between are kept until then, summed by
// local address.
//
// Not thread-safe.
class AcceptedCounts {
 public:
  explicit AcceptedCounts(absl::Duration settle_time)
      : settle_time_(settle_time) {}

  enum class Verdict {
    // It was a lent listener's.
    kAccepted,
    // Not known yet, or not kept since there are too many.
    kKept,
    // The same, and Settle() is to be called in SettleDelay().
    kSettle,
  };
  Verdict Add(const SocketReport& ended);
  absl::Duration SettleDelay() const;

  // Looks who of `lent` listens. The sums, as those of one report, of the kept
  // ends that were a lent listener's, also of one that listened when it was
  // looked before.
  SocketReport Settle(std::vector<LentSocket> lent);

 private:
  // Local addresses whose ends are kept.
  static constexpr size_t kMostKept = 4096;

  // Family, address (two halves), port and interface.
  struct Key {
    uint64_t high = 0;
    uint64_t low = 0;
    uint64_t rest = 0;

    bool operator==(const Key& other) const {
      return high == other.high && low == other.low && rest == other.rest;
    }
    template <typename H>
    friend H AbslHashValue(H h, const Key& key) {
      return H::combine(std::move(h), key.high, key.low, key.rest);
    }
  };
  static Key KeyOf(const SocketReport& report);

  const absl::Duration settle_time_;
  LentListeners listeners_;
  absl::Time settled_at_ = absl::InfinitePast();
  bool settle_due_ = false;
  absl::flat_hash_map<Key, SocketReport> kept_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_ACCEPTED_COUNTS_H_
