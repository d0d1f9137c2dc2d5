#ifndef WSPD_DAEMON_POLICY_PUBLISHED_H_
#define WSPD_DAEMON_POLICY_PUBLISHED_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace wspd {

// Something immutable that many threads read and that is replaced at times. A
// reader takes no lock and waits for nobody, nor does anybody for a reader:
// what was replaced is kept until nobody is seen reading.
template <typename T>
class Published {
 public:
  // Null at first.
  Published() = default;
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  // Whether there is something, for those who need not read it then.
  bool has_value() const {
    return current_.load(std::memory_order_relaxed) != nullptr;
  }

  // Reads what there is, null if nothing, as long as it lives. Short-lived; on
  // the stack.
  class Reader {
   public:
    explicit Reader(const Published& from) : from_(from) {
      // All in one order: whoever replaces it and then sees no reader knows
      // that the next one reads the new one.
      from_.readers_.fetch_add(1, std::memory_order_seq_cst);
      value_ = from_.current_.load(std::memory_order_seq_cst);
    }
    ~Reader() { from_.readers_.fetch_sub(1, std::memory_order_release); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    const T* get() const { return value_; }

   private:
    const Published& from_;
    const T* value_;
  };

  // Who comes from now on reads `value`, which may be null.
  void Set(std::shared_ptr<const T> value) {
    // Destroyed with the lock released.
    std::vector<std::shared_ptr<const T>> unread;
    absl::MutexLock lock(&mu_);
    current_.store(value.get(), std::memory_order_seq_cst);
    kept_.push_back(std::move(value));
    if (readers_.load(std::memory_order_seq_cst) != 0) return;
    // All but the last.
    unread.swap(kept_);
    kept_.push_back(std::move(unread.back()));
    unread.pop_back();
  }

  // A hold on what there is, for those who need one.
  std::shared_ptr<const T> Get() const {
    absl::MutexLock lock(&mu_);
    return kept_.empty() ? nullptr : kept_.back();
  }

 private:
  std::atomic<const T*> current_{nullptr};
  mutable std::atomic<uint32_t> readers_{0};
  mutable absl::Mutex mu_;
  // The present one, the last, and those before that somebody may be reading.
  std::vector<std::shared_ptr<const T>> kept_ ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_PUBLISHED_H_
