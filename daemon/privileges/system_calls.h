#ifndef WSPD_DAEMON_PRIVILEGES_SYSTEM_CALLS_H_
#define WSPD_DAEMON_PRIVILEGES_SYSTEM_CALLS_H_

#include <vector>

namespace wspd {

// A group of system calls that the daemon needs, or never makes, by the names
// that libseccomp knows. One that the machine's architecture doesn't have is
// skipped.
struct SystemCallGroup {
  // Why.
  const char* reason;
  std::vector<const char*> names;
};

// May be made with any arguments.
const std::vector<SystemCallGroup>& AllowedSystemCalls();

// End the process: whoever makes one of these in the daemon's name isn't the
// daemon.
const std::vector<SystemCallGroup>& DeadlySystemCalls();

}  // namespace wspd

#endif  // WSPD_DAEMON_PRIVILEGES_SYSTEM_CALLS_H_
