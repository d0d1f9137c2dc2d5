#ifndef WSPD_DAEMON_PRIVILEGES_SYSTEM_CALL_FILTER_H_
#define WSPD_DAEMON_PRIVILEGES_SYSTEM_CALL_FILTER_H_

#include "absl/status/status.h"

namespace wspd {

// Lets this process make the system calls of system_calls.h, for ever: it, its
// threads and those that they start.
//
// What isn't in the tables fails with ENOSYS, as in a kernel that doesn't have
// the call: glibc and gRPC try new calls so and fall back, which they don't
// after EPERM. A deadly one ends the process with SIGSYS. The kernel logs both
// where it audits (`journalctl -k -g type=1326`, syscall=NUMBER).
//
// Sockets are of the families that the daemon serves (others: EAFNOSUPPORT),
// clone(2) makes threads alone. Sets no-new-privileges. No process that is
// traced, and nothing that a sanitizer needs at its end, works with it:
// SystemCallFilterFits().
absl::Status FilterSystemCalls();

// False in programs that are built with AddressSanitizer or ThreadSanitizer.
bool SystemCallFilterFits();

}  // namespace wspd

#endif  // WSPD_DAEMON_PRIVILEGES_SYSTEM_CALL_FILTER_H_
