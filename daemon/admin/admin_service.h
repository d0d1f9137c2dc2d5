#ifndef WSPD_DAEMON_ADMIN_ADMIN_SERVICE_H_
#define WSPD_DAEMON_ADMIN_ADMIN_SERVICE_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/admin/inventory.h"
#include "daemon/admin/rpc_table.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// wsp.v1.Admin without gRPC: what each call answers to whom.
//
// Root and the daemon's own uid see and do everything. Others see the clients
// and sockets of their own uid, and may neither disconnect nor reset anything
// (PERMISSION_DENIED).
// What a caller may not see doesn't exist for it (NOT_FOUND).
//
// Thread-safe, as the inventory is.
class AdminService {
 public:
  // `admin_socket`: the path to show in GetServerInfo. The inventory has to
  // outlive the service.
  AdminService(Inventory* inventory, std::string admin_socket);

  absl::StatusOr<wsp::v1::ListClientsResponse> ListClients(
      uid_t caller, const wsp::v1::ListClientsRequest& request) const;
  absl::StatusOr<wsp::v1::GetClientResponse> GetClient(
      uid_t caller, const wsp::v1::GetClientRequest& request) const;
  absl::StatusOr<wsp::v1::ListSocketsResponse> ListSockets(
      uid_t caller, const wsp::v1::ListSocketsRequest& request) const;
  absl::StatusOr<wsp::v1::GetSocketResponse> GetSocket(
      uid_t caller, const wsp::v1::GetSocketRequest& request) const;
  absl::StatusOr<wsp::v1::GetServerInfoResponse> GetServerInfo(
      uid_t caller, const wsp::v1::GetServerInfoRequest& request) const;
  absl::StatusOr<wsp::v1::DisconnectClientResponse> DisconnectClient(
      uid_t caller, const wsp::v1::DisconnectClientRequest& request) const;
  // The messages of the stream; they end before the service.
  absl::StatusOr<std::unique_ptr<RpcSource>> WatchEvents(
      uid_t caller, const wsp::v1::WatchEventsRequest& request) const;
  absl::StatusOr<wsp::v1::ResetSocketResponse> ResetSocket(
      uid_t caller, const wsp::v1::ResetSocketRequest& request) const;
  absl::StatusOr<wsp::v1::TestPolicyResponse> TestPolicy(
      uid_t caller, const wsp::v1::TestPolicyRequest& request) const;

 private:
  Inventory* const inventory_;
  const std::string admin_socket_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_ADMIN_SERVICE_H_
