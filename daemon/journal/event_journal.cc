#include "daemon/journal/event_journal.h"

#include <netinet/in.h>

#include <utility>

#include "absl/time/clock.h"

namespace wspd {
namespace {

bool IsConnection(const EventRecord& record) {
  return (record.kind == wsp::v1::JournalEvent::KIND_SOCKET_CONNECTED ||
          record.kind == wsp::v1::JournalEvent::KIND_SOCKET_ACCEPTED) &&
         (record.protocol == IPPROTO_TCP || record.protocol == IPPROTO_MPTCP) &&
         !record.repeated;
}

}  // namespace

EventJournal::EventJournal(size_t capacity)
    : capacity_(capacity), slots_(new Slot[capacity]) {}

void EventJournal::Append(const EventRecord& record) {
  counts_[record.kind].fetch_add(1, std::memory_order_relaxed);
  if (IsConnection(record)) {
    connections_.fetch_add(1, std::memory_order_relaxed);
  }
  const uint64_t sequence = next_.fetch_add(1, std::memory_order_acq_rel);
  Slot& slot = SlotOf(sequence);
  {
    absl::MutexLock lock(&slot.mu);
    // Whoever has this slot's next number may have been quicker.
    if (slot.sequence < sequence) {
      slot.sequence = sequence;
      slot.record = record;
      if (record.at_ns == 0) slot.record.at_ns = absl::GetCurrentTimeNanos();
    }
  }
  // Either this sees what WakeOnce() wants, or the reader sees the event.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (wake_wanted_.load(std::memory_order_relaxed) &&
      wake_wanted_.exchange(false)) {
    Wake();
  }
}

bool EventJournal::Read(uint64_t* sequence, EventRecord* record,
                        uint64_t* lost) const {
  for (uint64_t wanted = *sequence;;) {
    {
      Slot& slot = SlotOf(wanted);
      absl::MutexLock lock(&slot.mu);
      // Not yet written, perhaps by somebody who has its number already.
      if (slot.sequence < wanted) return false;
      if (slot.sequence == wanted) {
        *record = slot.record;
        *lost += wanted - *sequence;
        *sequence = wanted + 1;
        return true;
      }
    }
    // The oldest that may be there, and a bit on: it is gone soon.
    wanted = next() - capacity_ + capacity_ / 8;
  }
}

void EventJournal::SetWake(std::function<void()> wake) {
  absl::MutexLock lock(&wake_mu_);
  wake_ = std::move(wake);
}

void EventJournal::WakeOnce() {
  wake_wanted_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void EventJournal::Wake() {
  absl::MutexLock lock(&wake_mu_);
  if (wake_ != nullptr) wake_();
}

}  // namespace wspd
