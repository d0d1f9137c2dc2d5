#include "daemon/admin/admin_server.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "daemon/base/steady_time.h"
#include "proto/grpc/health/v1/health.pb.h"
#include "proto/grpc/reflection/v1alpha/reflection.pb.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {
namespace {

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using ::grpc::reflection::v1alpha::ServerReflectionRequest;
using ::grpc::reflection::v1alpha::ServerReflectionResponse;

constexpr char kProvider[] = "wsp.v1.Provider";
constexpr char kAdmin[] = "wsp.v1.Admin";
constexpr char kHealth[] = "grpc.health.v1.Health";
constexpr char kReflection[] = "grpc.reflection.v1alpha.ServerReflection";

// One method of wsp.v1.Admin.
template <typename Request, typename Response>
void AddAdminMethod(const AdminService* admin, const char* name,
                    absl::StatusOr<Response> (AdminService::*method)(
                        const Caller&, const Request&) const,
                    RpcTable* table) {
  table->Add<Request>(
      absl::StrCat("/", kAdmin, "/", name), RpcKind::kUnary,
      [admin, method](const Caller& caller, const Request& request) {
        return (admin->*method)(caller, request);
      });
}

// The same of one whose answers come when they come.
template <typename Request>
void AddAdminStream(const AdminService* admin, const char* name,
                    absl::StatusOr<std::unique_ptr<RpcSource>> (
                        AdminService::*method)(const Caller&, const Request&)
                        const,
                    RpcTable* table) {
  table->AddStream<Request>(
      absl::StrCat("/", kAdmin, "/", name),
      [admin, method](const Caller& caller, const Request& request) {
        return (admin->*method)(caller, request);
      });
}

void AddAdmin(const AdminService* admin, RpcTable* table) {
  AddAdminMethod(admin, "ListClients", &AdminService::ListClients, table);
  AddAdminMethod(admin, "GetClient", &AdminService::GetClient, table);
  AddAdminMethod(admin, "ListSockets", &AdminService::ListSockets, table);
  AddAdminMethod(admin, "GetSocket", &AdminService::GetSocket, table);
  AddAdminMethod(admin, "ListNames", &AdminService::ListNames, table);
  AddAdminMethod(admin, "GetServerInfo", &AdminService::GetServerInfo, table);
  AddAdminMethod(admin, "DisconnectClient", &AdminService::DisconnectClient,
                 table);
  AddAdminMethod(admin, "ResetSocket", &AdminService::ResetSocket, table);
  AddAdminMethod(admin, "EndSocket", &AdminService::EndSocket, table);
  AddAdminStream(admin, "WatchEvents", &AdminService::WatchEvents, table);
  AddAdminMethod(admin, "TestPolicy", &AdminService::TestPolicy, table);
  AddAdminStream(admin, "Reload", &AdminService::Reload, table);
  AddAdminMethod(admin, "SetLogLevel", &AdminService::SetLogLevel, table);
  AddAdminStream(admin, "Drain", &AdminService::Drain, table);
  AddAdminMethod(admin, "CancelDrain", &AdminService::CancelDrain, table);
}

void AddHealth(const Health* health, RpcTable* table) {
  table->Add<HealthCheckRequest>(
      absl::StrCat("/", kHealth, "/Check"), RpcKind::kUnary,
      [health](const Caller&, const HealthCheckRequest& request)
          -> absl::StatusOr<HealthCheckResponse> {
        HealthCheckResponse response;
        response.set_status(health->StatusOf(request.service()));
        if (response.status() == HealthCheckResponse::SERVICE_UNKNOWN) {
          return absl::NotFoundError(
              absl::StrCat("there is no service ", request.service()));
        }
        return response;
      });
  table->Add<HealthCheckRequest>(
      absl::StrCat("/", kHealth, "/Watch"), RpcKind::kWatch,
      [health](const Caller&, const HealthCheckRequest& request)
          -> absl::StatusOr<HealthCheckResponse> {
        HealthCheckResponse response;
        response.set_status(health->StatusOf(request.service()));
        return response;
      });
}

void AddReflection(const Reflection* reflection, RpcTable* table) {
  table->Add<ServerReflectionRequest>(
      absl::StrCat("/", kReflection, "/ServerReflectionInfo"), RpcKind::kBidi,
      [reflection](const Caller&, const ServerReflectionRequest& request)
          -> absl::StatusOr<ServerReflectionResponse> {
        return reflection->Respond(request);
      });
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(
    const AdminServerOptions& options, EventLoop* loop, Inventory* inventory,
    OwnedFd passed) {
  SocketFileOptions file_options;
  file_options.path = options.socket;
  file_options.mode = options.mode;
  auto file = passed.valid() ? SocketFile::Adopt("admin", options.socket,
                                                 std::move(passed))
                             : SocketFile::Create(file_options);
  if (!file.ok()) return file.status();
  std::unique_ptr<AdminServer> server(
      new AdminServer(options, *std::move(file), loop, inventory));
  ListenerOptions listener_options;
  listener_options.name = "admin";
  listener_options.pidfd_method = options.pidfd_method;
  listener_options.max_connections_per_uid = options.max_connections_per_uid;
  auto listener = Listener::Start(
      std::move(listener_options), server->file_->listen_fd(), loop,
      &server->connections_,
      [rpc = &server->server_](int fd) { rpc->AddConnection(fd); });
  if (!listener.ok()) return listener.status();
  server->listener_ = *std::move(listener);
  if (absl::Status status = server->ApplyRemote(options.remote); !status.ok()) {
    return status;
  }
  return server;
}

AdminService::Options AdminServer::ServiceOptions(
    const AdminServerOptions& options) {
  AdminService::Options service;
  service.admin_socket = options.socket;
  service.admin_group = options.admin_group;
  service.limits = options.limits;
  service.control = options.control;
  service.rates = &rates_;
  service.wake = [this] { Recheck(); };
  service.wake_after = [this](absl::Duration delay) {
    loop_->RunAfter(delay, [this, lives = lives_] {
      if (*lives) Recheck();
    });
  };
  service.on_draining = [this](bool draining) {
    health_.SetDraining(draining);
    Recheck();
  };
  return service;
}

AdminServer::AdminServer(const AdminServerOptions& options,
                         std::unique_ptr<SocketFile> file, EventLoop* loop,
                         Inventory* inventory)
    : loop_(loop),
      file_(std::move(file)),
      inventory_(inventory),
      events_(inventory->events()),
      admin_(inventory, ServiceOptions(options)),
      health_({kProvider}, {kAdmin}),
      reflection_({kHealth, kReflection, kAdmin}),
      connections_(loop),
      server_(&methods_, &connections_) {
  AddAdmin(&admin_, &methods_);
  AddHealth(&health_, &methods_);
  AddReflection(&reflection_, &methods_);
  events_->SetWake([this] {
    server_.RecheckSoon();
    if (RemoteAdmin* const remote = remote_to_wake_.load()) {
      remote->RecheckSoon();
    }
  });
  MeasureRates();
}

AdminServer::~AdminServer() {
  if (listener_ != nullptr) listener_->Stop();
  events_->SetWake(nullptr);
  // Its thread may wake what is remote: that goes later.
  server_.Stop();
  remote_to_wake_.store(nullptr);
  // A timer may be at it.
  lives_->store(false);
  absl::Notification idle;
  loop_->Post([&idle] { idle.Notify(); });
  idle.WaitForNotification();
  remote_.reset();
}

void AdminServer::Recheck() {
  server_.Recheck();
  if (RemoteAdmin* const remote = remote_to_wake_.load()) remote->Recheck();
}

absl::Status AdminServer::ApplyRemote(RemoteAdmin::Settings settings) {
  if (remote_ != nullptr) return remote_->Apply(std::move(settings));
  if (settings.address.empty()) return absl::OkStatus();
  auto remote = RemoteAdmin::Start(std::move(settings), &methods_);
  if (!remote.ok()) return remote.status();
  remote_ = *std::move(remote);
  remote_to_wake_.store(remote_.get());
  return absl::OkStatus();
}

void AdminServer::AskRemote(std::function<void()> answer) {
  RemoteAdmin* const remote = remote_to_wake_.load();
  remote == nullptr ? answer() : remote->Ask(std::move(answer));
}

void AdminServer::MeasureRates() {
  wsp::v1::GetServerInfoResponse totals;
  inventory_->FillServerInfo(&totals);
  rates_.Add(SteadyTime(), totals);
  loop_->RunAfter(RateMeter::kPeriod, [this, lives = lives_] {
    if (*lives) MeasureRates();
  });
}

void AdminServer::SetServing(bool serving) {
  health_.SetServing(serving);
  Recheck();
}

}  // namespace wspd
