#ifndef WSPD_DAEMON_WSPCTL_CONTROL_COMMANDS_H_
#define WSPD_DAEMON_WSPCTL_CONTROL_COMMANDS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/wspctl/command.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// `disconnect PID` or `disconnect --client CLIENT`: shows the client as it was.
class DisconnectCommand : public Command {
 public:
  std::vector<Option> options() override;
  absl::Status TakeWords(const std::vector<std::string>& words) override;
  absl::StatusOr<int> Run(const Console& console) override;

 private:
  wsp::v1::DisconnectClientRequest request_;
};

// `drain`: a line whenever less is left, until nothing is. kExitTimeout if the
// time was up before. With --cancel it ends the draining.
class DrainCommand : public Command {
 public:
  std::vector<Option> options() override;
  absl::StatusOr<int> Run(const Console& console) override;

 private:
  absl::Status TakeTimeout(absl::string_view value);

  wsp::v1::DrainRequest request_;
  bool cancel_ = false;
};

// `reload`: a line for each field that has changed.
class ReloadCommand : public Command {
 public:
  absl::StatusOr<int> Run(const Console& console) override;
};

// `log-level [LEVEL]`: the level, or sets it.
class LogLevelCommand : public Command {
 public:
  absl::Status TakeWords(const std::vector<std::string>& words) override;
  absl::StatusOr<int> Run(const Console& console) override;

 private:
  // LOG_LEVEL_UNSPECIFIED: only says which it is.
  wsp::v1::SetLogLevelRequest request_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_CONTROL_COMMANDS_H_
