#include "daemon/daemon.h"

#include <errno.h>
#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/admin/admin_server.h"
#include "daemon/admin/daemon_control.h"
#include "daemon/admin/drain_source.h"
#include "daemon/admin/remote/remote_admin.h"
#include "daemon/base/log.h"
#include "daemon/base/utf8.h"
#include "daemon/base/version.h"
#include "daemon/config/config_changes.h"
#include "daemon/config/group.h"
#include "daemon/config/limit_list.h"
#include "daemon/event/event_loop.h"
#include "daemon/journal/event_journal.h"
#include "daemon/linux/lent_sockets.h"
#include "daemon/linux/socket_destruction.h"
#include "daemon/metrics/daemon_collector.h"
#include "daemon/metrics/metrics_server.h"
#include "daemon/metrics/reload_status.h"
#include "daemon/metrics/session_metrics.h"
#include "daemon/policy/policy_counts.h"
#include "daemon/policy/policy_events.h"
#include "daemon/policy/policy_log.h"
#include "daemon/policy/policy_store.h"
#include "daemon/policy/rule_set.h"
#include "daemon/relay/relayed_sockets.h"
#include "daemon/reloader.h"
#include "daemon/resolver/address_with_port.h"
#include "daemon/resolver/dns_server.h"
#include "daemon/resolver/resolver.h"
#include "daemon/server/attach_server.h"
#include "daemon/server/connection_sorter.h"
#include "daemon/server/connection_table.h"
#include "daemon/server/descriptor_channel.h"
#include "daemon/server/listener.h"
#include "daemon/server/socket_file.h"
#include "daemon/service/passed_sockets.h"
#include "daemon/service/sd_notify.h"
#include "daemon/service/watchdog.h"
#include "daemon/session/environment.h"
#include "daemon/session/registry.h"
#include "daemon/socket/lingerer.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {
namespace {

SessionLimits LimitsOf(const Config& config) {
  SessionLimits limits;
  limits.sockets_per_client = config.limits().sockets_per_client();
  limits.calls_per_client = config.limits().calls_per_client();
  limits.queued_bytes_per_client = config.limits().queued_bytes_per_client();
  limits.kept_bytes_per_client = config.limits().kept_bytes_per_client();
  limits.attachments_per_process = config.limits().attachments_per_process();
  limits.clients = config.limits().clients();
  limits.lookups_per_client = config.limits().lookups_per_client();
  limits.tickets_per_client = config.limits().tickets_per_client();
  limits.change_requests_per_client =
      config.limits().change_requests_per_client();
  limits.grace = absl::Milliseconds(config.times().grace_ms());
  return limits;
}

UserLimits UserLimitsOf(const Config& config) {
  UserLimits limits;
  limits.sockets = config.limits().sockets_per_uid();
  limits.calls = config.limits().calls_per_uid();
  limits.queued_bytes = config.limits().queued_bytes_per_uid();
  limits.rates = {config.limits().bytes_per_second_per_uid(),
                  config.limits().connections_per_second_per_uid(),
                  config.limits().operations_per_second_per_uid()};
  return limits;
}

Rates ClientRatesOf(const Config& config) {
  return {config.limits().bytes_per_second_per_client(),
          config.limits().connections_per_second_per_client(),
          config.limits().operations_per_second_per_client()};
}

absl::StatusOr<Resolver::Options> ResolverOptionsOf(const Config& config) {
  Resolver::Options options;
  for (const std::string& text : config.resolver().servers()) {
    auto server = ParseDnsServer(text);
    if (!server.ok()) return server.status();
    options.dns.servers.push_back(*std::move(server));
  }
  options.dns.resolv_conf = config.resolver().resolv_conf();
  options.hosts_file = config.resolver().hosts_file();
  options.services_file = config.resolver().services_file();
  options.max_lookups = config.limits().lookups();
  return options;
}

absl::StatusOr<std::shared_ptr<const RuleSet>> RulesOf(const Config& config) {
  std::vector<PolicyProblem> problems;
  std::shared_ptr<const RuleSet> rules =
      RuleSet::Make(config.policy(), &problems);
  if (rules != nullptr) return rules;
  // It was checked before, and a file or a name has gone since.
  return absl::FailedPreconditionError(
      absl::StrCat("policy rule ", problems[0].rule + 1, ": ",
                   problems[0].field, " ", problems[0].message));
}

void SetLogLevelOf(const Config& config) {
  const auto level = ParseLogLevel(config.log_level());
  if (level.ok()) SetLogLevel(*level);
}

wsp::v1::ReloadResponse ResponseOf(const std::vector<ConfigChange>& changes) {
  wsp::v1::ReloadResponse response;
  for (const ConfigChange& change : changes) {
    wsp::v1::ConfigChange* const out = response.add_changes();
    out->set_field(change.field);
    out->set_before(ToValidUtf8(change.before));
    out->set_after(ToValidUtf8(change.after));
    out->set_needs_restart(change.needs_restart);
  }
  return response;
}

void LogReload(const absl::StatusOr<wsp::v1::ReloadResponse>& result,
               size_t rules) {
  if (!result.ok()) {
    return Log(LogLevel::kError,
               "configuration not read anew; nothing has changed",
               {{"cause", result.status().message()}});
  }
  std::vector<absl::string_view> changed;
  std::vector<absl::string_view> waiting;
  for (const auto& change : result->changes()) {
    (change.needs_restart() ? waiting : changed).push_back(change.field());
  }
  if (!waiting.empty()) {
    Log(LogLevel::kWarning,
        "of the configuration only limits, policy, log_level and "
        "remote_admin are read anew; the rest waits for a restart",
        {{"fields", absl::StrJoin(waiting, ",")}});
  }
  Log(LogLevel::kInfo, "configuration read anew",
      {{"rules", rules}, {"changed", absl::StrJoin(changed, ",")}});
}

// Sockets are descriptors: as many as the system lets this process have. The
// soft limit that a service starts with is for programs that use select().
void RaiseOpenFilesLimit() {
  constexpr rlim_t kEnough = 1 << 20;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min(limit.rlim_max, kEnough);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    Log(LogLevel::kWarning, "limit of open files not raised",
        {{"cause", absl::ErrnoToStatus(errno, "setrlimit()").ToString()}});
  }
}

