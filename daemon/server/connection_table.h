#ifndef WSPD_DAEMON_SERVER_CONNECTION_TABLE_H_
#define WSPD_DAEMON_SERVER_CONNECTION_TABLE_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"
#include "daemon/identity/peer_identity.h"
#include "daemon/server/connection.h"

namespace wspd {

// The connections that live, by the name that gRPC gives them. A connection
// leaves by itself when either side ends it; who found it before may keep it.
//
// Thread-safe. The loop has to outlive the table.
class ConnectionTable {
 public:
  explicit ConnectionTable(EventLoop* loop);
  ~ConnectionTable();

  ConnectionTable(const ConnectionTable&) = delete;
  ConnectionTable& operator=(const ConnectionTable&) = delete;

  // Adds an accepted socket, before gRPC gets it: `fd` stays the caller's. If
  // `attach_timeout` is finite, a connection that has been without an Attach
  // for as long is shut down, with a log line.
  absl::StatusOr<std::shared_ptr<Connection>> Add(
      int fd, Peer peer, absl::Duration attach_timeout);

  // What is known of a connection by its ServerContext::peer(), "fd:N". Null if
  // it has ended (its last messages may still be on their way through gRPC) or
  // isn't one of these.
  std::shared_ptr<Connection> Find(absl::string_view peer) const;

  // An Attach has begun on the connection, and has ended.
  void OnAttachBegun(Connection* connection);
  void OnAttachEnded(Connection* connection);

  // Forgets a connection before it ends by itself.
  void Remove(absl::string_view peer);

  size_t size() const;
  size_t CountOf(uid_t uid) const;

  // Ends every connection.
  void ShutdownAll();

 private:
  class State;
  class EndHandler;

  const std::shared_ptr<State> state_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SERVER_CONNECTION_TABLE_H_
