#include "daemon/policy/policy_question.h"

#include "daemon/policy/host_pattern.h"

namespace wspd {
namespace {

using Kind = RuleIndex::Where::Kind;

constexpr uint64_t kLoopback4 = 0x7f000001;
constexpr uint64_t kLoopback6 = 1;

Decision DecideOne(const ClientRules& rules, Action action,
                   const IpAddress& address, uint16_t port, HostsOf hosts_of) {
  RuleIndex::Where where;
  where.kind = Kind::kOne;
  where.address = address;
  where.port = port;
  if (rules.NamesHosts(action)) where.hosts = hosts_of(address);
  return rules.Decide(action, where);
}

}  // namespace

Decision DecideAddress(const ClientRules& rules, Action action,
                       const NetAddress& address, uint16_t port,
                       HostsOf hosts_of) {
  const IpAddress one = ToIpAddress(address);
  const bool to_peer = action == Action::kConnect || action == Action::kSend;
  const bool local = action == Action::kBind || action == Action::kListen ||
                     action == Action::kRaw;
  if (!one.is_any() || (!to_peer && !local)) {
    return DecideOne(rules, action, one, port, hosts_of);
  }
  if (local) {
    RuleIndex::Where where;
    where.kind = Kind::kAll;
    where.address = one;
    where.port = port;
    return rules.Decide(action, where);
  }
  const Decision v4 =
      DecideOne(rules, action, {false, kLoopback4}, port, hosts_of);
  // By either family, as the socket is bound.
  if (!v4.allowed || !one.v6) return v4;
  return DecideOne(rules, action, {true, kLoopback6}, port, hosts_of);
}

Decision DecideHost(const ClientRules& rules, absl::string_view name) {
  const std::string host = CanonicalHost(name);
  RuleIndex::Where where;
  where.hosts = absl::MakeConstSpan(&host, 1);
  return rules.Decide(Action::kResolve, where);
}

}  // namespace wspd
