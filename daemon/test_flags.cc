#include "daemon/test_flags.h"

#include "absl/flags/flag.h"

ABSL_FLAG(bool, test_old_pidfd, false,
          "for tests: identify peers as kernels before 6.5 must");
ABSL_FLAG(uint64_t, test_break_after_frames, 0,
          "for tests: break each connection after so many frames");
