#include "client_stub/spi/kernel_handle.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "client_stub/transport/posix/descriptors.h"

namespace wsp {
namespace {

// A program that has closed its standard streams doesn't get sockets for them.
constexpr int kLowestHandle = 3;

size_t FillPieces(const ByteView* buffers, size_t count, iovec* pieces) {
  count = std::min(count, kMostNativePieces);
  for (size_t i = 0; i < count; ++i) {
    pieces[i].iov_base = const_cast<uint8_t*>(buffers[i].data);
    pieces[i].iov_len = buffers[i].size;
  }
  return count;
}

NativeTransfer ResultOf(ssize_t bytes) {
  NativeTransfer result;
  if (bytes > 0) {
    result.end = NativeTransfer::End::kDone;
    result.bytes = static_cast<size_t>(bytes);
  } else if (bytes < 0 && errno == EAGAIN) {
    result.end = NativeTransfer::End::kBlocked;
  } else if (bytes < 0) {
    result.error = static_cast<uint32_t>(errno);
  }
  return result;
}

}  // namespace

bool KernelHandles::Prepare() {
  if (nothing_ < 0) {
    nothing_ = AdoptDescriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  }
  return nothing_ >= 0;
}

void KernelHandles::Close() {
  CloseDescriptor(nothing_);
  nothing_ = -1;
}

int KernelHandles::Open() {
  const int handle = fcntl(nothing_, F_DUPFD_CLOEXEC, kLowestHandle);
  if (handle >= 0) NoteDescriptor(handle);
  return handle;
}

bool KernelHandles::Put(int handle, int socket, bool nonblocking) {
  SetNonblocking(socket, nonblocking);
  const bool put = dup3(socket, handle, O_CLOEXEC) == handle;
  close(socket);
  if (put) NoteDescriptor(handle);
  return put;
}

void KernelHandles::Vacate(int handle) {
  if (dup3(nothing_, handle, O_CLOEXEC) == handle) NoteDescriptor(handle);
}

void KernelHandles::CloseHandle(int handle) { CloseDescriptor(handle); }

void KernelHandles::SetNonblocking(int handle, bool nonblocking) {
  const int flags = fcntl(handle, F_GETFL);
  if (flags < 0) return;
  fcntl(handle, F_SETFL,
        nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

NativeTransfer ReceiveNatively(int handle, const ByteView* buffers,
                               size_t count) {
  // What is there and isn't urgent comes before what is and has yet to come, so
  // that a receive doesn't step over that.
  pollfd state = {handle, POLLIN | POLLPRI | POLLRDHUP, 0};
  NativeTransfer result;
  if (poll(&state, 1, 0) < 0) return result;
  if (state.revents == 0) {
    result.end = NativeTransfer::End::kBlocked;
    return result;
  }
  result.urgent = (state.revents & POLLPRI) != 0;
  // An error the kernel tells once: better to the daemon.
  if (result.urgent || (state.revents & POLLIN) == 0 ||
      (state.revents & POLLERR) != 0) {
    return result;
  }
  iovec pieces[kMostNativePieces];
  msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = pieces;
  message.msg_iovlen = FillPieces(buffers, count, pieces);
  ssize_t bytes;
  do {
    bytes = recvmsg(handle, &message, MSG_DONTWAIT);
  } while (bytes < 0 && errno == EINTR);
  return ResultOf(bytes);
}

NativeTransfer SendNatively(int handle, const ByteView* buffers, size_t count) {
  iovec pieces[kMostNativePieces];
  msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = pieces;
  message.msg_iovlen = FillPieces(buffers, count, pieces);
  ssize_t bytes;
  do {
    bytes = sendmsg(handle, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (bytes < 0 && errno == EINTR);
  return ResultOf(bytes);
}

}  // namespace wsp