// What Stop() may take beside times.stop_ms.
constexpr absl::Duration kTimeToEnd = absl::Seconds(10);

// How many signs of life the service manager gets within its limit: one may be
// lost, and one round may take long.
constexpr int kSignsOfLife = 3;

// A readiness message that got lost is worth a line, and nothing else.
void LogFailure(const absl::Status& status) {
  if (status.ok()) return;
  Log(LogLevel::kWarning, "service manager not told",
      {{"cause", status.message()}});
}

// That lent sockets can't be reset is no reason not to serve, and worth a line
// before somebody is in need of it.
void CheckResets() {
  const absl::Status status = TryDestruction();
  if (status.ok()) return;
  Log(LogLevel::kWarning,
      "planes.reset_lent is set, but lent sockets can't be reset",
      {{"cause", status.message()}});
}

}  // namespace

// What the admin server has the daemon do.
class Daemon::Control : public DaemonControl {
 public:
  explicit Control(Parts* parts) : parts_(parts) {}

  void Reload(ReloadDone done) override;
  bool SetDraining(bool draining) override;

 private:
  Parts* const parts_;
};

// In the order of their making; destroyed in the opposite one.
struct Daemon::Parts {
  Options options;
  // As it was last read, and before that as it was at the start. Of the
  // reloader's thread, once that runs.
  Config in_force;
  // Before it, who asks for a reload waits: there is not everything yet that
  // that changes.
  absl::Notification serves;
  EventJournal events;
  std::unique_ptr<SocketFile> provider_file;
  std::unique_ptr<EventLoop> control;
  std::vector<std::unique_ptr<EventLoop>> loops;
  std::unique_ptr<Lingerer> lingerer;
  std::unique_ptr<Resolver> resolver;
  PolicyEvents policy_events;
  PolicyCounts policy_counts{&policy_events};
  PolicyLog policy_log{&policy_counts};
  std::shared_ptr<PolicyStore> policy;
  // Null if nothing is to be lent. The loop is nobody else's: reading what the
  // kernel says of a busy system's sockets takes its time.
  std::unique_ptr<EventLoop> lent_loop;
  std::shared_ptr<LentSockets> lent_sockets;
  // Null if nothing is to be relayed.
  std::unique_ptr<RelayedSockets> relayed_sockets;
  ReloadStatus reload_status;
  // Null if there are no metrics.
  std::unique_ptr<SessionMetrics> session_metrics;
  std::unique_ptr<SessionEnvironment> environment;
  std::unique_ptr<Registry> registry;
  std::unique_ptr<ConnectionTable> connections;
  std::unique_ptr<AttachServer> server;
  std::unique_ptr<ConnectionSorter> sorter;
  std::unique_ptr<Listener> listener;
  // Older than the admin server, which asks it; stopped before that ends.
  std::unique_ptr<Reloader> reloader;
  std::unique_ptr<Control> admin_control;
  std::unique_ptr<AdminServer> admin;
  std::unique_ptr<MetricsServer> metrics;
  // Null if the service manager doesn't watch.
  std::unique_ptr<Watchdog> watchdog;
  bool stopped = false;

