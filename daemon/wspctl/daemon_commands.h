#ifndef WSPD_DAEMON_WSPCTL_DAEMON_COMMANDS_H_
#define WSPD_DAEMON_WSPCTL_DAEMON_COMMANDS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/wspctl/command.h"

namespace wspd {

// `info`.
class InfoCommand : public Command {
 public:
  absl::StatusOr<int> Run(const Console& console) override;
};

// `health [SERVICE]`. kExitFailed for anything else than SERVING.
class HealthCommand : public Command {
 public:
  absl::Status TakeWords(const std::vector<std::string>& words) override;
  bool asks_many() const override { return true; }
  absl::StatusOr<int> Run(const Console& console) override;

 private:
  std::string service_;
};

// `check-config FILE`. kExitConfig if it isn't good.
class CheckConfigCommand : public Command {
 public:
  absl::Status TakeWords(const std::vector<std::string>& words) override;
  absl::StatusOr<int> Run(const Console& console) override;

 private:
  std::string file_;
};

// `version`: wspctl's own.
class VersionCommand : public Command {
 public:
  absl::StatusOr<int> Run(const Console& console) override;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_DAEMON_COMMANDS_H_
