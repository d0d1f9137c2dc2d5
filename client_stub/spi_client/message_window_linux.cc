#include <deque>
#include <map>

#include "client_stub/spi_client/message_window.h"
#include "client_stub/spi_client/mutex.h"

namespace wspd::spi_client {

struct MessageWindow::Queue {
  Mutex mutex;
  CondVar posted;
  std::deque<PostedMessage> messages WSPD_GUARDED_BY(mutex);
};

namespace {

// The open windows. Lock order: the registry's mutex alone.
template <typename Queue>
class Registry {
 public:
  static Registry& Get() {
    static auto* const registry = new Registry;
    return *registry;
  }

  HWND Add(std::shared_ptr<Queue> queue) {
    MutexLock lock(&mutex_);
    const uint64_t value = next_ += 4;
    queues_[value] = std::move(queue);
    return reinterpret_cast<HWND>(value);
  }

  void Remove(HWND window) {
    MutexLock lock(&mutex_);
    queues_.erase(reinterpret_cast<uint64_t>(window));
  }

  std::shared_ptr<Queue> Find(HWND window) {
    MutexLock lock(&mutex_);
    const auto found = queues_.find(reinterpret_cast<uint64_t>(window));
    return found == queues_.end() ? nullptr : found->second;
  }

 private:
  Mutex mutex_;
  uint64_t next_ WSPD_GUARDED_BY(mutex_) = 0x10000;
  std::map<uint64_t, std::shared_ptr<Queue>> queues_ WSPD_GUARDED_BY(mutex_);
};

}  // namespace

MessageWindow::MessageWindow() : queue_(std::make_shared<Queue>()) {
  handle_ = Registry<Queue>::Get().Add(queue_);
}

MessageWindow::~MessageWindow() { Registry<Queue>::Get().Remove(handle_); }

bool MessageWindow::Take(PostedMessage* message, DWORD timeout_ms) {
  const Clock::time_point deadline =
      Clock::now() + std::chrono::milliseconds(timeout_ms);
  MutexLock lock(&queue_->mutex);
  while (queue_->messages.empty()) {
    if (timeout_ms == WSA_INFINITE) {
      queue_->posted.Wait(&queue_->mutex);
    } else if (!queue_->posted.WaitUntil(&queue_->mutex, deadline)) {
      if (queue_->messages.empty()) return false;
    }
  }
  *message = queue_->messages.front();
  queue_->messages.pop_front();
  return true;
}

bool PostToWindow(HWND window, const PostedMessage& message) {
  const auto queue = Registry<MessageWindow::Queue>::Get().Find(window);
  if (queue == nullptr) return false;
  MutexLock lock(&queue->mutex);
  if (queue->messages.size() >= MessageWindow::kMaxMessages) return false;
  queue->messages.push_back(message);
  queue->posted.NotifyOne();
  return true;
}

}  // namespace wspd::spi_client
