#include "daemon/wspctl/values.h"

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace wspd {

absl::StatusOr<int> ParsePid(absl::string_view text) {
  int pid = 0;
  if (absl::SimpleAtoi(text, &pid) && pid > 0) return pid;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not a pid"));
}

}  // namespace wspd
