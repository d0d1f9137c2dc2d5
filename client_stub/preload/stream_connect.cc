// How a program's end isn't writable while its socket connects: it is filled
// with bytes that the daemon takes off when the attempt has ended, well or not
// (LinuxConnect.filler). A wait is one more of them, by a send that blocks: the
// kernel restarts it, limits it and lets it be cancelled as connect().
#include "client_stub/preload/stream_connect.h"

#include <errno.h>
#include <pthread.h>

#include "client_stub/preload/connect_waits.h"
#include "client_stub/preload/kernel_calls.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/shield.h"
#include "client_stub/preload/socket_address.h"
#include "client_stub/preload/stream_state.h"

namespace wsp {
namespace {

using State = wire::LinuxStateResult;

// More than there is room for: by what goes of it the kernel says that there is
// none any more, in one call.
constexpr char kFiller[8192] = {};
// A program's end that takes all that is no end with the least buffer.
constexpr uint32_t kMostFiller = 1 << 20;

struct Waiting {
  int fd;
  const relay::Name* name;
  ConnectWait* wait;
};

// Takes the room of the program's end; how many bytes that took.
uint32_t FillUp(int fd) {
  const int caller_errno = errno;
  uint32_t count = 0;
  long sent;
  do {
    sent = kernel::Call(SYS_sendto, fd, kFiller, sizeof kFiller,
                        MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
    if (sent > 0) count += static_cast<uint32_t>(sent);
  } while (sent == sizeof kFiller && count < kMostFiller);
  errno = caller_errno;
  return count;
}

void MakeSmall(int fd) {
  const int caller_errno = errno;
  constexpr int kLeast = 1;
  kernel::SetSocketOption(fd, SO_SNDBUF, &kLeast, sizeof kLeast);
  errno = caller_errno;
}

// The byte that the daemon was told to expect won't come.
void TakeFillerBack(void* argument) {
  const auto* waiting = static_cast<const Waiting*>(argument);
  waiting->wait->End();
  RelayedState state;
  StateOfRelayed(waiting->fd, *waiting->name, -1, &state);
}

// Sends the byte that the daemon expects, which waits for the end of the
// attempt. 0 or a negative errno, after which it won't come.
int SendLastFiller(int fd, const relay::Name& name) {
  const int caller_errno = errno;
  ConnectWait wait(name.number);
  Waiting waiting = {fd, &name, &wait};
  ssize_t sent;
  pthread_cleanup_push(TakeFillerBack, &waiting);
  sent = Real().send(fd, kFiller, 1, MSG_NOSIGNAL);
  pthread_cleanup_pop(0);
  const int error = sent == 1 ? 0 : -errno;
  errno = caller_errno;
  return error;
}

// Waits for the end of the attempt, of which the daemon expects one byte more.
// `pending`: what a time that ran out is.
int AwaitEnd(int fd, const relay::Name& name, int pending) {
  for (;;) {
    const int sent = SendLastFiller(fd, name);
    RelayedState state;
    int error = FindStreamState(fd, name, sent == 0 ? 0 : -1, &state);
    if (error < 0) return error;
    if (state.error != 0) return -state.error;
    switch (state.state) {
      case State::STATE_CONNECTED:
      case State::STATE_ENDED:
        return 0;
      case State::STATE_CONNECTING:
        if (sent == -EAGAIN) return pending;
        if (sent != 0) return sent;
        break;
      default:
        // Somebody else was told why.
        return -ECONNABORTED;
    }
    // Another attempt, of somebody else's.
    error = FindStreamState(fd, name, 1, &state);
    if (error < 0) return error;
    if (state.state != State::STATE_CONNECTING) return -ECONNABORTED;
  }
}

// An attempt is under way.
int JoinAttempt(int fd, const relay::Name& name) {
  if (IsNonBlocking(fd)) return -EALREADY;
  RelayedState state;
  const int error = FindStreamState(fd, name, 1, &state);
  if (error < 0) return error;
  if (state.error != 0) return -state.error;
  switch (state.state) {
    case State::STATE_CONNECTING:
      return AwaitEnd(fd, name, -EALREADY);
    case State::STATE_CONNECTED:
    case State::STATE_ENDED:
      return 0;
    default:
      return -ECONNABORTED;
  }
}

int BeginAttempt(int fd, const relay::Name& name, const Address& address) {
  // A new one is small.
  if (HintOf(fd) != Hint::kNewStream) MakeSmall(fd);
  SetHint(fd, Hint::kStream);
  const bool waits = !IsNonBlocking(fd);
  bool in_progress;
  int error;
  {
    // No handler may leave what the daemon hasn't been told of.
    Shield shield;
    if (shield.process() == ProcessKind::kVforked) return -ENETDOWN;
    const uint32_t filler = FillUp(fd) + (waits ? 1 : 0);
    error = ConnectRelayed(fd, name, address, filler, &in_progress);
  }
  // Somebody else's, which has come before: the byte is expected all the same.
  if (error == -EALREADY && waits) return AwaitEnd(fd, name, -EALREADY);
  // At its end, the daemon expects nothing more.
  if (error != 0) return error;
  if (in_progress) {
    return waits ? AwaitEnd(fd, name, -EINPROGRESS) : -EINPROGRESS;
  }
  if (waits) {
    OpenStream(fd);
    return 0;
  }
  // To a program it never is when connect() returns.
  SetHint(fd, Hint::kConnectedStream);
  return -EINPROGRESS;
}

// The state, without a pending error: that is the result. One that is connected
// isn't asked for its state, which would tell that connect() has said so.
int FindBeforeConnect(int fd, const relay::Name& name, RelayedState* state) {
  Address peer;
  if (name.kind == relay::Kind::kConnection ||
      AddressOfRelayed(fd, name, true, &peer) == 0) {
    state->state = State::STATE_CONNECTED;
    return 0;
  }
  const int error = FindStreamState(fd, name, 0, state);
  return error < 0 ? error : -state->error;
}

int TakeConnectionBack(int fd, const relay::Name& name) {
  bool in_progress;
  const int error = ConnectRelayed(fd, name, Address(), 0, &in_progress);
  if (error == 0) {
    MakeSmall(fd);
    SetHint(fd, Hint::kStream);
  }
  return error;
}

}  // namespace

void MakeUnwritable(int fd) {
  MakeSmall(fd);
  FillUp(fd);
}

int ConnectStream(int fd, const relay::Name& name, const sockaddr* address,
                  socklen_t size) {
  sockaddr_storage to;
  int error = CopyAddressIn(address, size, &to);
  if (error != 0) return error;
  if (size < sizeof to.ss_family) return -EINVAL;
  if (to.ss_family == AF_UNSPEC) return TakeConnectionBack(fd, name);
  if (HintOf(fd) == Hint::kConnectedStream) {
    OpenStream(fd);
    return 0;
  }
  Address target;
  error = ReadAddress(to, size, name.family, -EAFNOSUPPORT, &target);
  RelayedState state;
  state.state = State::STATE_UNCONNECTED;
  if (HintOf(fd) != Hint::kNewStream) {
    const int asked = FindBeforeConnect(fd, name, &state);
    if (asked < 0) return asked;
  }
  if (state.state == State::STATE_CONNECTING) return JoinAttempt(fd, name);
  if (error != 0) return error;
  if (state.state == State::STATE_UNCONNECTED) {
    return BeginAttempt(fd, name, target);
  }
  // For what the kernel says to that: 0 once after the end of an attempt.
  bool in_progress;
  return ConnectRelayed(fd, name, target, 0, &in_progress);
}

}  // namespace wsp
