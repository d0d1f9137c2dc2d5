#ifndef WSPD_DAEMON_ADMIN_ADMIN_SERVICE_H_
#define WSPD_DAEMON_ADMIN_ADMIN_SERVICE_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/optional.h"
#include "daemon/admin/caller_limit.h"
#include "daemon/admin/daemon_control.h"
#include "daemon/admin/drain_source.h"
#include "daemon/admin/inventory.h"
#include "daemon/admin/rate_meter.h"
#include "daemon/admin/rpc_table.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// wsp.v1.Admin without gRPC: what each call answers to whom.
//
// Administrators see and do everything: root, the daemon's own uid, and the
// members of one group. Others see the clients, sockets and names of their own
// uid, and may do nothing to anything (PERMISSION_DENIED).
// What a caller may not see doesn't exist for it (NOT_FOUND).
//
// Thread-safe, as the inventory is.
class AdminService {
 public:
  struct Options {
    // The path to show in GetServerInfo.
    std::string admin_socket;
    // Whose members are administrators; none: nobody's.
    absl::optional<gid_t> admin_group;
    // Null: the daemon can't be asked to do anything (UNIMPLEMENTED).
    DaemonControl* control = nullptr;
    // What GetServerInfo says of rates; null: nothing.
    const RateMeter* rates = nullptr;
    // What it says of the configuration's limits, by their fields' names; at
    // first: SetLimits().
    std::vector<std::pair<std::string, uint64_t>> limits;
    // Called when streams may have something to send, on whatever thread.
    std::function<void()> wake = [] {};
    // Has `wake` called after a while.
    DrainSource::WakeAfter wake_after = [](absl::Duration) {};
    // Called when the daemon begins or ends to drain.
    std::function<void(bool draining)> on_draining = [](bool) {};
  };

  // Inventory and control have to outlive the service.
  AdminService(Inventory* inventory, Options options);

  // Those that are in force now.
  void SetLimits(std::vector<std::pair<std::string, uint64_t>> limits);

  absl::StatusOr<wsp::v1::ListClientsResponse> ListClients(
      const Caller& caller, const wsp::v1::ListClientsRequest& request) const;
  absl::StatusOr<wsp::v1::GetClientResponse> GetClient(
      const Caller& caller, const wsp::v1::GetClientRequest& request) const;
  absl::StatusOr<wsp::v1::ListSocketsResponse> ListSockets(
      const Caller& caller, const wsp::v1::ListSocketsRequest& request) const;
  absl::StatusOr<wsp::v1::GetSocketResponse> GetSocket(
      const Caller& caller, const wsp::v1::GetSocketRequest& request) const;
  absl::StatusOr<wsp::v1::ListNamesResponse> ListNames(
      const Caller& caller, const wsp::v1::ListNamesRequest& request) const;
  absl::StatusOr<wsp::v1::GetServerInfoResponse> GetServerInfo(
      const Caller& caller, const wsp::v1::GetServerInfoRequest& request) const;
  absl::StatusOr<wsp::v1::DisconnectClientResponse> DisconnectClient(
      const Caller& caller,
      const wsp::v1::DisconnectClientRequest& request) const;
  // The messages of the stream; they end before the service.
  absl::StatusOr<std::unique_ptr<RpcSource>> WatchEvents(
      const Caller& caller, const wsp::v1::WatchEventsRequest& request) const;
  absl::StatusOr<wsp::v1::ResetSocketResponse> ResetSocket(
      const Caller& caller, const wsp::v1::ResetSocketRequest& request) const;
  absl::StatusOr<wsp::v1::EndSocketResponse> EndSocket(
      const Caller& caller, const wsp::v1::EndSocketRequest& request) const;
  absl::StatusOr<wsp::v1::TestPolicyResponse> TestPolicy(
      const Caller& caller, const wsp::v1::TestPolicyRequest& request) const;
  // Its one answer.
  absl::StatusOr<std::unique_ptr<RpcSource>> Reload(
      const Caller& caller, const wsp::v1::ReloadRequest& request) const;
  absl::StatusOr<wsp::v1::SetLogLevelResponse> SetLogLevel(
      const Caller& caller, const wsp::v1::SetLogLevelRequest& request) const;
  // The messages end before the service.
  absl::StatusOr<std::unique_ptr<RpcSource>> Drain(
      const Caller& caller, const wsp::v1::DrainRequest& request) const;
  absl::StatusOr<wsp::v1::CancelDrainResponse> CancelDrain(
      const Caller& caller, const wsp::v1::CancelDrainRequest& request) const;

 private:
  bool IsAdministrator(const Caller& caller) const;
  // PERMISSION_DENIED to who may not do `what`.
  absl::Status CheckAdministrator(const Caller& caller,
                                  absl::string_view what) const;
  // The same, and UNIMPLEMENTED without a control.
  absl::Status CheckControl(const Caller& caller, absl::string_view what) const;
  // Of clients, sockets or names, what the caller may see.
  InventoryFilter VisibleTo(const Caller& caller) const;
  template <typename Response, typename Request>
  absl::StatusOr<Response> ForceEnd(const Caller& caller,
                                    const Request& request,
                                    ForcedEnd how) const;
  // Whether that is new.
  bool SetDraining(const Caller& caller, bool draining) const;

  // Each of them is read for on the one thread of the server that it came by.
  static constexpr int kMostWatches = 16;

  Inventory* const inventory_;
  // Streams of WatchEvents.
  const std::shared_ptr<CallerLimit> watches_ =
      CallerLimit::Create(kMostWatches);
  const Options options_;
  mutable absl::Mutex mu_;
  std::vector<std::pair<std::string, uint64_t>> limits_ ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_ADMIN_SERVICE_H_
