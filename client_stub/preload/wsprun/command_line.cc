#include "client_stub/preload/wsprun/command_line.h"

namespace wsp {
namespace {

// The value of an option that is written as "--name=value" or "--name value".
// True if `arguments[*at]` is that option; `*at` is then its last word.
bool TakeValue(const std::vector<std::string>& arguments, size_t* at,
               const std::string& name, std::string* value,
               std::string* error) {
  const std::string& word = arguments[*at];
  if (word == name) {
    if (*at + 1 == arguments.size()) {
      *error = name + " needs a value";
    } else {
      *value = arguments[++*at];
    }
    return true;
  }
  if (word.compare(0, name.size() + 1, name + "=") != 0) return false;
  *value = word.substr(name.size() + 1);
  return true;
}

bool IsPlane(const std::string& plane, std::string* error) {
  if (plane == "lent" || plane == "relayed" || plane == "auto") return true;
  *error = "--plane is lent, relayed or auto, not '" + plane + "'";
  return false;
}

}  // namespace

const char kWsprunUsage[] =
    R"(usage: wsprun [OPTION...] [--] PROGRAM [ARGUMENT...]

Runs PROGRAM with its Internet sockets made by wspd, in wspd's network, and its
names looked up there.

  --socket PATH   where wspd listens; else $WSPD_SOCKET, else
                  /run/wspd/wspd.sock
  --plane PLANE   where bytes go. lent: the program has the sockets themselves;
                  relayed: wspd has them, and moves all bytes; auto, the
                  default: lent if wspd lends sockets to this user, else relayed
  --fallback      without wspd, go on with the sockets and names of the
                  program's own network instead of failing
  --help, --version

Preloading is a convenience, no enforcement: what has no network of its own
(unshare --net wsprun ...) has none but wspd's.

Exit status: 125 if wsprun fails, for one because wspd isn't there or PROGRAM
can't be preloaded; 126 if PROGRAM can't be executed; 127 if it isn't found; else
PROGRAM's.
)";

bool ParseWsprunCommand(const std::vector<std::string>& arguments,
                        WsprunCommand* command, std::string* error) {
  *command = WsprunCommand();
  error->clear();
  size_t at = 0;
  for (; at < arguments.size(); ++at) {
    const std::string& word = arguments[at];
    if (word == "--") {
      ++at;
      break;
    }
    if (word.empty() || word[0] != '-') break;
    if (word == "--help" || word == "-h") {
      command->action = WsprunCommand::Action::kHelp;
      return true;
    }
    if (word == "--version") {
      command->action = WsprunCommand::Action::kVersion;
      return true;
    }
    if (word == "--fallback") {
      command->fallback = true;
      continue;
    }
    if (TakeValue(arguments, &at, "--socket", &command->socket_path, error)) {
      if (error->empty() && command->socket_path.empty()) {
        *error = "--socket needs a path";
      }
    } else if (TakeValue(arguments, &at, "--plane", &command->plane, error)) {
      if (error->empty()) IsPlane(command->plane, error);
    } else {
      *error = "unknown option '" + word + "'";
    }
    if (!error->empty()) return false;
  }
  command->program.assign(arguments.begin() + static_cast<std::ptrdiff_t>(at),
                          arguments.end());
  if (command->program.empty()) *error = "no program to run";
  return error->empty();
}

}  // namespace wsp
