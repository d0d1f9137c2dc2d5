#ifndef WSPD_DAEMON_WSPCTL_WSPCTL_H_
#define WSPD_DAEMON_WSPCTL_WSPCTL_H_

#include <ostream>
#include <string>
#include <vector>

#include "daemon/wspctl/command.h"
#include "daemon/wspctl/command_line.h"

namespace wspd {

// The program: `arguments` without its name. Returns the exit code.
int RunWspctl(const std::vector<std::string>& arguments,
              const Surroundings& around, std::ostream& out, std::ostream& err);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_WSPCTL_H_
