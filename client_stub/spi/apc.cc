#include "client_stub/spi/apc.h"

#include <dlfcn.h>

#include <utility>

#include "client_stub/spi/provider.h"
#include "client_stub/spi/thread_shield.h"

namespace wsp {
namespace {

struct Record {
  CompletedOperation completed;
  uint64_t generation;
  // Of the last one: what is to be given back.
  void* pin;
};

// Takes a record out of the books. Returns whether its routine may still run. A
// forked child, which has copies of the forking thread's records, runs none;
// they go on counting there, since they need the library as well.
__attribute__((noinline)) bool Settle(Record* record) {
  const ThreadShield shield;
  void* pin = nullptr;
  bool may_run;
  {
    MutexLock lock(&g_library.mutex);
    if (g_library.queued_apcs > 0) --g_library.queued_apcs;
    if (g_library.queued_apcs == 0) {
      pin = std::exchange(g_library.pin, nullptr);
    }
    may_run = g_library.generation == record->generation &&
              g_library.provider != nullptr && !g_library.provider->ended;
  }
  if (!may_run) {
    record->pin = pin;
  } else if (pin != nullptr) {
    // Of an earlier registration. In this one the library is loaded anyway.
    dlclose(pin);
  }
  return may_run;
}

// A call in tail position that is a jump, also without optimisation and with
// sanitizers: nothing may come between it and the return.
#if defined(__clang__)
#define WSP_ENDS_IN_A_JUMP __attribute__((disable_sanitizer_instrumentation))
#define WSP_JUMP __attribute__((musttail)) return
#else
#define WSP_ENDS_IN_A_JUMP __attribute__((optimize("optimize-sibling-calls")))
#define WSP_JUMP return
#endif

// The routine may clean up and unload us, and so does dlclose: both are called
// by a jump, with nothing of ours on the stack any more. No local variable's
// address is taken, which would forbid it.
WSP_ENDS_IN_A_JUMP void CALLBACK RunRoutine(DWORD_PTR context) {
  auto* record = reinterpret_cast<Record*>(context);
  if (Settle(record)) {
    const LPWSAOVERLAPPED_COMPLETION_ROUTINE routine =
        record->completed.routine;
    const DWORD error = record->completed.error;
    const DWORD bytes = record->completed.bytes;
    const LPWSAOVERLAPPED overlapped = record->completed.overlapped;
    const DWORD flags = record->completed.flags;
    delete record;
    return routine(error, bytes, overlapped, flags);
  }
  const auto pin = reinterpret_cast<DWORD_PTR>(record->pin);
  delete record;
  if (pin == 0) return;
  const auto unload =
      reinterpret_cast<LPWSAUSERAPC>(reinterpret_cast<uintptr_t>(&dlclose));
  WSP_JUMP unload(pin);
}

}  // namespace

void QueueCompletionRoutine(const WSPUPCALLTABLE& upcalls,
                            const CompletedOperation& completed) {
  auto* record = new Record{completed, g_library.generation, nullptr};
  ++g_library.queued_apcs;
  g_library.mutex.Unlock();
  WSATHREADID thread = completed.thread;
  int error;
  int result;
  {
    const UpcallScope scope;
    result = upcalls.lpWPUQueueApc(&thread, RunRoutine,
                                   reinterpret_cast<DWORD_PTR>(record), &error);
  }
  g_library.mutex.Lock();
  if (result != 0) {
    // The thread has ended; nobody is there to run it.
    --g_library.queued_apcs;
    delete record;
  }
}

void PinForQueuedApcs() {
  if (g_library.queued_apcs == 0 || g_library.pin != nullptr) return;
  g_library.mutex.Unlock();
  Dl_info info;
  void* pin = nullptr;
  if (dladdr(reinterpret_cast<void*>(&RunRoutine), &info) != 0 &&
      info.dli_fname != nullptr) {
    pin = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  }
  g_library.mutex.Lock();
  if (g_library.queued_apcs > 0 && g_library.pin == nullptr) {
    g_library.pin = pin;
    pin = nullptr;
  }
  if (pin == nullptr) return;
  // Everything has run meanwhile.
  g_library.mutex.Unlock();
  dlclose(pin);
  g_library.mutex.Lock();
}

}  // namespace wsp
