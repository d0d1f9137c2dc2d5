#include "client_stub/preload/connect_waits.h"

#include <errno.h>
#include <unistd.h>

#include <atomic>

#include "client_stub/preload/kernel_calls.h"

namespace wsp {
namespace {

// More threads than wait at a time; what is left in a slot goes when it is
// found, or with the process.
constexpr int kMostWaits = 64;

struct Slot {
  // 0: free.
  std::atomic<uint64_t> number{0};
  std::atomic<pid_t> thread{0};
  // A forked child has its parent's waits in its memory, and none of them.
  std::atomic<pid_t> process{0};
};
Slot g_slots[kMostWaits];
// Whether there is anything to look for.
std::atomic<int> g_used{0};

pid_t ThisThread() { return static_cast<pid_t>(kernel::Call(SYS_gettid)); }

bool IsLeft(const Slot& slot) {
  const pid_t thread = slot.thread.load();
  if (slot.process.load() != getpid() || thread == 0) return false;
  if (thread == ThisThread()) return true;
  const int caller_errno = errno;
  const bool ended = kernel::Call(SYS_tgkill, getpid(), thread, 0) == -ESRCH;
  errno = caller_errno;
  return ended;
}

}  // namespace

ConnectWait::ConnectWait(uint64_t number) : slot_(-1) {
  for (int i = 0; i < kMostWaits; ++i) {
    Slot* const slot = &g_slots[i];
    uint64_t free = 0;
    if (!slot->number.compare_exchange_strong(free, number)) continue;
    slot->process.store(getpid());
    slot->thread.store(ThisThread());
    g_used.fetch_add(1);
    slot_ = i;
    return;
  }
}

void ConnectWait::End() {
  if (slot_ < 0) return;
  Slot* const slot = &g_slots[slot_];
  slot_ = -1;
  slot->thread.store(0);
  slot->number.store(0);
  g_used.fetch_sub(1);
}

bool TakeLeftConnectWait(uint64_t number) {
  if (g_used.load(std::memory_order_relaxed) == 0) return false;
  for (Slot& slot : g_slots) {
    if (slot.number.load() != number || !IsLeft(slot)) continue;
    slot.thread.store(0);
    uint64_t found = number;
    if (!slot.number.compare_exchange_strong(found, 0)) continue;
    g_used.fetch_sub(1);
    return true;
  }
  return false;
}

}  // namespace wsp
