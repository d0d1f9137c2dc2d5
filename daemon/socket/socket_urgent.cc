// Socket: urgent data, which TCP calls so and Winsock out-of-band.
//
// The kernel has room for one urgent byte, and drops it when a receive steps
// over its place in the stream, or the next one comes while the reader is
// there. Here each is taken before that and kept until it is asked for.
//
// It has one mark as well. When that moves on, the byte before is an ordinary
// one of the stream to the kernel. So of each that was taken the place is
// remembered, and receives leave out what is there. What the kernel drops by
// itself can't be told from what it doesn't; so it has to take urgent bytes for
// ordinary ones while there are places, or a mark, ahead of a receive
// (SO_OOBINLINE), and the reader never rests at such a place.
//
// An urgent byte that the next one follows before anybody has looked is to the
// kernel as if it had never been urgent: it comes in the stream, or not at all
// if the reader was there; never both ways.
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "daemon/socket/socket.h"
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <algorithm>
#include <memory>

namespace wspd {
namespace {

// How many urgent bytes, or stretches of the stream between them, are dealt
// with in one go, however fast their peer is.
constexpr int kMostInOneGo = 1024;

bool IsInLine(int fd) {
  int on = 0;
  socklen_t size = sizeof(on);
  return getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, &size) == 0 && on != 0;
}

// Has the kernel take urgent bytes for ordinary ones as long as it lives. On a
// socket whose client wants that anyway it changes nothing.
class InLine {
 public:
  explicit InLine(int fd) : fd_(fd), was_(IsInLine(fd)) { Set(1); }
  ~InLine() { Set(0); }
  InLine(const InLine&) = delete;
  InLine& operator=(const InLine&) = delete;

