#include "daemon/relay/byte_flow.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <algorithm>
#include <cstring>

#include "daemon/relay/foreign_descriptors.h"

namespace wspd {
namespace {

// Whether the next byte is the urgent one.
bool IsAtMark(int fd) {
  int at_mark = 0;
  return ioctl(fd, SIOCATMARK, &at_mark) == 0 && at_mark != 0;
}

ssize_t SendSome(int fd, const char* data, size_t size, int flags) {
  ssize_t sent;
  do {
    sent = send(fd, data, size, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

}  // namespace

void ByteFlow::SetReady(bool urgent, bool ends) {
  ready_ = true;
  urgent_ |= urgent;
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

ByteFlow::Result ByteFlow::Give(int sink, const char* data, size_t size,
                                bool urgent, uint64_t* moved, int* error) {
  if (discards_) return Result::kIdle;
  ssize_t sent = SendSome(sink, data, size, urgent ? MSG_OOB : 0);
  if (sent < 0 && errno != EAGAIN) {
    *error = errno;
    return Result::kSinkFailed;
  }
  sent = std::max<ssize_t>(sent, 0);
  *moved += static_cast<uint64_t>(sent);
  const size_t left = size - static_cast<size_t>(sent);
  if (left == 0) return Result::kIdle;
  rest_.reset(new char[left]);
  memcpy(rest_.get(), data + sent, left);
  rest_begin_ = 0;
  rest_end_ = static_cast<uint32_t>(left);
  rest_urgent_ = urgent;
  return Result::kBlocked;
}

ByteFlow::Result ByteFlow::GiveRest(int sink, uint64_t* moved, int* error) {
  while (rest_begin_ < rest_end_) {
    const ssize_t sent =
        SendSome(sink, rest_.get() + rest_begin_, rest_end_ - rest_begin_,
                 rest_urgent_ ? MSG_OOB : 0);
    if (sent < 0 && errno == EAGAIN) return Result::kBlocked;
    if (sent < 0) {
      *error = errno;
      rest_ = nullptr;
      return Result::kSinkFailed;
    }
    rest_begin_ += static_cast<uint32_t>(sent);
    *moved += static_cast<uint64_t>(sent);
  }
  rest_ = nullptr;
  return Result::kIdle;
}

ByteFlow::Result ByteFlow::MoveUrgent(int source, int sink, uint64_t* moved,
                                      int* error) {
  urgent_ = false;
  char byte;
  bool stopped = false;
  const ssize_t received =
      ForeignDescriptors::Receive(source, &byte, 1, MSG_OOB, &stopped);
  // Announced and not there yet: another edge comes with it. It stands in the
  // stream's way until then.
  if (received < 0 && errno == EAGAIN) {
    ready_ = false;
    return Result::kIdle;
  }
  if (received != 1) return Result::kIdle;
  return Give(sink, &byte, 1, true, moved, error);
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
    ready_ = false;
    return Result::kIdle;
  }
  if (received < 0) {
    *error = errno;
    return Result::kSourceFailed;
  }
  if (received == 0) return Result::kEnd;
  const auto size = static_cast<size_t>(received);
  *budget -= size;
  // Less than there was room for: no more at the moment. What comes behind it
  // is another edge, unless that has been told of already.
  if (size < part.size && !stopped && !urgent_ && !ends_) ready_ = false;
  if (skips_ > 0) {
    skips_ -= received;
    return Result::kIdle;
  }
  return Give(sink, part.data, size, false, moved, error);
}

ByteFlow::Result ByteFlow::Run(int source, int sink, const Buffer& buffer,
                               size_t* budget, uint64_t* moved, int* error) {
  if (rest_ != nullptr) {
    const Result result = GiveRest(sink, moved, error);
    if (result != Result::kIdle) return result;
  }
  // An urgent byte that came unannounced can be at the front only behind other
  // bytes that were taken in this turn.
  bool may_be_at_mark = urgent_;
  while (ready_) {
    if (*budget == 0) return Result::kMore;
    const bool at_mark = may_be_at_mark && IsAtMark(source);
    const Result result =
        at_mark ? MoveUrgent(source, sink, moved, error)
                : Move(source, sink, buffer, budget, moved, error);
    if (result != Result::kIdle) return result;
    // It is at a mark until it has stepped over it, which receiving does.
    may_be_at_mark = !at_mark;
  }
  return Result::kIdle;
}

}  // namespace wspd
