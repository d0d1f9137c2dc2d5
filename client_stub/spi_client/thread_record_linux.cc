#include "client_stub/spi_client/thread_record_linux.h"

#include "client_stub/spi_client/handle_table.h"
#include "client_stub/spi_client/record_pool.h"

namespace wspd::spi_client {
namespace {

// Both live as long as the process: threads may end after its statics.
HandleTable& Handles() {
  static auto* const handles = new HandleTable(HandleTable::Kind::kThread);
  return *handles;
}

RecordPool<ThreadRecord>& Pool() {
  static auto* const pool = new RecordPool<ThreadRecord>;
  return *pool;
}

ThreadRecord* Find(uint64_t handle) {
  uint64_t context;
  if (!Handles().Query(handle, &context)) return nullptr;
  return reinterpret_cast<ThreadRecord*>(context);
}

}  // namespace

struct ThreadRecord::Owner {
  Owner() : record(Pool().Take()) { record->Begin(); }
  ~Owner() { record->End(); }
  ThreadRecord* const record;
};

ThreadRecord* ThreadRecord::Current() {
  thread_local Owner owner;
  return owner.record;
}

void ThreadRecord::Begin() {
  {
    MutexLock lock(&mutex_);
    running_ = true;
  }
  own_handle_ = OpenHandle();
}

void ThreadRecord::End() {
  std::deque<Apc> dropped;
  {
    MutexLock lock(&mutex_);
    running_ = false;
    dropped.swap(apcs_);
    if (Handles().Close(own_handle_)) --open_handles_;
    ReturnIfUnusedLocked();
  }
}

void ThreadRecord::ReturnIfUnusedLocked() {
  if (!running_ && open_handles_ == 0) Pool().Return(this);
}

uint64_t ThreadRecord::OpenHandle() {
  MutexLock lock(&mutex_);
  const uint64_t handle = Handles().Open(reinterpret_cast<uint64_t>(this));
  if (handle != 0) ++open_handles_;
  return handle;
}

bool ThreadRecord::CloseHandle(uint64_t handle) {
  ThreadRecord* const record = Find(handle);
  if (record == nullptr) return false;
  MutexLock lock(&record->mutex_);
  // The record may have a new owner by now, whose handle this isn't.
  if (!Handles().Close(handle)) return false;
  --record->open_handles_;
  record->ReturnIfUnusedLocked();
  return true;
}

bool ThreadRecord::Queue(uint64_t handle, LPWSAUSERAPC apc, DWORD_PTR context) {
  ThreadRecord* const record = Find(handle);
  if (record == nullptr) return false;
  MutexLock lock(&record->mutex_);
  if (!record->running_ || Find(handle) != record) return false;
  record->apcs_.push_back({apc, context});
  ++record->wake_count_;
  record->woken_.NotifyOne();
  return true;
}

void ThreadRecord::Wake() {
  MutexLock lock(&mutex_);
  ++wake_count_;
  woken_.NotifyOne();
}

uint64_t ThreadRecord::WakeCount() {
  MutexLock lock(&mutex_);
  return wake_count_;
}

bool ThreadRecord::WaitForWake(uint64_t seen,
                               const Clock::time_point* deadline) {
  MutexLock lock(&mutex_);
  while (wake_count_ == seen) {
    if (deadline == nullptr) {
      woken_.Wait(&mutex_);
    } else if (!woken_.WaitUntil(&mutex_, *deadline)) {
      return wake_count_ != seen;
    }
  }
  return true;
}

bool ThreadRecord::RunApcs() {
  bool any = false;
  while (true) {
    Apc apc;
    {
      MutexLock lock(&mutex_);
      if (apcs_.empty()) return any;
      apc = apcs_.front();
      apcs_.pop_front();
    }
    apc.function(apc.context);
    any = true;
  }
}

}  // namespace wspd::spi_client
