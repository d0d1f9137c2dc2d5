// Registry: what the rules in force would say.
#include <sys/socket.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/error_details.h"
#include "daemon/policy/action.h"
#include "daemon/policy/policy_store.h"
#include "daemon/policy/subject.h"
#include "daemon/session/registry.h"
#include "daemon/winsock/address_codec.h"

namespace wspd {
namespace {

// What decides where no rule denies one.
constexpr char kNoRawSockets[] = "wspd makes no raw sockets";

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

}  // namespace

absl::StatusOr<wsp::v1::TestPolicyResponse> Registry::TestPolicy(
    const wsp::v1::TestPolicyRequest& request) const {
  const int action = request.action();
  if (action <= 0 || action >= kActions) {
    return FieldError("action", absl::StrCat("is ", action, "; it may be 1 to ",
                                             kActions - 1));
  }
  NetAddress address;
  if (request.has_address() && !DecodeAddress(request.address(), &address)) {
    return FieldError("address", "is none of IPv4 or IPv6");
  }
  const bool by_name = static_cast<Action>(action) == Action::kResolve &&
                       !request.host().empty();
  const bool raw = static_cast<Action>(action) == Action::kRaw;
  // It is at all addresses of its family; else of both.
  if (raw) {
    address =
        NetAddress::Any(address.family() == AF_INET ? AF_INET : AF_INET6, 0);
  }
  if (address.empty() && !by_name) {
    return FieldError("address", "is missing");
  }
  const PolicyStore* const policy = environment_->policy();
  wsp::v1::TestPolicyResponse response;
  const bool rated = environment_->owners()->HasRates(request.uid());
  if (policy == nullptr) {
    response.set_allowed(!raw);
    response.set_rule(raw ? kNoRawSockets : "otherwise");
    response.set_unrestricted(!rated);
    return response;
  }
  const PolicyStore::Answer answer = policy->Ask(
      SubjectOf(request), static_cast<Action>(action), address, request.host());
  response.set_allowed(answer.allowed);
  response.set_rule_number(answer.number);
  response.set_rule(answer.rule);
  response.set_log_rule(answer.log_rule);
  response.set_unrestricted(answer.unrestricted && !rated);
  if (raw && answer.allowed) {
    response.set_allowed(false);
    response.set_rule_number(0);
    response.set_rule(kNoRawSockets);
  }
  return response;
}

}  // namespace wspd
