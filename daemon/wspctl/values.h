#ifndef WSPD_DAEMON_WSPCTL_VALUES_H_
#define WSPD_DAEMON_WSPCTL_VALUES_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace wspd {

// Values of options and words that several commands have. INVALID_ARGUMENT with
// a line for the user.

absl::StatusOr<int> ParsePid(absl::string_view text);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_VALUES_H_
