#include "client_stub/preload/stream_state.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "client_stub/preload/kernel_calls.h"
#include "client_stub/preload/means.h"

namespace wsp {
namespace {

using State = wire::LinuxStateResult;

// Of the program's end: what it has sent and the daemon hasn't read, with the
// kernel's own. The kernel caps it at net.core.wmem_max.
constexpr int kOpenBufferBytes = 1 << 20;

Preparation Fail(int error) {
  errno = error;
  return Preparation::kFailed;
}

Preparation FailToSend(int error, bool signal) {
  if (error == EPIPE && signal) RaiseSigpipe();
  return Fail(error);
}

short PollNow(int fd, short events) {
  const int caller_errno = errno;
  pollfd wait = {fd, events, 0};
  const timespec none = {0, 0};
  kernel::Poll(&wait, 1, &none, nullptr);
  errno = caller_errno;
  return wait.revents;
}

// Milliseconds, for poll().
int TimeoutOf(int fd, int option) {
  timeval timeout = {};
  socklen_t size = sizeof timeout;
  if (kernel::GetSocketOption(fd, option, &timeout, &size) < 0 ||
      (timeout.tv_sec == 0 && timeout.tv_usec == 0)) {
    return -1;
  }
  if (timeout.tv_sec >= INT_MAX / 1000) return INT_MAX;
  return static_cast<int>(timeout.tv_sec * 1000 +
                          (timeout.tv_usec + 999) / 1000);
}

// Waits for the end of a connect(), after which the program's end is writable.
// False with errno: EINTR, EAGAIN.
bool AwaitConnection(int fd, int timeout_option) {
  pollfd wait = {fd, POLLOUT, 0};
  const int ready = poll(&wait, 1, TimeoutOf(fd, timeout_option));
  if (ready == 0) errno = EAGAIN;
  return ready > 0;
}

bool HasBytes(int fd) {
  const int caller_errno = errno;
  char byte;
  const long size = kernel::Call(SYS_recvfrom, fd, &byte, 1,
                                 MSG_PEEK | MSG_DONTWAIT, nullptr, nullptr);
  errno = caller_errno;
  return size > 0;
}

// Of a stream that has bytes to read: connections that a listener hands out
// look like bytes to the kernel.
Preparation PrepareForBytes(int fd, const relay::Name& name) {
  int listens;
  const int error =
      GetRelayedNumber(fd, name, SOL_SOCKET, SO_ACCEPTCONN, &listens);
  if (error < 0) return Fail(-error);
  if (listens != 0) {
    SetHint(fd, Hint::kListener);
    return Fail(ENOTCONN);
  }
  OpenStream(fd);
  return Preparation::kOpen;
}

// The connection's error: taken from the daemon, or `otherwise`, also where it
// may not be asked. ENETDOWN if the daemon is gone.
int TakeError(int fd, const relay::Name& name, int otherwise) {
  if (!May(Means::kAsk)) return otherwise;
  RelayedState state;
  const int error = StateOfRelayed(fd, name, &state);
  // Perhaps it is there, and there was no way to it.
  if (error == -ENETDOWN && !May(Means::kAttach)) return otherwise;
  if (error < 0) return -error;
  return state.error != 0 ? state.error : otherwise;
}

}  // namespace

bool IsNonBlocking(int fd) {
  const int caller_errno = errno;
  const long flags = kernel::Call(SYS_fcntl, fd, F_GETFL, 0);
  errno = caller_errno;
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

void OpenStream(int fd) {
  const int caller_errno = errno;
  kernel::SetSocketOption(fd, SO_SNDBUF, &kOpenBufferBytes,
                          sizeof kOpenBufferBytes);
  errno = caller_errno;
  SetHint(fd, Hint::kOpenStream);
}

void HearOfConnect(int fd) {
  relay::Name name;
  if (!IsRelayed(fd, &name)) return;
  switch (OutcomeOfConnect(name)) {
    case UnawaitedConnects::Outcome::kUnanswered:
      return;
    case UnawaitedConnects::Outcome::kConnected:
      return OpenStream(fd);
    case UnawaitedConnects::Outcome::kNotConnected:
    case UnawaitedConnects::Outcome::kUnknown:
      return ChangeHint(fd, Hint::kBegunStream, Hint::kStream);
  }
}

bool TellsOfLostConnect(int fd) {
  if (HintOf(fd) != Hint::kLostStream) return false;
  ChangeHint(fd, Hint::kLostStream, Hint::kStream);
  return true;
}

int FindStreamState(int fd, const relay::Name& name, RelayedState* state) {
  const int error = StateOfRelayed(fd, name, state);
  if (error < 0) return error;
  switch (state->state) {
    case State::STATE_CONNECTED:
    case State::STATE_ENDED:
      OpenStream(fd);
      break;
    case State::STATE_LISTENING:
      SetHint(fd, Hint::kListener);
      break;
    default:
      SetHint(fd, Hint::kStream);
      break;
  }
  return 0;
}

Preparation PrepareToReceive(int fd, bool wait) {
  for (;;) {
    relay::Name name;
    if (!IsRelayed(fd, &name)) return Preparation::kOther;
    if (OpenIfConnected(fd)) return Preparation::kOpen;
    if (TellsOfLostConnect(fd)) return Fail(ENETDOWN);
    // An error comes behind what was received before it.
    if (HasBytes(fd)) return PrepareForBytes(fd, name);
    RelayedState state;
    const int error = FindStreamState(fd, name, &state);
    if (error < 0) return Fail(-error);
    if (state.error != 0) return Fail(state.error);
    switch (state.state) {
      case State::STATE_CONNECTED:
      case State::STATE_ENDED:
        return Preparation::kOpen;
      case State::STATE_CONNECTING:
        if (!wait) return Fail(EAGAIN);
        if (!AwaitConnection(fd, SO_RCVTIMEO)) return Preparation::kFailed;
        break;
      default:
        return Fail(ENOTCONN);
    }
  }
}

Preparation PrepareToSend(int fd, bool wait, bool signal) {
  for (;;) {
    relay::Name name;
    if (!IsRelayed(fd, &name)) return Preparation::kOther;
    if (OpenIfConnected(fd)) return Preparation::kOpen;
    if (TellsOfLostConnect(fd)) return Fail(ENETDOWN);
    RelayedState state;
    const int error = FindStreamState(fd, name, &state);
    if (error < 0) return Fail(-error);
    if (state.error != 0) return FailToSend(state.error, signal);
    switch (state.state) {
      case State::STATE_CONNECTED:
      case State::STATE_ENDED:
        return Preparation::kOpen;
      case State::STATE_CONNECTING:
        if (!wait) return Fail(EAGAIN);
        if (!AwaitConnection(fd, SO_SNDTIMEO)) return Preparation::kFailed;
        break;
      default:
        return FailToSend(EPIPE, signal);
    }
  }
}

bool HasHungUp(int fd) { return (PollNow(fd, 0) & (POLLHUP | POLLERR)) != 0; }

int EndOfStream(int fd) {
  // The peer's end alone has no error behind it.
  if (!May(Means::kAsk) || !HasHungUp(fd)) return 0;
  relay::Name name;
  if (!IsRelayed(fd, &name)) return 0;
  const int error = TakeError(fd, name, 0);
  if (error == 0) return 0;
  errno = error;
  return -1;
}

int FailureOfReceive(int fd) {
  // The daemon's own end with bytes unread, which only its death can be.
  const int kernels = errno;
  relay::Name name;
  if (kernels == ECONNRESET && IsRelayed(fd, &name)) {
    errno = TakeError(fd, name, kernels);
  }
  return -1;
}

bool FailureOfSend(int fd, bool signal) {
  const int kernels = errno;
  if (kernels != EPIPE && kernels != ECONNRESET) return true;
  relay::Name name;
  if (!IsRelayed(fd, &name)) return false;
  const int error = TakeError(fd, name, kernels);
  if (error == EPIPE && signal) RaiseSigpipe();
  errno = error;
  return true;
}

void RaiseSigpipe() {
  if (!May(Means::kRaise)) return;
  kernel::Call(SYS_tgkill, getpid(), kernel::Call(SYS_gettid), SIGPIPE);
}

}  // namespace wsp