  ~Parts() {
    // A start that failed: somebody may have asked for a reload already.
    if (!serves.HasBeenNotified()) serves.Notify();
    if (reloader != nullptr) reloader->Stop();
  }

  absl::Status Open();
  absl::Status MakeLoops();
  absl::Status MakeRelay();
  absl::Status MakeResolver();
  absl::Status MakePolicy();
  absl::Status Serve();
  absl::Status ServeMetrics();
  absl::StatusOr<wsp::v1::ReloadResponse> Reload();
  absl::StatusOr<wsp::v1::ReloadResponse> PutInForce(const Config& config);
  void PutLimitsInForce(const Config& config);
  void MakeWatchdog();
  std::string StatusText() const;
};

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(Options options) {
  auto parts = std::make_unique<Parts>();
  parts->options = std::move(options);
  RaiseOpenFilesLimit();
  absl::Status status = parts->Open();
  if (status.ok()) status = parts->MakeLoops();
  if (status.ok()) status = parts->MakeRelay();
  if (status.ok()) status = parts->MakeResolver();
  if (status.ok()) status = parts->MakePolicy();
  if (status.ok()) status = parts->Serve();
  if (status.ok()) status = parts->ServeMetrics();
  if (!status.ok()) return status;
  Log(LogLevel::kInfo, "wspd ready",
      {{"version", kVersion},
       {"provider_socket", parts->options.config.provider_socket()},
       {"admin_socket", parts->options.config.admin_socket()}});
  LogFailure(NotifyReady(parts->StatusText()));
  parts->MakeWatchdog();
  return std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
}

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Daemon::~Daemon() { Stop(); }

absl::Status Daemon::Parts::Open() {
  if (options.passed.provider.valid()) {
    auto adopted =
        SocketFile::Adopt("provider", options.config.provider_socket(),
                          std::move(options.passed.provider));
    if (!adopted.ok()) return adopted.status();
    provider_file = *std::move(adopted);
    return absl::OkStatus();
  }
  SocketFileOptions file;
  file.path = options.config.provider_socket();
  file.mode = 0660;
  if (!options.config.group().empty()) {
    auto group = ResolveGroup(options.config.group());
    if (!group.ok()) return group.status();
    file.group = *group;
  }
  auto created = SocketFile::Create(file);
  if (!created.ok()) return created.status();
  provider_file = *std::move(created);
  return absl::OkStatus();
}

absl::Status Daemon::Parts::MakeLoops() {
  auto made = EventLoop::Create("wspd-control");
  if (!made.ok()) return made.status();
  control = *std::move(made);
  for (uint32_t i = 0; i < options.config.threads().loops(); ++i) {
    auto loop = EventLoop::Create(absl::StrCat("wspd-loop-", i));
    if (!loop.ok()) return loop.status();
    loops.push_back(*std::move(loop));
  }
  if (options.config.planes().lent()) {
    auto loop = EventLoop::Create("wspd-lent");
    if (!loop.ok()) return loop.status();
    lent_loop = *std::move(loop);
  }
  return absl::OkStatus();
}

