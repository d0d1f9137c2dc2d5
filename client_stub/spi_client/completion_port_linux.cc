#include <atomic>
#include <chrono>
#include <deque>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "client_stub/spi_client/completion_port.h"
#include "client_stub/spi_client/mutex.h"
#include "client_stub/spi_client/socket_handles.h"

namespace wspd::spi_client {

struct CompletionQueue {
  Mutex mutex;
  CondVar posted;
  std::deque<CompletionPacket> packets WSPD_GUARDED_BY(mutex);
};

namespace {

struct Binding {
  std::shared_ptr<CompletionQueue> queue;
  ULONG_PTR key = 0;
};

// Which socket is bound to which port.
class Bindings {
 public:
  // Lives as long as the process: a provider may call until its very end.
  static Bindings& Get() {
    static auto* const bindings = new Bindings;
    return *bindings;
  }

  bool Add(SOCKET s, Binding binding) {
    MutexLock lock(&mutex_);
    const bool added = bindings_.emplace(s, std::move(binding)).second;
    Count();
    return added;
  }

  void Remove(SOCKET s) {
    if (IsEmpty()) return;
    MutexLock lock(&mutex_);
    bindings_.erase(s);
    Count();
  }

  void RemoveAll(const CompletionQueue* queue) {
    MutexLock lock(&mutex_);
    for (auto at = bindings_.begin(); at != bindings_.end();) {
      at =
          at->second.queue.get() == queue ? bindings_.erase(at) : std::next(at);
    }
    Count();
  }

  // Without a queue if the socket isn't bound.
  Binding Find(SOCKET s) {
    if (IsEmpty()) return {};
    MutexLock lock(&mutex_);
    const auto found = bindings_.find(s);
    return found == bindings_.end() ? Binding() : found->second;
  }

 private:
  bool IsEmpty() const { return count_.load(std::memory_order_acquire) == 0; }
  void Count() WSPD_REQUIRES(mutex_) {
    count_.store(bindings_.size(), std::memory_order_release);
  }

  Mutex mutex_;
  std::unordered_map<SOCKET, Binding> bindings_ WSPD_GUARDED_BY(mutex_);
  // Their number, for whoever wants no lock.
  std::atomic<size_t> count_{0};
};

}  // namespace

CompletionPort::CompletionPort()
    : queue_(std::make_shared<CompletionQueue>()) {}

CompletionPort::~CompletionPort() { Bindings::Get().RemoveAll(queue_.get()); }

bool CompletionPort::Bind(SOCKET s, ULONG_PTR key) {
  if (!IsSocketHandle(s)) return false;
  return Bindings::Get().Add(s, {queue_, key});
}

bool CompletionPort::Take(CompletionPacket* packet, DWORD timeout_ms) {
  const Clock::time_point deadline =
      Clock::now() + std::chrono::milliseconds(timeout_ms);
  MutexLock lock(&queue_->mutex);
  while (queue_->packets.empty()) {
    if (timeout_ms == WSA_INFINITE) {
      queue_->posted.Wait(&queue_->mutex);
    } else if (!queue_->posted.WaitUntil(&queue_->mutex, deadline)) {
      if (queue_->packets.empty()) return false;
    }
  }
  *packet = queue_->packets.front();
  queue_->packets.pop_front();
  return true;
}

bool HasCompletionPort(SOCKET s) {
  return Bindings::Get().Find(s).queue != nullptr;
}

bool PostCompletion(SOCKET s, LPWSAOVERLAPPED overlapped, DWORD error,
                    DWORD bytes) {
  const Binding binding = Bindings::Get().Find(s);
  if (binding.queue == nullptr) return false;
  MutexLock lock(&binding.queue->mutex);
  binding.queue->packets.push_back({binding.key, overlapped, error, bytes});
  binding.queue->posted.NotifyOne();
  return true;
}

void UnbindCompletionPort(SOCKET s) { Bindings::Get().Remove(s); }

}  // namespace wspd::spi_client
