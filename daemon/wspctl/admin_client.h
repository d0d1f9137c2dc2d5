#ifndef WSPD_DAEMON_WSPCTL_ADMIN_CLIENT_H_
#define WSPD_DAEMON_WSPCTL_ADMIN_CLIENT_H_

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/wspctl/daemon_address.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"
#include "proto/wsp/v1/admin.grpc.pb.h"

namespace wspd {

// A connection to a daemon's admin socket, or to where it serves those from
// elsewhere. Every call blocks, at most 5 seconds unless it says otherwise, and
// fails with a line for the user. Not thread-safe.
class AdminClient {
 public:
  // UNAVAILABLE if nobody listens there; of an endpoint the first call says so,
  // and this only what is wrong with the user's own files.
  static absl::StatusOr<std::unique_ptr<AdminClient>> Connect(
      const DaemonAddress& daemon);

  absl::StatusOr<wsp::v1::ListClientsResponse> ListClients(
      const wsp::v1::ListClientsRequest& request);
  absl::StatusOr<wsp::v1::GetClientResponse> GetClient(int pid);
  absl::StatusOr<wsp::v1::ListSocketsResponse> ListSockets(
      const wsp::v1::ListSocketsRequest& request);
  absl::StatusOr<wsp::v1::ListNamesResponse> ListNames(
      const wsp::v1::ListNamesRequest& request);
  absl::StatusOr<wsp::v1::ResetSocketResponse> ResetSocket(
      const wsp::v1::ResetSocketRequest& request);
  absl::StatusOr<wsp::v1::EndSocketResponse> EndSocket(
      const wsp::v1::EndSocketRequest& request);
  absl::StatusOr<wsp::v1::DisconnectClientResponse> DisconnectClient(
      const wsp::v1::DisconnectClientRequest& request);
  absl::StatusOr<wsp::v1::GetServerInfoResponse> GetServerInfo();
  absl::StatusOr<wsp::v1::SetLogLevelResponse> SetLogLevel(
      const wsp::v1::SetLogLevelRequest& request);
  // At most a minute: the daemon may wait for the name service.
  absl::StatusOr<wsp::v1::ReloadResponse> Reload();
  // Gives each message to `take` until that says false; for as long as the
  // request says. DEADLINE_EXCEEDED with the daemon's words.
  absl::Status Drain(
      const wsp::v1::DrainRequest& request,
      const std::function<bool(const wsp::v1::DrainResponse&)>& take);
  absl::StatusOr<wsp::v1::CancelDrainResponse> CancelDrain();
  absl::StatusOr<wsp::v1::TestPolicyResponse> TestPolicy(
      const wsp::v1::TestPolicyRequest& request);
  // Of a service, by its full name; empty: of the daemon as a whole.
  absl::StatusOr<grpc::health::v1::HealthCheckResponse> CheckHealth(
      const std::string& service);
  // Gives each message to `take` until that says false; for as long as the
  // daemon is there.
  absl::Status WatchEvents(
      const wsp::v1::WatchEventsRequest& request,
      const std::function<bool(const wsp::v1::WatchEventsResponse&)>& take);

 private:
  AdminClient(DaemonAddress daemon, std::shared_ptr<grpc::Channel> channel);

  const DaemonAddress daemon_;
  const std::unique_ptr<wsp::v1::Admin::Stub> admin_;
  const std::unique_ptr<grpc::health::v1::Health::Stub> health_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_ADMIN_CLIENT_H_
