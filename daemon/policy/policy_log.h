#ifndef WSPD_DAEMON_POLICY_POLICY_LOG_H_
#define WSPD_DAEMON_POLICY_POLICY_LOG_H_

#include "daemon/policy/policy_observer.h"

namespace wspd {

// Writes a line for each event, so many a second, and hands the event on.
class PolicyLog : public PolicyObserver {
 public:
  // `next` may be null.
  explicit PolicyLog(PolicyObserver* next = nullptr) : next_(next) {}

  void OnPolicyEvent(const PolicyEvent& event) override;

 private:
  PolicyObserver* const next_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_POLICY_LOG_H_
