#include "daemon/base/errno_status.h"

#include "absl/status/status.h"

namespace wspd {

absl::Status ErrnoToStatus(int error, absl::string_view call) {
  return absl::ErrnoToStatus(error, call);
}

}  // namespace wspd
