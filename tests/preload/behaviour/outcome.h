#ifndef WSPD_TESTS_PRELOAD_BEHAVIOUR_OUTCOME_H_
#define WSPD_TESTS_PRELOAD_BEHAVIOUR_OUTCOME_H_

#include <errno.h>

#include <cstdint>
#include <ostream>

#include "gtest/gtest.h"

namespace wspd::preload {

// What a call gave: its value, and errno if that is negative.
struct Outcome {
  int64_t value = 0;
  int error = 0;

  friend bool operator==(const Outcome& a, const Outcome& b) {
    return a.value == b.value && a.error == b.error;
  }
};

// Prints "12", or "-1 (ECONNRESET)".
std::ostream& operator<<(std::ostream& out, const Outcome& outcome);

// Call(recv(…)): the argument is evaluated before errno is read.
inline Outcome Call(int64_t value) { return {value, value < 0 ? errno : 0}; }

inline Outcome Gives(int64_t value) { return {value, 0}; }
inline Outcome Fails(int error) { return {-1, error}; }

::testing::AssertionResult Succeeds(const Outcome& outcome);

#define EXPECT_SUCCESS(call) \
  EXPECT_TRUE(::wspd::preload::Succeeds(::wspd::preload::Call(call)))
#define ASSERT_SUCCESS(call) \
  ASSERT_TRUE(::wspd::preload::Succeeds(::wspd::preload::Call(call)))

}  // namespace wspd::preload

#endif  // WSPD_TESTS_PRELOAD_BEHAVIOUR_OUTCOME_H_
