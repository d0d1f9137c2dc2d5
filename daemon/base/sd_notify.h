#ifndef WSPD_DAEMON_BASE_SD_NOTIFY_H_
#define WSPD_DAEMON_BASE_SD_NOTIFY_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace wspd {

// Tells the service manager of the daemon's state, by sd_notify(3)'s protocol:
// a datagram to $NOTIFY_SOCKET, a path or, with '@', an abstract name. OK, with
// nothing done, where the variable isn't set. Thread-safe as long as nobody
// changes the environment; never blocks for long.

// Both sockets accept.
absl::Status NotifyReady();

// The daemon is going.
absl::Status NotifyStopping();

// One line for `systemctl status`; control characters become spaces.
absl::Status NotifyStatus(absl::string_view text);

}  // namespace wspd

#endif  // WSPD_DAEMON_BASE_SD_NOTIFY_H_
