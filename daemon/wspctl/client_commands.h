#ifndef WSPD_DAEMON_WSPCTL_CLIENT_COMMANDS_H_
#define WSPD_DAEMON_WSPCTL_CLIENT_COMMANDS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/wspctl/command.h"

namespace wspd {

// `clients`.
class ClientsCommand : public Command {
 public:
  bool asks_many() const override { return true; }
  absl::StatusOr<int> Run(const Console& console) override;
};

// `client PID`: all of one, with its sockets and the names it looked up.
class ClientCommand : public Command {
 public:
  absl::Status TakeWords(const std::vector<std::string>& words) override;
  absl::StatusOr<int> Run(const Console& console) override;

 private:
  int pid_ = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_CLIENT_COMMANDS_H_
