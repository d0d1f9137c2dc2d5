#include "client_stub/spi/apc.h"

#include <dlfcn.h>

#include <utility>

#include "client_stub/spi/provider.h"

namespace wsp {
namespace {

struct Record {
  CompletedOperation completed;
  uint64_t generation;
};

// Takes a record out of the books. Returns whether its routine may still run;
// `*pin` is what is to be given back, null mostly.
bool Settle(const Record& record, void** pin) {
  MutexLock lock(&g_library.mutex);
  if (g_library.queued_apcs > 0) --g_library.queued_apcs;
  if (g_library.queued_apcs == 0) {
    *pin = std::exchange(g_library.pin, nullptr);
  }
  return g_library.generation == record.generation &&
         g_library.provider != nullptr && !g_library.provider->ended;
}

// The routine may clean up and unload us, and so does dlclose: both are called
// by a jump, with nothing of ours on the stack any more.
void CALLBACK RunRoutine(DWORD_PTR context) {
  auto* queued = reinterpret_cast<Record*>(context);
  const Record record = *queued;
  delete queued;
  void* pin = nullptr;
  if (Settle(record, &pin)) {
    const CompletedOperation& completed = record.completed;
    return completed.routine(completed.error, completed.bytes,
                             completed.overlapped, completed.flags);
  }
  if (pin != nullptr) {
    return reinterpret_cast<void (*)(void*)>(reinterpret_cast<void*>(&dlclose))(
        pin);
  }
}

}  // namespace

void QueueCompletionRoutine(const WSPUPCALLTABLE& upcalls,
                            const CompletedOperation& completed) {
  auto* record = new Record{completed, g_library.generation};
  ++g_library.queued_apcs;
  g_library.mutex.Unlock();
  WSATHREADID thread = completed.thread;
  int error;
  const int result = upcalls.lpWPUQueueApc(
      &thread, RunRoutine, reinterpret_cast<DWORD_PTR>(record), &error);
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
