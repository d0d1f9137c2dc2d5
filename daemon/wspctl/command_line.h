#ifndef WSPD_DAEMON_WSPCTL_COMMAND_LINE_H_
#define WSPD_DAEMON_WSPCTL_COMMAND_LINE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/wspctl/command.h"

namespace wspd {

// What counts beside the arguments.
struct Surroundings {
  // $WSPD_ADMIN_SOCKET; may be null.
  const char* admin_socket = nullptr;
  // Columns of the terminal that is written to; 0: it isn't one.
  int terminal_width = 0;
  // That a terminal may be coloured: neither $NO_COLOR nor a dumb one.
  bool wants_color = false;
};

// What `wspctl ARGUMENTS` asks for.
struct CommandLine {
  // Ready to be run; null: `help` is what is wanted.
  std::unique_ptr<Command> command;
  // What --help prints: of the one command before it, or of all.
  std::string help;
  // Without `out`.
  Console console;
};

// `arguments` without the program's name. Options of all commands may stand
// anywhere, those of one behind its name; "--" ends them. The socket comes from
// --socket, else from the surroundings, else it is the default.
// INVALID_ARGUMENT with a line for the user.
absl::StatusOr<CommandLine> ParseCommandLine(
    const std::vector<std::string>& arguments, const Surroundings& around);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_COMMAND_LINE_H_
