#ifndef WSPD_DAEMON_WSPCTL_WSPCTL_H_
#define WSPD_DAEMON_WSPCTL_WSPCTL_H_

#include <ostream>
#include <string>
#include <vector>

#include "daemon/wspctl/command.h"

namespace wspd {

// The program: `arguments` without its name, $WSPD_ADMIN_SOCKET (may be null).
// Returns the exit code.
int RunWspctl(const std::vector<std::string>& arguments,
              const char* environment_socket, std::ostream& out,
              std::ostream& err);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_WSPCTL_H_
