#ifndef WSPD_DAEMON_WSPCTL_POLICY_ARGUMENTS_H_
#define WSPD_DAEMON_WSPCTL_POLICY_ARGUMENTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Options of `policy test`, as they were written.
struct PolicyOptions {
  // A name or a number; empty: the caller's own.
  std::string uid;
  // The effective group first. None: those of the user, if it has a name here.
  std::vector<std::string> gids;
  std::string cgroup;
  std::string host;

  bool any() const {
    return !uid.empty() || !gids.empty() || !cgroup.empty() || !host.empty();
  }
};

// Reads what stands behind `policy`: "test", an action, and where:
// ADDRESS:PORT,
// "[ADDRESS]:PORT", of resolve ADDRESS or a host's name. Asks the name service
// about users and groups. INVALID_ARGUMENT with a line for the user.
absl::Status ParsePolicyTest(const std::vector<std::string>& words,
                             const PolicyOptions& options,
                             wsp::v1::TestPolicyRequest* request);

// What came of it, as a line for people or an object.
std::string FormatPolicyAnswer(const wsp::v1::TestPolicyResponse& response);
std::string FormatPolicyAnswerJson(const wsp::v1::TestPolicyResponse& response);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_POLICY_ARGUMENTS_H_
