#include <algorithm>
#include <array>
#include <atomic>
#include <vector>

#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/handle_table.h"
#include "client_stub/spi_client/mutex.h"
#include "client_stub/spi_client/record_pool.h"
#include "client_stub/spi_client/thread_record_linux.h"

namespace wspd::spi_client {
namespace {

// Lock order: Event::mutex_, then ThreadRecord's. An event goes back to the
// pool when it is closed and nobody waits for it any more.
class Event {
 public:
  static uint64_t Open();
  static bool Close(uint64_t handle);
  static bool Change(uint64_t handle, bool signalled);
  // Null if `handle` is not open. Waiters remove themselves.
  static Event* AddWaiter(uint64_t handle, ThreadRecord* waiter);
  void RemoveWaiter(ThreadRecord* waiter);

  // Changes with every change of the state; odd while signalled.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }

 private:
  static Event* Find(uint64_t handle);
  void ReturnIfUnusedLocked() WSPD_REQUIRES(mutex_);

  std::atomic<uint64_t> version_{0};  // written under mutex_
  Mutex mutex_;
  bool open_ WSPD_GUARDED_BY(mutex_) = false;
  std::vector<ThreadRecord*> waiters_ WSPD_GUARDED_BY(mutex_);
};

HandleTable& Handles() {
  static auto* const handles = new HandleTable(HandleTable::Kind::kEvent);
  return *handles;
}

RecordPool<Event>& Pool() {
  static auto* const pool = new RecordPool<Event>;
  return *pool;
}

bool Signalled(uint64_t version) { return version % 2 == 1; }

Event* Event::Find(uint64_t handle) {
  uint64_t context;
  if (!Handles().Query(handle, &context)) return nullptr;
  return reinterpret_cast<Event*>(context);
}

uint64_t Event::Open() {
  Event* const event = Pool().Take();
  MutexLock lock(&event->mutex_);
  event->version_ += event->version_ % 2;
  const uint64_t handle = Handles().Open(reinterpret_cast<uint64_t>(event));
  event->open_ = handle != 0;
  event->ReturnIfUnusedLocked();
  return handle;
}

bool Event::Close(uint64_t handle) {
  Event* const event = Find(handle);
  if (event == nullptr) return false;
  MutexLock lock(&event->mutex_);
  if (!Handles().Close(handle)) return false;
  event->open_ = false;
  event->ReturnIfUnusedLocked();
  return true;
}

void Event::ReturnIfUnusedLocked() {
  if (!open_ && waiters_.empty()) Pool().Return(this);
}

bool Event::Change(uint64_t handle, bool signalled) {
  Event* const event = Find(handle);
  if (event == nullptr) return false;
  MutexLock lock(&event->mutex_);
  if (Find(handle) != event) return false;
  if (Signalled(event->version()) == signalled) return true;
  event->version_.fetch_add(1, std::memory_order_release);
  if (!signalled) return true;
  for (ThreadRecord* waiter : event->waiters_) waiter->Wake();
  return true;
}

Event* Event::AddWaiter(uint64_t handle, ThreadRecord* waiter) {
  Event* const event = Find(handle);
  if (event == nullptr) return nullptr;
  MutexLock lock(&event->mutex_);
  if (Find(handle) != event) return nullptr;
  event->waiters_.push_back(waiter);
  return event;
}

void Event::RemoveWaiter(ThreadRecord* waiter) {
  MutexLock lock(&mutex_);
  waiters_.erase(std::find(waiters_.begin(), waiters_.end(), waiter));
  ReturnIfUnusedLocked();
}

// The events of one wait, with the thread registered at each of them.
class EventSet {
 public:
  explicit EventSet(ThreadRecord* waiter) : waiter_(waiter) {}
  ~EventSet() { Clear(); }
  EventSet(const EventSet&) = delete;
  EventSet& operator=(const EventSet&) = delete;

  bool Add(uint64_t handle) {
    Event* const event = Event::AddWaiter(handle, waiter_);
    if (event == nullptr) return false;
    events_[count_++] = event;
    return true;
  }

  void Clear() {
    while (count_ > 0) events_[--count_]->RemoveWaiter(waiter_);
  }

