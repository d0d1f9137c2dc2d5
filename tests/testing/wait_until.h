#ifndef WSPD_TESTS_TESTING_WAIT_UNTIL_H_
#define WSPD_TESTS_TESTING_WAIT_UNTIL_H_

#include <chrono>
#include <functional>
#include <thread>

namespace wspd::testing {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

// How long a test waits for what ought to come at once. It is long because the
// machine may be busy; only a failing test ever waits so long.
constexpr seconds kDeadline(30);

// Waits for a condition that nothing announces, as the contents of /proc. False
// if it doesn't hold by the deadline.
inline bool WaitUntil(const std::function<bool()>& condition,
                      Clock::duration deadline = kDeadline) {
  const Clock::time_point end = Clock::now() + deadline;
  while (!condition()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

// How long `action` takes.
template <typename Action>
milliseconds TimeOf(const Action& action) {
  const Clock::time_point begin = Clock::now();
  action();
  return std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
}

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_WAIT_UNTIL_H_
