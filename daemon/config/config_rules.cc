#include "daemon/config/config_rules.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "daemon/admin/remote/remote_rights.h"
#include "daemon/base/log.h"
#include "daemon/config/group.h"
#include "daemon/policy/rule_compiler.h"
#include "daemon/resolver/address_with_port.h"
#include "daemon/resolver/dns_server.h"
#include "daemon/server/socket_file.h"

namespace wspd {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

constexpr uint32_t kHourMs = 60 * 60 * 1000;
constexpr uint32_t kGiB = 1u << 30;
// One payload chunk: less would let nothing through.
constexpr uint32_t kChunk = 64 * 1024;

// One thread for so many cores, 1 to 4.
uint32_t DefaultThreads(uint32_t cores_each) {
  return std::clamp(std::thread::hardware_concurrency() / cores_each, 1u, 4u);
}

const FieldDescriptor* SectionOf(const NumberRule& rule) {
  return Config::descriptor()->FindFieldByName(std::string(rule.section));
}

const FieldDescriptor* FieldOf(const NumberRule& rule) {
  return SectionOf(rule)->message_type()->FindFieldByName(
      std::string(rule.field));
}

uint32_t Get(const Config& config, const NumberRule& rule) {
  const Message& section =
      config.GetReflection()->GetMessage(config, SectionOf(rule));
  return section.GetReflection()->GetUInt32(section, FieldOf(rule));
}

void Set(Config* config, const NumberRule& rule, uint32_t value) {
  Message* section =
      config->GetReflection()->MutableMessage(config, SectionOf(rule));
  section->GetReflection()->SetUInt32(section, FieldOf(rule), value);
}

void CheckNumbers(const Config& config, std::vector<ConfigProblem>* problems) {
  for (const NumberRule& rule : NumberRules()) {
    const uint32_t value = Get(config, rule);
    if (value >= rule.min && value <= rule.max) continue;
    problems->push_back({std::string(rule.section), std::string(rule.field),
                         absl::StrCat("is ", value, "; it may be ", rule.min,
                                      " to ", rule.max)});
  }
}

void CheckSocket(const std::string& path, const char* field,
                 std::vector<ConfigProblem>* problems) {
  if (path.size() > kMaxSocketPathBytes) {
    problems->push_back(
        {"", field,
         absl::StrCat("has ", path.size(), " bytes; it may have ",
                      kMaxSocketPathBytes)});
  } else if (path.empty() || path.front() != '/') {
    problems->push_back(
        {"", field, absl::StrCat("is \"", path, "\"; it must begin with /")});
  }
}

// Empty is none.
void CheckGroup(const std::string& group, const char* field,
                std::vector<ConfigProblem>* problems) {
  if (group.empty()) return;
  const auto resolved = ResolveGroup(group);
  if (resolved.ok()) return;
  problems->push_back(
      {"", field, absl::StrCat("is unknown: ", resolved.status().message())});
}

void CheckResolver(const Config::Resolver& resolver,
                   std::vector<ConfigProblem>* problems) {
  for (const std::string& text : resolver.servers()) {
    const auto server = ParseDnsServer(text);
    if (server.ok()) continue;
    problems->push_back(
        {"resolver", "servers",
         absl::StrCat("is wrong: ", server.status().message())});
  }
  const std::pair<const char*, const std::string&> paths[] = {
      {"resolv_conf", resolver.resolv_conf()},
      {"hosts_file", resolver.hosts_file()},
      {"services_file", resolver.services_file()},
  };
  for (const auto& [field, path] : paths) {
    if (!path.empty() && path.front() == '/') continue;
    problems->push_back({"resolver", field,
                         absl::StrCat("is \"", path,
                                      "\"; it must begin "
                                      "with /")});
  }
}

void CheckMetrics(const Config::Metrics& metrics,
                  std::vector<ConfigProblem>* problems) {
  if (metrics.address().empty() ||
      !ParseAddressWithPort(metrics.address(), absl::nullopt).empty()) {
    return;
  }
  problems->push_back(
      {"metrics", "address",
       absl::StrCat("is \"", metrics.address(),
                    "\"; it must be ADDRESS:PORT, in numbers, as "
                    "127.0.0.1:9464 or [::1]:9464")});
}

void CheckNames(const google::protobuf::RepeatedPtrField<std::string>& names,
                const char* field, std::vector<ConfigProblem>* problems) {
  for (const std::string& name : names) {
    if (IsCertificateName(name)) continue;
    problems->push_back(
        {"remote_admin", field,
         absl::StrCat("has \"", name,
                      "\"; it must be DNS:NAME, URI:NAME or CN:NAME")});
  }
}

void CheckRemoteAdmin(const Config::RemoteAdmin& remote,
                      std::vector<ConfigProblem>* problems) {
  const bool on = !remote.address().empty();
  if (on && ParseAddressWithPort(remote.address(), absl::nullopt).empty()) {
    problems->push_back(
        {"remote_admin", "address",
         absl::StrCat("is \"", remote.address(),
                      "\"; it must be ADDRESS:PORT, in numbers, as "
                      "192.0.2.1:7443 or [::]:7443")});
  }
  const std::pair<const char*, const std::string&> paths[] = {
      {"certificate", remote.certificate()},
      {"key", remote.key()},
      {"client_ca", remote.client_ca()},
  };
  for (const auto& [field, path] : paths) {
    if (path.empty() ? !on : path.front() == '/') continue;
    problems->push_back(
        {"remote_admin", field,
         path.empty()
             ? "is missing; remote_admin.address needs it"
             : absl::StrCat("is \"", path, "\"; it must begin with /")});
  }
  CheckNames(remote.administrators(), "administrators", problems);
  CheckNames(remote.readers(), "readers", problems);
  if (on && remote.administrators().empty() && remote.readers().empty()) {
    problems->push_back(
        {"remote_admin", "administrators",
         "is empty, and so is readers; nobody could do anything"});
  }
}

void CheckPolicy(const Policy& policy, std::vector<ConfigProblem>* problems) {
  std::vector<PolicyProblem> found;
  (void)CompileRules(policy, &found);
  for (PolicyProblem& problem : found) {
    problems->push_back({"policy", std::move(problem.field),
                         std::move(problem.message), problem.rule,
                         problem.index});
  }
}

}  // namespace

