#ifndef WSPD_DAEMON_ADMIN_IS_WANTED_H_
#define WSPD_DAEMON_ADMIN_IS_WANTED_H_

#include "absl/algorithm/container.h"

namespace wspd {

// Whether a list of a request lets a value pass: it has none, or that one.
template <typename Values, typename Value>
bool IsWanted(const Values& wanted, const Value& value) {
  return wanted.empty() || absl::c_linear_search(wanted, value);
}

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_IS_WANTED_H_
