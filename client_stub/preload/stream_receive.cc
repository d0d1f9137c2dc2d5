#include "client_stub/preload/stream_receive.h"

#include <errno.h>
#include <limits.h>

#include <algorithm>

#include "client_stub/preload/real_functions.h"

namespace wsp {
namespace {

constexpr size_t kDroppedBytes = 4096;
// Of one receive, into the same memory over and over.
constexpr size_t kDroppedParts = 64;

size_t SizeOf(const msghdr& message) {
  size_t size = 0;
  for (size_t i = 0; i < message.msg_iovlen; ++i) {
    size += message.msg_iov[i].iov_len;
  }
  return size;
}

ssize_t Drop(int fd, size_t size, int flags) {
  char dropped[kDroppedBytes];
  iovec parts[kDroppedParts];
  msghdr into = {};
  into.msg_iov = parts;
  while (size > 0 && into.msg_iovlen < kDroppedParts) {
    const size_t part = std::min(size, kDroppedBytes);
    parts[into.msg_iovlen++] = {dropped, part};
    size -= part;
  }
  return ReceiveFromStream(
      fd, HintOrFind(fd), (flags & MSG_DONTWAIT) != 0,
      [&] { return Real().recvmsg(fd, &into, flags & ~MSG_TRUNC); });
}

}  // namespace

ssize_t ReceiveAsTcp(int fd, msghdr* message, int flags) {
  if ((flags & MSG_ERRQUEUE) != 0) {
    // Nothing that is asked for puts anything there.
    errno = EAGAIN;
    return -1;
  }
  if (message->msg_iovlen > IOV_MAX) {
    errno = EMSGSIZE;
    return -1;
  }
  const ssize_t dropped = Drop(fd, SizeOf(*message), flags);
  if (dropped >= 0) {
    message->msg_namelen = 0;
    message->msg_controllen = 0;
    message->msg_flags = 0;
  }
  return dropped;
}

}  // namespace wsp
