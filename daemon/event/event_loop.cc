#include "daemon/event/event_loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>

#include "absl/status/status.h"

namespace wspd {
namespace {

constexpr int kEventsPerWait = 128;
// Far enough off, and yet a time that the clock can express.
constexpr absl::Duration kLongestDelay = absl::Hours(24 * 365);
// epoll data of the wake-up descriptor; no slot reaches this number.
constexpr uint64_t kWakeId = std::numeric_limits<uint64_t>::max();

EventLoop::WatchId MakeId(uint32_t slot, uint32_t generation) {
  return (static_cast<uint64_t>(generation) << 32) | slot;
}

uint32_t SlotOf(EventLoop::WatchId id) { return static_cast<uint32_t>(id); }

uint32_t GenerationOf(EventLoop::WatchId id) {
  return static_cast<uint32_t>(id >> 32);
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create(std::string name) {
  OwnedFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return absl::ErrnoToStatus(errno, "epoll_create1()");
  OwnedFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return absl::ErrnoToStatus(errno, "eventfd()");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeId;
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0) {
    return absl::ErrnoToStatus(errno, "epoll_ctl(ADD, eventfd)");
  }
  std::unique_ptr<EventLoop> loop(
      new EventLoop(std::move(epoll), std::move(wake)));
  // Signals belong to the main thread: the loop's thread starts with all
  // blocked.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  loop->thread_ = std::thread(
      [raw = loop.get(), name = std::move(name)] { raw->Run(name); });
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  return loop;
}

EventLoop::EventLoop(OwnedFd epoll, OwnedFd wake)
    : epoll_(std::move(epoll)), wake_(std::move(wake)) {}

EventLoop::~EventLoop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  Wake();
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<EventLoop::WatchId> EventLoop::Watch(
    int fd, uint32_t events, std::shared_ptr<EventHandler> handler) {
  absl::MutexLock lock(&mu_);
  uint32_t index;
  if (free_slots_.empty()) {
    index = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_slots_.back();
    free_slots_.pop_back();
  }
  Slot& slot = slots_[index];
  const WatchId id = MakeId(index, slot.generation);
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    const int error = errno;
    free_slots_.push_back(index);
    return absl::ErrnoToStatus(error, "epoll_ctl(ADD)");
  }
  slot.handler = std::move(handler);
  return id;
}

absl::Status EventLoop::Rearm(WatchId id, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) {
    return absl::ErrnoToStatus(errno, "epoll_ctl(MOD)");
  }
  return absl::OkStatus();
}

void EventLoop::Unwatch(WatchId id, int fd) {
  // The handler is released outside the lock: its destructor may call in.
  std::shared_ptr<EventHandler> handler;
  if (id == 0) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  absl::MutexLock lock(&mu_);
  if (SlotOf(id) >= slots_.size()) return;
  Slot& slot = slots_[SlotOf(id)];
  if (slot.generation != GenerationOf(id) || slot.handler == nullptr) return;
  handler = std::move(slot.handler);
  slot.handler = nullptr;
  if (++slot.generation == 0) slot.generation = 1;
  free_slots_.push_back(SlotOf(id));
}

EventLoop::TimerId EventLoop::RunAfter(absl::Duration delay,
                                       std::function<void()> callback) {
  const auto when = std::chrono::steady_clock::now() +
                    absl::ToChronoNanoseconds(std::min(delay, kLongestDelay));
  bool first;
  TimerId id;
  {
    absl::MutexLock lock(&mu_);
    id = next_timer_++;
    auto it = timers_.emplace(TimerKey(when, id), std::move(callback)).first;
    timer_times_.emplace(id, when);
    first = it == timers_.begin();
  }
  if (first && !OnLoopThread()) Wake();
  return id;
}

void EventLoop::CancelTimer(TimerId id) {
  std::function<void()> callback;
  absl::MutexLock lock(&mu_);
  auto time = timer_times_.find(id);
  if (time == timer_times_.end()) return;
  auto timer = timers_.find(TimerKey(time->second, id));
  callback = std::move(timer->second);
  timers_.erase(timer);
  timer_times_.erase(time);
}

void EventLoop::Post(std::function<void()> callback) {
  {
    absl::MutexLock lock(&mu_);
    posted_.push_back(std::move(callback));
  }
  Wake();
}

void EventLoop::Wake() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the loop is awake anyway.
  (void)!write(wake_.get(), &one, sizeof(one));
}

void EventLoop::DrainWake() {
  uint64_t count;
  (void)!read(wake_.get(), &count, sizeof(count));
}

int EventLoop::NextTimeoutMs() {
  absl::MutexLock lock(&mu_);
  if (!posted_.empty()) return 0;
  if (timers_.empty()) return -1;
  const absl::Duration left = absl::FromChrono(
      timers_.begin()->first.first - std::chrono::steady_clock::now());
  if (left <= absl::ZeroDuration()) return 0;
  // Rounded up, so that the timer is due when the wait ends.
  return static_cast<int>(std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1,
                                            std::numeric_limits<int>::max()));
}

std::shared_ptr<EventHandler> EventLoop::HandlerOf(WatchId id) {
  absl::MutexLock lock(&mu_);
  const Slot& slot = slots_[SlotOf(id)];
  return slot.generation == GenerationOf(id) ? slot.handler : nullptr;
}

void EventLoop::RunDueTimers() {
  const auto now = std::chrono::steady_clock::now();
  for (;;) {
    std::function<void()> callback;
    {
      absl::MutexLock lock(&mu_);
      if (timers_.empty() || timers_.begin()->first.first > now) return;
      auto timer = timers_.begin();
      callback = std::move(timer->second);
      timer_times_.erase(timer->first.second);
      timers_.erase(timer);
    }
    callback();
  }
}

void EventLoop::RunPosted() {
  std::vector<std::function<void()>> posted;
  {
    absl::MutexLock lock(&mu_);
    posted.swap(posted_);
  }
  for (auto& callback : posted) callback();
}

void EventLoop::Run(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
  std::array<epoll_event, kEventsPerWait> events;
  for (;;) {
    {
      absl::MutexLock lock(&mu_);
      if (stopping_) return;
    }
    const int count = epoll_wait(epoll_.get(), events.data(), kEventsPerWait,
                                 NextTimeoutMs());
    for (int i = 0; i < count; ++i) {
      if (events[i].data.u64 == kWakeId) {
        DrainWake();
        continue;
      }
      if (auto handler = HandlerOf(events[i].data.u64)) {
        handler->OnEvents(events[i].events);
      }
    }
    RunDueTimers();
    RunPosted();
  }
}

}  // namespace wspd
