#ifndef WSPD_DAEMON_PRIVILEGES_PRIVILEGES_H_
#define WSPD_DAEMON_PRIVILEGES_PRIVILEGES_H_

#include "absl/status/status.h"
#include "proto/wspd/config.pb.h"

namespace wspd {

// Gives up, for ever, what the daemon doesn't need by its configuration's
// "privileges": becomes the user, keeps few capabilities, sets
// no-new-privileges and the filter of system calls. What is left is logged.
//
// As root with a user to become, the folders of the sockets that are missing
// are made first, and are that user's.
//
// FAILED_PRECONDITION if it isn't root and has to become somebody; NOT_FOUND
// for a user who isn't there; else the failed system call. After an error the
// process may have given up some, and has to end.
//
// While there is one thread: Linux has privileges for each.
absl::Status DropPrivileges(const Config& config);

}  // namespace wspd

#endif  // WSPD_DAEMON_PRIVILEGES_PRIVILEGES_H_
