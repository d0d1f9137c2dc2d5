#ifndef WSPD_DAEMON_WSPCTL_SOCKETS_COMMAND_H_
#define WSPD_DAEMON_WSPCTL_SOCKETS_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/wspctl/command.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// `sockets [PID]`.
class SocketsCommand : public Command {
 public:
  absl::Status TakeWords(const std::vector<std::string>& words) override;
  absl::StatusOr<int> Run(const Console& console) override;

  // What it asks for.
  const wsp::v1::ListSocketsRequest& request() const { return request_; }

 private:
  wsp::v1::ListSocketsRequest request_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_SOCKETS_COMMAND_H_