 private:
  // Can't fail on a socket.
  void Set(int on) const {
    if (!was_) setsockopt(fd_, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
  }

  const int fd_;
  const bool was_;
};

ssize_t ReceiveAtOnce(int fd, char* data, size_t size, int flags) {
  ssize_t received;
  do {
    received = recv(fd, data, size, flags | MSG_DONTWAIT);
  } while (received < 0 && errno == EINTR);
  return received;
}

// Whether the kernel has an urgent byte that is yet to be read.
bool KernelHasUrgent(int fd) {
  pollfd wait{fd, POLLPRI, 0};
  return poll(&wait, 1, 0) == 1 && (wait.revents & POLLPRI) != 0;
}

// The kernel's urgent byte, with MSG_PEEK left there. Returns errno: EINVAL
// without one, and with SO_OOBINLINE; EAGAIN for one that is announced and not
// there, ENODATA if it won't come, since the stream has ended.
int ReadUrgent(int fd, char* byte, int flags = 0) {
  const ssize_t read = recv(fd, byte, 1, MSG_OOB | MSG_DONTWAIT | flags);
  if (read < 0) return errno;
  return read == 0 ? ENODATA : 0;
}

// Whether the next byte of the stream is, or will be, the one at the mark.
bool IsAtMark(int fd) {
  int at_mark = 0;
  return ioctl(fd, SIOCATMARK, &at_mark) == 0 && at_mark != 0;
}

// How far the stream goes: as far as the mark, if that is ahead and its byte
// there. Returns errno.
int CountBytes(int fd, int* bytes) {
  return ioctl(fd, SIOCINQ, bytes) == 0 ? 0 : errno;
}

int CountBytesInLine(int fd, int* bytes) {
  const InLine in_line(fd);
  return CountBytes(fd, bytes);
}

// Looks for an urgent byte ahead of the reader, and for its place. False if
// there is none, or the mark went on meanwhile: it only ever goes on, so that
// the place is the byte's if it was the same before and after.
bool FindUrgent(int fd, char* byte, int* place) {
  int after = 0;
  return CountBytes(fd, place) == 0 && *place > 0 &&
         ReadUrgent(fd, byte, MSG_PEEK) == 0 && CountBytes(fd, &after) == 0 &&
         *place == after;
}

}  // namespace

bool Socket::TakeNextUrgentLocked() {
  char byte;
  if (ReceiveAtOnce(fd_.get(), &byte, 1, 0) != 1) return false;
  urgent_->Add(byte, 0);
  urgent_->Advance(1);
  return true;
}

void Socket::TakeUrgentAheadLocked(char byte, int place) {
  urgent_->Add(byte, static_cast<size_t>(place));
  // So that nobody is told of it any more.
  if (ReadUrgent(fd_.get(), &byte) != 0) return;
  // If the mark had gone on, that was the next one's. It may have gone on once
  // more since, which makes the byte one of the stream.
  int next = 0;
  char newer;
  if (CountBytes(fd_.get(), &next) == 0 && next != place &&
      ReadUrgent(fd_.get(), &newer, MSG_PEEK) == EINVAL) {
    urgent_->Add(byte, static_cast<size_t>(next));
  }
}

size_t Socket::KeepUrgentLocked() {
  // What the client receives by itself would be without the places.
  if (client_receives_) return 0;
  const int fd = fd_.get();
  char byte;
  size_t taken_next = 0;
  bool any = false;
  for (int i = 0; i < kMostInOneGo; ++i) {
    if (ReadUrgent(fd, &byte, MSG_PEEK) != 0) break;
    if (urgent_ == nullptr) urgent_ = std::make_unique<UrgentBytes>();
    if (IsAtMark(fd)) {
      const InLine in_line(fd);
      // Else it went on, and the kernel has dropped the byte.
      if (!IsAtMark(fd)) continue;
      if (!TakeNextUrgentLocked()) break;
      ++taken_next;
      any = true;
      continue;
    }
    if (!urgent_->has_room()) break;
    int place = 0;
    if (!FindUrgent(fd, &byte, &place)) continue;
    TakeUrgentAheadLocked(byte, place);
    any = true;
  }
  if (any && !observers_.empty()) {
    // The kernel may not tell them any more.
    loop_->Post([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->NotifyObservers();
    });
  }
  return taken_next;
}

ssize_t Socket::ReceiveOrdinaryLocked(char* data, size_t size, int flags) {
  const int fd = fd_.get();
  // A receive that begins at an urgent byte steps over it, and one that begins
  // before it stops there. So first it has to be seen that something is there,
  // then that it isn't urgent: what comes later is behind it.
  char byte;
  const ssize_t ready = ReceiveAtOnce(fd, &byte, 1, MSG_PEEK);
  const int error = errno;
  if (ready < 0 && error != EAGAIN) return ready;
  const int urgent = ReadUrgent(fd, &byte, MSG_PEEK);
  if (urgent == 0 || urgent == EAGAIN ||
      (urgent_ != nullptr &&
       (urgent_->any_place() || urgent_->passed_just_now() > 0))) {
    client_receives_ = false;
    if (urgent_ == nullptr) urgent_ = std::make_unique<UrgentBytes>();
    return ReceiveAroundUrgentLocked(data, size, flags);
  }
  if (ready <= 0) {
    errno = error;
    return ready;
  }
  return ReceiveAtOnce(fd, data, size, flags);
}

ssize_t Socket::ReceiveAroundUrgentLocked(char* data, size_t size, int flags) {
  const int fd = fd_.get();
  const bool peeks = (flags & MSG_PEEK) != 0;
  // The client wants them in the stream, perhaps since a moment ago.
  const bool wanted = IsInLine(fd);
  if (wanted) {
    urgent_->PutBack();
    const size_t passed = urgent_->TakePassed(data, size, peeks);
    if (passed > 0) return static_cast<ssize_t>(passed);
  }
  size_t kept = 0;
  for (int i = 0; i < kMostInOneGo; ++i) {
    KeepUrgentLocked();
    const InLine in_line(fd);
    int there = 0;
    if (CountBytes(fd, &there) != 0 || there == 0) {
      if (kept > 0) return static_cast<ssize_t>(kept);
      // The end, an error or nothing; else something has come meanwhile.
      char byte;
      const ssize_t ready = ReceiveAtOnce(fd, &byte, 1, MSG_PEEK);
      if (ready <= 0) return ready;
      continue;
    }
    if (!wanted && IsAtMark(fd)) {
      if (TakeNextUrgentLocked()) continue;
      errno = EAGAIN;
      return kept > 0 ? static_cast<ssize_t>(kept) : -1;
    }
    const ssize_t received = ReceiveAtOnce(fd, data + kept, size - kept, flags);
    if (received <= 0) return kept > 0 ? static_cast<ssize_t>(kept) : received;
    kept += urgent_->LeaveOut(data + kept, static_cast<size_t>(received));
    if (peeks) return static_cast<ssize_t>(kept);
    urgent_->Advance(static_cast<size_t>(received));
    DropNextUrgentLocked();
    // The mark is where a client stops that has urgent bytes in the stream.
    if (wanted || kept == size) return static_cast<ssize_t>(kept);
  }
  if (kept > 0) return static_cast<ssize_t>(kept);
  // There were very many urgent bytes, and perhaps there is more.
  loop_->Post([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->OnEvents(0);
  });
  errno = EAGAIN;
  return -1;
}

void Socket::DropNextUrgentLocked() {
  char byte;
  while (urgent_->is_next() && ReceiveAtOnce(fd_.get(), &byte, 1, 0) == 1) {
    urgent_->Advance(1);
  }
}

size_t Socket::UrgentBeforeStreamLocked() const {
  if (urgent_ == nullptr || urgent_->passed_just_now() == 0) return 0;
  return IsInLine(fd_.get()) ? urgent_->passed_just_now() : 0;
}

void Socket::TryUrgentLocked(const Operation& operation, Outcome* outcome) {
  if (IsInLine(fd_.get())) {
    outcome->error = EINVAL;
    return;
  }
  if (!operation.sink->MayReceive()) {
    outcome->error = ENOBUFS;
    return;
  }
  client_receives_ = false;
  KeepUrgentLocked();
  if (urgent_ == nullptr || !urgent_->any_waits()) {
    outcome->error = EINVAL;
    return;
  }
  if (operation.max_bytes == 0) return;
  outcome->data = Bytes::Allocate(1);
  *outcome->data->data() = urgent_->oldest();
  outcome->data->SetSize(1);
  if ((operation.flags & MSG_PEEK) == 0) urgent_->TakeOldest();
}

bool Socket::UrgentWaits() {
  absl::MutexLock lock(&mu_);
  if (!fd_.valid() || IsInLine(fd_.get())) return false;
  KeepUrgentLocked();
  return urgent_ != nullptr && urgent_->any_waits();
}

uint64_t Socket::CountUrgent() {
  absl::MutexLock lock(&mu_);
  client_receives_ = false;
  if (fd_.valid()) KeepUrgentLocked();
  return urgent_ == nullptr ? 0 : urgent_->count();
}

int Socket::CountUnread(uint64_t* bytes) {
  absl::MutexLock lock(&mu_);
  *bytes = 0;
  const int fd = fd_.get();
  int there = 0;
  if (const int error = CountBytes(fd, &there); error != 0) return error;
  // What was counted and is urgent is known when it has been looked for.
  size_t taken = KeepUrgentLocked();
  if (urgent_ != nullptr) {
    // As far as the mark isn't far enough.
    if (const int error = CountBytesInLine(fd, &there); error != 0) {
      return error;
    }
    taken = KeepUrgentLocked();
    if (IsInLine(fd)) urgent_->PutBack();
  }
  const auto counted = static_cast<size_t>(there);
  *bytes = counted - std::min(counted, taken);
  if (urgent_ != nullptr) {
    *bytes -= urgent_->CountAmong(*bytes);
    *bytes += UrgentBeforeStreamLocked();
  }
  return 0;
}

bool Socket::UrgentIsAhead() {
  {
    absl::MutexLock lock(&mu_);
    if (!fd_.valid()) return false;
    client_receives_ = false;
    if (IsInLine(fd_.get())) {
      return KernelHasUrgent(fd_.get()) && !IsAtMark(fd_.get());
    }
  }
  return UrgentWaits();
}

}  // namespace wspd
