#ifndef WSPD_DAEMON_ADMIN_RELOAD_SOURCE_H_
#define WSPD_DAEMON_ADMIN_RELOAD_SOURCE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "daemon/admin/daemon_control.h"
#include "daemon/admin/rpc_table.h"

namespace wspd {

// The one answer of wsp.v1.Admin.Reload, once there is one.
class ReloadSource : public RpcSource {
 public:
  // Has the configuration read. `wake` is called when that is done, on whatever
  // thread, also if this has ended meanwhile.
  ReloadSource(DaemonControl* control, std::function<void()> wake);

  absl::optional<std::string> Next() override;
  absl::optional<absl::Status> End() override;

 private:
  struct Outcome;

  // Shared with who reads.
  const std::shared_ptr<Outcome> outcome_;
  bool answered_ = false;
};

// The error of a configuration whose reading failed with `status`, whose
// message has a line "FILE:LINE:COLUMN: what" for each mistake.
absl::Status ReloadError(const absl::Status& status);

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_RELOAD_SOURCE_H_
