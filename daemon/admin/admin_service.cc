#include "daemon/admin/admin_service.h"

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/admin/client_query.h"
#include "daemon/admin/event_filter.h"
#include "daemon/admin/event_source.h"
#include "daemon/admin/name_query.h"
#include "daemon/admin/reload_source.h"
#include "daemon/admin/socket_query.h"
#include "daemon/base/error_details.h"
#include "daemon/base/log.h"
#include "daemon/base/utf8.h"
#include "daemon/base/version.h"

namespace wspd {
namespace {

constexpr char kClientType[] = "wsp.v1.Client";
constexpr char kSocketType[] = "wsp.v1.Socket";

// As wspctl names it.
std::string SocketName(uint64_t client_id, uint64_t socket_id,
                       uint64_t cookie) {
  return absl::StrCat(client_id, "/",
                      socket_id != 0
                          ? absl::StrCat(absl::Hex(socket_id, absl::kZeroPad16))
                          : absl::StrCat("sk:", absl::Hex(cookie)));
}

wsp::v1::LogLevel ToProto(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return wsp::v1::LOG_LEVEL_ERROR;
    case LogLevel::kWarning:
      return wsp::v1::LOG_LEVEL_WARNING;
    case LogLevel::kInfo:
      return wsp::v1::LOG_LEVEL_INFO;
    case LogLevel::kDebug:
      return wsp::v1::LOG_LEVEL_DEBUG;
  }
  return wsp::v1::LOG_LEVEL_UNSPECIFIED;
}

absl::optional<LogLevel> FromProto(wsp::v1::LogLevel level) {
  switch (level) {
    case wsp::v1::LOG_LEVEL_ERROR:
      return LogLevel::kError;
    case wsp::v1::LOG_LEVEL_WARNING:
      return LogLevel::kWarning;
    case wsp::v1::LOG_LEVEL_INFO:
      return LogLevel::kInfo;
    case wsp::v1::LOG_LEVEL_DEBUG:
      return LogLevel::kDebug;
    default:
      return absl::nullopt;
  }
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

AdminService::AdminService(Inventory* inventory, Options options)
    : inventory_(inventory),
      options_(std::move(options)),
      limits_(options_.limits) {}

void AdminService::SetLimits(
    std::vector<std::pair<std::string, uint64_t>> limits) {
  absl::MutexLock lock(&mu_);
  limits_ = std::move(limits);
}

bool AdminService::IsAdministrator(const Caller& caller) const {
  if (caller.remote) return caller.remote->is_administrator;
  return caller.uid == 0 || caller.uid == geteuid() ||
         (options_.admin_group &&
          std::find(caller.groups.begin(), caller.groups.end(),
                    *options_.admin_group) != caller.groups.end());
}

absl::Status AdminService::CheckAdministrator(const Caller& caller,
                                              absl::string_view what) const {
  if (IsAdministrator(caller)) return absl::OkStatus();
  if (caller.remote) {
    return WithReason(
        absl::PermissionDeniedError(absl::StrCat(
            "only administrators, by remote_admin { administrators }, may ",
            what, "; the certificate has the names ", caller.text())),
        "NOT_AN_ADMINISTRATOR", {{"names", caller.text()}});
  }
  const std::string group =
      options_.admin_group
          ? absl::StrCat(" and the members of group ", *options_.admin_group)
          : "";
  return WithReason(absl::PermissionDeniedError(absl::StrCat(
                        "only root, uid ", geteuid(), group, " may ", what,
                        "; the caller has uid ", caller.uid)),
                    "NOT_AN_ADMINISTRATOR",
                    {{"uid", absl::StrCat(caller.uid)}});
}

absl::Status AdminService::CheckControl(const Caller& caller,
                                        absl::string_view what) const {
  if (auto allowed = CheckAdministrator(caller, what); !allowed.ok()) {
    return allowed;
  }
  if (options_.control != nullptr) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("this server can't ", what));
}

InventoryFilter AdminService::VisibleTo(const Caller& caller) const {
  InventoryFilter filter;
  // Who is let in from elsewhere sees everything.
  if (!caller.remote && !IsAdministrator(caller)) filter.uid = caller.uid;
  return filter;
}

absl::StatusOr<wsp::v1::ListClientsResponse> AdminService::ListClients(
    const Caller& caller, const wsp::v1::ListClientsRequest& request) const {
  const auto query = ClientQuery::Parse(request);
  if (!query.ok()) return query.status();
  InventoryFilter filter = VisibleTo(caller);
  filter.client_id = request.client_id();
  if (request.pids_size() == 1) filter.pid = request.pids(0);
  // Who may see one user's alone may ask for another's, and gets none.
  if (request.uids_size() == 1 && !filter.uid) filter.uid = request.uids(0);
  wsp::v1::ListClientsResponse response =
      query->Answer(inventory_->ListClients(filter));
  for (wsp::v1::Client& client : *response.mutable_clients()) {
    MakeStringsValid(&client);
  }
  return response;
}

absl::StatusOr<wsp::v1::GetClientResponse> AdminService::GetClient(
    const Caller& caller, const wsp::v1::GetClientRequest& request) const {
  InventoryFilter filter = VisibleTo(caller);
  filter.pid = request.pid();
  for (wsp::v1::Client& client : inventory_->ListClients(filter)) {
    if (client.pid() != request.pid()) continue;  // 0 is anybody's
    MakeStringsValid(&client);
    wsp::v1::GetClientResponse response;
    *response.mutable_client() = std::move(client);
    return response;
  }
  return About(absl::NotFoundError(
                   absl::StrCat("there is no client with pid ", request.pid())),
               kClientType, absl::StrCat("pid ", request.pid()));
}

absl::StatusOr<wsp::v1::ListSocketsResponse> AdminService::ListSockets(
    const Caller& caller, const wsp::v1::ListSocketsRequest& request) const {
  const auto query = SocketQuery::Parse(request);
  if (!query.ok()) return query.status();
  InventoryFilter filter = VisibleTo(caller);
  filter.pid = request.pid();
  filter.with_tcp = query->WantsTcp();
  return query->Answer(inventory_->ListSockets(filter));
}

absl::StatusOr<wsp::v1::GetSocketResponse> AdminService::GetSocket(
    const Caller& caller, const wsp::v1::GetSocketRequest& request) const {
  InventoryFilter filter = VisibleTo(caller);
  filter.client_id = request.client_id();
  filter.with_tcp = true;
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
  return About(
      absl::NotFoundError(absl::StrCat("client ", request.client_id(),
                                       " has no socket ", request.socket_id())),
      kSocketType,
      SocketName(request.client_id(), request.socket_id(), request.cookie()));
}

absl::StatusOr<wsp::v1::ListNamesResponse> AdminService::ListNames(
    const Caller& caller, const wsp::v1::ListNamesRequest& request) const {
  const auto query = NameQuery::Parse(request);
  if (!query.ok()) return query.status();
  InventoryFilter filter = VisibleTo(caller);
  query->Narrow(&filter);
  wsp::v1::ListNamesResponse response =
      query->Answer(inventory_->ListNames(filter));
  for (wsp::v1::LookedUpName& name : *response.mutable_names()) {
    name.set_name(ToValidUtf8(name.name()));
    name.set_canonical_name(ToValidUtf8(name.canonical_name()));
  }
  return response;
}

absl::StatusOr<wsp::v1::GetServerInfoResponse> AdminService::GetServerInfo(
    const Caller&, const wsp::v1::GetServerInfoRequest&) const {
  wsp::v1::GetServerInfoResponse response;
  response.set_version(kVersion);
  response.set_pid(getpid());
  response.set_admin_socket(options_.admin_socket);
  response.set_log_level(ToProto(CurrentLogLevel()));
  inventory_->FillServerInfo(&response);
  if (options_.rates != nullptr) options_.rates->Fill(&response);
  absl::MutexLock lock(&mu_);
  for (const auto& [name, value] : limits_) {
    wsp::v1::ConfiguredLimit* const limit = response.add_configured_limits();
    limit->set_name(name);
    limit->set_value(value);
  }
  return response;
}

absl::StatusOr<wsp::v1::DisconnectClientResponse>
AdminService::DisconnectClient(
    const Caller& caller,
    const wsp::v1::DisconnectClientRequest& request) const {
  auto allowed = CheckAdministrator(caller, "disconnect clients");
  if (!allowed.ok()) return allowed;
  ClientSelector selector;
  selector.pid = request.pid();
  selector.client_id = request.client_id();
  if (selector.pid == 0 && selector.client_id == 0) {
    return FieldError("pid", "is 0, and so is client_id; one has to be set");
  }
  auto client = inventory_->DisconnectClient(selector);
  Log(LogLevel::kInfo, "administrator disconnects a client",
      {{"client", client.ok() ? client->client_id() : selector.client_id},
       {"pid", client.ok() ? client->pid() : selector.pid},
       {"caller", caller.text()},
       {"result", client.status().ToString()}});
  if (!client.ok()) {
    return About(client.status(), kClientType,
                 selector.client_id != 0
                     ? absl::StrCat("client ", selector.client_id)
                     : absl::StrCat("pid ", selector.pid));
  }
  MakeStringsValid(&*client);
  wsp::v1::DisconnectClientResponse response;
  *response.mutable_client() = *std::move(client);
  return response;
}

absl::StatusOr<std::unique_ptr<RpcSource>> AdminService::WatchEvents(
    const Caller& caller, const wsp::v1::WatchEventsRequest& request) const {
  EventJournal* const journal = inventory_->events();
  const uint64_t next = journal->next();
  if (request.from_sequence() > next) {
    return FieldError("from_sequence",
                      absl::StrCat("is ", request.from_sequence(),
                                   ", and the next event is ", next));
  }
  auto filter = EventFilter::Parse(request, VisibleTo(caller).uid);
  if (!filter.ok()) return filter.status();
  std::shared_ptr<void> counted;
  if (!IsAdministrator(caller)) {
    counted = watches_->Take(caller.key());
    if (counted == nullptr) {
      return absl::ResourceExhaustedError(
          absl::StrCat(caller.text(), " watches events by ", kMostWatches,
                       " streams already, which is as many as it may"));
    }
  }
  return std::make_unique<EventSource>(
      journal, *std::move(filter), request.from_sequence(), std::move(counted));
}

template <typename Response, typename Request>
absl::StatusOr<Response> AdminService::ForceEnd(const Caller& caller,
                                                const Request& request,
                                                ForcedEnd how) const {
  const bool resets = how == ForcedEnd::kReset;
  auto allowed =
      CheckAdministrator(caller, resets ? "reset sockets" : "close sockets");
  if (!allowed.ok()) return allowed;
  SocketSelector selector;
  selector.client_id = request.client_id();
  selector.socket_id = request.socket_id();
  selector.cookie = request.cookie();
  if (selector.socket_id == 0 && selector.cookie == 0) {
    return FieldError("socket_id",
                      "is 0, and so is cookie; socket_id or cookie, as "
                      "ListSockets says them, has to be set");
  }
  auto ended = inventory_->EndSocket(selector, how);
  Log(LogLevel::kInfo,
      resets ? "administrator resets a socket"
             : "administrator closes a socket",
      {{"client", ended.ok() ? ended->client_id() : selector.client_id},
       {"socket",
        absl::Hex(ended.ok() ? ended->socket_id() : selector.socket_id,
                  absl::kZeroPad16)},
       {"cookie", ended.ok() ? ended->cookie() : selector.cookie},
       {"pid", ended.ok() ? ended->pid() : 0},
       {"caller", caller.text()},
       {"result", ended.status().ToString()}});
  if (!ended.ok()) {
    return About(
        ended.status(), kSocketType,
        SocketName(selector.client_id, selector.socket_id, selector.cookie));
  }
  Response response;
  *response.mutable_socket() = *std::move(ended);
  return response;
}

absl::StatusOr<wsp::v1::ResetSocketResponse> AdminService::ResetSocket(
    const Caller& caller, const wsp::v1::ResetSocketRequest& request) const {
  return ForceEnd<wsp::v1::ResetSocketResponse>(caller, request,
                                                ForcedEnd::kReset);
}

absl::StatusOr<wsp::v1::EndSocketResponse> AdminService::EndSocket(
    const Caller& caller, const wsp::v1::EndSocketRequest& request) const {
  return ForceEnd<wsp::v1::EndSocketResponse>(caller, request,
                                              ForcedEnd::kOrderly);
}

absl::StatusOr<wsp::v1::TestPolicyResponse> AdminService::TestPolicy(
    const Caller& caller, const wsp::v1::TestPolicyRequest& request) const {
  if (!caller.remote && caller.uid != request.uid()) {
    auto allowed = CheckAdministrator(caller, "ask about others");
    if (!allowed.ok()) return allowed;
  }
  return inventory_->TestPolicy(request);
}

absl::StatusOr<std::unique_ptr<RpcSource>> AdminService::Reload(
    const Caller& caller, const wsp::v1::ReloadRequest&) const {
  auto allowed = CheckControl(caller, "have the configuration read again");
  if (!allowed.ok()) return allowed;
  Log(LogLevel::kInfo, "administrator has the configuration read again",
      {{"caller", caller.text()}});
  return std::make_unique<ReloadSource>(options_.control, options_.wake);
}

absl::StatusOr<wsp::v1::SetLogLevelResponse> AdminService::SetLogLevel(
    const Caller& caller, const wsp::v1::SetLogLevelRequest& request) const {
  auto allowed = CheckAdministrator(caller, "change the log level");
  if (!allowed.ok()) return allowed;
  const auto level = FromProto(request.level());
  if (!level) {
    return FieldError("level", absl::StrCat("is ", request.level(),
                                            "; it may be LOG_LEVEL_ERROR, "
                                            "_WARNING, _INFO or _DEBUG"));
  }
  wsp::v1::SetLogLevelResponse response;
  response.set_before(ToProto(CurrentLogLevel()));
  const auto log = [&] {
    Log(LogLevel::kInfo, "administrator sets the log level",
        {{"level", LogLevelName(*level)}, {"caller", caller.text()}});
  };
  // Under whichever of the two levels shows it.
  if (LogEnabled(LogLevel::kInfo)) {
    log();
    wspd::SetLogLevel(*level);
  } else {
    wspd::SetLogLevel(*level);
    log();
  }
  return response;
}

bool AdminService::SetDraining(const Caller& caller, bool draining) const {
  if (!options_.control->SetDraining(draining)) return false;
  Log(LogLevel::kInfo,
      draining ? "administrator drains the daemon"
               : "administrator ends the draining",
      {{"caller", caller.text()}});
  options_.on_draining(draining);
  return true;
}

absl::StatusOr<std::unique_ptr<RpcSource>> AdminService::Drain(
    const Caller& caller, const wsp::v1::DrainRequest& request) const {
  auto allowed = CheckControl(caller, "drain the daemon");
  if (!allowed.ok()) return allowed;
  SetDraining(caller, true);
  return std::make_unique<DrainSource>(inventory_, request,
                                       options_.wake_after);
}

absl::StatusOr<wsp::v1::CancelDrainResponse> AdminService::CancelDrain(
    const Caller& caller, const wsp::v1::CancelDrainRequest&) const {
  auto allowed = CheckControl(caller, "end the draining");
  if (!allowed.ok()) return allowed;
  wsp::v1::CancelDrainResponse response;
  response.set_was_draining(SetDraining(caller, false));
  return response;
}

}  // namespace wspd
