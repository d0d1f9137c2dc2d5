#include "daemon/server/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "absl/status/status.h"

namespace wspd {

void Connection::Shutdown() { shutdown(duplicate_.get(), SHUT_RDWR); }

absl::StatusOr<Peer> Connection::CopyPeer() const {
  Peer copy;
  copy.identity = peer_.identity;
  if (!peer_.pidfd.valid()) return copy;
  copy.pidfd.Reset(fcntl(peer_.pidfd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy.pidfd.valid()) {
    return absl::ErrnoToStatus(errno, "fcntl(pidfd, F_DUPFD_CLOEXEC)");
  }
  return copy;
}

}  // namespace wspd
