#ifndef WSPD_DAEMON_POLICY_RULE_COMPILER_H_
#define WSPD_DAEMON_POLICY_RULE_COMPILER_H_

#include <string>
#include <vector>

#include "daemon/policy/rule.h"
#include "proto/wspd/config.pb.h"

namespace wspd {

// More rules than this are refused.
inline constexpr int kMostRules = 20000;

// Something wrong with a policy.
struct PolicyProblem {
  // Counts from 0; -1: of the policy as a whole.
  int rule = -1;
  // Of Policy.Rule, or of Policy; in a repeated field the index, else -1.
  std::string field;
  int index = -1;
  // What is wrong and what would be right, to be put behind the field's name.
  std::string message;
};

// Reads and checks the rules: looks up users and groups, and the files of
// programs. Blocks as that does. What has a problem is left out.
std::vector<Rule> CompileRules(const Policy& policy,
                               std::vector<PolicyProblem>* problems);

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_RULE_COMPILER_H_
