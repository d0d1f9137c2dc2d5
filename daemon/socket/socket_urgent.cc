// Socket: urgent data, which TCP calls so and Winsock out-of-band.
//
// The kernel has room for one urgent byte, and drops it when a receive steps
// over its place in the stream or the next one comes. Here each is taken before
// a receive could do that, and kept until it is asked for.
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <memory>
#include <string>

#include "daemon/socket/socket.h"

namespace wspd {
namespace {

// Urgent bytes that nobody asks for; more are forgotten.
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

}  // namespace

void Socket::KeepUrgentLocked() {
  char byte;
  // Without one, and with SO_OOBINLINE, the kernel says EINVAL.
  if (recv(fd_.get(), &byte, 1, MSG_OOB | MSG_DONTWAIT) != 1) return;
  if (urgent_ == nullptr) urgent_ = std::make_unique<std::string>();
  if (urgent_->size() < kMostUrgent) urgent_->push_back(byte);
  if (observers_.empty()) return;
  // The kernel may not tell them any more.
  loop_->Post([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->NotifyObservers();
  });
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
  if (urgent_ == nullptr || urgent_->empty()) {
    outcome->error = EINVAL;
    return;
  }
  if (operation.max_bytes == 0) return;
  outcome->data = Bytes::Allocate(1);
  *outcome->data->data() = urgent_->front();
  outcome->data->SetSize(1);
  if ((operation.flags & MSG_PEEK) == 0) urgent_->erase(0, 1);
}

bool Socket::UrgentWaits() {
  absl::MutexLock lock(&mu_);
  if (!fd_.valid() || IsInline(fd_.get())) return false;
  KeepUrgentLocked();
  return urgent_ != nullptr && !urgent_->empty();
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
