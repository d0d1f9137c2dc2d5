#include "daemon/privileges/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace wspd {
namespace {

// Most that Linux lets a process have.
constexpr int kMostGroups = 65536;

std::vector<gid_t> GroupsOf(const char* name, gid_t gid) {
  std::vector<gid_t> groups(64);
  for (;;) {
    int count = static_cast<int>(groups.size());
    if (getgrouplist(name, gid, groups.data(), &count) >= 0) {
      groups.resize(count);
      return groups;
    }
    if (static_cast<int>(groups.size()) >= kMostGroups) return {gid};
    groups.resize(groups.size() * 2);
  }
}

}  // namespace

absl::StatusOr<Account> FindAccount(absl::string_view name_or_number) {
  const std::string name(name_or_number);
  uint32_t number = 0;
  const bool is_number = absl::SimpleAtoi(name_or_number, &number);
  // -1 means "leave it" to setresuid(2).
  if (is_number && number == static_cast<uid_t>(-1)) {
    return absl::NotFoundError("there is no user 4294967295");
  }
  passwd entry;
  passwd* found = nullptr;
  std::vector<char> buffer(4096);
  int error;
  while ((error = is_number ? getpwuid_r(number, &entry, buffer.data(),
                                         buffer.size(), &found)
                            : getpwnam_r(name.c_str(), &entry, buffer.data(),
                                         buffer.size(), &found)) == ERANGE) {
    buffer.resize(buffer.size() * 2);
  }
  if (found != nullptr) {
    return Account{found->pw_uid, found->pw_gid,
                   GroupsOf(found->pw_name, found->pw_gid)};
  }
  if (is_number) return Account{number, number, {number}};
  // Which of these says "unknown" depends on the name service.
  if (error != 0 && error != ENOENT && error != ESRCH) {
    return absl::ErrnoToStatus(error, absl::StrCat("getpwnam(", name, ")"));
  }
  return absl::NotFoundError(absl::StrCat("there is no user \"", name, "\""));
}

}  // namespace wspd
