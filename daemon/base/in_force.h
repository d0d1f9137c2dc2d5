#ifndef WSPD_DAEMON_BASE_IN_FORCE_H_
#define WSPD_DAEMON_BASE_IN_FORCE_H_

#include <algorithm>
#include <atomic>
#include <list>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace wspd {

// Values that are in force together and are replaced together, seldom, by a
// reload, while many threads read them.
//
// Readers take no lock and count nothing, so that nobody knows when the last
// one is done with what it has. So whatever has been in force is kept as long
// as this lives, once however often it comes back: some bytes for each other
// file that an administrator writes.
//
// Thread-safe.
template <typename T>
class InForce {
 public:
  explicit InForce(const T& first) { Set(first); }
  InForce(const InForce&) = delete;
  InForce& operator=(const InForce&) = delete;

  // All of it is of one time; lives as long as this does. Reading and setting
  // are of the one order of std::memory_order_seq_cst.
  const T& get() const { return *current_.load(std::memory_order_seq_cst); }

  // Who asks from now on gets `value`.
  void Set(const T& value) {
    absl::MutexLock lock(&mu_);
    auto known = std::find(values_.begin(), values_.end(), value);
    if (known == values_.end()) known = values_.insert(values_.end(), value);
    current_.store(&*known, std::memory_order_seq_cst);
  }

 private:
  std::atomic<const T*> current_{nullptr};
  absl::Mutex mu_;
  // None ever moves.
  std::list<T> values_ ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_BASE_IN_FORCE_H_
