#ifndef WSPD_DAEMON_LINUX_ACCEPTED_COUNTS_H_
#define WSPD_DAEMON_LINUX_ACCEPTED_COUNTS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "daemon/linux/lent_listeners.h"
#include "daemon/linux/lent_socket.h"
#include "daemon/linux/sock_diag.h"
#include "daemon/socket/net_address.h"

namespace wspd {

// Tells whether TCP connections that have ended were accepted by lent
// listeners, which only their local addresses say. It is looked who listens at
// most once a `settle_time`; ends in between are kept until then: their bytes
// summed by local address, and of so many which they were.
//
// Not thread-safe.
class AcceptedCounts {
 public:
  // A connection that `listener` had accepted has ended. `ended` has its cookie
  // and addresses at least; both are valid during the call.
  using EndSink = std::function<void(const LentSocket& listener,
                                     const SocketReport& ended)>;

  AcceptedCounts(absl::Duration settle_time, EndSink sink)
      : settle_time_(settle_time), sink_(std::move(sink)) {}

  enum class Verdict {
    // It was a lent listener's, as the sink has been told.
    kAccepted,
    // Not known yet, or not kept since there are too many.
    kKept,
    // The same, and Settle() is to be called in SettleDelay().
    kSettle,
  };
  Verdict Add(const SocketReport& ended);
  // A lent TCP socket that had no peer, so that it may have listened, has
  // ended. A process that ends takes its listeners and what these have accepted
  // along: for a moment it counts as if it was there; of each user, so many.
  void AddEndedListener(const LentSocket& lent, const SocketReport& ended);
  absl::Duration SettleDelay() const;
  // Those that ended and still count.
  size_t ended_listeners() const { return ended_listeners_.size(); }

  // Looks who of `lent` listens. The sums, as those of one report, of the kept
  // ends that were a lent listener's, also of one that listened when it was
  // looked before; the sink is told of each.
  SocketReport Settle(std::vector<LentSocket> lent);

 private:
  // Local addresses whose ends are kept, and ends of which it is kept which
  // they were.
  static constexpr size_t kMostKept = 4096;
  static constexpr size_t kMostEnds = 4096;
  static constexpr size_t kMostEndedListeners = 4096;
  static constexpr size_t kMostEndedListenersOfUser = 512;

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

  // Of one local address.
  struct Kept {
    // As that of one connection.
    SocketReport sum;
    struct End {
      uint64_t cookie;
      NetAddress peer;
    };
    std::vector<End> ends;
  };

  void TellOf(const LentSocket& listener, const Kept& kept) const;

  const absl::Duration settle_time_;
  const EndSink sink_;
  LentListeners listeners_;
  absl::Time settled_at_ = absl::InfinitePast();
  bool settle_due_ = false;
  absl::flat_hash_map<Key, Kept> kept_;
  size_t kept_ends_ = 0;
  struct EndedListener {
    LentSocket lent;
    SocketReport report;
    absl::Duration at;  // SteadyTime()
  };
  // Lets go of those that don't count any more.
  void ForgetEndedListeners();
  void ForgetOldestListener();

  // In the order of their ends.
  std::deque<EndedListener> ended_listeners_;
  // How many of them are whose; none is 0.
  absl::flat_hash_map<uid_t, size_t> ended_of_user_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_ACCEPTED_COUNTS_H_
