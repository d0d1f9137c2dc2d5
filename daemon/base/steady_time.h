#ifndef WSPD_DAEMON_BASE_STEADY_TIME_H_
#define WSPD_DAEMON_BASE_STEADY_TIME_H_

#include <chrono>

#include "absl/time/time.h"

namespace wspd {

// How long it is since some moment before the process began, by the clock that
// nobody sets: for differences, which steps of the wall clock would spoil. The
// timers of EventLoop go by it.
inline absl::Duration SteadyTime() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace wspd

#endif  // WSPD_DAEMON_BASE_STEADY_TIME_H_
