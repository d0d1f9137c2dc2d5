#ifndef WSPD_DAEMON_ADMIN_CALLER_LIMIT_H_
#define WSPD_DAEMON_ADMIN_CALLER_LIMIT_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace wspd {

// Holds each caller, by a name, to so many of something at a time. Thread-safe;
// no other lock is taken under this one's.
class CallerLimit : public std::enable_shared_from_this<CallerLimit> {
 public:
  static std::shared_ptr<CallerLimit> Create(int most) {
    return std::shared_ptr<CallerLimit>(new CallerLimit(most));
  }

  // One more of `caller`, until what this returns is destroyed. Null at the
  // limit.
  std::shared_ptr<void> Take(const std::string& caller) {
    absl::MutexLock lock(&mu_);
    int& count = counts_[caller];
    if (count >= most_) return nullptr;
    ++count;
    return std::shared_ptr<void>(this, [self = shared_from_this(), caller](
                                           void*) { self->GiveBack(caller); });
  }

 private:
  explicit CallerLimit(int most) : most_(most) {}

  void GiveBack(const std::string& caller) {
    absl::MutexLock lock(&mu_);
    auto found = counts_.find(caller);
    if (--found->second == 0) counts_.erase(found);
  }

  const int most_;
  absl::Mutex mu_;
  absl::flat_hash_map<std::string, int> counts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_CALLER_LIMIT_H_
