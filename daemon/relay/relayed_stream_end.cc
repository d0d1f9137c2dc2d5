// RelayedStream: how an administrator ends it.
#include <errno.h>
#include <sys/socket.h>

#include "daemon/relay/relayed_stream.h"

namespace wspd {

int RelayedStream::End(ForcedEnd how) {
  absl::MutexLock lock(&mu_);
  if (!real_.valid()) return EBADF;
  if (how == ForcedEnd::kOrderly) {
    if (IsConcludingLocked()) return EALREADY;
    // One that has just been made is a connection to its peer.
    if (state_ == LinuxState::STATE_CONNECTING) CheckConnectLocked();
    if (state_ == LinuxState::STATE_CONNECTED) {
      ConcludeLocked();
      return 0;
    }
  }
  if (state_ != LinuxState::STATE_CONNECTING &&
      state_ != LinuxState::STATE_CONNECTED &&
      state_ != LinuxState::STATE_LISTENING && !IsConcludingLocked()) {
    return ENOTCONN;
  }
  if (const int error = DissolveRealLocked(); error != 0) return error;
  if (state_ == LinuxState::STATE_CONNECTING) {
    FailConnectLocked(ECONNABORTED);
    return 0;
  }
  accepts_ = nullptr;
  BreakLocked(ECONNABORTED, kByAdministrator, how);
  return 0;
}

int RelayedStream::DissolveRealLocked() {
  // connect(2): dissolves a connection with a reset, and ends a listener.
  const sockaddr none{AF_UNSPEC, {}};
  if (connect(real_.get(), &none, sizeof(none)) != 0) return errno;
  address_.Look(real_.get());
  return 0;
}

void RelayedStream::ConcludeLocked() {
  NoteLocked(EventOf(ForcedEnd::kOrderly), ECONNABORTED, kByAdministrator);
  state_ = LinuxState::STATE_ENDED;
  NoteError(ECONNABORTED);
  error_ = ECONNABORTED;
  send_error_ = 0;
  concluded_ = true;
  // What the peer sends is taken and dropped: left unread, it would make a
  // reset of the close.
  to_program_.Discard();
  to_program_.SetReady(false, false);
  // The program can send no more, and what it has sent can still be read here.
  shutdown(link_.get(), SHUT_RDWR);
  to_real_.SetReady(false, true);
  loop()->Ask([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->OnTurn();
  });
}

}  // namespace wspd
