#include "daemon/config/group.h"

#include <errno.h>
#include <grp.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace wspd {

absl::StatusOr<gid_t> ResolveGroup(absl::string_view name_or_number) {
  uint32_t number;
  if (absl::SimpleAtoi(name_or_number, &number)) {
    // -1 means "leave it" to chown(2).
    if (number == static_cast<gid_t>(-1)) {
      return absl::NotFoundError("there is no group 4294967295");
    }
    return number;
  }
  const std::string name(name_or_number);
  group entry;
  group* found = nullptr;
  std::vector<char> buffer(4096);
  int error;
  while ((error = getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(),
                             &found)) == ERANGE) {
    buffer.resize(buffer.size() * 2);
  }
  if (found != nullptr) return found->gr_gid;
  // Which of these says "unknown" depends on the name service.
  if (error != 0 && error != ENOENT && error != ESRCH) {
    return absl::ErrnoToStatus(error, absl::StrCat("getgrnam(", name, ")"));
  }
  return absl::NotFoundError(absl::StrCat("there is no group \"", name, "\""));
}

}  // namespace wspd
