// Registry: what the rules in force would say.
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
  if (address.empty() && !by_name) {
    return FieldError("address", "is missing");
  }
  const PolicyStore* const policy = environment_->policy();
  wsp::v1::TestPolicyResponse response;
  const bool rated = environment_->owners()->HasRates(request.uid());
  if (policy == nullptr) {
    response.set_allowed(true);
    response.set_rule("otherwise");
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
  return response;
}

}  // namespace wspd
