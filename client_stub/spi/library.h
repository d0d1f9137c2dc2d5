#ifndef WSPD_CLIENT_STUB_SPI_LIBRARY_H_
#define WSPD_CLIENT_STUB_SPI_LIBRARY_H_

#include <cstdint>
#include <vector>

#include "client_stub/base/cond_var.h"
#include "client_stub/base/mutex.h"

namespace wsp {

class LeavingThread;
class Provider;
struct NameSpace;
struct Operation;
struct RunningRoutine;

// What is there as long as the library is loaded. Constant-initialised and
// never destroyed. There is one lock, the session lock: it guards this, the
// Provider and everything that the Provider owns. It is never held while
// waiting or while application code runs.
struct Library {
  Mutex mutex;
  // Somebody left, or the lifecycle moved on.
  CondVar changed;

  // Null before the first startup and after the final cleanup.
  Provider* provider WSP_GUARDED_BY(mutex) = nullptr;
  // Counts the providers that there were; a thread whose call belongs to
  // another one touches nothing any more.
  uint64_t generation WSP_GUARDED_BY(mutex) = 1;
  // One startup or cleanup at a time; by which thread.
  bool lifecycle_busy WSP_GUARDED_BY(mutex) = false;
  uint64_t lifecycle_thread WSP_GUARDED_BY(mutex) = 0;
  // The provider is being taken down.
  bool tearing_down WSP_GUARDED_BY(mutex) = false;

  // Null before the first startup and after the last cleanup of the name space.
  NameSpace* name_space WSP_GUARDED_BY(mutex) = nullptr;
  uint64_t next_lookup_id WSP_GUARDED_BY(mutex) = 1;
  // Threads in functions of the name space that don't take part in a provider;
  // and where they say that they leave, while its last cleanup waits for them.
  uint32_t name_space_inside WSP_GUARDED_BY(mutex) = 0;
  std::vector<LeavingThread>* name_space_leavers WSP_GUARDED_BY(mutex) =
      nullptr;

  // Completion routines that are queued with threads or run; and what keeps the
  // library loaded for them after the final cleanup (apc.h).
  uint64_t queued_apcs WSP_GUARDED_BY(mutex) = 0;
  void* pin WSP_GUARDED_BY(mutex) = nullptr;
};

extern Library g_library;

// What a thread remembers between and during its calls. Its alignment also
// keeps LeakSanitizer from taking what lies before it for glibc's notes on it.
struct alignas(64) ThreadRecord {
  // Of Library: what the rest belongs to.
  uint64_t generation;
  // Calls of this thread that are under way, one inside the other: its part of
  // Provider::inside and Provider::exposed.
  uint32_t inside;
  uint32_t exposed;
  // Blocking hooks among them.
  uint32_t hooks;
  // The call that waits, for WSPCancelBlockingCall.
  Operation* blocking;
  // Upcalls that it is in. Whatever calls them holds on to the provider: no
  // startup or cleanup from within. Goes on through the generations.
  uint32_t upcalls;
  // Completion routines that it is in, the innermost first. Goes on, too.
  RunningRoutine* routines;
};

// Plain memory, without constructor or destructor.
extern __thread ThreadRecord t_thread;

// Around an upcall.
class UpcallScope {
 public:
  UpcallScope() { ++t_thread.upcalls; }
  // In a forked child there may be none any more.
  ~UpcallScope() {
    if (t_thread.upcalls > 0) --t_thread.upcalls;
  }

  UpcallScope(const UpcallScope&) = delete;
  UpcallScope& operator=(const UpcallScope&) = delete;
};

// Milliseconds of the monotonic clock.
int64_t NowMs();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_LIBRARY_H_
