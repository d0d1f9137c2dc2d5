#ifndef WSPD_DAEMON_POLICY_POLICY_EVENTS_H_
#define WSPD_DAEMON_POLICY_POLICY_EVENTS_H_

#include <atomic>

#include "daemon/journal/event_journal.h"
#include "daemon/policy/policy_observer.h"

namespace wspd {

// Tells operators what was denied (KIND_SOCKET_REFUSED), so often a second that
// whoever asks for denials all the time drives no other events out; the next
// event says how many were left out.
class PolicyEvents : public PolicyObserver {
 public:
  static constexpr int kMostPerSecond = 100;

  // Until then nobody is told. The journal outlives all events.
  void SetJournal(EventJournal* journal) { journal_.store(journal); }

  void OnPolicyEvent(const PolicyEvent& event) override;

 private:
  std::atomic<EventJournal*> journal_{nullptr};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_POLICY_EVENTS_H_
