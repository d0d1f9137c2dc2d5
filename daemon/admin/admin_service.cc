#include "daemon/admin/admin_service.h"

#include <unistd.h>

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/admin/event_source.h"
#include "daemon/admin/socket_query.h"
#include "daemon/base/log.h"
#include "daemon/base/utf8.h"
#include "daemon/base/version.h"

namespace wspd {
namespace {

bool IsPrivileged(uid_t caller) { return caller == 0 || caller == geteuid(); }

// PERMISSION_DENIED to who may not do `what`.
absl::Status CheckPrivileged(uid_t caller, absl::string_view what) {
  if (IsPrivileged(caller)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("only root and uid ", geteuid(), " may ", what,
                   "; the caller has uid ", caller));
}

// Of clients or sockets, what the caller may see.
InventoryFilter VisibleTo(uid_t caller) {
  InventoryFilter filter;
  if (!IsPrivileged(caller)) filter.uid = caller;
  return filter;
}

// The client's own words and the file system's may be any bytes.
void MakeStringsValid(wsp::v1::Client* client) {
  client->set_cgroup(ToValidUtf8(client->cgroup()));
  client->set_executable(ToValidUtf8(client->executable()));
  client->set_client_name(ToValidUtf8(client->client_name()));
  for (std::string& argument : *client->mutable_command_line()) {
    argument = ToValidUtf8(argument);
  }
}

}  // namespace

AdminService::AdminService(Inventory* inventory, std::string admin_socket)
    : inventory_(inventory), admin_socket_(std::move(admin_socket)) {}

absl::StatusOr<wsp::v1::ListClientsResponse> AdminService::ListClients(
    uid_t caller, const wsp::v1::ListClientsRequest& request) const {
  wsp::v1::ListClientsResponse response;
  InventoryFilter filter = VisibleTo(caller);
  if (request.uid() != 0) {
    if (filter.uid && *filter.uid != request.uid()) return response;
    filter.uid = request.uid();
  }
  for (wsp::v1::Client& client : inventory_->ListClients(filter)) {
    MakeStringsValid(&client);
    *response.add_clients() = std::move(client);
  }
  return response;
}

absl::StatusOr<wsp::v1::GetClientResponse> AdminService::GetClient(
    uid_t caller, const wsp::v1::GetClientRequest& request) const {
  InventoryFilter filter = VisibleTo(caller);
  filter.pid = request.pid();
  for (wsp::v1::Client& client : inventory_->ListClients(filter)) {
    if (client.pid() != request.pid()) continue;  // 0 is anybody's
    MakeStringsValid(&client);
    wsp::v1::GetClientResponse response;
    *response.mutable_client() = std::move(client);
    return response;
  }
  return absl::NotFoundError(
      absl::StrCat("there is no client with pid ", request.pid()));
}

absl::StatusOr<wsp::v1::ListSocketsResponse> AdminService::ListSockets(
    uid_t caller, const wsp::v1::ListSocketsRequest& request) const {
  const auto query = SocketQuery::Parse(request);
  if (!query.ok()) return query.status();
  InventoryFilter filter = VisibleTo(caller);
  filter.pid = request.pid();
  return query->Answer(inventory_->ListSockets(filter));
}

absl::StatusOr<wsp::v1::GetSocketResponse> AdminService::GetSocket(
    uid_t caller, const wsp::v1::GetSocketRequest& request) const {
  InventoryFilter filter = VisibleTo(caller);
  filter.client_id = request.client_id();
  for (wsp::v1::Socket& socket : inventory_->ListSockets(filter)) {
    // What neither says isn't any.
    const bool by_cookie = request.socket_id() == 0 && request.cookie() != 0;
    if (socket.client_id() != request.client_id() ||
        (!by_cookie && socket.socket_id() != request.socket_id()) ||
        (request.cookie() != 0 && socket.cookie() != request.cookie()) ||
        (!by_cookie && request.socket_id() == 0)) {
      continue;
    }
    wsp::v1::GetSocketResponse response;
    *response.mutable_socket() = std::move(socket);
    return response;
  }
  return absl::NotFoundError(absl::StrCat(
      "client ", request.client_id(), " has no socket ", request.socket_id()));
}

absl::StatusOr<wsp::v1::GetServerInfoResponse> AdminService::GetServerInfo(
    uid_t, const wsp::v1::GetServerInfoRequest&) const {
  wsp::v1::GetServerInfoResponse response;
  response.set_version(kVersion);
  response.set_pid(getpid());
  response.set_admin_socket(admin_socket_);
  inventory_->FillServerInfo(&response);
  return response;
}

absl::StatusOr<wsp::v1::DisconnectClientResponse>
AdminService::DisconnectClient(
    uid_t caller, const wsp::v1::DisconnectClientRequest& request) const {
  auto allowed = CheckPrivileged(caller, "disconnect clients");
  if (!allowed.ok()) return allowed;
  const absl::Status status = inventory_->DisconnectClient(request.pid());
  Log(LogLevel::kInfo, "administrator disconnects a client",
      {{"pid", request.pid()},
       {"caller_uid", caller},
       {"result", status.ToString()}});
  if (!status.ok()) return status;
  return wsp::v1::DisconnectClientResponse();
}

absl::StatusOr<std::unique_ptr<RpcSource>> AdminService::WatchEvents(
    uid_t caller, const wsp::v1::WatchEventsRequest& request) const {
  EventJournal* const journal = inventory_->events();
  const uint64_t next = journal->next();
  if (request.from_sequence() > next) {
    return absl::InvalidArgumentError(
        absl::StrCat("from_sequence is ", request.from_sequence(),
                     ", and the next event is ", next));
  }
  return std::make_unique<EventSource>(journal, request, VisibleTo(caller).uid);
}

absl::StatusOr<wsp::v1::ResetSocketResponse> AdminService::ResetSocket(
    uid_t caller, const wsp::v1::ResetSocketRequest& request) const {
  auto allowed = CheckPrivileged(caller, "reset sockets");
  if (!allowed.ok()) return allowed;
  SocketSelector selector;
  selector.client_id = request.client_id();
  selector.socket_id = request.socket_id();
  selector.cookie = request.cookie();
  if (selector.socket_id == 0 && selector.cookie == 0) {
    return absl::InvalidArgumentError(
        "which socket? socket_id or cookie, as ListSockets says them, has to "
        "be set");
  }
  auto reset = inventory_->ResetSocket(selector);
  Log(LogLevel::kInfo, "administrator resets a socket",
      {{"client", reset.ok() ? reset->client_id() : selector.client_id},
       {"socket",
        absl::Hex(reset.ok() ? reset->socket_id() : selector.socket_id,
                  absl::kZeroPad16)},
       {"cookie", reset.ok() ? reset->cookie() : selector.cookie},
       {"pid", reset.ok() ? reset->pid() : 0},
       {"caller_uid", caller},
       {"result", reset.status().ToString()}});
  if (!reset.ok()) return reset.status();
  wsp::v1::ResetSocketResponse response;
  *response.mutable_socket() = *std::move(reset);
  return response;
}

absl::StatusOr<wsp::v1::TestPolicyResponse> AdminService::TestPolicy(
    uid_t caller, const wsp::v1::TestPolicyRequest& request) const {
  if (!IsPrivileged(caller) && caller != request.uid()) {
    return absl::PermissionDeniedError(
        absl::StrCat("only root and uid ", geteuid(),
                     " may ask about others; the caller has uid ", caller));
  }
  return inventory_->TestPolicy(request);
}

}  // namespace wspd
