#ifndef WSPD_TESTS_PRELOAD_BEHAVIOUR_WAITER_H_
#define WSPD_TESTS_PRELOAD_BEHAVIOUR_WAITER_H_

#include <optional>
#include <ostream>
#include <vector>

#include "tests/testing/wait_until.h"

namespace wspd::preload {

// What a descriptor is ready for, in the terms of select(): an end or an error
// is readable, an error writable too.
struct Ready {
  bool read = false;
  bool write = false;
  bool priority = false;

  bool any() const { return read || write || priority; }
  friend bool operator==(const Ready& a, const Ready& b) {
    return a.read == b.read && a.write == b.write && a.priority == b.priority;
  }
  friend std::ostream& operator<<(std::ostream& out, const Ready& ready);
};

inline constexpr Ready kNotReady = {};
inline constexpr Ready kReadable = {true, false, false};
inline constexpr Ready kWritable = {false, true, false};
inline constexpr Ready kPriority = {false, false, true};
inline constexpr Ready kReadableAndWritable = {true, true, false};

struct Watched {
  int fd;
  Ready interest;
  Ready ready = {};  // of what is of interest
};

// One of the ways to wait for descriptors.
struct Waiter {
  const char* name;
  // Fills in `ready`; how many are ready, 0 at the timeout, -1 with errno.
  int (*wait)(std::vector<Watched>& watched, testing::milliseconds timeout);
};

// poll, ppoll, select, pselect, epoll_wait, epoll_pwait and epoll_pwait2, and
// epoll sets within an epoll set.
const std::vector<Waiter>& AllWaiters();

}  // namespace wspd::preload

#endif  // WSPD_TESTS_PRELOAD_BEHAVIOUR_WAITER_H_
