// Socket: a connection's end in order, for an administrator.
//
// Left unread, what the peer sends would keep it from ever reading the end: it
// may wait for room first.
#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "daemon/socket/socket.h"

namespace wspd {
namespace {

// MSG_TRUNC lets the kernel drop it without a copy.
ssize_t Drop(int fd, size_t bytes) {
  ssize_t dropped;
  do {
    dropped = recv(fd, nullptr, bytes, MSG_TRUNC | MSG_DONTWAIT);
  } while (dropped < 0 && errno == EINTR);
  return dropped;
}

// At a time, so often in a turn.
constexpr size_t kMostBytes = size_t{1} << 20;
constexpr int kTimes = 8;

}  // namespace

std::vector<std::unique_ptr<Operation>> Socket::Conclude(absl::Duration time,
                                                         int* error) {
  std::vector<std::unique_ptr<Operation>> ended;
  *error = 0;
  absl::MutexLock lock(&mu_);
  if (!fd_.valid()) {
    *error = EBADF;
    return ended;
  }
  if (!std::exchange(concluded_, true)) {
    drains_ = true;
    drain_timer_ = loop_->RunAfter(time, [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->OnDrainTimeOver();
    });
  }
  if (lent_) (void)shutdown(fd_.get(), SHUT_RD);
  shutdown_pending_ = !out_.empty();
  if (!shutdown_pending_) *error = EndSendingLocked();
  while (!in_.empty()) {
    ended.push_back(in_.Pop());
    StopTimer(ended.back().get());
  }
  if (drains_) DrainLocked();
  ArmLocked();
  return ended;
}

size_t Socket::DrainBytesLocked() {
  RateQuota* const held_to = RateQuota::InForce(quota_);
  if (held_to == nullptr) return kMostBytes;
  const absl::Duration wait = held_to->ReceiveWait();
  if (wait > absl::ZeroDuration()) {
    HoldLocked(Operation::Direction::kIn, wait);
    return 0;
  }
  return std::min<size_t>(kMostBytes, held_to->turn_bytes());
}

void Socket::DrainLocked() {
  for (int i = 0; i < kTimes; ++i) {
    const size_t bytes = DrainBytesLocked();
    if (bytes == 0) return;
    in_hold_.on = false;
    const ssize_t dropped = Drop(fd_.get(), bytes);
    if (dropped < 0 && errno == EAGAIN) return;
    // The peer's end, or the connection's.
    if (dropped <= 0) return StopDrainingLocked();
    if (RateQuota* const held_to = RateQuota::InForce(quota_)) {
      held_to->CountReceived(static_cast<uint64_t>(dropped));
    }
  }
  // The loop tells of what is left when it is asked anew.
  armed_ = 0;
}

void Socket::StopDrainingLocked() {
  if (drain_timer_ != 0) loop_->CancelTimer(drain_timer_);
  drain_timer_ = 0;
  drains_ = false;
}

void Socket::OnDrainTimeOver() {
  absl::MutexLock lock(&mu_);
  // Else it was stopped when this had begun to run.
  if (drain_timer_ == 0) return;
  StopDrainingLocked();
  // TCP answers by a reset what comes from now on; what is there would leave no
  // room for that to come.
  (void)shutdown(fd_.get(), SHUT_RD);
  for (int i = 0; i < kTimes && Drop(fd_.get(), kMostBytes) > 0; ++i) {
  }
}

}  // namespace wspd
