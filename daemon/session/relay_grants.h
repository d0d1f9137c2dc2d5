#ifndef WSPD_DAEMON_SESSION_RELAY_GRANTS_H_
#define WSPD_DAEMON_SESSION_RELAY_GRANTS_H_

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_set.h"
#include "daemon/relay/relayed_sockets.h"

namespace wspd {

// The relayed sockets that an attachment has a right to, by their numbers:
// those that it made, and those whose descriptor it has shown. A right to a
// listener is one to what that has accepted: whoever receives from the
// listener's end may have that too.
//
// Ended sockets are forgotten in time, so that there are never many more than
// live. Not thread-safe.
class RelayGrants {
 public:
  void Add(uint64_t number, const RelayedSockets& table);
  bool Has(const RelayedSocketInfo& socket) const {
    return granted_.contains(socket.number) ||
           (socket.listener != 0 && granted_.contains(socket.listener));
  }

 private:
  absl::flat_hash_set<uint64_t> granted_;
  // Size at which it is looked which have ended.
  size_t purge_at_ = 1024;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_RELAY_GRANTS_H_
