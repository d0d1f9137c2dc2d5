#ifndef WSPD_DAEMON_WSPCTL_ERROR_TEXT_H_
#define WSPD_DAEMON_WSPCTL_ERROR_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace wspd {

// What to tell the user of a daemon's error: its message, and of its details
// (`details` is an encoded google.rpc.Status, or empty) what the message
// doesn't say, a line each.
std::string ErrorText(absl::string_view message, const std::string& details);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_ERROR_TEXT_H_
