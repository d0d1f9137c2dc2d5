#ifndef WSPD_DAEMON_PRIVILEGES_ACCOUNT_H_
#define WSPD_DAEMON_PRIVILEGES_ACCOUNT_H_

#include <sys/types.h>

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace wspd {

// Whom a process may become.
struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
  // Of the account, `gid` among them.
  std::vector<gid_t> groups;
};

// An account by name or decimal number. A number that no account has stands for
// itself, with the group of the same number alone: containers have no list of
// users. NOT_FOUND for a name that is unknown, or the name service's error,
// which this waits for.
absl::StatusOr<Account> FindAccount(absl::string_view name_or_number);

}  // namespace wspd

#endif  // WSPD_DAEMON_PRIVILEGES_ACCOUNT_H_
