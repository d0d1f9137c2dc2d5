#ifndef WSPD_DAEMON_WSPCTL_CLIENT_COMMANDS_H_
#define WSPD_DAEMON_WSPCTL_CLIENT_COMMANDS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/wspctl/command.h"
#include "daemon/wspctl/listing_command.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// `clients [PID...]`.
class ClientsCommand
    : public ListingCommand<wsp::v1::ListClientsRequest,
                            wsp::v1::ListClientsResponse, wsp::v1::Client> {
 public:
  ClientsCommand();

  std::vector<Option> options() override;
  absl::Status TakeWords(const std::vector<std::string>& words) override;
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
