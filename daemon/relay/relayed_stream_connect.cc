// RelayedStream: how a connection begins.
//
// The program's end is kept from being writable by bytes that its client has
// put there (the filler) until the attempt has ended; they are taken off then.
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "daemon/relay/foreign_descriptors.h"
#include "daemon/relay/relayed_stream.h"

namespace wspd {
namespace {

// Of one attempt, in bytes: more than buffers have room for. A call may have to
// take them all off.
constexpr int64_t kMostFiller = 2 << 20;

int ConnectTo(int fd, const NetAddress& address) {
  int result;
  do {
    result = connect(fd, address.get(), address.size());
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

}  // namespace

int RelayedStream::Connect(const NetAddress& address, uint32_t filler,
                           bool* in_progress) {
  if (filler > kMostFiller) return EINVAL;
  absl::MutexLock lock(&mu_);
  if (!real_.valid()) return EBADF;
  if (address.empty()) return DissolveLocked();
  if (state_ == LinuxState::STATE_CONNECTING) CheckConnectLocked();
  int error;
  switch (state_) {
    case LinuxState::STATE_CONNECTING:
      ExpectFillerLocked(filler);
      return EALREADY;
    case LinuxState::STATE_UNCONNECTED:
      ExpectFirstFillerLocked(filler);
      error = BeginConnectLocked(address, in_progress);
      break;
    case LinuxState::STATE_CONNECTED:
      // The first connect() after an attempt says how that has ended.
      if (std::exchange(connect_untold_, false)) return 0;
      return EISCONN;
    default:
      return EISCONN;
  }
  connect_untold_ = error == 0 && *in_progress;
  if (connect_untold_) return 0;
  EndFillerLocked();
  return error;
}

void RelayedStream::RefuseConnect(uint32_t filler) {
  if (filler > kMostFiller) return;
  absl::MutexLock lock(&mu_);
  if (!real_.valid()) return;
  if (state_ == LinuxState::STATE_CONNECTING) CheckConnectLocked();
  // As of one that is too late, and of one that has failed.
  if (state_ == LinuxState::STATE_CONNECTING) {
    ExpectFillerLocked(filler);
  } else if (state_ == LinuxState::STATE_UNCONNECTED) {
    ExpectFirstFillerLocked(filler);
    EndFillerLocked();
  }
}

void RelayedStream::NoteUnawaitedConnect(int error) {
  absl::MutexLock lock(&mu_);
  if (error == 0) {
    connect_untold_ = state_ == LinuxState::STATE_CONNECTING ||
                      state_ == LinuxState::STATE_CONNECTED;
    return;
  }
  // Else it was another attempt that has begun, or ended.
  if (state_ != LinuxState::STATE_UNCONNECTED || connect_failed_) return;
  error_ = error;
  connect_failed_ = true;
  NoteError(error);
}

int RelayedStream::BeginConnectLocked(const NetAddress& address,
                                      bool* in_progress) {
  // As the kernel tells of the end of an attempt whose error nobody has asked
  // for, and of one whose error somebody has (inet_stream_connect).
  if (std::exchange(connect_failed_, false)) {
    const int error = TakeErrorLocked();
    return error != 0 ? error : ECONNABORTED;
  }
  endpoints_.peer = address;
  RateQuota* const quota = info().owner->quota.get();
  if (quota != nullptr && quota->TakeConnection() > absl::ZeroDuration()) {
    connects_to_ = address;
    state_ = LinuxState::STATE_CONNECTING;
    *in_progress = true;
    loop()->Ask([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->OnTurn();
    });
    return 0;
  }
  int error = ConnectTo(real_.get(), address);
  if (error != 0 && error != EINPROGRESS) {
    NoteFailureLocked(error);
    return error;
  }
  state_ = LinuxState::STATE_CONNECTING;
  if (error == 0) {
    OnConnectedLocked();
  } else {
    *in_progress = true;
    // To the same host it is often made by now.
    CheckConnectLocked();
    if (state_ == LinuxState::STATE_CONNECTED) *in_progress = false;
  }
  // Tells of what is ready already.
  error = WatchRealLocked(state_ == LinuxState::STATE_CONNECTING);
  if (error != 0) (void)DissolveLocked();
  return error;
}

void RelayedStream::TakeTurnLocked() {
  const absl::Duration wait = info().owner->quota->TakeConnection();
  if (wait > absl::ZeroDuration()) return WaitForQuotaLocked(wait);
  const NetAddress address = std::exchange(connects_to_, NetAddress());
  int error = ConnectTo(real_.get(), address);
  if (error == 0) {
    OnConnectedLocked();
  } else if (error == EINPROGRESS) {
    CheckConnectLocked();
  } else {
    return FailConnectLocked(error);
  }
  error = WatchRealLocked(state_ == LinuxState::STATE_CONNECTING);
  if (error != 0) FailConnectLocked(error);
}

int RelayedStream::DissolveLocked() {
  // The link's ends can't be taken back.
  if (to_real_ended_ || to_program_ended_ || concluded_) return EOPNOTSUPP;
  const sockaddr none{AF_UNSPEC, {}};
  if (connect(real_.get(), &none, sizeof(none)) != 0) return errno;
  address_.Look(real_.get());
  DrainLinkLocked();
  if (state_ == LinuxState::STATE_CONNECTED) {
    NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_RESET, 0, kByClient);
  }
  endpoints_.peer = NetAddress();
  state_ = LinuxState::STATE_UNCONNECTED;
  connects_to_ = NetAddress();
  error_ = 0;
  connect_failed_ = false;
  accepts_ = nullptr;
  to_real_.Clear();
  to_program_.Clear();
  SetLinkEventsLocked(false, false);
  return 0;
}

int RelayedStream::Shutdown(int how) {
  absl::MutexLock lock(&mu_);
  if (!real_.valid()) return EBADF;
  // To the program it is no connection any more.
  if (IsConcludingLocked()) return ENOTCONN;
  // The kernel doesn't know of an attempt that hasn't begun.
  if (connects_to_.empty() && shutdown(real_.get(), how) != 0) return errno;
  switch (state_) {
    case LinuxState::STATE_LISTENING:
      if (how == SHUT_WR) return 0;
      accepts_ = nullptr;
      SetLinkEventsLocked(false, false);
      // A client may keep a listener from being writable, too.
      DrainLinkLocked();
      state_ = LinuxState::STATE_UNCONNECTED;
      return 0;
    case LinuxState::STATE_CONNECTING:
      // The kernel has given it up so, and lets it be connected anew.
      FailConnectLocked(ECONNRESET);
      return 0;
    default:
      return 0;
  }
}

void RelayedStream::NoteFailureLocked(int error) {
  // The kernel may have taken its port back.
  address_.Look(real_.get());
  NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_CONNECT_FAILED, error);
  endpoints_.peer = NetAddress();
}

void RelayedStream::FailConnectLocked(int error) {
  NoteFailureLocked(error);
  state_ = LinuxState::STATE_UNCONNECTED;
  connects_to_ = NetAddress();
  error_ = error;
  connect_failed_ = true;
  to_program_.Clear();
  NoteError(error);
  DrainFillerLocked();
}

void RelayedStream::CheckConnectLocked() {
  if (!connects_to_.empty()) return;
  // Any address: while an attempt is under way the kernel doesn't look at it.
  // Unlike SO_ERROR this leaves a socket that can be connected anew.
  const int error =
      ConnectTo(real_.get(), NetAddress::Any(info().kind.family, 1));
  if (error == EALREADY || error == EINPROGRESS) return;
  if (error == 0 || error == EISCONN) return OnConnectedLocked();
  FailConnectLocked(error);
}

void RelayedStream::OnConnectedLocked() {
  state_ = LinuxState::STATE_CONNECTED;
  endpoints_.local = NetAddress::LocalOf(real_.get());
  NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_CONNECTED);
  DrainFillerLocked();
  // What came meanwhile was left there; this tells of it.
  SetLinkEventsLocked(true, false);
}

