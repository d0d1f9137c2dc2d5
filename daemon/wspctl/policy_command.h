#ifndef WSPD_DAEMON_WSPCTL_POLICY_COMMAND_H_
#define WSPD_DAEMON_WSPCTL_POLICY_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/wspctl/command.h"
#include "daemon/wspctl/policy_arguments.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// `policy test ACTION ADDRESS:PORT`. kExitDenied for what isn't allowed.
class PolicyCommand : public Command {
 public:
  std::vector<Option> options() override;
  absl::Status TakeWords(const std::vector<std::string>& words) override;
  absl::StatusOr<int> Run(const Console& console) override;

  // What it asks.
  const wsp::v1::TestPolicyRequest& request() const { return request_; }

 private:
  PolicyOptions who_;
  wsp::v1::TestPolicyRequest request_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_POLICY_COMMAND_H_
