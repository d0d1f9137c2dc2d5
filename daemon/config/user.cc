#include "daemon/config/user.h"

#include <errno.h>
#include <pwd.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace wspd {

absl::StatusOr<uid_t> ResolveUser(absl::string_view name_or_number) {
  uint32_t number;
  if (absl::SimpleAtoi(name_or_number, &number)) return number;
  const std::string name(name_or_number);
  passwd entry;
  passwd* found = nullptr;
  std::vector<char> buffer(4096);
  int error;
  while ((error = getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(),
                             &found)) == ERANGE) {
    buffer.resize(buffer.size() * 2);
  }
  if (found != nullptr) return found->pw_uid;
  // Which of these says "unknown" depends on the name service.
  if (error != 0 && error != ENOENT && error != ESRCH) {
    return absl::ErrnoToStatus(error, absl::StrCat("getpwnam(", name, ")"));
  }
  return absl::NotFoundError(absl::StrCat("there is no user \"", name, "\""));
}

}  // namespace wspd
