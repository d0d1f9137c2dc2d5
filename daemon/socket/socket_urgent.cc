// Socket: urgent data, which TCP calls so and Winsock out-of-band.
//
// The kernel has room for one urgent byte, and drops it when a receive steps
// over its place in the stream or the next one comes. Here each is taken before
// a receive could do that, and kept until it is asked for.
//
// It has one mark as well. When that moves on to the next urgent byte the one
// before, if it lies ahead of the reader, comes as an ordinary byte of the
// stream, though it was taken. Where that will be is known: the mark's distance
// when the byte was taken. Receives leave out what is there.
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "daemon/socket/socket.h"

namespace wspd {
namespace {

// Urgent bytes that nobody asks for, and places of such; more are forgotten.
constexpr size_t kMostUrgent = 64;

bool IsInline(int fd) {
  int on = 0;
  socklen_t size = sizeof(on);
  return getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, &size) == 0 && on != 0;
}

// Whether the kernel has an urgent byte that is yet to be read.
bool KernelHasUrgent(int fd) {
  pollfd wait{fd, POLLPRI, 0};
  return poll(&wait, 1, 0) == 1 && (wait.revents & POLLPRI) != 0;
}

// Takes the urgent byte from the kernel. Returns errno: EINVAL without one, and
// with SO_OOBINLINE; EAGAIN for one that is announced and not there.
int TakeUrgent(int fd, char* byte) {
  return recv(fd, byte, 1, MSG_OOB | MSG_DONTWAIT) == 1 ? 0 : errno;
}

// How far ahead of the reader the mark is; -1 on failure.
int DistanceOfMark(int fd) {
  int bytes = 0;
  return ioctl(fd, SIOCINQ, &bytes) == 0 ? bytes : -1;
}

}  // namespace

void Socket::Urgent::Advance(size_t bytes) {
  const auto first = std::lower_bound(ahead.begin(), ahead.end(), bytes);
  if (first == ahead.end()) last_is_mark = false;
  ahead.erase(ahead.begin(), first);
  for (size_t& place : ahead) place -= bytes;
}

void Socket::KeepUrgentLocked() {
  char byte;
  int error = TakeUrgent(fd_.get(), &byte);
  if (error != 0) return;
  if (urgent_ == nullptr) urgent_ = std::make_unique<Urgent>();
  std::vector<size_t>& ahead = urgent_->ahead;
  while (error == 0) {
    ++urgent_->count;
    if (urgent_->bytes.size() < kMostUrgent) urgent_->bytes.push_back(byte);
    // When the mark leaves the reader's own place, the kernel takes the byte
    // there off the stream.
    if (urgent_->last_is_mark && ahead.back() == 0) ahead.pop_back();
    urgent_->last_is_mark = false;
    const int distance = DistanceOfMark(fd_.get());
    error = TakeUrgent(fd_.get(), &byte);
    // Else the mark has gone on to another byte, perhaps before its distance
    // was asked for.
    if (error == EINVAL && distance >= 0 && ahead.size() < kMostUrgent) {
      ahead.push_back(distance);
      urgent_->last_is_mark = true;
    }
  }
  if (observers_.empty()) return;
  // The kernel may not tell them any more.
  loop_->Post([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->NotifyObservers();
  });
}

ssize_t Socket::ReceiveOrdinaryLocked(char* data, size_t size, int flags) {
  ssize_t received;
  do {
    received = recv(fd_.get(), data, size, flags | MSG_DONTWAIT);
  } while (received < 0 && errno == EINTR);
  if (received <= 0 || urgent_ == nullptr || urgent_->ahead.empty()) {
    return received;
  }
  std::vector<size_t>& ahead = urgent_->ahead;
  const bool peeks = (flags & MSG_PEEK) != 0;
  if ((urgent_->last_is_mark && ahead.back() == 0) || IsInline(fd_.get())) {
    // The kernel stepped over the only one; or all are meant to be there.
    if (!peeks) {
      ahead.clear();
      urgent_->last_is_mark = false;
    }
    return received;
  }
  // A receive stops at the mark. One that went further has found that it is
  // another byte's.
  size_t from = 0;
  size_t kept = 0;
  for (const size_t place : ahead) {
    if (place >= static_cast<size_t>(received)) break;
    memmove(data + kept, data + from, place - from);
    kept += place - from;
    from = place + 1;
  }
  memmove(data + kept, data + from, received - from);
  kept += received - from;
  if (!peeks) {
    urgent_->Advance(received);
    // Of what is next in the stream nobody shall think that it can be received.
    while (urgent_->ordinary() > 0 && ahead.front() == 0) {
      char byte;
      if (recv(fd_.get(), &byte, 1, MSG_DONTWAIT) != 1) {
        // It isn't there: the places are no good.
        ahead.clear();
        urgent_->last_is_mark = false;
        break;
      }
      urgent_->Advance(1);
    }
  }
  return static_cast<ssize_t>(kept);
}

void Socket::TryUrgentLocked(const Operation& operation, Outcome* outcome) {
  if (IsInline(fd_.get())) {
    outcome->error = EINVAL;
    return;
  }
  if (!operation.sink->MayReceive()) {
    outcome->error = ENOBUFS;
    return;
  }
  KeepUrgentLocked();
  if (urgent_ == nullptr || urgent_->bytes.empty()) {
    outcome->error = EINVAL;
    return;
  }
  if (operation.max_bytes == 0) return;
  outcome->data = Bytes::Allocate(1);
  *outcome->data->data() = urgent_->bytes.front();
  outcome->data->SetSize(1);
  if ((operation.flags & MSG_PEEK) == 0) urgent_->bytes.erase(0, 1);
}

bool Socket::UrgentWaits() {
  absl::MutexLock lock(&mu_);
  if (!fd_.valid() || IsInline(fd_.get())) return false;
  KeepUrgentLocked();
  return urgent_ != nullptr && !urgent_->bytes.empty();
}

uint64_t Socket::CountUrgent() {
  absl::MutexLock lock(&mu_);
  if (fd_.valid()) KeepUrgentLocked();
  return urgent_ == nullptr ? 0 : urgent_->count;
}

int Socket::CountUrgentAmong(int bytes) const {
  absl::MutexLock lock(&mu_);
  if (urgent_ == nullptr || bytes <= 0) return 0;
  const auto first = urgent_->ahead.begin();
  const auto end = first + static_cast<ptrdiff_t>(urgent_->ordinary());
  return static_cast<int>(
      std::lower_bound(first, end, static_cast<size_t>(bytes)) - first);
}

bool Socket::UrgentIsAhead() {
  {
    absl::MutexLock lock(&mu_);
    if (!fd_.valid()) return false;
    if (IsInline(fd_.get())) {
      int at_mark = 0;
      return KernelHasUrgent(fd_.get()) &&
             ioctl(fd_.get(), SIOCATMARK, &at_mark) == 0 && at_mark == 0;
    }
  }
  return UrgentWaits();
}

}  // namespace wspd
