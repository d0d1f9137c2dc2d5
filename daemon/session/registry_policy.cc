// Registry: what the rules in force would say.
#include <sys/socket.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/base/error_details.h"
#include "daemon/policy/action.h"
#include "daemon/policy/default_rules.h"
#include "daemon/policy/policy_store.h"
#include "daemon/policy/subject.h"
#include "daemon/policy/unprivileged_ports.h"
#include "daemon/session/registry.h"
#include "daemon/winsock/address_codec.h"

namespace wspd {
namespace {

PolicySubject SubjectOf(const wsp::v1::TestPolicyRequest& request) {
  PolicySubject subject;
  subject.uid = request.uid();
  if (request.gids_size() > 0) {
    subject.gid = request.gids(0);
    subject.groups.emplace(request.gids().begin() + 1, request.gids().end());
  } else {
    // None that a rule could name.
    subject.gid = static_cast<gid_t>(-1);
  }
  subject.cgroup = request.cgroup();
  subject.container = ContainerOf(request.cgroup());
  return subject;
}

// What refuses it whatever the rules say; empty: nothing.
absl::string_view DefaultFor(const PolicySubject& subject, Action action,
                             const NetAddress& address) {
  if (action == Action::kRaw) return kNoRawSockets;
  if (action == Action::kBind && !MayBindPort(subject, address.port())) {
    return kUnprivilegedPorts;
  }
  return "";
}

}  // namespace

absl::StatusOr<wsp::v1::TestPolicyResponse> Registry::TestPolicy(
    const wsp::v1::TestPolicyRequest& request) const {
  if (request.action() <= 0 || request.action() >= kRuleActions) {
    return FieldError("action",
                      absl::StrCat("is ", request.action(), "; it may be 1 to ",
                                   kRuleActions - 1));
  }
  const auto action = static_cast<Action>(request.action());
  NetAddress address;
  if (request.has_address() && !DecodeAddress(request.address(), &address)) {
    return FieldError("address", "is none of IPv4 or IPv6");
  }
  const bool by_name = action == Action::kResolve && !request.host().empty();
  // It is at all addresses of its family; else of both.
  if (action == Action::kRaw) {
    address =
        NetAddress::Any(address.family() == AF_INET ? AF_INET : AF_INET6, 0);
  }
  if (address.empty() && !by_name) {
    return FieldError("address", "is missing");
  }
  const PolicyStore* const policy = environment_->policy();
  wsp::v1::TestPolicyResponse response;
  const bool rated = environment_->owners()->HasRates(request.uid());
  const PolicySubject subject = SubjectOf(request);
  PolicyStore::Answer answer;
  answer.rule = "otherwise";
  if (policy != nullptr) {
    answer = policy->Ask(subject, action, address, request.host());
  }
  response.set_allowed(answer.allowed);
  response.set_rule_number(answer.number);
  response.set_rule(answer.rule);
  response.set_log_rule(answer.log_rule);
  response.set_unrestricted(answer.unrestricted && !rated);
  const absl::string_view refused = DefaultFor(subject, action, address);
  if (answer.allowed && !refused.empty()) {
    response.set_allowed(false);
    response.set_rule_number(0);
    response.set_rule(std::string(refused));
  }
  return response;
}

}  // namespace wspd
