#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include <algorithm>

#include "client_stub/preload/datagram_calls.h"
#include "client_stub/preload/datagram_end.h"
#include "client_stub/preload/datagram_frame.h"
#include "client_stub/preload/datagram_requests.h"
#include "client_stub/preload/kernel_calls.h"
#include "client_stub/preload/real_functions.h"

namespace wsp {
namespace {

// The most that most calls have.
constexpr size_t kFewParts = 8;
constexpr int kMostErrno = 4095;
constexpr int64_t kNsPerSecond = 1'000'000'000;

// What came in front of a payload, and how long that is.
struct Frame {
  relay::DatagramHeader header;
  alignas(cmsghdr) uint8_t control[relay::kMaxControlBytes];
  size_t bytes;
  // What the caller has for it.
  size_t room;
};

// One message of the program's end, its payload in the parts: true, or what
// recvmsg() returned. Two sizes: a handler's stack may be small.
//
// Where the payload begins is known only by the header: what comes before it
// goes into the caller's parts at first, and as much of its end into a space
// behind them.
template <size_t kRoom>
__attribute__((noinline)) bool ReceiveFrame(int fd, const msghdr& wanted,
                                            int flags, Frame* frame,
                                            long* result) {
  uint8_t behind[relay::kMaxControlBytes];
  iovec parts[2 + kRoom];
  const size_t count = wanted.msg_iovlen;
  parts[0] = {&frame->header, sizeof frame->header};
  std::copy_n(wanted.msg_iov, count, parts + 1);
  parts[count + 1] = {behind, sizeof behind};
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = count + 2;
  const ssize_t received =
      Real().recvmsg(fd, &message, (flags & ~MSG_OOB) | MSG_TRUNC);
  if (received <= 0) {
    *result = received == 0 ? 0 : -errno;
    return false;
  }
  const auto size = static_cast<size_t>(received);
  const size_t before = sizeof frame->header + frame->header.control_bytes;
  if (size < sizeof frame->header || size < before ||
      frame->header.control_bytes > relay::kMaxControlBytes) {
    *result = -EPROTO;
    return false;
  }
  frame->bytes = size - before;
  frame->room = TotalBytes(wanted.msg_iov, count);
  if (frame->header.control_bytes > 0) {
    TakeFront(parts + 1, count + 1, frame->control, frame->header.control_bytes,
              std::min(frame->bytes, frame->room));
  }
  return true;
}

// The header that comes next, which stays, and the whole size of its message;
// 0: there is none.
size_t PeekHeader(int fd, relay::DatagramHeader* header) {
  iovec part = {header, sizeof *header};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const long size =
      kernel::ReceiveMessage(fd, &message, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
  return size < static_cast<long>(sizeof *header) ? 0
                                                  : static_cast<size_t>(size);
}

int ErrnoOf(const relay::DatagramHeader& header) {
  return header.flags > 0 && header.flags <= kMostErrno ? header.flags : EIO;
}

bool IsNonBlocking(int fd, int flags) {
  return (flags & MSG_DONTWAIT) != 0 ||
         (kernel::Call(SYS_fcntl, fd, F_GETFL, 0) & O_NONBLOCK) != 0;
}

// What recvmsg() returned without a message.
long ReceiveNothing(int fd, const relay::Name& name, int flags, long result) {
  switch (result) {
    case 0:
      // UDP tells its end only to who would wait for more.
      return DatagramEnd(fd, name, IsNonBlocking(fd, flags) ? -EAGAIN : 0);
    case -ECONNRESET:
    case -ENOTCONN:
      return -ENETDOWN;
    default:
      return result;
  }
}

int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

// What is left of a batch's time; false: nothing.
bool TakeTime(int64_t begin_ns, const timespec& whole, timespec* left) {
  // Seconds first: a timeout may be the largest there is.
  const int64_t gone = NowNs() - begin_ns;
  timespec rest = {whole.tv_sec - gone / kNsPerSecond,
                   whole.tv_nsec - gone % kNsPerSecond};
  if (rest.tv_nsec < 0) {
    --rest.tv_sec;
    rest.tv_nsec += kNsPerSecond;
  }
  const bool is_left = rest.tv_sec >= 0 && (rest.tv_sec | rest.tv_nsec) != 0;
  *left = is_left ? rest : timespec{};
  return is_left;
}

}  // namespace

long DatagramReceive(int fd, const relay::Name& name, msghdr* message,
                     int flags) {
  if ((flags & MSG_ERRQUEUE) != 0) {
    const long received = AskForQueuedError(fd, name, message);
    // What it tells isn't pending any more.
    if (received >= 0) TakeDatagramError(fd);
    return received;
  }
  if (message->msg_iovlen > kMostDatagramParts) return -EMSGSIZE;
  Frame frame;
  long result;
  if (!(message->msg_iovlen <= kFewParts
            ? ReceiveFrame<kFewParts>(fd, *message, flags, &frame, &result)
            : ReceiveFrame<kMostDatagramParts>(fd, *message, flags, &frame,
                                               &result))) {
    return ReceiveNothing(fd, name, flags, result);
  }
  if (frame.header.kind != relay::kDatagram) {
    // An error is told once, also to who only looks. Another thread may have
    // taken it since.
    if ((flags & MSG_PEEK) != 0) TakeDatagramError(fd);
    return -ErrnoOf(frame.header);
  }
  message->msg_flags =
      (flags & MSG_CMSG_CLOEXEC) | (frame.header.flags & MSG_CTRUNC);
  if (frame.bytes > frame.room) message->msg_flags |= MSG_TRUNC;
  if (message->msg_name != nullptr) {
    WriteSource(frame.header.address, static_cast<sockaddr*>(message->msg_name),
                &message->msg_namelen);
  }
  PutControl(frame.control, frame.header.control_bytes, message);
  return static_cast<long>((flags & MSG_TRUNC) != 0
                               ? frame.bytes
                               : std::min(frame.bytes, frame.room));
}

long DatagramReceiveFrom(int fd, const relay::Name& name, void* data,
                         size_t size, int flags, sockaddr* from,
                         socklen_t* from_size) {
  iovec part = {data, size};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (from != nullptr) {
    if (*from_size > INT_MAX) return -EINVAL;
    message.msg_name = from;
    message.msg_namelen = *from_size;
  }
  const long received = DatagramReceive(fd, name, &message, flags);
  if (received >= 0 && from != nullptr) *from_size = message.msg_namelen;
  return received;
}

long DatagramRead(int fd, const relay::Name& name, const iovec* parts,
                  int count) {
  if (count < 0 || count > UIO_MAXIOV) return -EINVAL;
  // Which takes nothing, unlike recv().
  if (TotalBytes(parts, static_cast<size_t>(count)) == 0) return 0;
  msghdr message = {};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<size_t>(count);
  return DatagramReceive(fd, name, &message, 0);
}

int DatagramReceiveBatch(int fd, const relay::Name& name, mmsghdr* messages,
                         unsigned count, int flags, timespec* timeout) {
  timespec whole = {};
  if (timeout != nullptr) {
    whole = *timeout;
    if (whole.tv_sec < 0 || whole.tv_nsec < 0 ||
        whole.tv_nsec >= kNsPerSecond) {
      return -EINVAL;
    }
  }
  const int64_t begin_ns = timeout != nullptr ? NowNs() : 0;
  const bool one_is_enough = (flags & MSG_WAITFORONE) != 0;
  flags &= ~MSG_WAITFORONE;
  unsigned done = 0;
  while (done < count) {
    // An error stays for the next call.
    relay::DatagramHeader next = {};
    if (done > 0 && PeekHeader(fd, &next) > 0 &&
        next.kind != relay::kDatagram) {
      break;
    }
    const long received =
        DatagramReceive(fd, name, &messages[done].msg_hdr, flags);
    if (received < 0) {
      if (done == 0) return static_cast<int>(received);
      break;
    }
    messages[done++].msg_len = static_cast<unsigned>(received);
    if (one_is_enough) flags |= MSG_DONTWAIT;
    // Looked at after each, as the kernel does.
    if (timeout != nullptr && !TakeTime(begin_ns, whole, timeout)) break;
  }
  return static_cast<int>(done);
}

int DatagramBytesReadable(int fd) {
  relay::DatagramHeader header;
  const size_t size = PeekHeader(fd, &header);
  if (size == 0 || header.kind != relay::kDatagram) return 0;
  const size_t before = sizeof header + header.control_bytes;
  return size < before ? 0 : static_cast<int>(size - before);
}

int TakeDatagramError(int fd) {
  relay::DatagramHeader header;
  if (PeekHeader(fd, &header) == 0 || header.kind == relay::kDatagram) {
    return 0;
  }
  iovec part = {&header, sizeof header};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  // Another thread may take it first, and what is next then goes: datagrams do.
  if (kernel::ReceiveMessage(fd, &message, MSG_DONTWAIT) < 0) return 0;
  return header.kind == relay::kDatagram ? 0 : ErrnoOf(header);
}

}  // namespace wsp