const std::vector<NumberRule>& NumberRules() {
  static const auto* const rules = new std::vector<NumberRule>{
      {"limits", "sockets_per_client", 4096, 1, 1000000},
      {"limits", "calls_per_client", 8192, 1, 1000000},
      {"limits", "queued_bytes_per_client", 8388608, kChunk, kGiB},
      {"limits", "kept_bytes_per_client", 1048576, kChunk, kGiB},
      {"limits", "attachments_per_process", 16, 1, 1024},
      {"limits", "clients", 4096, 1, 100000},
      {"limits", "lingering_per_client", 4096, 1, 1000000},
      {"limits", "connections_per_uid", 1024, 1, 100000},
      {"limits", "lingering_per_uid", 16384, 1, 1000000},
      {"limits", "sockets_per_uid", 16384, 1, 10000000},
      {"limits", "calls_per_uid", 131072, 1, 100000000},
      {"limits", "queued_bytes_per_uid", 268435456, kChunk, 4294967295},
      {"limits", "bytes_per_second_per_client", 0, 0, 4000000000},
      {"limits", "bytes_per_second_per_uid", 0, 0, 4000000000},
      {"limits", "connections_per_second_per_client", 0, 0, 1000000},
      {"limits", "connections_per_second_per_uid", 0, 0, 1000000},
      {"limits", "operations_per_second_per_client", 0, 0, 100000000},
      {"limits", "operations_per_second_per_uid", 0, 0, 100000000},
      {"limits", "lookups_per_client", 256, 1, 100000},
      {"limits", "lookups", 1024, 1, 100000},
      {"limits", "tickets_per_client", 256, 1, 100000},
      {"limits", "change_requests_per_client", 256, 1, 100000},
      {"times", "grace_ms", 2000, 1, kHourMs},
      {"times", "linger_ms", 120000, 1, 24 * kHourMs},
      {"times", "attach_ms", 5000, 1, kHourMs},
      {"times", "stop_ms", 5000, 1, kHourMs},
      {"times", "ticket_ms", 60000, 1, kHourMs},
      {"threads", "queues", DefaultThreads(4), 1, 64},
      {"threads", "loops", DefaultThreads(1), 1, 64},
  };
  return *rules;
}

void FillDefaults(Config* config) {
  if (config->provider_socket().empty()) {
    config->set_provider_socket("/run/wspd/wspd.sock");
  }
  if (config->admin_socket().empty()) {
    config->set_admin_socket("/run/wspd/admin.sock");
  }
  if (config->log_level().empty()) config->set_log_level("INFO");
  Config::Resolver* resolver = config->mutable_resolver();
  if (resolver->resolv_conf().empty()) {
    resolver->set_resolv_conf("/etc/resolv.conf");
  }
  if (resolver->hosts_file().empty()) resolver->set_hosts_file("/etc/hosts");
  if (resolver->services_file().empty()) {
    resolver->set_services_file("/etc/services");
  }
  config->mutable_metrics();
  config->mutable_remote_admin();
  Config::Planes* planes = config->mutable_planes();
  if (!planes->has_lent()) planes->set_lent(true);
  if (!planes->has_relayed()) planes->set_relayed(true);
  Config::Privileges* privileges = config->mutable_privileges();
  if (!privileges->has_system_call_filter()) {
    privileges->set_system_call_filter(true);
  }
  if (config->policy().otherwise() == Policy::VERDICT_UNSPECIFIED) {
    config->mutable_policy()->set_otherwise(Policy::ALLOW);
  }
  for (const NumberRule& rule : NumberRules()) {
    if (Get(*config, rule) == 0) Set(config, rule, rule.default_value);
  }
}

std::vector<ConfigProblem> FindProblems(const Config& config) {
  std::vector<ConfigProblem> problems;
  CheckSocket(config.provider_socket(), "provider_socket", &problems);
  CheckSocket(config.admin_socket(), "admin_socket", &problems);
  if (config.provider_socket() == config.admin_socket()) {
    problems.push_back(
        {"", "admin_socket", "is the same path as provider_socket"});
  }
  CheckGroup(config.group(), "group", &problems);
  CheckGroup(config.admin_group(), "admin_group", &problems);
  const auto level = ParseLogLevel(config.log_level());
  if (!level.ok()) {
    problems.push_back({"", "log_level",
                        absl::StrCat("is wrong: ", level.status().message())});
  }
  CheckNumbers(config, &problems);
  CheckResolver(config.resolver(), &problems);
  CheckPolicy(config.policy(), &problems);
  CheckMetrics(config.metrics(), &problems);
  CheckRemoteAdmin(config.remote_admin(), &problems);
  return problems;
}

}  // namespace wspd
