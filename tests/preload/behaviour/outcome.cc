#include "tests/preload/behaviour/outcome.h"

#include <string.h>

namespace wspd::preload {

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  out << outcome.value;
  if (outcome.error == 0) return out;
  const char* name = strerrorname_np(outcome.error);
  return out << " (" << (name != nullptr ? name : "unknown errno") << ")";
}

::testing::AssertionResult Succeeds(const Outcome& outcome) {
  if (outcome.error == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << outcome;
}

}  // namespace wspd::preload
