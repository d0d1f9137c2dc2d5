#ifndef WSPD_DAEMON_CONFIG_CONFIG_H_
#define WSPD_DAEMON_CONFIG_CONFIG_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/wspd/config.pb.h"

namespace wspd {

// Reads a configuration file (proto/wspd/config.proto as textproto), checks it
// and fills in the defaults: every field of the result is set, but for `group`
// when the daemon's own is meant.
//
// INVALID_ARGUMENT with lines "FILE:LINE:COLUMN: what is wrong and what would
// be right"; or the failed system call.
absl::StatusOr<Config> LoadConfig(const std::string& file);

// The same for text; `name` stands for the file in messages.
absl::StatusOr<Config> ParseConfig(absl::string_view text,
                                   const std::string& name);

// What an empty file gives.
Config DefaultConfig();

// Checks a configuration whose defaults are filled in, for values that came
// from elsewhere (flags). INVALID_ARGUMENT that names the field.
absl::Status ValidateConfig(const Config& config);

}  // namespace wspd

#endif  // WSPD_DAEMON_CONFIG_CONFIG_H_
