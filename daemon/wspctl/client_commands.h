#ifndef WSPD_DAEMON_WSPCTL_CLIENT_COMMANDS_H_
#define WSPD_DAEMON_WSPCTL_CLIENT_COMMANDS_H_

#include "absl/status/statusor.h"
#include "daemon/wspctl/command.h"

namespace wspd {

// `clients`.
class ClientsCommand : public Command {
 public:
  absl::StatusOr<int> Run(const Console& console) override;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_CLIENT_COMMANDS_H_
