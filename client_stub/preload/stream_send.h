#ifndef WSPD_CLIENT_STUB_PRELOAD_STREAM_SEND_H_
#define WSPD_CLIENT_STUB_PRELOAD_STREAM_SEND_H_

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "client_stub/preload/means.h"
#include "client_stub/preload/stream_state.h"

namespace wsp {

// Sends by `send()`, the kernel's own call with its errno and without SIGPIPE;
// on what is no relayed socket by `real()`, the program's own call. On an open
// stream the first is all, while it takes something. `hint`: none of kPlain and
// kDatagram. `signal`: the call may raise SIGPIPE. Where a filter of the
// program's forbids the first, the second is all that is tried.
template <typename Send, typename RealCall>
ssize_t SendToStream(int fd, Hint hint, bool dont_wait, bool signal, Send send,
                     RealCall real) {
  if (hint != Hint::kOpenStream && May(Means::kAsk)) {
    const bool wait = !dont_wait && !IsNonBlocking(fd);
    switch (PrepareToSend(fd, wait, signal)) {
      case Preparation::kFailed:
        return -1;
      case Preparation::kOther:
        return real();
      case Preparation::kOpen:
        break;
    }
  }
  if (!May(Means::kSend)) {
    const ssize_t sent = real();
    if (sent < 0) FailureOfSend(fd, false);
    return sent;
  }
  const ssize_t sent = send();
  if (sent >= 0) return sent;
  return FailureOfSend(fd, signal) ? -1 : real();
}

// The same for a call that can't be kept from raising SIGPIPE: for a reset,
// which isn't to raise it, the stream is looked at first.
template <typename RealCall>
ssize_t TransferToStream(int fd, Hint hint, bool dont_wait, RealCall real) {
  if (hint == Hint::kOpenStream && May(Means::kAsk) && HasHungUp(fd)) {
    errno = EPIPE;
    return FailureOfSend(fd, true) ? -1 : real();
  }
  if (hint != Hint::kOpenStream && May(Means::kAsk)) {
    const bool wait = !dont_wait && !IsNonBlocking(fd);
    switch (PrepareToSend(fd, wait, true)) {
      case Preparation::kFailed:
        return -1;
      case Preparation::kOther:
        return real();
      case Preparation::kOpen:
        break;
    }
  }
  const ssize_t sent = real();
  // The kernel has raised it.
  if (sent < 0) FailureOfSend(fd, false);
  return sent;
}

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_STREAM_SEND_H_
