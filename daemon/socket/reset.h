#ifndef WSPD_DAEMON_SOCKET_RESET_H_
#define WSPD_DAEMON_SOCKET_RESET_H_

#include "daemon/base/owned_fd.h"

namespace wspd {

// Closes a connection at once with a reset, whatever waits to be sent.
void ResetAndClose(OwnedFd fd);

}  // namespace wspd

#endif  // WSPD_DAEMON_SOCKET_RESET_H_
