#ifndef WSPD_DAEMON_WSPCTL_WATCH_COMMAND_H_
#define WSPD_DAEMON_WSPCTL_WATCH_COMMAND_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/wspctl/command.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// `watch [PID]`: prints events as they come, for as long as the daemon is there
// and somebody reads.
class WatchCommand : public Command {
 public:
  std::vector<Option> options() override;
  absl::Status TakeWords(const std::vector<std::string>& words) override;
  absl::StatusOr<int> Run(const Console& console) override;

  // What it asks for.
  const wsp::v1::WatchEventsRequest& request() const { return request_; }

 private:
  // Adds the kinds of a list of names, which are those of admin.proto, shorter.
  absl::Status TakeKinds(absl::string_view names);
  absl::Status TakeFrom(absl::string_view number);
  absl::Status TakeUid(absl::string_view user);
  absl::Status TakeSocket(absl::string_view name);
  absl::Status TakeClient(uint64_t client_id);

  wsp::v1::WatchEventsRequest request_;
  // What is said of sockets as `sockets` says it.
  wsp::v1::ListSocketsRequest sockets_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_WATCH_COMMAND_H_
