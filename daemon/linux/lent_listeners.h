#ifndef WSPD_DAEMON_LINUX_LENT_LISTENERS_H_
#define WSPD_DAEMON_LINUX_LENT_LISTENERS_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "daemon/linux/lent_socket.h"
#include "daemon/linux/sock_diag.h"
#include "daemon/socket/net_address.h"

namespace wspd {

// The TCP listeners of the network namespace at one moment, and so whose a
// connection is that the kernel has made for one of them: nothing says so but
// its local address.
class LentListeners {
 public:
  // None.
  LentListeners() = default;
  // Asks the kernel, unless none of `lent` can listen. Takes time in proportion
  // to the namespace's listeners.
  static LentListeners Find(std::vector<LentSocket> lent);

  LentListeners(LentListeners&&) = default;
  LentListeners& operator=(LentListeners&&) = default;

  // One more, that was `lent` and has ended as `report` says.
  void Add(const LentSocket& lent, const SocketReport& report);

  // The lent listener that has accepted the connection. Null: there is none, or
  // a listener that isn't lent fits as well.
  //
  // As the kernel does it takes the one that is bound the closest. Of several
  // that are bound alike (SO_REUSEPORT: a program's workers, or programs of one
  // user) the oldest stands for all, since nobody can tell.
  const LentSocket* ListenerOf(const SocketReport& connection) const;

 private:
  struct Listener {
    SocketReport report;
    // Null: somebody else's.
    const LentSocket* lent;
  };

  // As they were then, and those that were added, whose places stay.
  std::deque<LentSocket> lent_;
  absl::flat_hash_map<uint16_t, std::vector<Listener>> by_port_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_LENT_LISTENERS_H_
