#ifndef WSPD_TESTS_TESTING_SLOWNESS_H_
#define WSPD_TESTS_TESTING_SLOWNESS_H_

#include <stdlib.h>

#include <algorithm>

namespace wspd::testing {

// How many times as long as elsewhere things may take: what WSPD_TEST_SLOWNESS
// says, for machines that are emulated, and 1 without it. For bounds of what
// has to come promptly.
inline int Slowness() {
  const char* const times = getenv("WSPD_TEST_SLOWNESS");
  return times == nullptr ? 1 : std::max(1, atoi(times));
}

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_SLOWNESS_H_