absl::Status Daemon::Parts::MakeRelay() {
  const Config& config = options.config;
  if (!config.planes().relayed()) return absl::OkStatus();
  RelayedSockets::Options relay;
  relay.loops = static_cast<int>(config.threads().loops());
  relay.linger_time = absl::Milliseconds(config.times().linger_ms());
  relay.sockets_per_owner = config.limits().sockets_per_client();
  relay.events = &events;
  auto made = RelayedSockets::Create(relay);
  if (!made.ok()) return made.status();
  relayed_sockets = *std::move(made);
  return absl::OkStatus();
}

absl::Status Daemon::Parts::MakeResolver() {
  auto resolver_options = ResolverOptionsOf(options.config);
  if (!resolver_options.ok()) return resolver_options.status();
  auto made = Resolver::Create(*resolver_options);
  if (!made.ok()) return made.status();
  resolver = *std::move(made);
  return absl::OkStatus();
}

absl::Status Daemon::Parts::MakePolicy() {
  auto rules = RulesOf(options.config);
  if (!rules.ok()) return rules.status();
  policy = PolicyStore::Create(*std::move(rules), &policy_log);
  return absl::OkStatus();
}

absl::Status Daemon::Parts::Serve() {
  const Config& config = options.config;
  Lingerer::Options linger;
  linger.linger_time = absl::Milliseconds(config.times().linger_ms());
  linger.max_per_process = config.limits().lingering_per_client();
  linger.max_per_uid = config.limits().lingering_per_uid();
  linger.events = &events;
  lingerer = std::make_unique<Lingerer>(linger);
  std::vector<EventLoop*> raw_loops;
  for (auto& loop : loops) raw_loops.push_back(loop.get());
  if (lent_loop != nullptr) {
    LentSockets::Options lending;
    lending.events = &events;
    lending.resets = config.planes().reset_lent();
    if (lending.resets) CheckResets();
    lent_sockets = LentSockets::Create(lending, lent_loop.get());
  }
  environment = std::make_unique<SessionEnvironment>(
      std::move(raw_loops), lingerer.get(), resolver.get(),
      absl::Milliseconds(config.times().ticket_ms()), lent_sockets.get(),
      relayed_sockets.get(), policy.get(), UserLimitsOf(config),
      ClientRatesOf(config), &events);
  policy_events.SetJournal(&events);
  if (!config.metrics().address().empty()) {
    session_metrics = std::make_unique<SessionMetrics>();
    environment->SetMetrics(session_metrics.get());
  }
  Registry::Options registry_options;
  registry_options.limits = LimitsOf(config);
  registry_options.provider_socket = config.provider_socket();
  registry_options.admin_socket = config.admin_socket();
  registry_options.version = kVersion;
  registry = std::make_unique<Registry>(registry_options, control.get(),
                                        environment.get(), lingerer.get());
  connections = std::make_unique<ConnectionTable>(control.get());
  AttachServer::Options server_options;
  server_options.queues = static_cast<int>(config.threads().queues());
  server_options.break_after_frames = options.break_after_frames;
  auto started =
      AttachServer::Start(server_options, connections.get(), registry.get());
  if (!started.ok()) return started.status();
  server = *std::move(started);
  ListenerOptions listener_options;
  listener_options.name = "provider";
  listener_options.pidfd_method = options.pidfd_method;
  listener_options.attach_timeout =
      absl::Milliseconds(config.times().attach_ms());
  listener_options.max_connections_per_uid =
      config.limits().connections_per_uid();
  sorter = std::make_unique<ConnectionSorter>(
      control.get(), connections.get(),
      [this](int fd) { server->AddConnection(fd); },
      [this](OwnedFd fd, std::shared_ptr<Connection> connection,
             const std::string& token) {
        DescriptorChannel::Serve(
            {control.get(), connections.get(), registry.get()}, std::move(fd),
            std::move(connection), token);
      });
  auto listening = Listener::Start(listener_options, provider_file->listen_fd(),
                                   control.get(), connections.get(),
                                   [this](int fd) { sorter->Add(fd); });
  if (!listening.ok()) return listening.status();
  listener = *std::move(listening);
  in_force = config;
  reloader = std::make_unique<Reloader>([this] { return Reload(); });
  admin_control = std::make_unique<Control>(this);
  AdminServerOptions admin_options;
  admin_options.socket = config.admin_socket();
  admin_options.pidfd_method = options.pidfd_method;
  admin_options.control = admin_control.get();
  admin_options.limits = ListLimits(config.limits());
  if (!config.admin_group().empty()) {
    auto group = ResolveGroup(config.admin_group());
    if (!group.ok()) return group.status();
    admin_options.admin_group = *group;
  }
  auto remote = RemoteAdmin::Load(config.remote_admin());
  if (!remote.ok()) return remote.status();
  admin_options.remote = *std::move(remote);
  auto admin_started =
      AdminServer::Start(admin_options, control.get(), registry.get(),
                         std::move(options.passed.admin));
  if (!admin_started.ok()) return admin_started.status();
  admin = *std::move(admin_started);
  serves.Notify();
  return absl::OkStatus();
}

