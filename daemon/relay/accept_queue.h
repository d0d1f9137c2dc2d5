#ifndef WSPD_DAEMON_RELAY_ACCEPT_QUEUE_H_
#define WSPD_DAEMON_RELAY_ACCEPT_QUEUE_H_

#include "absl/time/time.h"
#include "daemon/base/owned_fd.h"
#include "daemon/relay/relayed_socket.h"
#include "proto/relay_wire.h"

namespace wspd {

// Accepts a relayed listener's connections and sends them to whoever receives
// on the program's end. What that has no room for stays in the kernel's queue,
// but for one. Not thread-safe.
class AcceptQueue {
 public:
  enum class Result {
    // The kernel has none at the moment.
    kIdle,
    // The link has no room.
    kBlocked,
    // Others are to have their turn.
    kMore,
    // Something has run out; worth another try in a while.
    kScarce,
    // As many as its client may have; wait() until there may be one more.
    kTooSoon,
    // Nobody can receive any more.
    kEnded,
  };

  // `table` outlives the queue. `listener` says whose socket it is.
  AcceptQueue(RelayedSockets* table, const RelayedSocketInfo& listener)
      : table_(table), listener_(listener) {}

  // How many connections may wait on the program's end, by listen()'s backlog.
  static void SetRoom(int link, int backlog);

  // What is accepted has from its listener.
  struct Inherited {
    // SO_LINGER is on.
    bool lingers;
    const ProgramOptions* program_options;
  };

  // `is_shared`: other clients want a turn, too.
  Result Run(int real, int link, const Inherited& inherited, bool is_shared);
  absl::Duration wait() const { return wait_; }

  // Whether a connection hasn't found room on the program's end yet.
  bool has_one() const { return waiting_.valid(); }

 private:
  Result Accept(int real, const Inherited& inherited);
  // Sends the one that waits.
  Result Send(int link);

  RelayedSockets* const table_;
  const RelayedSocketInfo& listener_;
  // The program's end of the connection that is to be sent next.
  OwnedFd waiting_;
  wsp::relay::Accepted message_;
  absl::Duration wait_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_ACCEPT_QUEUE_H_
