#ifndef WSPD_DAEMON_SERVICE_SD_NOTIFY_H_
#define WSPD_DAEMON_SERVICE_SD_NOTIFY_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace wspd {

// Tells the service manager of the daemon's state, by sd_notify(3)'s protocol:
// a datagram to $NOTIFY_SOCKET, a path or, with '@', an abstract name. OK, with
// nothing done, where the variable isn't set. Thread-safe as long as nobody
// changes the environment; never blocks for long.
//
// Not libsystemd's functions: the protocol is documented as stable, and the
// daemon needs no library for it where there is no systemd.

// Both sockets accept. `status` is for people, as NotifyStatus()'s.
absl::Status NotifyReady(absl::string_view status);

// The daemon is going, and may take `bound` for it, whatever the manager's own
// time limit is.
absl::Status NotifyStopping(absl::Duration bound);

// The configuration is read again; NotifyReady() says when that is through.
absl::Status NotifyReloading();

// One line for `systemctl status`; control characters become spaces. Never
// waits: a manager that is behind isn't told.
absl::Status NotifyStatus(absl::string_view text);

// The daemon is well. Never waits: a manager that is behind is told next time.
absl::Status NotifyWatchdog();

// How long the manager waits for NotifyWatchdog() before it ends the daemon: of
// $WATCHDOG_USEC, if $WATCHDOG_PID is this process or unset. Zero if it doesn't
// wait; INVALID_ARGUMENT if the variables say nothing sensible.
absl::StatusOr<absl::Duration> WatchdogLimit();

}  // namespace wspd

#endif  // WSPD_DAEMON_SERVICE_SD_NOTIFY_H_
