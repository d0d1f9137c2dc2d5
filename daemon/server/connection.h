#ifndef WSPD_DAEMON_SERVER_CONNECTION_H_
#define WSPD_DAEMON_SERVER_CONNECTION_H_

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/owned_fd.h"
#include "daemon/identity/peer_identity.h"

namespace wspd {

// An accepted connection as gRPC's ServerContext::peer() names it, with the
// kernel's word on who made it. What gRPC reads and writes is its own
// descriptor; this holds a duplicate, for Shutdown.
//
// Thread-safe.
class Connection {
 public:
  // `fd`: the number that gRPC gets. `duplicate`: of the same socket.
  Connection(int fd, OwnedFd duplicate, Peer peer)
      : fd_(fd), duplicate_(std::move(duplicate)), peer_(std::move(peer)) {}

  // "fd:N".
  std::string name() const { return absl::StrCat("fd:", fd_); }
  const PeerIdentity& identity() const { return peer_.identity; }
  const std::vector<std::string>& certificate_names() const {
    return peer_.certificate_names;
  }
  // Readable when the process has ended; negative where there is none. Valid as
  // long as this object.
  int pidfd() const { return peer_.pidfd.get(); }
  // The peer with a pidfd of its own, for who outlives the connection.
  absl::StatusOr<Peer> CopyPeer() const;

  // Ends the connection in both directions; gRPC then sees its end. May be
  // called often, and after the end.
  void Shutdown();

  // Whether an Attach is under way, so that the time limit is off.
  bool attached() const { return attaches_.load() > 0; }

 private:
  friend class ConnectionTable;

  const int fd_;
  const OwnedFd duplicate_;
  const Peer peer_;
  std::atomic<int> attaches_{0};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SERVER_CONNECTION_H_
