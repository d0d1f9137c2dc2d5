// RelayedStream: how an administrator ends it.
#include <errno.h>
#include <sys/socket.h>

#include "daemon/relay/relayed_stream.h"

namespace wspd {
namespace {

// What may be there of a peer's bytes, and no more than that if it sends on.
constexpr size_t kDropBytes = size_t{1} << 20;
constexpr int kMostDrops = 8;

}  // namespace

int RelayedStream::End(ForcedEnd how) {
  absl::MutexLock lock(&mu_);
  if (!real_.valid()) return EBADF;
  if (how == ForcedEnd::kOrderly) {
    if (gone_ || IsConcludingLocked()) return EALREADY;
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

void RelayedStream::CutRealLocked() {
  if (DissolveRealLocked() == 0) return;
  LingerNotAtAllLocked();
  real_.Reset();
  address_.Release();
}

void RelayedStream::LeavePeerLocked() {
  // TCP sends on what it has, and answers what comes by a reset. What is there
  // would make one of a close, and leave no room for more to come.
  shutdown(real_.get(), SHUT_RD);
  for (int i = 0; i < kMostDrops; ++i) {
    if (recv(real_.get(), nullptr, kDropBytes, MSG_TRUNC | MSG_DONTWAIT) <= 0) {
      break;
    }
  }
  if (gone_) return CloseLocked();
  // It is its program's until that closes it.
  to_program_ended_ = true;
  to_program_.Clear();
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
