#include "daemon/relay/byte_flow.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "daemon/relay/foreign_descriptors.h"

namespace wspd {
namespace {

// Whether the next byte is the urgent one.
bool IsAtMark(int fd) {
  int at_mark = 0;
  return ioctl(fd, SIOCATMARK, &at_mark) == 0 && at_mark != 0;
}

// Whether there is an urgent byte, wherever, that nobody has received.
bool HasUrgent(int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) == 1;
}

// Whether there is an ordinary byte, or the end: 1, 0 if not, or -1 with an
// error, which is told but this once.
int FindOrdinary(int fd) {
  char byte;
  const ssize_t found = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (found >= 0) return 1;
  return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

// Of a budget, for whatever takes a system call or more: a source may have its
// bytes come one by one (urgent ones, descriptors with each).
constexpr size_t kLeastCost = 2048;

void Spend(size_t bytes, size_t* budget) {
  *budget -= std::min(std::max(bytes, kLeastCost), *budget);
}

ssize_t SendSome(int fd, const char* data, size_t size, int flags) {
  ssize_t sent;
  do {
    sent = send(fd, data, size, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

// One push, and so at most one small segment that Nagle's algorithm would have
// held, for so many bytes; as many more as bytes were sent before may follow
// each other.
constexpr uint32_t kBytesAPush = 16 << 10;
constexpr uint32_t kMostPushCredit = 16 * kBytesAPush;

bool HasUnsent(int fd) {
  int bytes = 0;
  return ioctl(fd, SIOCOUTQNSD, &bytes) == 0 && bytes > 0;
}

// Whether it is on; also if that can't be told.
bool IsOn(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof(value);
  return getsockopt(fd, IPPROTO_TCP, option, &value, &size) != 0 || value != 0;
}

// If it fails, what is held goes out with the peer's next acknowledgement.
void SetNoDelay(int fd, int on) {
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

}  // namespace

void ByteFlow::SetReady(bool urgent, bool ends) {
  ready_ = true;
  urgent_ |= urgent;
  had_urgent_ |= urgent;
  ends_ |= ends;
}

void ByteFlow::Skip(int64_t bytes) {
  skips_ = std::max<int64_t>(0, skips_ + bytes);
}

void ByteFlow::Discard() {
  discards_ = true;
  rest_ = nullptr;
}

void ByteFlow::Clear() { *this = ByteFlow(); }

void ByteFlow::CountGiven(size_t bytes, uint64_t* moved) {
  *moved += bytes;
  push_credit_ = static_cast<uint32_t>(
      std::min<size_t>(push_credit_ + bytes, kMostPushCredit));
}

ByteFlow::Result ByteFlow::Give(int sink, const char* data, size_t size,
                                int flags, uint64_t* moved, int* error) {
  if (discards_) {
    *moved += size;
    return Result::kIdle;
  }
  unpushed_ = (flags & MSG_MORE) != 0;
  ssize_t sent = SendSome(sink, data, size, flags);
  if (sent < 0 && errno != EAGAIN) {
    *error = errno;
    return Result::kSinkFailed;
  }
  sent = std::max<ssize_t>(sent, 0);
  CountGiven(static_cast<size_t>(sent), moved);
  const size_t left = size - static_cast<size_t>(sent);
  if (left == 0) return Result::kIdle;
  rest_.reset(new char[left]);
  memcpy(rest_.get(), data + sent, left);
  rest_begin_ = 0;
  rest_end_ = static_cast<uint32_t>(left);
  rest_flags_ = flags;
  return Result::kBlocked;
}

ByteFlow::Result ByteFlow::GiveRest(int sink, uint64_t* moved, int* error) {
  while (rest_begin_ < rest_end_) {
    const ssize_t sent = SendSome(sink, rest_.get() + rest_begin_,
                                  rest_end_ - rest_begin_, rest_flags_);
    if (sent < 0 && errno == EAGAIN) return Result::kBlocked;
    if (sent < 0) {
      *error = errno;
      rest_ = nullptr;
      return Result::kSinkFailed;
    }
    rest_begin_ += static_cast<uint32_t>(sent);
    CountGiven(static_cast<size_t>(sent), moved);
  }
  rest_ = nullptr;
  return Result::kIdle;
}

ByteFlow::Result ByteFlow::MoveUrgent(int source, int sink, size_t* budget,
                                      uint64_t* moved, int* error) {
  urgent_ = false;
  char byte;
  bool stopped = false;
  const ssize_t received =
      ForeignDescriptors::Receive(source, &byte, 1, MSG_OOB, &stopped);
  if (stopped) *budget = 0;
  // Announced and not there yet: another edge comes with it. It stands in the
  // stream's way until then.
  if (received < 0 && errno == EAGAIN) {
    ready_ = false;
    return Result::kIdle;
  }
  if (received != 1) return Result::kIdle;
  return Give(sink, &byte, 1, MSG_OOB, moved, error);
}

ByteFlow::Result ByteFlow::Move(int source, int sink, const Buffer& buffer,
                                size_t* budget, uint64_t* moved, int* error) {
  Buffer part = {buffer.data, std::min(buffer.size, *budget)};
  if (skips_ > 0) {
    part.size = std::min(part.size, static_cast<size_t>(skips_));
  }
  bool stopped = false;
  const ssize_t received =
      ForeignDescriptors::Receive(source, part.data, part.size, 0, &stopped);
  if (received < 0 && errno == EAGAIN) {
    // A receive has stepped over it before there was word of it.
    if (urgent_) return MoveUrgent(source, sink, budget, moved, error);
    ready_ = false;
    return Result::kIdle;
  }
  if (received < 0) {
    *error = errno;
    return Result::kSourceFailed;
  }
  if (received == 0) return Result::kEnd;
  const auto size = static_cast<size_t>(received);
  Spend(size, budget);
  // There may be hundreds of descriptors, which take longer than bytes do.
  if (stopped) *budget = 0;
  // Less than there was room for: no more at the moment. What comes behind it
  // is another edge, unless that has been told of already.
  if (size < part.size && !stopped && !urgent_ && !ends_) ready_ = false;
  if (skips_ > 0) {
    skips_ -= received;
    return Result::kIdle;
  }
  return Give(sink, part.data, size, size == part.size ? MSG_MORE : 0, moved,
              error);
}

ByteFlow::Result ByteFlow::LookForOrdinary(int source, int* error) {
  // Who has been told of the end receives what there is, and that.
  if (ends_) return Result::kIdle;
  const int found = FindOrdinary(source);
  if (found < 0) {
    *error = errno;
    return Result::kSourceFailed;
  }
  if (found == 0) ready_ = false;
  return Result::kIdle;
}

ByteFlow::Result ByteFlow::MoveNext(int source, int sink, const Buffer& buffer,
                                    bool* may_be_at_mark, size_t* budget,
                                    uint64_t* moved, int* error) {
  // A receive that comes upon an urgent byte drops it. So none is made before
  // an ordinary byte was seen, and after that that it is no urgent one which is
  // at the front: what comes later comes behind it, with an edge of its own.
  if (*may_be_at_mark) {
    Result result = LookForOrdinary(source, error);
    if (result != Result::kIdle) return result;
    if (IsAtMark(source)) {
      Spend(1, budget);
      result = MoveUrgent(source, sink, budget, moved, error);
      if (result != Result::kIdle) return result;
      // It is at the mark until it has stepped over it, which receiving does.
      result = LookForOrdinary(source, error);
      *may_be_at_mark = HasUrgent(source);
      return result;
    }
    if (!ready_) {
      return urgent_ ? MoveUrgent(source, sink, budget, moved, error)
                     : Result::kIdle;
    }
  }
  *may_be_at_mark = true;
  return Move(source, sink, buffer, budget, moved, error);
}

ByteFlow::Result ByteFlow::Run(int source, int sink, const Buffer& buffer,
                               size_t* budget, uint64_t* moved, int* error) {
  if (rest_ != nullptr) {
    const Result result = GiveRest(sink, moved, error);
    if (result != Result::kIdle) return result;
  }
  // The first urgent byte that came unannounced can be at the front only behind
  // other bytes that were taken since there was word of them.
  bool may_be_at_mark = std::exchange(resumes_, false) || had_urgent_;
  while (ready_) {
    if (*budget == 0) {
      resumes_ = true;
      return Result::kMore;
    }
    const Result result =
        MoveNext(source, sink, buffer, &may_be_at_mark, budget, moved, error);
    if (result != Result::kIdle) {
      resumes_ = ready_;
      return result;
    }
  }
  return Result::kIdle;
}

void ByteFlow::Push(int sink) {
  const bool held = std::exchange(unpushed_, false);
  if (!held && push_credit_ < kBytesAPush) return;
  push_credit_ -= std::min(push_credit_, kBytesAPush);
  if (!HasUnsent(sink) || IsOn(sink, TCP_CORK)) return;
  const bool no_delay = IsOn(sink, TCP_NODELAY);
  // It is the peer that has no room.
  if (no_delay && !held) return;
  // Setting it is what sends, also if it was set.
  SetNoDelay(sink, 1);
  if (!no_delay) SetNoDelay(sink, 0);
}

}  // namespace wspd
