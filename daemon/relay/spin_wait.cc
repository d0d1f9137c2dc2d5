#include "daemon/relay/spin_wait.h"

#include <sched.h>

#include <algorithm>
#include <utility>

namespace wspd {

bool SpinWait::Run(absl::FunctionRef<bool()> look) {
  if (skipped_ < skip_) {
    ++skipped_;
    return false;
  }
  skipped_ = 0;
  const bool found = RunNow(look);
  skip_ = found ? 0 : std::min(2 * skip_ + 1, kMostSkipped);
  return found;
}

bool SpinWait::RunNow(absl::FunctionRef<bool()> look) {
  Clock::time_point now = Clock::now();
  const Clock::time_point end = now + kLongest;
  while (now < end) {
    if (look()) return true;
    sched_yield();
    const Clock::time_point before = std::exchange(now, Clock::now());
    if (now - before > kYield) return false;
  }
  return false;
}

}  // namespace wspd
