#ifndef WSPD_DAEMON_CONFIG_CONFIG_CHANGES_H_
#define WSPD_DAEMON_CONFIG_CONFIG_CHANGES_H_

#include <string>
#include <vector>

#include "proto/wspd/config.pb.h"

namespace wspd {

// A field that has another value.
struct ConfigChange {
  // "log_level", "limits.clients".
  std::string field;
  // As a file has them, at most kMaxChangeBytes of each; of the policy how many
  // rules it has.
  std::string before;
  std::string after;
  // A reload doesn't put it in force.
  bool needs_restart = false;
};

inline constexpr size_t kMaxChangeBytes = 200;

// What differs between two configurations whose defaults are filled in, in the
// order of the schema.
std::vector<ConfigChange> CompareConfigs(const Config& before,
                                         const Config& after);

}  // namespace wspd

#endif  // WSPD_DAEMON_CONFIG_CONFIG_CHANGES_H_
