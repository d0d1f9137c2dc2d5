#ifndef WSPD_DAEMON_WSPCTL_SOCKETS_COMMAND_H_
#define WSPD_DAEMON_WSPCTL_SOCKETS_COMMAND_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/wspctl/command.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Which sockets, by options that commands share: fills a request for them.
std::vector<Option> SocketFilterOptions(wsp::v1::ListSocketsRequest* request);

// `sockets [PID]`: fetches and prints page by page, so that neither side holds
// more at a time.
class SocketsCommand : public Command {
 public:
  std::vector<Option> options() override;
  absl::Status TakeWords(const std::vector<std::string>& words) override;
  absl::StatusOr<int> Run(const Console& console) override;

  // What it asks for.
  const wsp::v1::ListSocketsRequest& request() const { return request_; }
  const std::vector<std::string>& fields() const { return fields_; }

 private:
  wsp::v1::ListSocketsRequest request_;
  std::vector<std::string> fields_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_SOCKETS_COMMAND_H_
