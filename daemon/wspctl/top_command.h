#ifndef WSPD_DAEMON_WSPCTL_TOP_COMMAND_H_
#define WSPD_DAEMON_WSPCTL_TOP_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/wspctl/command.h"
#include "daemon/wspctl/top_view.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// `top`: what is busiest, on the whole terminal and again and again; else
// once.
class TopCommand : public Command {
 public:
  std::vector<Option> options() override;
  absl::Status TakeWords(const std::vector<std::string>& words) override;
  absl::StatusOr<int> Run(const Console& console) override;

  const TopView::Choice& choice() const { return choice_; }
  absl::Duration interval() const { return interval_; }

 private:
  absl::Status TakeInterval(absl::string_view seconds);
  absl::Status TakeSort(absl::string_view name);

  // Two samples, an interval apart.
  absl::StatusOr<int> RunOnce(const Console& console);
  absl::StatusOr<int> RunOnScreen(const Console& console);

  TopView::Choice choice_;
  absl::Duration interval_ = absl::Seconds(1);
  bool once_ = false;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_TOP_COMMAND_H_
