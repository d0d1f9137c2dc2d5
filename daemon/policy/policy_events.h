#ifndef WSPD_DAEMON_POLICY_POLICY_EVENTS_H_
#define WSPD_DAEMON_POLICY_POLICY_EVENTS_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/optional.h"
#include "daemon/journal/event_journal.h"
#include "daemon/policy/policy_observer.h"

namespace wspd {

// Tells operators what was denied (KIND_SOCKET_REFUSED), of each user so often
// a second that whoever asks for denials all the time drives neither others'
// nor any other events out; the user's next event says how many were left out.
class PolicyEvents : public PolicyObserver {
 public:
  static constexpr int kMostPerSecond = 100;
  // Of all users together.
  static constexpr int kMostOfAllPerSecond = 1000;
  // Users that are remembered.
  static constexpr size_t kMostUsers = 1024;

  // Until then nobody is told. The journal outlives all events.
  void SetJournal(EventJournal* journal) { journal_.store(journal); }

  void OnPolicyEvent(const PolicyEvent& event) override;

  // How many users are remembered now.
  size_t users() const {
    absl::MutexLock lock(&mu_);
    return users_.size();
  }

 private:
  struct Told {
    // As absl::ToUnixSeconds() has it.
    int64_t second = 0;
    int in_second = 0;
    // Since the last that was told.
    uint64_t suppressed = 0;
  };

  // None if the user's event is to be left out; else how many were before it.
  absl::optional<uint64_t> Admit(uid_t uid);
  // The user's, with nothing in it but what is of this second.
  Told& ToldLocked(uid_t uid, int64_t second)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  std::atomic<EventJournal*> journal_{nullptr};
  mutable absl::Mutex mu_;
  absl::flat_hash_map<uid_t, Told> users_ ABSL_GUARDED_BY(mu_);
  Told all_ ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_POLICY_EVENTS_H_
