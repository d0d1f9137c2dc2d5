#ifndef WSPD_DAEMON_ADMIN_ADMIN_SERVER_H_
#define WSPD_DAEMON_ADMIN_ADMIN_SERVER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "daemon/admin/admin_service.h"
#include "daemon/admin/daemon_control.h"
#include "daemon/admin/health.h"
#include "daemon/admin/inventory.h"
#include "daemon/admin/rate_meter.h"
#include "daemon/admin/reflection.h"
#include "daemon/admin/remote/remote_admin.h"
#include "daemon/admin/rpc_server.h"
#include "daemon/admin/rpc_table.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"
#include "daemon/identity/peer_identity.h"
#include "daemon/journal/event_journal.h"
#include "daemon/server/connection_table.h"
#include "daemon/server/listener.h"
#include "daemon/server/socket_file.h"

namespace wspd {

struct AdminServerOptions {
  // Open to all, since every call is authorised by the caller's uid.
  std::string socket;
  mode_t mode = 0666;
  PidfdMethod pidfd_method = PidfdMethod::kBest;
  // Root and the daemon's own uid may have any number.
  size_t max_connections_per_uid = 64;
  // As AdminService::Options has them; a control outlives the server.
  absl::optional<gid_t> admin_group;
  DaemonControl* control = nullptr;
  std::vector<std::pair<std::string, uint64_t>> limits;
  // Callers from elsewhere; without an address: there are none.
  RemoteAdmin::Settings remote;
};

// The admin socket: wsp.v1.Admin, grpc.health.v1.Health and
// grpc.reflection.v1alpha.ServerReflection, on a gRPC server of its own with
// one thread. Nothing of it appears on other servers of the process.
class AdminServer {
 public:
  // Listens and serves when it returns. Loop and inventory have to outlive the
  // server. `passed` is listening at `socket` already; if it is invalid, that
  // is made. Errors are SocketFile's.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(
      const AdminServerOptions& options, EventLoop* loop, Inventory* inventory,
      OwnedFd passed = OwnedFd());

  // Ends all connections and removes the socket file. Not on the loop's thread,
  // which has to be running.
  ~AdminServer();

  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // What the health service says of the daemon and of wsp.v1.Provider: serving
  // from the start. Thread-safe.
  void SetServing(bool serving);

  // What GetServerInfo says of limits from now on. Thread-safe.
  void SetLimits(std::vector<std::pair<std::string, uint64_t>> limits) {
    admin_.SetLimits(std::move(limits));
  }

  // Of callers from elsewhere, as RemoteAdmin::Apply. One call at a time.
  absl::Status ApplyRemote(RemoteAdmin::Settings settings);

  // Has `answer` called on the server's thread, after what that is busy with.
  // Thread-safe.
  void Ask(std::function<void()> answer) { server_.Ask(std::move(answer)); }
  // The same of the threads for callers from elsewhere; at once if there are
  // none.
  void AskRemote(std::function<void()> answer);

 private:
  AdminServer(const AdminServerOptions& options,
              std::unique_ptr<SocketFile> file, EventLoop* loop,
              Inventory* inventory);
  // Watches and streams may have something to send.
  void Recheck();
  // At the start, and then on the loop's thread, every RateMeter::kPeriod.
  void MeasureRates();
  AdminService::Options ServiceOptions(const AdminServerOptions& options);

  EventLoop* const loop_;
  // Whether timers have somebody to wake. They ask on the loop's thread, which
  // the destructor waits for.
  const std::shared_ptr<std::atomic<bool>> lives_ =
      std::make_shared<std::atomic<bool>>(true);
  const std::unique_ptr<SocketFile> file_;
  Inventory* const inventory_;
  EventJournal* const events_;
  RateMeter rates_;
  AdminService admin_;
  Health health_;
  const Reflection reflection_;
  RpcTable methods_;
  ConnectionTable connections_;
  RpcServer server_;
  std::unique_ptr<Listener> listener_;
  // Null: there was nobody from elsewhere yet. Once made it stays.
  std::unique_ptr<RemoteAdmin> remote_;
  // The same, for other threads.
  std::atomic<RemoteAdmin*> remote_to_wake_{nullptr};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_ADMIN_SERVER_H_
