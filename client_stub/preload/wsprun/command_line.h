#ifndef WSPD_CLIENT_STUB_PRELOAD_WSPRUN_COMMAND_LINE_H_
#define WSPD_CLIENT_STUB_PRELOAD_WSPRUN_COMMAND_LINE_H_

#include <string>
#include <vector>

namespace wsp {

extern const char kWsprunUsage[];

// What `wsprun` is asked to do.
struct WsprunCommand {
  enum class Action { kRun, kHelp, kVersion };
  Action action = Action::kRun;
  // "auto", "lent" or "relayed".
  std::string plane = "auto";
  bool fallback = false;
  // Empty: not said.
  std::string socket_path;
  // The program and its arguments; not empty if it is to run.
  std::vector<std::string> program;
};

// False, and why in `error`, for what can't be understood. Options end at the
// program's name, or at "--".
bool ParseWsprunCommand(const std::vector<std::string>& arguments,
                        WsprunCommand* command, std::string* error);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_WSPRUN_COMMAND_LINE_H_
