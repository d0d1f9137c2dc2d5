#ifndef WSPD_DAEMON_SERVICE_PASSED_SOCKETS_H_
#define WSPD_DAEMON_SERVICE_PASSED_SOCKETS_H_

#include "absl/status/statusor.h"
#include "daemon/base/owned_fd.h"

namespace wspd {

// Listening sockets that the service manager made and keeps, so that clients
// may connect before the daemon runs and while it restarts. Invalid: not
// passed, the daemon makes its own.
struct PassedSockets {
  OwnedFd provider;
  OwnedFd admin;
};

// Takes what was passed by sd_listen_fds(3)'s protocol: $LISTEN_FDS descriptors
// from 3 on, for the process $LISTEN_PID, called "provider" and "admin" in
// $LISTEN_FDNAMES. They become close-on-exec, and the variables go.
//
// INVALID_ARGUMENT for variables that contradict each other, a name that isn't
// one of these, or one that comes twice. What the descriptors are isn't looked
// at: SocketFile::Adopt() does.
//
// Before other threads run: it changes the environment. Only the first call
// finds anything.
absl::StatusOr<PassedSockets> TakePassedSockets();

}  // namespace wspd

#endif  // WSPD_DAEMON_SERVICE_PASSED_SOCKETS_H_
