#ifndef WSPD_DAEMON_CONFIG_USER_H_
#define WSPD_DAEMON_CONFIG_USER_H_

#include <sys/types.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace wspd {

// A user by name or decimal number. NOT_FOUND if there is none, or the error of
// the name service, which this waits for.
absl::StatusOr<uid_t> ResolveUser(absl::string_view name_or_number);

}  // namespace wspd

#endif  // WSPD_DAEMON_CONFIG_USER_H_
