#ifndef WSPD_DAEMON_CONFIG_CONFIG_RULES_H_
#define WSPD_DAEMON_CONFIG_CONFIG_RULES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "proto/wspd/config.pb.h"

namespace wspd {

// The default and the range of one number of the configuration.
struct NumberRule {
  // The field of Config that holds the number: "limits".
  absl::string_view section;
  absl::string_view field;
  // Stands for 0, which is what an unset field reads as.
  uint32_t default_value;
  uint32_t min;
  uint32_t max;
};

const std::vector<NumberRule>& NumberRules();

// One thing that is wrong.
struct ConfigProblem {
  // Empty for a field of Config itself.
  std::string section;
  std::string field;
  std::string message;
  // Of a rule of the policy, which `field` belongs to then: its place, and that
  // of the value in a repeated field. Both count from 0; -1: none.
  int rule = -1;
  int index = -1;
};

// Fills in what is unset.
void FillDefaults(Config* config);

// What is wrong with a configuration whose defaults are filled in.
std::vector<ConfigProblem> FindProblems(const Config& config);

}  // namespace wspd

#endif  // WSPD_DAEMON_CONFIG_CONFIG_RULES_H_
