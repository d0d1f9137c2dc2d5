#ifndef WSPD_DAEMON_WSPCTL_ASK_ALL_H_
#define WSPD_DAEMON_WSPCTL_ASK_ALL_H_

#include <algorithm>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/wspctl/daemon_address.h"

namespace wspd {

// Who doesn't answer at all is waited for together with so many others.
inline constexpr size_t kAskedAtOnce = 16;

// Calls `ask`, which returns an Answer, for each daemon, of several at the same
// time, each on a thread of its own; and then `take` with the daemon and that,
// in their order and on the caller's thread. At most kAskedAtOnce answers are
// kept.
template <typename Ask, typename Take>
void AskAll(const std::vector<DaemonAddress>& daemons, const Ask& ask,
            const Take& take) {
  using Answer = decltype(ask(daemons.front()));
  for (size_t first = 0; first < daemons.size(); first += kAskedAtOnce) {
    const size_t count = std::min(kAskedAtOnce, daemons.size() - first);
    std::vector<Answer> answers(count);
    std::vector<std::thread> threads;
    for (size_t i = 1; i < count; ++i) {
      threads.emplace_back(
          [&ask, &answer = answers[i], &daemon = daemons[first + i]] {
            answer = ask(daemon);
          });
    }
    answers[0] = ask(daemons[first]);
    for (std::thread& thread : threads) thread.join();
    for (size_t i = 0; i < count; ++i) {
      take(daemons[first + i], std::move(answers[i]));
    }
  }
}

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_ASK_ALL_H_
