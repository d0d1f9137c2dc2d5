#include "daemon/policy/client_access.h"

#include <errno.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
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
  // The kernel would ask for the daemon's privilege.
  if (!MayBindPort(subject_, address.port())) return EACCES;
  return free() ? 0 : Check(Action::kBind, address, socket);
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
  const auto tell = [&](bool denied, Rank rank) {
    if (observer_ == nullptr) return;
    event.denied = denied;
    event.rule = rules.rules().NameOf(rank);
    observer_->OnPolicyEvent(event);
  };
  event.client_id =
      client_id_ == nullptr ? 0 : client_id_->load(std::memory_order_relaxed);
  event.pid = pid_;
  event.uid = subject_.uid;
  if (decision.log != kNoRank) tell(false, decision.log);
  if (decision.allowed) return 0;
  tell(true, decision.rule);
  return EACCES;
}

}  // namespace wspd
