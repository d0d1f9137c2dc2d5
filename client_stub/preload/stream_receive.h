#ifndef WSPD_CLIENT_STUB_PRELOAD_STREAM_RECEIVE_H_
#define WSPD_CLIENT_STUB_PRELOAD_STREAM_RECEIVE_H_

#include <sys/socket.h>
#include <sys/types.h>

#include "client_stub/preload/means.h"
#include "client_stub/preload/stream_state.h"

namespace wsp {

// Receives by `real()`, the kernel's own call with its errno. On an open stream
// that is all, while it gives something. `hint`: none of kPlain and kDatagram.
template <typename RealCall>
ssize_t ReceiveFromStream(int fd, Hint hint, bool dont_wait, RealCall real) {
  if (hint != Hint::kOpenStream && May(Means::kAsk)) {
    const bool wait = !dont_wait && !IsNonBlocking(fd);
    switch (PrepareToReceive(fd, wait)) {
      case Preparation::kFailed:
        return -1;
      case Preparation::kOther:
        return real();
      case Preparation::kOpen:
        break;
    }
  }
  const ssize_t received = real();
  if (received > 0) return received;
  return received == 0 ? EndOfStream(fd) : FailureOfReceive(fd);
}

// recvmsg() of a relayed stream with MSG_TRUNC, which drops bytes instead of
// copying them, or MSG_ERRQUEUE.
ssize_t ReceiveAsTcp(int fd, msghdr* message, int flags);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_STREAM_RECEIVE_H_
