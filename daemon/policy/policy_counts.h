#ifndef WSPD_DAEMON_POLICY_POLICY_COUNTS_H_
#define WSPD_DAEMON_POLICY_POLICY_COUNTS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "daemon/policy/action.h"
#include "daemon/policy/policy_observer.h"

namespace wspd {

// Counts what is denied, and hands all events on.
class PolicyCounts : public PolicyObserver {
 public:
  explicit PolicyCounts(PolicyObserver* next) : next_(next) {}

  void OnPolicyEvent(const PolicyEvent& event) override {
    if (event.denied) {
      counts_[static_cast<size_t>(event.action)].fetch_add(
          1, std::memory_order_relaxed);
    }
    next_->OnPolicyEvent(event);
  }

  uint64_t denied(Action action) const {
    return counts_[static_cast<size_t>(action)].load(std::memory_order_relaxed);
  }

 private:
  PolicyObserver* const next_;
  std::array<std::atomic<uint64_t>, kActions> counts_{};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_POLICY_COUNTS_H_
