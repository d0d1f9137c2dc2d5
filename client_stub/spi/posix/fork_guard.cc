#include "client_stub/spi/fork_guard.h"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace wsp {
namespace {

constexpr size_t kPageBytes = 4096;

enum : uint32_t { kWiped = 0, kUp = 1, kBeingHandled = 2 };

// A page of the library's own zero-initialised memory, which is anonymous, so
// that it can be wiped on fork; it never goes while somebody looks at it.
struct alignas(kPageBytes) MarkPage {
  std::atomic<uint32_t> mark{kWiped};
};
static_assert(sizeof(MarkPage) == kPageBytes, "nothing else is wiped");

MarkPage g_page;
std::atomic<bool> g_raised{false};
std::atomic<pid_t> g_owner{0};

}  // namespace

bool RaiseForkGuard() {
  if (madvise(&g_page, sizeof g_page, MADV_WIPEONFORK) != 0) return false;
  g_owner.store(getpid());
  g_page.mark.store(kUp);
  g_raised.store(true);
  return true;
}

void LowerForkGuard() {
  if (!g_raised.exchange(false)) return;
  madvise(&g_page, sizeof g_page, MADV_KEEPONFORK);
}

ProcessKind CheckForkGuard() {
  while (g_raised.load(std::memory_order_acquire)) {
    uint32_t value = g_page.mark.load(std::memory_order_relaxed);
    if (value == kUp) {
      return getpid() == g_owner.load(std::memory_order_relaxed)
                 ? ProcessKind::kOwner
                 : ProcessKind::kVforked;
    }
    if (value == kWiped &&
        g_page.mark.compare_exchange_strong(value, kBeingHandled)) {
      return ProcessKind::kForked;
    }
    sched_yield();
  }
  return ProcessKind::kOwner;
}

void ForkHandled() { LowerForkGuard(); }

}  // namespace wsp
