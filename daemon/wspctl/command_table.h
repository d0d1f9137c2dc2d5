#ifndef WSPD_DAEMON_WSPCTL_COMMAND_TABLE_H_
#define WSPD_DAEMON_WSPCTL_COMMAND_TABLE_H_

#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/wspctl/command.h"

namespace wspd {

// A command as --help and the command line have it.
struct CommandEntry {
  absl::string_view name;
  absl::string_view words;  // what stands behind it, "[PID]"
  absl::string_view help;
  std::unique_ptr<Command> (*make)();
};

// All commands, in the order of --help.
const std::vector<CommandEntry>& CommandTable();

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_COMMAND_TABLE_H_
