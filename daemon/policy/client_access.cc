#include "daemon/policy/client_access.h"

#include <errno.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "daemon/policy/default_rules.h"
#include "daemon/policy/echo_groups.h"
#include "daemon/policy/host_pattern.h"
#include "daemon/policy/policy_question.h"
#include "daemon/policy/unprivileged_ports.h"

namespace wspd {

const std::shared_ptr<const ClientAccess>& ClientAccess::Unrestricted() {
  static const auto* const access = new std::shared_ptr<const ClientAccess>(
      new ClientAccess(PolicySubject(), 0, nullptr, nullptr, nullptr));
  return *access;
}

bool ClientAccess::is_unrestricted() const {
  if (free()) return true;
  const Published<ClientRules>::Reader rules(rules_);
  return rules.get() == nullptr || rules.get()->is_unrestricted();
}

void ClientAccess::NoteResolved(absl::Span<const absl::string_view> names,
                                absl::Span<const NetAddress> addresses) const {
  // Whatever the rules are: those of a reload know what was found before.
  if (hosts_ == nullptr || addresses.empty()) return;
  std::vector<std::string> hosts;
  for (const absl::string_view name : names) {
    std::string host = CanonicalHost(name);
    if (host.empty() || (!hosts.empty() && hosts[0] == host)) continue;
    hosts.push_back(std::move(host));
  }
  std::vector<IpAddress> found;
  for (const NetAddress& address : addresses) {
    found.push_back(ToIpAddress(address));
  }
  hosts_->Add(hosts, found, absl::Now());
}

// ------------------------------------------------------------------- checks

int ClientAccess::Bind(const NetAddress& address,
                       const PolicySocket& socket) const {
  const int denied = free() ? 0 : Check(Action::kBind, address, socket);
  // The kernel would ask for the daemon's privilege.
  if (denied != 0 || MayBindPort(subject_, address.port())) return denied;
  return Refuse(kUnprivilegedPorts, Action::kBind, address, socket, EACCES);
}

bool ClientAccess::AsksAboutSources() const {
  if (free()) return false;
  const Published<ClientRules>::Reader rules(rules_);
  return rules.get() != nullptr && rules.get()->MayDecide(Action::kBind);
}

int ClientAccess::Raw(int family, const PolicySocket& socket) const {
  const NetAddress all = NetAddress::Any(family, 0);
  if (!free() && Check(Action::kRaw, all, socket) != 0) return EPERM;
  return Refuse(kNoRawSockets, Action::kRaw, all, socket, EPERM);
}

int ClientAccess::Echoes(const PolicySocket& socket) const {
  if (this == Unrestricted().get() || MayHaveEchoes(subject_)) return 0;
  return Refuse(kEchoGroups, Action::kPrivilege, NetAddress(), socket, EACCES);
}

int ClientAccess::Refuse(absl::string_view rule, Action action,
                         const NetAddress& address, const PolicySocket& socket,
                         int error) const {
  PolicyEvent event;
  event.by_default = true;
  event.action = action;
  event.socket = socket;
  event.address = address;
  event.port = address.port();
  event.error = error;
  Tell(true, rule, &event);
  return error;
}

int ClientAccess::CheckConnect(const NetAddress& address, bool datagram,
                               const PolicySocket& socket) const {
  const int error = Check(Action::kConnect, address, socket);
  if (error != 0 || !datagram) return error;
  return Check(Action::kSend, address, socket);
}

int ClientAccess::CheckAccept(const NetAddress& peer, int accepted,
                              const PolicySocket& listener) const {
  return Check(Action::kAccept, peer, listener, NetAddress::LocalOf(accepted));
}

int ClientAccess::Check(Action action, const NetAddress& address,
                        const PolicySocket& socket,
                        const NetAddress& local) const {
  const uint16_t port =
      action == Action::kAccept ? local.port() : address.port();
  const Published<ClientRules>::Reader rules(rules_);
  if (rules.get() == nullptr) return 0;
  const ResolvedHosts::Reader known(*hosts_);
  const absl::Time now =
      rules.get()->NamesHosts(action) ? absl::Now() : absl::InfinitePast();
  const auto hosts_of = [&](const IpAddress& one) {
    return known.Find(one, now);
  };
  const Decision decision =
      DecideAddress(*rules.get(), action, address, port, hosts_of);
  if (decision.allowed && decision.log == kNoRank) return 0;
  PolicyEvent event;
  event.action = action;
  event.socket = socket;
  event.address = address;
  event.local = local;
  event.port = port;
  if (action == Action::kRaw) event.error = EPERM;
  const auto hosts = hosts_of(ToIpAddress(address));
  if (!hosts.empty()) event.host = hosts[0];
  return Conclude(*rules.get(), decision, event);
}

int ClientAccess::CheckHost(absl::string_view name) const {
  const Published<ClientRules>::Reader rules(rules_);
  if (rules.get() == nullptr) return 0;
  const Decision decision = DecideHost(*rules.get(), name);
  if (decision.allowed && decision.log == kNoRank) return 0;
  PolicyEvent event;
  event.action = Action::kResolve;
  event.host = name;
  return Conclude(*rules.get(), decision, event);
}

int ClientAccess::Conclude(const ClientRules& rules, const Decision& decision,
                           PolicyEvent event) const {
  const RuleSet& all = rules.rules();
  if (decision.log != kNoRank) Tell(false, all.NameOf(decision.log), &event);
  if (decision.allowed) return 0;
  Tell(true, all.NameOf(decision.rule), &event);
  return EACCES;
}

void ClientAccess::Tell(bool denied, absl::string_view rule,
                        PolicyEvent* event) const {
  if (observer_ == nullptr) return;
  event->client_id =
      client_id_ == nullptr ? 0 : client_id_->load(std::memory_order_relaxed);
  event->pid = pid_;
  event->uid = subject_.uid;
  event->denied = denied;
  event->rule = rule;
  observer_->OnPolicyEvent(*event);
}

}  // namespace wspd
