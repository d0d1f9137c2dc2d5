#include "tests/testing/admin_view.h"

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <algorithm>

#include "gtest/gtest.h"
#include "proto/wsp/v1/admin.grpc.pb.h"
#include "tests/testing/wait_until.h"

namespace wspd::testing {
namespace {

namespace pb = ::wsp::v1;

pid_t PidOrOwn(pid_t pid) { return pid == 0 ? getpid() : pid; }

struct Context : grpc::ClientContext {
  Context() { set_deadline(std::chrono::system_clock::now() + kDeadline); }
};

}  // namespace

struct AdminView::Stub {
  std::unique_ptr<pb::Admin::Stub> admin;
};

AdminView::AdminView(const std::string& admin_socket) : stub_(new Stub) {
  stub_->admin = pb::Admin::NewStub(grpc::CreateChannel(
      "unix:" + admin_socket, grpc::InsecureChannelCredentials()));
}

AdminView::~AdminView() = default;

std::optional<AdminView::Client> AdminView::FindClient(pid_t pid) {
  Context context;
  pb::GetClientRequest request;
  pb::GetClientResponse response;
  request.set_pid(PidOrOwn(pid));
  const grpc::Status status =
      stub_->admin->GetClient(&context, request, &response);
  if (status.error_code() == grpc::StatusCode::NOT_FOUND) return std::nullopt;
  EXPECT_TRUE(status.ok()) << status.error_message();
  const pb::Client& client = response.client();
  return Client{client.startups(), client.attachments(), client.sockets(),
                client.pending_calls()};
}

std::vector<pid_t> AdminView::ListClients(std::optional<uid_t> user) {
  Context context;
  pb::ListClientsRequest request;
  pb::ListClientsResponse response;
  if (user) request.add_uids(*user);
  const grpc::Status status =
      stub_->admin->ListClients(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  std::vector<pid_t> pids;
  for (const pb::Client& client : response.clients()) {
    pids.push_back(client.pid());
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

std::vector<pid_t> AdminView::ListSockets() {
  Context context;
  pb::ListSocketsResponse response;
  const grpc::Status status =
      stub_->admin->ListSockets(&context, pb::ListSocketsRequest(), &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  std::vector<pid_t> pids;
  for (const pb::Socket& socket : response.sockets()) {
    pids.push_back(socket.pid());
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

AdminView::Totals AdminView::GetTotals() {
  Context context;
  pb::GetServerInfoResponse info;
  const grpc::Status status =
      stub_->admin->GetServerInfo(&context, pb::GetServerInfoRequest(), &info);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return {info.clients(), info.sockets(), info.lingering_sockets(),
          info.clients_died_total(), info.calls_total()};
}

std::string AdminView::Disconnect(pid_t pid) {
  Context context;
  pb::DisconnectClientRequest request;
  pb::DisconnectClientResponse response;
  request.set_pid(PidOrOwn(pid));
  return stub_->admin->DisconnectClient(&context, request, &response)
      .error_message();
}

std::ostream& operator<<(std::ostream& out, const AdminView::Totals& totals) {
  return out << totals.clients << " clients, " << totals.sockets << " sockets, "
             << totals.lingering_sockets << " lingering";
}

}  // namespace wspd::testing
