#ifndef WSPD_DAEMON_ADMIN_REMOTE_REMOTE_ADMIN_H_
#define WSPD_DAEMON_ADMIN_REMOTE_REMOTE_ADMIN_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "daemon/admin/remote/remote_listener.h"
#include "daemon/admin/remote/remote_rights.h"
#include "daemon/admin/remote/tls_context.h"
#include "daemon/admin/rpc_server.h"
#include "daemon/admin/rpc_table.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"
#include "daemon/server/connection_table.h"
#include "daemon/server/fd_numbers.h"
#include "daemon/socket/net_address.h"
#include "proto/wspd/config.pb.h"

namespace wspd {

// The admin server's methods for callers from elsewhere, over TLS with
// certificates of both sides. It has a gRPC server and connections of its own,
// so that nobody from elsewhere can be taken for a process of this system.
class RemoteAdmin {
 public:
  struct Settings {
    // Empty: nowhere, and the rest is null.
    NetAddress address;
    TlsContext tls;
    std::shared_ptr<const RemoteRights> rights;
  };

  // Reads the files that the configuration names, if it has an address. The
  // error names the field. Warns of a certificate that clients will refuse.
  static absl::StatusOr<Settings> Load(const Config::RemoteAdmin& config);

  // Serves when it returns; the settings have an address. The table outlives
  // it.
  static absl::StatusOr<std::unique_ptr<RemoteAdmin>> Start(
      Settings settings, const RpcTable* methods);

  // Ends all connections. None of the other functions may be running.
  ~RemoteAdmin();

  RemoteAdmin(const RemoteAdmin&) = delete;
  RemoteAdmin& operator=(const RemoteAdmin&) = delete;

  // Puts other settings in force. Connections whose certificates the new ones
  // don't let in, or whose clients may do less than before, end, and with them
  // what they have under way; so do all if the address is another one, or none:
  // nobody is listening then. On an error nothing has changed. One call at a
  // time.
  absl::Status Apply(Settings settings);

  // As RpcServer's. Thread-safe.
  void Recheck() { server_.Recheck(); }
  void RecheckSoon() { server_.RecheckSoon(); }

  // Has `answer` called after what both of its threads are busy with.
  // Thread-safe.
  void Ask(std::function<void()> answer);

 private:
  RemoteAdmin(std::unique_ptr<EventLoop> loop, const RpcTable* methods);

  absl::StatusOr<std::unique_ptr<RemoteListener>> Open(
      const Settings& settings);
  void SetRights(std::shared_ptr<const RemoteRights> rights);
  std::shared_ptr<const RemoteRights> rights();
  void AddConnection(OwnedFd plain, std::vector<std::string> names);
  absl::StatusOr<Caller> CallerOf(const Connection& connection);

  const std::unique_ptr<EventLoop> loop_;
  ConnectionTable connections_;
  // The loop's thread only.
  FdNumbers numbers_;
  absl::Mutex mu_;
  std::shared_ptr<const RemoteRights> rights_ ABSL_GUARDED_BY(mu_) =
      RemoteRights::Nobody();
  RpcServer server_;
  // As it was asked for.
  NetAddress address_;
  // Null: nobody is let in.
  std::unique_ptr<RemoteListener> listener_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_REMOTE_REMOTE_ADMIN_H_