void RelayedStream::ExpectFillerLocked(int64_t change) {
  // However often it is told of: no more than once the most is ever drained.
  to_real_.Skip(std::min(change, kMostFiller - to_real_.skips()));
}

void RelayedStream::ExpectFirstFillerLocked(uint32_t filler) {
  ExpectFillerLocked(filler);
  int unread = 0;
  if (ioctl(link_.get(), SIOCINQ, &unread) != 0) return;
  if (unread > to_real_.skips()) {
    ExpectFillerLocked(unread - to_real_.skips());
  }
}

void RelayedStream::DrainFillerLocked() {
  char bytes[4096];
  while (to_real_.skips() > 0) {
    const size_t most = std::min<size_t>(sizeof(bytes), to_real_.skips());
    bool stopped = false;
    const ssize_t received =
        ForeignDescriptors::Receive(link_.get(), bytes, most, 0, &stopped);
    if (received <= 0) return;
    to_real_.Skip(-received);
    // Descriptors take longer than bytes; the rest is left for turns.
    if (stopped) return;
  }
}

void RelayedStream::EndFillerLocked() {
  DrainFillerLocked();
  to_real_.Skip(-to_real_.skips());
}

int RelayedStream::State(int filler_change, wsp::v1::LinuxStateResult* result) {
  if (std::abs(int64_t{filler_change}) > kMostFiller) return EINVAL;
  absl::MutexLock lock(&mu_);
  if (!real_.valid()) return EBADF;
  if (state_ == LinuxState::STATE_CONNECTING) {
    CheckConnectLocked();
    if (state_ == LinuxState::STATE_CONNECTING) {
      ExpectFillerLocked(filler_change);
    }
  }
  if (state_ != LinuxState::STATE_CONNECTING && filler_change < 0) {
    // A byte that nobody was to count on may be there all the same.
    DrainFillerLocked();
    to_real_.Skip(filler_change);
  }
  result->set_state(state_);
  result->set_error(TakeErrorLocked());
  // The caller has it as connect() gives it.
  connect_failed_ = false;
  connect_untold_ = false;
  return 0;
}

int RelayedStream::TakeError(int* pending) {
  absl::MutexLock lock(&mu_);
  if (!real_.valid()) return EBADF;
  if (state_ == LinuxState::STATE_CONNECTING) CheckConnectLocked();
  *pending = TakeErrorLocked();
  return 0;
}

int RelayedStream::TakeErrorLocked() {
  if (error_ == 0) return std::exchange(send_error_, 0);
  return std::exchange(error_, 0);
}

}  // namespace wspd
