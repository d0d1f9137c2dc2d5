#ifndef WSPD_DAEMON_BASE_ERRNO_STATUS_H_
#define WSPD_DAEMON_BASE_ERRNO_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace wspd {

// The status of a failed system call: `call` names it with the arguments that
// matter, as in "bind(/run/wspd/wspd.sock)". `error` is errno, captured right
// after the call.
absl::Status ErrnoToStatus(int error, absl::string_view call);

}  // namespace wspd

#endif  // WSPD_DAEMON_BASE_ERRNO_STATUS_H_