absl::Status Daemon::Parts::ServeMetrics() {
  if (session_metrics == nullptr) return absl::OkStatus();
  auto started = MetricsServer::Start(
      ParseAddressWithPort(options.config.metrics().address(), absl::nullopt),
      std::make_shared<DaemonCollector>(DaemonCollector::Sources{
          registry.get(), environment->events(), session_metrics.get(),
          &policy_counts, &reload_status}));
  if (!started.ok()) return started.status();
  metrics = *std::move(started);
  Log(LogLevel::kInfo, "metrics served", {{"port", metrics->port()}});
  return absl::OkStatus();
}

std::string Daemon::Parts::StatusText() const {
  if (environment->draining()) {
    wsp::v1::GetServerInfoResponse info;
    registry->FillServerInfo(&info);
    return absl::StrCat("draining, left: ", DescribeLeft(LeftOf(info)));
  }
  const size_t clients = registry->client_count();
  return absl::StrCat("serving ", clients,
                      clients == 1 ? " client" : " clients");
}

// Everybody whose standing still clients would notice. The control loop does
// the asking.
void Daemon::Parts::MakeWatchdog() {
  if (options.watchdog_limit == absl::ZeroDuration()) return;
  std::vector<Watchdog::Subject> subjects;
  const auto add_loop = [&subjects](std::string name, EventLoop* loop) {
    subjects.push_back({std::move(name), [loop](std::function<void()> answer) {
                          loop->Post(std::move(answer));
                        }});
  };
  for (size_t i = 0; i < loops.size(); ++i) {
    add_loop(absl::StrCat("loop ", i), loops[i].get());
  }
  if (lent_loop != nullptr) add_loop("lent loop", lent_loop.get());
  for (size_t i = 0; relayed_sockets != nullptr && i < relayed_sockets->loops();
       ++i) {
    subjects.push_back({absl::StrCat("relay loop ", i),
                        [this, i](std::function<void()> answer) {
                          relayed_sockets->AskLoop(i, std::move(answer));
                        }});
  }
  for (size_t i = 0; i < server->queues(); ++i) {
    subjects.push_back(
        {absl::StrCat("queue ", i), [this, i](std::function<void()> answer) {
           server->AskQueue(i, std::move(answer));
         }});
  }
  subjects.push_back({"resolver", [this](std::function<void()> answer) {
                        resolver->Ask(std::move(answer));
                      }});
  subjects.push_back({"admin server", [this](std::function<void()> answer) {
                        admin->Ask(std::move(answer));
                      }});
  subjects.push_back(
      {"remote administration", [this](std::function<void()> answer) {
         admin->AskRemote(std::move(answer));
       }});
  Watchdog::Sink sink;
  sink.on_well = [this] {
    LogFailure(NotifyWatchdog());
    LogFailure(NotifyStatus(StatusText()));
  };
  sink.on_silent = [](const std::vector<std::string>& names) {
    const std::string silent = absl::StrJoin(names, ", ");
    Log(LogLevel::kError, "threads don't answer", {{"names", silent}});
    LogFailure(NotifyStatus(absl::StrCat("don't answer: ", silent)));
  };
  watchdog = std::make_unique<Watchdog>(options.watchdog_limit / kSignsOfLife,
                                        control.get(), std::move(subjects),
                                        std::move(sink));
}

