#ifndef WSPD_DAEMON_WSPCTL_HELP_TEXT_H_
#define WSPD_DAEMON_WSPCTL_HELP_TEXT_H_

#include <string>
#include <vector>

#include "daemon/wspctl/command.h"
#include "daemon/wspctl/command_table.h"

namespace wspd {

// What --help prints, in lines of at most 80 columns. `shared`: the options of
// all commands.

// All commands with all options. Also the manual page.
std::string HelpText(const std::vector<Option>& shared);

// One command with its own options.
std::string HelpText(const CommandEntry& entry,
                     const std::vector<Option>& shared);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_HELP_TEXT_H_
