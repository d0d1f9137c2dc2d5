#ifndef WSPD_DAEMON_ADMIN_REMOTE_REMOTE_LISTENER_H_
#define WSPD_DAEMON_ADMIN_REMOTE_REMOTE_LISTENER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/admin/remote/remote_rights.h"
#include "daemon/admin/remote/tls_context.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"
#include "daemon/socket/net_address.h"

namespace wspd {

struct RemoteListenerOptions {
  NetAddress address;
  // How long a client may take to prove who it is.
  absl::Duration handshake_time = absl::Seconds(5);
  // Who come while so many prove it make the oldest of these go.
  size_t max_handshakes = 64;
  // Of clients that have proved it; further ones are let go. So are those of
  // one certificate's names beyond a few, those that leave administrators too
  // few, and those beyond a few who have no rights.
  size_t max_connections = 64;
  size_t max_connections_per_client = 16;
  size_t kept_for_administrators = 16;
  size_t max_connections_without_rights = 8;
};

// Accepts TCP connections, has TLS find out who made them, and hands on what is
// plain. On a loop of its own, so that strangers' handshakes take no time of
// anybody else's.
class RemoteListener {
 public:
  // Both on the loop's thread.
  struct Sink {
    // Gets an end of a Unix socket pair, non-blocking and close-on-exec, and
    // the names of the client's certificate.
    std::function<void(OwnedFd plain, std::vector<std::string> names)>
        on_connection;
    // What somebody of these names may do, as it stands.
    std::function<RemoteRights::Level(const std::vector<std::string>& names)>
        level_of;
  };

  // Listens when it returns, and accepts nobody before Begin(). `loop` is
  // nobody else's, and outlives this. The error names the address.
  static absl::StatusOr<std::unique_ptr<RemoteListener>> Open(
      const RemoteListenerOptions& options, TlsContext context, EventLoop* loop,
      Sink sink);

  // Ends all connections. The loop has to be running.
  ~RemoteListener();

  RemoteListener(const RemoteListener&) = delete;
  RemoteListener& operator=(const RemoteListener&) = delete;

  // Accepts from now on.
  void Begin();

  // For connections that come from now on. Of those that there are, it ends the
  // ones that `context` wouldn't let in, and those whose clients may do less
  // than when they came: so ends what they have under way, too. To be called
  // when level_of says what holds from now on. Thread-safe.
  void SetContext(TlsContext context);

  // With the port that the kernel chose.
  const NetAddress& address() const { return address_; }

 private:
  class Acceptor;

  RemoteListener(std::shared_ptr<Acceptor> acceptor, EventLoop* loop,
                 NetAddress address)
      : acceptor_(std::move(acceptor)), loop_(loop), address_(address) {}

  const std::shared_ptr<Acceptor> acceptor_;
  EventLoop* const loop_;
  const NetAddress address_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_REMOTE_REMOTE_LISTENER_H_
