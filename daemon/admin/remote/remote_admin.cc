#include "daemon/admin/remote/remote_admin.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/base/log.h"
#include "daemon/resolver/address_with_port.h"

namespace wspd {

absl::StatusOr<RemoteAdmin::Settings> RemoteAdmin::Load(
    const Config::RemoteAdmin& config) {
  Settings settings;
  if (config.address().empty()) return settings;
  settings.address = ParseAddressWithPort(config.address(), absl::nullopt);
  auto tls =
      LoadTlsContext({config.certificate(), config.key(), config.client_ca()});
  if (!tls.ok()) return tls.status();
  settings.tls = *std::move(tls);
  if (auto status = CheckOwnCertificate(settings.tls); !status.ok()) {
    Log(LogLevel::kWarning, "clients will refuse remote_admin.certificate",
        {{"file", config.certificate()}, {"cause", status.message()}});
  }
  settings.rights = std::make_shared<const RemoteRights>(
      std::vector<std::string>(config.administrators().begin(),
                               config.administrators().end()),
      std::vector<std::string>(config.readers().begin(),
                               config.readers().end()));
  return settings;
}

absl::StatusOr<std::unique_ptr<RemoteAdmin>> RemoteAdmin::Start(
    Settings settings, const RpcTable* methods) {
  auto loop = EventLoop::Create("wspd-remote");
  if (!loop.ok()) return loop.status();
  std::unique_ptr<RemoteAdmin> made(new RemoteAdmin(*std::move(loop), methods));
  if (auto status = made->Apply(std::move(settings)); !status.ok()) {
    return status;
  }
  return made;
}

RemoteAdmin::RemoteAdmin(std::unique_ptr<EventLoop> loop,
                         const RpcTable* methods)
    : loop_(std::move(loop)),
      connections_(loop_.get()),
      numbers_(FdNumbers::ForThisProcess()),
      server_(
          methods, &connections_,
          [this](const Connection& connection) { return CallerOf(connection); },
          "wspd-remote-rpc") {}

RemoteAdmin::~RemoteAdmin() {
  listener_.reset();
  // Somebody's question may still be on its way to the server.
  absl::Notification idle;
  loop_->Post([&idle] { idle.Notify(); });
  idle.WaitForNotification();
  server_.Stop();
}

absl::Status RemoteAdmin::Apply(Settings settings) {
  if (settings.address.empty()) {
    SetRights(RemoteRights::Nobody());
    if (listener_ != nullptr) {
      Log(LogLevel::kInfo, "remote administration ended",
          {{"address", AddressWithPortText(listener_->address())}});
    }
    listener_.reset();
    return absl::OkStatus();
  }
  if (listener_ != nullptr && address_.SameEndpoint(settings.address)) {
    SetRights(std::move(settings.rights));
    // Behind that, so that it judges by the new ones.
    listener_->SetContext(std::move(settings.tls));
    return absl::OkStatus();
  }
  auto listener = Open(settings);
  if (!listener.ok()) {
    if (listener_ == nullptr ||
        listener_->address().port() != settings.address.port()) {
      return listener.status();
    }
    // It has the port itself, and gives up nothing before all is well.
    return absl::Status(
        listener.status().code(),
        absl::StrCat(listener.status().message(), "; the port is served at ",
                     AddressWithPortText(listener_->address()),
                     ": reload once without an address, which gives it up"));
  }
  SetRights(std::move(settings.rights));
  address_ = settings.address;
  listener_ = *std::move(listener);
  listener_->Begin();
  Log(LogLevel::kInfo, "remote administration served",
      {{"address", AddressWithPortText(listener_->address())}});
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<RemoteListener>> RemoteAdmin::Open(
    const Settings& settings) {
  RemoteListenerOptions options;
  options.address = settings.address;
  RemoteListener::Sink sink;
  sink.on_connection = [this](OwnedFd plain, std::vector<std::string> names) {
    AddConnection(std::move(plain), std::move(names));
  };
  sink.level_of = [this](const std::vector<std::string>& names) {
    return rights()->Of(names);
  };
  return RemoteListener::Open(options, settings.tls, loop_.get(),
                              std::move(sink));
}

void RemoteAdmin::Ask(std::function<void()> answer) {
  loop_->Post([this, answer = std::move(answer)]() mutable {
    server_.Ask(std::move(answer));
  });
}

void RemoteAdmin::SetRights(std::shared_ptr<const RemoteRights> rights) {
  absl::MutexLock lock(&mu_);
  rights_ = std::move(rights);
}

std::shared_ptr<const RemoteRights> RemoteAdmin::rights() {
  absl::MutexLock lock(&mu_);
  return rights_;
}

void RemoteAdmin::AddConnection(OwnedFd plain, std::vector<std::string> names) {
  Peer peer;
  peer.identity.uid = static_cast<uid_t>(-1);
  peer.identity.gid = static_cast<gid_t>(-1);
  peer.certificate_names = std::move(names);
  auto fd = numbers_.Move(std::move(plain));
  absl::Status status = fd.status();
  if (status.ok()) {
    status =
        connections_.Add(fd->get(), std::move(peer), absl::InfiniteDuration())
            .status();
  }
  if (status.ok()) return server_.AddConnection(fd->Release());
  static LogLimit limit(10);
  if (auto suppressed = limit.Admit()) {
    Log(LogLevel::kWarning, "remote connection refused",
        {{"cause", status.ToString()}}, *suppressed);
  }
}

absl::StatusOr<Caller> RemoteAdmin::CallerOf(const Connection& connection) {
  const std::vector<std::string>& names = connection.certificate_names();
  const RemoteRights::Level level = rights()->Of(names);
  Caller caller(
      Caller::Remote{names, level == RemoteRights::Level::kAdministrator});
  if (level == RemoteRights::Level::kNone) {
    return absl::PermissionDeniedError(
        absl::StrCat("remote_admin lists none of the certificate's names: ",
                     names.empty() ? "it has none that count" : caller.text()));
  }
  return caller;
}

}  // namespace wspd
