#ifndef WSPD_DAEMON_CONFIG_GROUP_H_
#define WSPD_DAEMON_CONFIG_GROUP_H_

#include <sys/types.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace wspd {

// The number of a group given by name or by number. A number needs no such
// group to exist. NOT_FOUND for an unknown name.
absl::StatusOr<gid_t> ResolveGroup(absl::string_view name_or_number);

}  // namespace wspd

#endif  // WSPD_DAEMON_CONFIG_GROUP_H_