  // The lowest that is signalled, or -1.
  int FindSignalled() const {
    for (int i = 0; i < count_; ++i) {
      if (Signalled(events_[i]->version())) return i;
    }
    return -1;
  }

  // Whether all were signalled at one moment: that holds if none changed
  // between two looks at all.
  bool AllSignalled() const {
    std::array<uint64_t, WSA_MAXIMUM_WAIT_EVENTS> seen;
    for (int i = 0; i < count_; ++i) {
      seen[i] = events_[i]->version();
      if (!Signalled(seen[i])) return false;
    }
    for (int i = 0; i < count_; ++i) {
      if (events_[i]->version() != seen[i]) return false;
    }
    return true;
  }

 private:
  ThreadRecord* const waiter_;
  std::array<Event*, WSA_MAXIMUM_WAIT_EVENTS> events_;
  int count_ = 0;
};

uint64_t HandleValue(WSAEVENT event) {
  return reinterpret_cast<uint64_t>(event) & ~uint64_t{3};
}

BOOL Result(bool ok, LPINT error) {
  if (!ok && error != nullptr) *error = WSA_INVALID_HANDLE;
  return ok ? TRUE : FALSE;
}

// The common end of all waits. `events` may be empty.
DWORD Wait(ThreadRecord* self, EventSet* events, bool wait_all,
           DWORD timeout_ms, bool alertable) {
  const Clock::time_point deadline =
      Clock::now() + std::chrono::milliseconds(timeout_ms);
  const bool forever = timeout_ms == WSA_INFINITE;
  for (bool timed_out = false;;) {
    const uint64_t seen = self->WakeCount();
    const int signalled = events->FindSignalled();
    if (signalled >= 0 && !wait_all) return WSA_WAIT_EVENT_0 + signalled;
    if (signalled >= 0 && events->AllSignalled()) return WSA_WAIT_EVENT_0;
    if (alertable && self->RunApcs()) return WSA_WAIT_IO_COMPLETION;
    if (timed_out) return WSA_WAIT_TIMEOUT;
    timed_out = !self->WaitForWake(seen, forever ? nullptr : &deadline);
  }
}

}  // namespace

WSAEVENT OpenEventObject(LPINT error) {
  const uint64_t handle = Event::Open();
  if (handle == 0 && error != nullptr) *error = WSAENOBUFS;
  return reinterpret_cast<WSAEVENT>(handle);
}

BOOL CloseEventObject(WSAEVENT event, LPINT error) {
  return Result(Event::Close(HandleValue(event)), error);
}

BOOL SetEventObject(WSAEVENT event, LPINT error) {
  return Result(Event::Change(HandleValue(event), true), error);
}

BOOL ResetEventObject(WSAEVENT event, LPINT error) {
  return Result(Event::Change(HandleValue(event), false), error);
}

DWORD WaitForEvents(const WSAEVENT* events, DWORD count, bool wait_all,
                    DWORD timeout_ms, bool alertable) {
  if (events == nullptr || count == 0 || count > WSA_MAXIMUM_WAIT_EVENTS) {
    return WSA_WAIT_FAILED;
  }
  ThreadRecord* const self = ThreadRecord::Current();
  EventSet set(self);
  for (DWORD i = 0; i < count; ++i) {
    if (!set.Add(HandleValue(events[i]))) return WSA_WAIT_FAILED;
  }
  return Wait(self, &set, wait_all, timeout_ms, alertable);
}

DWORD SleepAlertable(DWORD timeout_ms) {
  ThreadRecord* const self = ThreadRecord::Current();
  EventSet none(self);
  const DWORD result = Wait(self, &none, false, timeout_ms, true);
  return result == WSA_WAIT_IO_COMPLETION ? result : 0;
}

}  // namespace wspd::spi_client

extern "C" __attribute__((visibility("default"))) DWORD WSAAPI
WSAWaitForMultipleEvents(DWORD count, const WSAEVENT* events, BOOL wait_all,
                         DWORD timeout_ms, BOOL alertable) {
  return wspd::spi_client::WaitForEvents(events, count, wait_all != FALSE,
                                         timeout_ms, alertable != FALSE);
}
