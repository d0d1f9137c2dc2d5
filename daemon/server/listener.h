#ifndef WSPD_DAEMON_SERVER_LISTENER_H_
#define WSPD_DAEMON_SERVER_LISTENER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/event/event_loop.h"
#include "daemon/identity/peer_identity.h"
#include "daemon/server/connection_table.h"

namespace wspd {

struct ListenerOptions {
  // What the log calls it: "provider", "admin".
  std::string name;
  PidfdMethod pidfd_method = PidfdMethod::kBest;
  // How long a connection may be without an Attach.
  absl::Duration attach_timeout = absl::InfiniteDuration();
  // Connections that one uid may have at a time; further ones are closed. Root
  // and the daemon's own uid may have any number. At first:
  // SetMaxConnectionsPerUid().
  size_t max_connections_per_uid = SIZE_MAX;
};

// Accepts connections on a Unix socket, asks the kernel who made them, and
// hands them on.
//
// An accepted descriptor is moved to a number that was not in use lately, out
// of a range of its own, since gRPC tells its connections apart by the number.
// The range ends well below the limit of open files, as it was at Start.
class Listener {
 public:
  // Gets a non-blocking, close-on-exec descriptor that it owns from now on; the
  // table knows it already. Called on the loop's thread.
  using OnConnection = std::function<void(int fd)>;

  // Starts accepting. `listen_fd` (non-blocking, listening), loop and table
  // have to outlive the listener.
  static absl::StatusOr<std::unique_ptr<Listener>> Start(
      ListenerOptions options, int listen_fd, EventLoop* loop,
      ConnectionTable* table, OnConnection on_connection);

  // As Stop.
  ~Listener();

  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // From now on; those that there are stay. Any thread, but not beside Stop().
  void SetMaxConnectionsPerUid(size_t most);

  // Accepts nothing more; connections wait in the socket's queue or end with
  // it. When this returns, OnConnection neither runs nor will, unless this was
  // called from it. The loop has to be running.
  void Stop();

 private:
  class Acceptor;

  explicit Listener(std::shared_ptr<Acceptor> acceptor)
      : acceptor_(std::move(acceptor)) {}

  std::shared_ptr<Acceptor> acceptor_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SERVER_LISTENER_H_
