#include "client_stub/preload/daemon_connection.h"

#include <string.h>
#include <sys/uio.h>

#include <algorithm>

#include "client_stub/preload/daemon_folder.h"
#include "client_stub/preload/kernel_calls.h"

namespace wsp {
namespace {

constexpr size_t kMostSlices = 64;

timespec TimeUntil(int64_t deadline_ms) {
  const int64_t left = std::max<int64_t>(deadline_ms - kernel::NowMs(), 0);
  return {left / 1000, left % 1000 * 1000000};
}

RawIo::Result ResultOf(long bytes) {
  if (bytes > 0) return {IoStatus::kDone, static_cast<size_t>(bytes)};
  return {bytes == -EAGAIN ? IoStatus::kBlocked : IoStatus::kBroken, 0};
}

int ErrorOfOpening(int error) {
  switch (error) {
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
    case -ENOBUFS:
      return error;
    default:
      return -ENETDOWN;
  }
}

}  // namespace

int DaemonConnection::Open(int64_t deadline_ms) {
  const int fd = kernel::Socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return ErrorOfOpening(fd);
  descriptor_ = OwnDescriptor::Adopt(fd);
  if (descriptor_ == nullptr) return -ENOBUFS;
  // The kernel tells nobody that a listener's queue has room again but who
  // blocks in connect(). A time of 0 would be none.
  timeval left = {};
  const timespec until = TimeUntil(deadline_ms);
  left.tv_sec = until.tv_sec;
  left.tv_usec = std::max<suseconds_t>(until.tv_nsec / 1000, 1);
  int error = kernel::SetSocketOption(descriptor_->number(), SO_SNDTIMEO, &left,
                                      sizeof left);
  if (error == 0) error = ConnectToDaemonSocket(descriptor_->number());
  return error == 0 ? 0 : ErrorOfOpening(error);
}

RawIo::Result DaemonConnection::Write(const ByteView* slices, size_t count) {
  iovec parts[kMostSlices];
  count = std::min(count, kMostSlices);
  for (size_t i = 0; i < count; ++i) {
    parts[i].iov_base = const_cast<uint8_t*>(slices[i].data);
    parts[i].iov_len = slices[i].size;
  }
  msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = parts;
  message.msg_iovlen = count;
  long bytes;
  do {
    bytes = kernel::SendMessage(descriptor_->number(), &message,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (bytes == -EINTR);
  return ResultOf(bytes);
}

RawIo::Result DaemonConnection::Read(uint8_t* buffer, size_t size) {
  iovec part = {buffer, size};
  msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  long bytes;
  do {
    bytes =
        kernel::ReceiveMessage(descriptor_->number(), &message, MSG_DONTWAIT);
  } while (bytes == -EINTR);
  return ResultOf(bytes);
}

int DaemonConnection::ReadWithDescriptor(uint8_t* buffer, size_t size,
                                         bool close_on_exec, int* fd) {
  iovec part = {buffer, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  *fd = -1;
  long bytes;
  do {
    bytes = kernel::ReceiveMessage(
        descriptor_->number(), &message,
        MSG_DONTWAIT | (close_on_exec ? MSG_CMSG_CLOEXEC : 0));
  } while (bytes == -EINTR);
  if (bytes <= 0) return static_cast<int>(bytes);
  const cmsghdr* item = CMSG_FIRSTHDR(&message);
  if (item != nullptr && item->cmsg_level == SOL_SOCKET &&
      item->cmsg_type == SCM_RIGHTS &&
      item->cmsg_len >= CMSG_LEN(sizeof(int))) {
    memcpy(fd, CMSG_DATA(item), sizeof *fd);
  } else if ((message.msg_flags & MSG_CTRUNC) != 0) {
    return -ENOBUFS;
  }
  return static_cast<int>(bytes);
}

bool DaemonConnection::WriteWithDescriptor(const uint8_t* bytes, size_t size,
                                           int fd) {
  iovec part = {const_cast<uint8_t*>(bytes), size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const item = CMSG_FIRSTHDR(&message);
  item->cmsg_level = SOL_SOCKET;
  item->cmsg_type = SCM_RIGHTS;
  item->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(item), &fd, sizeof fd);
  long sent;
  do {
    sent = kernel::SendMessage(descriptor_->number(), &message,
                               MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent == -EINTR);
  return sent == static_cast<long>(size);
}

DaemonConnection::Waited DaemonConnection::Await(bool write,
                                                 int64_t deadline_ms,
                                                 const sigset_t* signals) {
  pollfd wait = {descriptor_->number(),
                 static_cast<short>(write ? POLLIN | POLLOUT : POLLIN), 0};
  const timespec left = TimeUntil(deadline_ms);
  const int ready = kernel::Poll(&wait, 1, &left, signals);
  if (ready == -EINTR) return Waited::kInterrupted;
  return ready == 0 ? Waited::kTimeout : Waited::kReady;
}

}  // namespace wsp
