// How a program's end isn't writable while its socket connects: it is filled
// with bytes that the daemon takes off when the attempt has ended, well or not
// (LinuxConnect.filler).
#include "client_stub/preload/stream_connect.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <atomic>

#include "client_stub/base/mutex.h"
#include "client_stub/preload/kernel_calls.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/session_state.h"
#include "client_stub/preload/shield.h"
#include "client_stub/preload/socket_address.h"
#include "client_stub/preload/stream_state.h"

namespace wsp {
namespace {

using State = wire::LinuxStateResult;

// More than there is room for: by what goes of it the kernel says that there is
// none any more, in one call.
constexpr char kFiller[8192] = {};
constexpr size_t kPageBytes = 4096;

// Takes the room of the program's end; how many bytes that took. An end that
// takes them all is none with the least buffer.
uint32_t FillUp(int fd) {
  const int caller_errno = errno;
  const long sent = kernel::Call(SYS_sendto, fd, kFiller, sizeof kFiller,
                                 MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
  errno = caller_errno;
  return sent > 0 ? static_cast<uint32_t>(sent) : 0;
}

void MakeSmall(int fd) {
  const int caller_errno = errno;
  constexpr int kLeast = 1;
  kernel::SetSocketOption(fd, SO_SNDBUF, &kLeast, sizeof kLeast);
  errno = caller_errno;
}

// Whether nobody has connected it yet. A hint knows nothing of other processes
// that have the same socket: who begins leaves a mark on the program's end,
// where the option means nothing.
bool IsNew(int fd) {
  if (HintOf(fd) != Hint::kNewStream) return false;
  const int caller_errno = errno;
  int marked = 1;
  socklen_t size = sizeof marked;
  kernel::GetSocketOption(fd, SO_BROADCAST, &marked, &size);
  errno = caller_errno;
  return marked == 0;
}

void MarkBegun(int fd) {
  const int caller_errno = errno;
  constexpr int kMarked = 1;
  kernel::SetSocketOption(fd, SO_BROADCAST, &kMarked, sizeof kMarked);
  errno = caller_errno;
}

// Memory that isn't there; null: it couldn't be had.
const void* Nowhere() {
  static std::atomic<void*> g_nowhere{nullptr};
  void* nowhere = g_nowhere.load();
  if (nowhere != nullptr) return nowhere;
  const long made =
      kernel::Call(SYS_mmap, 0L, static_cast<long>(kPageBytes), PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1L, 0L);
  if (made < 0 && made > -4096) return nullptr;
  if (g_nowhere.compare_exchange_strong(nowhere,
                                        reinterpret_cast<void*>(made))) {
    return reinterpret_cast<void*>(made);
  }
  kernel::Call(SYS_munmap, made, static_cast<long>(kPageBytes));
  return nowhere;
}

// Waits until the program's end has room, as connect() waits: by a send that
// the kernel restarts, limits and lets be cancelled in the same way. It sends
// nothing: the kernel waits for room first, and then finds no memory to send
// from. So whoever is taken out of it by a handler for good leaves nothing
// behind. 0 or a negative errno.
int AwaitRoom(int fd) {
  const void* const nowhere = Nowhere();
  if (nowhere == nullptr) return -ENOMEM;
  const int caller_errno = errno;
  const ssize_t sent = Real().send(fd, nowhere, 1, MSG_NOSIGNAL);
  const int error = sent >= 0 || errno == EFAULT ? 0 : -errno;
  errno = caller_errno;
  return error;
}

// Waits for the end of the attempt. `pending`: what a time that ran out is.
int AwaitEnd(int fd, const relay::Name& name, int pending) {
  // There is no room while an attempt is under way; another one may have begun.
  constexpr int kMostAttempts = 100;
  for (int i = 0; i < kMostAttempts; ++i) {
    const int waited = AwaitRoom(fd);
    RelayedState state;
    const int error = FindStreamState(fd, name, &state);
    if (error < 0) return error;
    if (state.error != 0) return -state.error;
    switch (state.state) {
      case State::STATE_CONNECTED:
      case State::STATE_ENDED:
        return 0;
      case State::STATE_CONNECTING:
        if (waited == -EAGAIN) return pending;
        if (waited != 0) return waited;
        break;
      default:
        // Somebody else was told why.
        return -ECONNABORTED;
    }
  }
  return pending;
}

// Whether there is something that the daemon hasn't read.
bool HasUnread(int fd) {
  const int caller_errno = errno;
  int bytes = 0;
  kernel::Call(SYS_ioctl, fd, SIOCOUTQ, &bytes);
  errno = caller_errno;
  return bytes > 0;
}

// After an answer that was lost: what the daemon has made of the attempt. False
// if it hasn't begun, or has failed at once; else `*error` is the answer.
bool FindAttempt(int fd, const relay::Name& name, int* error,
                 bool* in_progress) {
  RelayedState state;
  *error = FindStreamState(fd, name, &state);
  if (*error < 0) return true;
  *error = -state.error;
  if (state.error != 0) return true;
  switch (state.state) {
    case State::STATE_UNCONNECTED:
      return false;
    case State::STATE_CONNECTING:
      *in_progress = true;
      return true;
    case State::STATE_LISTENING:
      *error = -EISCONN;
      return true;
    default:
      return true;
  }
}

// Fills the program's end up and has the daemon connect, once. What the daemon
// answers.
int TellAttempt(int fd, const relay::Name& name, const Address& address,
                bool may_go_unawaited, ConnectAnswer* answer) {
  uint32_t filler = FillUp(fd);
  for (;;) {
    const int64_t begin_ms = kernel::NowMs();
    int error =
        ConnectRelayed(fd, name, address, filler, may_go_unawaited, answer);
    if (error != -ENETDOWN) return error;
    answer->unawaited = false;
    // It is silent, not lost.
    if (kernel::NowMs() - begin_ms >= kDaemonPatienceMs ||
        FindAttempt(fd, name, &error, &answer->in_progress)) {
      return error;
    }
    // The daemon has taken all off, or none.
    filler = (HasUnread(fd) ? filler : 0) + FillUp(fd);
  }
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
  const int error = FindStreamState(fd, name, state);
  return error < 0 ? error : -state->error;
}

// What became of a beginning.
struct Beginning {
  // As it was before; an attempt has begun only if it was unconnected.
  uint32_t state = State::STATE_UNCONNECTED;
  ConnectAnswer answer;
};

int BeginLocked(int fd, const relay::Name& name, const Address& address,
                int address_error, bool waits, Beginning* beginning) {
  if (!IsNew(fd)) {
    RelayedState state;
    const int asked = FindBeforeConnect(fd, name, &state);
    beginning->state = state.state;
    if (asked < 0 || state.state != State::STATE_UNCONNECTED) return asked;
    // A new one is small.
    MakeSmall(fd);
  }
  if (address_error != 0) return address_error;
  MarkBegun(fd);
  SetHint(fd, Hint::kStream);
  const int error = TellAttempt(fd, name, address, !waits, &beginning->answer);
  if (error == 0 && beginning->answer.unawaited) {
    ChangeHint(fd, Hint::kStream, Hint::kBegunStream);
  }
  return error;
}

// Looks at the socket and, if it isn't connected, begins an attempt, if
// `address_error` isn't against it. One step: of two threads that connect the
// same socket, the other would fill what is connected by then.
int Begin(int fd, const relay::Name& name, const Address& address,
          int address_error, bool waits, Beginning* beginning) {
  Shield shield;
  if (shield.process() == ProcessKind::kVforked) return -ENETDOWN;
  const uint32_t silences = g_connecting.silences.load();
  MutexLock lock(&g_connecting.mutex);
  // As AskAboutSocket().
  if (g_connecting.silences.load() != silences) return -ENETDOWN;
  const int64_t begin_ms = kernel::NowMs();
  const int error =
      BeginLocked(fd, name, address, address_error, waits, beginning);
  if (error == -ENETDOWN && kernel::NowMs() - begin_ms >= kDaemonPatienceMs) {
    g_connecting.silences.fetch_add(1);
  }
  return error;
}

int TakeConnectionBack(int fd, const relay::Name& name) {
  ConnectAnswer answer;
  const int error = ConnectRelayed(fd, name, Address(), 0, false, &answer);
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
  const bool waits = !IsNonBlocking(fd);
  Beginning beginning;
  error = Begin(fd, name, target, error, waits, &beginning);
  switch (beginning.state) {
    case State::STATE_UNCONNECTED:
      break;
    case State::STATE_CONNECTING:
      if (error != 0) return error;
      return waits ? AwaitEnd(fd, name, -EALREADY) : -EALREADY;
    default: {
      if (error != 0) return error;
      // For what the kernel says to that: 0 once after the end of an attempt.
      ConnectAnswer answer;
      return ConnectRelayed(fd, name, target, 0, false, &answer);
    }
  }
  // Somebody else's, of another process, which has come before.
  if (error == -EALREADY && waits) return AwaitEnd(fd, name, -EALREADY);
  if (error != 0) return error;
  if (beginning.answer.unawaited) return -EINPROGRESS;
  if (beginning.answer.in_progress) {
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

}  // namespace wsp
