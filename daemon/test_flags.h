#ifndef WSPD_DAEMON_TEST_FLAGS_H_
#define WSPD_DAEMON_TEST_FLAGS_H_

#include <cstdint>

#include "absl/flags/declare.h"

// Flags for tests, in a file of their own: wspd --help doesn't list them,
// --helpfull does.

// Identify peers as kernels before 6.5 must.
ABSL_DECLARE_FLAG(bool, test_old_pidfd);
// Break each connection after so many frames; 0: never.
ABSL_DECLARE_FLAG(uint64_t, test_break_after_frames);

#endif  // WSPD_DAEMON_TEST_FLAGS_H_
