#ifndef WSPD_DAEMON_WSPCTL_SOCKETS_COMMAND_H_
#define WSPD_DAEMON_WSPCTL_SOCKETS_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/wspctl/command.h"
#include "daemon/wspctl/listing_command.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Which sockets, by options that commands share: fills a request for them.
std::vector<Option> SocketFilterOptions(wsp::v1::ListSocketsRequest* request);

// `sockets [PID]`.
class SocketsCommand
    : public ListingCommand<wsp::v1::ListSocketsRequest,
                            wsp::v1::ListSocketsResponse, wsp::v1::Socket> {
 public:
  SocketsCommand();

  std::vector<Option> options() override;
  absl::Status TakeWords(const std::vector<std::string>& words) override;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_SOCKETS_COMMAND_H_
