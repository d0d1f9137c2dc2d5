#ifndef WSPD_DAEMON_SESSION_PENDING_SELECTS_H_
#define WSPD_DAEMON_SESSION_PENDING_SELECTS_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "daemon/event/event_loop.h"
#include "daemon/session/select_wait.h"
#include "daemon/winsock/call.h"

namespace wspd {

// The selects of an attachment that wait, by their calls.
//
// Thread-safe. Nothing is called with its lock held.
class PendingSelects {
 public:
  PendingSelects() = default;
  ~PendingSelects() { CancelAll(); }

  PendingSelects(const PendingSelects&) = delete;
  PendingSelects& operator=(const PendingSelects&) = delete;

  // Answers a SelectRequest, at once if something is ready, else later, on any
  // thread. `sink` owns this; `timers` has to outlive it.
  void Start(const Call& call, const std::shared_ptr<CallSink>& sink,
             const SelectWait::Finder& find, EventLoop* timers);

  // Ends a call's wait, whose result is now the caller's to give. False if the
  // call doesn't wait, or is being answered.
  bool Cancel(uint64_t call_id);
  void CancelAll();

 private:
  // Keeps the wait; false if there are too many sockets waited for.
  bool Add(uint64_t call_id, const std::shared_ptr<SelectWait>& wait);
  std::shared_ptr<SelectWait> Remove(uint64_t call_id);
  // Ends the call of `wait`, if something is ready or its time is over.
  void Answer(uint64_t call_id, SelectWait* wait, CallSink* sink,
              bool time_over);

  absl::Mutex mu_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<SelectWait>> waits_
      ABSL_GUARDED_BY(mu_);
  // Of all waits.
  uint32_t entries_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_PENDING_SELECTS_H_
