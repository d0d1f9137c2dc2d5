#ifndef WSPD_DAEMON_WSPCTL_RESET_COMMAND_H_
#define WSPD_DAEMON_WSPCTL_RESET_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/wspctl/command.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// `reset SOCKET`, a socket as `sockets` shows it: "[CLIENT/]NUMBER" or
// "[CLIENT/]sk:COOKIE", number and cookie in hexadecimal digits. Shows it as it
// was before.
class ResetCommand : public Command {
 public:
  absl::Status TakeWords(const std::vector<std::string>& words) override;
  absl::StatusOr<int> Run(const Console& console) override;

  // What it asks for.
  const wsp::v1::ResetSocketRequest& request() const { return request_; }

 private:
  wsp::v1::ResetSocketRequest request_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_RESET_COMMAND_H_
