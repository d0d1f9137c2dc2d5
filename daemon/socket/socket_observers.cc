// Socket: those who watch it beside the operations that wait.
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "daemon/socket/socket.h"

namespace wspd {

void Socket::SetObserver(const std::shared_ptr<SocketObserver>& observer,
                         uint32_t events) {
  absl::MutexLock lock(&mu_);
  auto found = std::find_if(
      observers_.begin(), observers_.end(),
      [&](const Observer& entry) { return entry.key == observer.get(); });
  if (events == 0) {
    // The watch is left as it is: the next observer may come soon, and if none
    // does the next event ends it.
    if (found != observers_.end()) observers_.erase(found);
    return;
  }
  if (!fd_.valid()) return;
  if (found != observers_.end()) {
    found->events = events;
  } else {
    observers_.push_back({observer.get(), observer, events});
  }
  ArmLocked();
}

void Socket::NotifyObservers() { Notify(CurrentObservers()); }

std::vector<std::weak_ptr<SocketObserver>> Socket::CurrentObservers() const {
  absl::MutexLock lock(&mu_);
  return CurrentObserversLocked();
}

std::vector<std::weak_ptr<SocketObserver>> Socket::CurrentObserversLocked()
    const {
  std::vector<std::weak_ptr<SocketObserver>> observers;
  observers.reserve(observers_.size());
  for (const Observer& entry : observers_) {
    observers.push_back(entry.observer);
  }
  return observers;
}

void Socket::Notify(
    const std::vector<std::weak_ptr<SocketObserver>>& observers) {
  for (const auto& weak : observers) {
    if (auto observer = weak.lock()) observer->OnStateChange();
  }
}

uint32_t Socket::WantedLocked() const {
  uint32_t wanted = 0;
  if (!in_.empty() && !receive_held_ && !in_hold_.on) {
    wanted |= EPOLLIN | EPOLLPRI | EPOLLRDHUP;
  }
  if (!out_.empty() && !out_hold_.on) wanted |= EPOLLOUT;
  if (drains_ && !in_hold_.on) wanted |= EPOLLIN | EPOLLRDHUP;
  for (const Observer& entry : observers_) wanted |= entry.events;
  return wanted;
}

void Socket::ShrinkWatchLocked(uint32_t events) {
  if (!edge_triggered_ || events == 0) return;
  const uint32_t wanted = WantedLocked();
  if (wanted == 0) {
    edge_triggered_ = false;
    armed_ = 0;
    (void)loop_->Rearm(watch_, fd_.get(), EPOLLONESHOT);
  } else if ((events & armed_) != 0 && (events & wanted) == 0) {
    armed_ = wanted;
    (void)loop_->Rearm(watch_, fd_.get(), wanted | EPOLLET);
  }
}

SocketState Socket::Look() {
  SocketState state;
  absl::MutexLock lock(&mu_);
  if (!fd_.valid()) return state;
  state.open = true;
  pollfd entry{fd_.get(), POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
  while (poll(&entry, 1, 0) < 0 && errno == EINTR) {
  }
  const auto has = [&entry](int event) { return (entry.revents & event) != 0; };
  state.readable = has(POLLIN) ||
                   (returned_ != nullptr && !returned_->empty()) ||
                   UrgentBeforeStreamLocked() > 0;
  state.writable = has(POLLOUT) && out_.empty();
  state.urgent = has(POLLPRI);
  if (urgent_ != nullptr) {
    // What isn't taken yet, for want of room, can't be received either.
    state.urgent &= urgent_->has_room();
    state.urgent |= urgent_->any_waits();
    state.urgent_bytes = urgent_->count();
  }
  state.read_ended = has(POLLRDHUP);
  state.hung_up = has(POLLHUP);
  state.failed = has(POLLERR);
  state.unreachable = unreachable_ > 0;
  state.accepted = accepted_;
  if (RateQuota::InForce(quota_) != nullptr) HideHeldLocked(&state);
  return state;
}

}  // namespace wspd
