#ifndef WSPD_DAEMON_WSPCTL_COMMAND_LINE_H_
#define WSPD_DAEMON_WSPCTL_COMMAND_LINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

enum class Command {
  kClients,
  kSockets,
  kReset,
  kInfo,
  kWatch,
  kHealth,
  kPolicyTest,
  kCheckConfig,
  kVersion,
  kHelp,
};

// A socket, as `sockets` shows it: "[CLIENT/]NUMBER" or "[CLIENT/]sk:COOKIE",
// number and cookie in hexadecimal digits. What isn't said is 0.
struct SocketName {
  uint64_t client_id = 0;
  uint64_t socket_id = 0;
  uint64_t cookie = 0;
};

// What `wspctl ARGUMENTS` asks for.
struct CommandLine {
  Command command = Command::kHelp;
  // Of `sockets PID` and `watch PID`; 0: all.
  int pid = 0;
  // Of `watch`; empty: all.
  std::vector<wsp::v1::JournalEvent::Kind> kinds;
  // Of `watch`: the event to begin with; 0: the next.
  uint64_t from = 0;
  // Of `reset SOCKET`.
  SocketName named;
  // Of `policy test`.
  wsp::v1::TestPolicyRequest policy;
  // Of `check-config FILE`.
  std::string file;
  bool json = false;
  std::string socket;
};

// `arguments` without the program's name. The socket comes from --socket, else
// from `environment_socket` ($WSPD_ADMIN_SOCKET, may be null), else it is the
// default. INVALID_ARGUMENT with a line for the user.
absl::StatusOr<CommandLine> ParseCommandLine(
    const std::vector<std::string>& arguments, const char* environment_socket);

// What `wspctl --help` prints.
extern const char kHelpText[];

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_COMMAND_LINE_H_