void Daemon::Reload() { parts_->reloader->RequestAndWait().IgnoreError(); }

void Daemon::Control::Reload(ReloadDone done) {
  parts_->reloader->Request(std::move(done));
}

bool Daemon::Control::SetDraining(bool draining) {
  if (!parts_->environment->SetDraining(draining)) return false;
  LogFailure(NotifyStatus(parts_->StatusText()));
  return true;
}

absl::StatusOr<wsp::v1::ReloadResponse> Daemon::Parts::Reload() {
  LogFailure(NotifyReloading());
  const auto config = options.read_config();
  auto result = config.ok()
                    ? PutInForce(*config)
                    : absl::StatusOr<wsp::v1::ReloadResponse>(config.status());
  reload_status.Set(result.ok());
  LogReload(result, policy->rules()->rules().size());
  LogFailure(NotifyReady(StatusText()));
  return result;
}

absl::StatusOr<wsp::v1::ReloadResponse> Daemon::Parts::PutInForce(
    const Config& config) {
  auto rules = RulesOf(config);
  if (!rules.ok()) return rules.status();
  auto remote = RemoteAdmin::Load(config.remote_admin());
  if (!remote.ok()) return remote.status();
  serves.WaitForNotification();
  if (admin == nullptr) {
    return absl::UnavailableError("the daemon doesn't start");
  }
  // The last that may fail.
  if (absl::Status status = admin->ApplyRemote(*std::move(remote));
      !status.ok()) {
    return status;
  }
  // An administrator may have set another one meanwhile.
  in_force.set_log_level(std::string(LogLevelName(CurrentLogLevel())));
  auto response = ResponseOf(CompareConfigs(in_force, config));
  policy->Replace(*std::move(rules));
  PutLimitsInForce(config);
  SetLogLevelOf(config);
  *in_force.mutable_policy() = config.policy();
  *in_force.mutable_limits() = config.limits();
  *in_force.mutable_remote_admin() = config.remote_admin();
  return response;
}

// None of it fails or takes anything from anybody. Each part has all of its own
// at once.
void Daemon::Parts::PutLimitsInForce(const Config& config) {
  const Config::Limits& limits = config.limits();
  environment->owners()->SetLimits(UserLimitsOf(config), ClientRatesOf(config));
  registry->SetLimits(LimitsOf(config));
  if (relayed_sockets != nullptr) {
    relayed_sockets->SetSocketsPerOwner(limits.sockets_per_client());
  }
  lingerer->SetMost(limits.lingering_per_client(), limits.lingering_per_uid());
  resolver->SetMaxLookups(limits.lookups());
  listener->SetMaxConnectionsPerUid(limits.connections_per_uid());
  admin->SetLimits(ListLimits(limits));
}

void Daemon::Stop() {
  Parts& parts = *parts_;
  if (std::exchange(parts.stopped, true)) return;
  const absl::Duration bound =
      absl::Milliseconds(parts.options.config.times().stop_ms());
  Log(LogLevel::kInfo, "wspd stopping",
      {{"lingering", parts.lingerer->size()},
       {"bound_ms", absl::ToInt64Milliseconds(bound)}});
  LogFailure(NotifyStopping(bound + kTimeToEnd));
  parts.reloader->Stop();
  // From here on threads end one after the other.
  parts.watchdog.reset();
  parts.admin->SetServing(false);
  parts.listener->Stop();
  parts.sorter->Stop();
  parts.provider_file.reset();
  parts.environment->Stop();
  auto finished = std::make_shared<absl::Notification>();
  parts.lingerer->WhenEmpty([finished] { finished->Notify(); });
  if (!finished->WaitForNotificationWithTimeout(bound)) {
    Log(LogLevel::kWarning, "closed sockets reset",
        {{"lingering", parts.lingerer->size()}});
  }
  if (parts.relayed_sockets != nullptr) parts.relayed_sockets->Stop();
  parts.registry->EndAll();
  parts.server->Shutdown(absl::Now() + absl::Seconds(1));
  parts.lingerer->ResetAll();
  // What the control loop had begun is through when this runs.
  absl::Notification idle;
  parts.control->Post([&idle] { idle.Notify(); });
  idle.WaitForNotification();
}

}  // namespace wspd
