#include "client_stub/spi/apc.h"

#include <utility>

#include "client_stub/spi/departure.h"
#include "client_stub/spi/loader.h"
#include "client_stub/spi/provider.h"
#include "client_stub/spi/thread_shield.h"

namespace wsp {
namespace {

struct Record {
  CompletedOperation completed;
  uint64_t generation;
  // Of those that were put off.
  Record* next;
};

}  // namespace

// On the stack of a thread that runs routines of one socket. Used by that
// thread alone.
struct RunningRoutine {
  RunningRoutine* outer;
  // Whose routine it is now.
  Record* record;
  // Those whose turn has come meanwhile, oldest first.
  Record* first = nullptr;
  Record* last = nullptr;
};

namespace {

// Whether the record's routine may still run. A forked child, which has copies
// of the forking thread's records, runs none.
bool MayRunLocked(const Record& record) WSP_REQUIRES(g_library.mutex) {
  return g_library.generation == record.generation &&
         g_library.provider != nullptr && !g_library.provider->ended;
}

// Takes a record out of the books; in a forked child too, where what it has
// copies of needs the library as well.
void ForgetLocked(Record* record) WSP_REQUIRES(g_library.mutex) {
  delete record;
  if (g_library.queued_apcs > 0) --g_library.queued_apcs;
}

void CALLBACK RunRoutine(DWORD_PTR context);

// Hands the record to the thread; unlocks for that.
void Queue(const WSPUPCALLTABLE& upcalls, Record* record)
    WSP_REQUIRES(g_library.mutex) {
  WSATHREADID thread = record->completed.thread;
  g_library.mutex.Unlock();
  int error;
  int result;
  {
    const UpcallScope scope;
    result = upcalls.lpWPUQueueApc(&thread, RunRoutine,
                                   reinterpret_cast<DWORD_PTR>(record), &error);
  }
  g_library.mutex.Lock();
  if (result == 0) return;
  // The thread has ended; nobody is there to run it.
  ForgetLocked(record);
}

// Puts the record off if the thread is in a routine of the same socket.
bool PutOff(Record* record) {
  for (RunningRoutine* running = t_thread.routines; running != nullptr;
       running = running->outer) {
    const Record& present = *running->record;
    if (present.generation != record->generation ||
        present.completed.socket_id != record->completed.socket_id) {
      continue;
    }
    (running->first == nullptr ? running->first : running->last->next) = record;
    running->last = record;
    return true;
  }
  return false;
}

Record* TakePutOff(RunningRoutine* running) {
  Record* const record = running->first;
  if (record != nullptr) {
    running->first = std::exchange(record->next, nullptr);
  }
  return record;
}

void CallRoutine(void* argument) {
  const CompletedOperation& completed =
      static_cast<RunningRoutine*>(argument)->record->completed;
  completed.routine(completed.error, completed.bytes, completed.overlapped,
                    completed.flags);
}

// The thread leaves the routine other than by returning from it. It can't give
// the library back, which stays then if it has been cleaned up for good.
void LeaveRoutine(void* argument) {
  auto* running = static_cast<RunningRoutine*>(argument);
  const ThreadShield shield;
  t_thread.routines = running->outer;
  MutexLock lock(&g_library.mutex);
  ForgetLocked(running->record);
  while (Record* record = TakePutOff(running)) {
    if (MayRunLocked(*record)) {
      // The provider may go while it is queued.
      const WSPUPCALLTABLE upcalls = g_library.provider->upcalls();
      Queue(upcalls, record);
    } else {
      ForgetLocked(record);
    }
  }
}

// Before a routine: false if it is put off.
bool Enter(RunningRoutine* running, bool* may_run) {
  const ThreadShield shield;
  if (PutOff(running->record)) return false;
  running->outer = std::exchange(t_thread.routines, running);
  MutexLock lock(&g_library.mutex);
  *may_run = MayRunLocked(*running->record);
  return true;
}

// Behind it: goes on to the next that was put off, if there is one. After the
// last of all records returns what is to be given back, otherwise null.
void* GoOn(RunningRoutine* running, bool* may_run) {
  const ThreadShield shield;
  MutexLock lock(&g_library.mutex);
  ForgetLocked(running->record);
  running->record = TakePutOff(running);
  if (running->record != nullptr) {
    *may_run = MayRunLocked(*running->record);
    return nullptr;
  }
  t_thread.routines = running->outer;
  if (g_library.queued_apcs > 0) return nullptr;
  return std::exchange(g_library.pin, nullptr);
}

__attribute__((noinline)) void* RunInTurn(Record* record) {
  RunningRoutine running = {nullptr, record};
  bool may_run = false;
  if (!Enter(&running, &may_run)) return nullptr;
  void* pin = nullptr;
  while (running.record != nullptr) {
    if (may_run) RunWatched(&CallRoutine, &LeaveRoutine, &running);
    pin = GoOn(&running, &may_run);
  }
  return pin;
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

// What gives the pin back may unload us: it is called by a jump, with nothing
// of ours on the stack any more. No local variable's address is taken, which
// would forbid it.
WSP_ENDS_IN_A_JUMP void CALLBACK RunRoutine(DWORD_PTR context) {
  const auto pin = reinterpret_cast<DWORD_PTR>(
      RunInTurn(reinterpret_cast<Record*>(context)));
  if (pin == 0) return;
  const LPWSAUSERAPC unpin = UnpinFunction();
  WSP_JUMP unpin(pin);
}

}  // namespace

void QueueCompletionRoutine(const WSPUPCALLTABLE& upcalls,
                            const CompletedOperation& completed) {
  ++g_library.queued_apcs;
  Queue(upcalls, new Record{completed, g_library.generation, nullptr});
}

void PinForQueuedApcs() {
  if (g_library.queued_apcs == 0 || g_library.pin != nullptr) return;
  g_library.mutex.Unlock();
  void* pin = PinLibrary();
  g_library.mutex.Lock();
  if (g_library.queued_apcs > 0 && g_library.pin == nullptr) {
    g_library.pin = pin;
    pin = nullptr;
  }
  if (pin == nullptr) return;
  // Everything has run meanwhile.
  g_library.mutex.Unlock();
  UnpinLibrary(pin);
  g_library.mutex.Lock();
}

}  // namespace wsp
