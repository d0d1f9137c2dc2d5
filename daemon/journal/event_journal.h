#ifndef WSPD_DAEMON_JOURNAL_EVENT_JOURNAL_H_
#define WSPD_DAEMON_JOURNAL_EVENT_JOURNAL_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "daemon/journal/event_record.h"

namespace wspd {

// The last events of the daemon, numbered from 1. Readers come when they like;
// one that is too slow misses the oldest, and is told how many.
//
// Thread-safe. Whoever appends waits for nobody: not for readers, and for
// another who appends only when that one is a whole journal behind. It may hold
// any lock: none of ours is taken under the journal's but by `wake`.
class EventJournal {
 public:
  // Keeps `capacity` events, a power of two.
  explicit EventJournal(size_t capacity = kDefaultCapacity);

  EventJournal(const EventJournal&) = delete;
  EventJournal& operator=(const EventJournal&) = delete;

  // Dates it, unless it has a time.
  void Append(const EventRecord& record);

  // The number that the next event will have.
  uint64_t next() const { return next_.load(std::memory_order_acquire); }

  // How many of a kind there have been.
  uint64_t count(wsp::v1::JournalEvent::Kind kind) const {
    return counts_[kind].load(std::memory_order_relaxed);
  }

  // Connections that were made and accepted: of datagrams there are none.
  uint64_t connections() const {
    return connections_.load(std::memory_order_relaxed);
  }

  // Reads on from `*sequence`, which has to be 1 or more, and moves it behind
  // what it has read. False, and `*sequence` unchanged, if that event hasn't
  // happened yet. An event that isn't kept any more is left out with all
  // before the oldest, and counted in `*lost`.
  bool Read(uint64_t* sequence, EventRecord* record, uint64_t* lost) const;

  // `wake` is called once when an event has been appended since WakeOnce(): by
  // whoever appends, so that it has to be quick, and mustn't append. Null:
  // nobody is, any more, and no call of it is under way.
  void SetWake(std::function<void()> wake);
  // Look with Read() afterwards: what was appended before doesn't wake.
  void WakeOnce();

 private:
  struct Slot {
    absl::Mutex mu;
    // 0: none yet.
    uint64_t sequence ABSL_GUARDED_BY(mu) = 0;
    EventRecord record ABSL_GUARDED_BY(mu);
  };

  // About a second of a busy daemon's connections; some megabytes.
  static constexpr size_t kDefaultCapacity = 16384;

  Slot& SlotOf(uint64_t sequence) const {
    return slots_[sequence & (capacity_ - 1)];
  }
  void Wake();

  const size_t capacity_;
  const std::unique_ptr<Slot[]> slots_;
  std::atomic<uint64_t> next_{1};
  std::array<std::atomic<uint64_t>, wsp::v1::JournalEvent::Kind_ARRAYSIZE>
      counts_{};
  std::atomic<uint64_t> connections_{0};
  std::atomic<bool> wake_wanted_{false};
  absl::Mutex wake_mu_;
  std::function<void()> wake_ ABSL_GUARDED_BY(wake_mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_JOURNAL_EVENT_JOURNAL_H_
