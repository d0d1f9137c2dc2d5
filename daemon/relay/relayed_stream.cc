#include "daemon/relay/relayed_stream.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <algorithm>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/relay/foreign_descriptors.h"
#include "daemon/relay/relay_pair.h"
#include "daemon/relay/relayed_sockets.h"

namespace wspd {
namespace {

constexpr uint32_t kBytes = EPOLLIN | EPOLLPRI | EPOLLRDHUP;
// After which a listener that had to pause goes on.
constexpr absl::Duration kPause = absl::Milliseconds(100);
// What one user's streams may keep together, in bytes, before each of them
// takes no more at a time than this.
constexpr size_t kMostKeptBytes = 32 << 20;
constexpr size_t kScarceBytes = 4 << 10;
// The same at a quarter of that: what many that don't read may keep each.
constexpr size_t kFewBytes = 128 << 10;

bool MayHaveMore(uint32_t events) {
  return (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) !=
         0;
}

bool SaysEnd(uint32_t events) {
  return (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
}

}  // namespace

int RelayedStream::Start() {
  absl::MutexLock lock(&mu_);
  const bool accepted = info().listener != 0;
  if (accepted) state_ = LinuxState::STATE_CONNECTED;
  link_events_ = EPOLLET | (accepted ? kBytes : 0);
  const int error =
      loop()->Watch(link_.get(), link_events_, this, RelayEnd::kProgram);
  if (error != 0 || !accepted) return error;
  // From now on the loop knows of it, and lets go of it.
  const int failed = WatchRealLocked(false);
  if (failed != 0) BreakLocked(failed, "");
  return 0;
}

int RelayedStream::WatchRealLocked(bool room) {
  if (watches_real_) {
    if (room) WatchRealForRoomLocked();
    return 0;
  }
  const int error = loop()->Watch(
      real_.get(), EPOLLET | kBytes | (room ? uint32_t{EPOLLOUT} : 0), this,
      RelayEnd::kReal);
  watches_real_ = error == 0;
  real_room_ = room;
  return error;
}

void RelayedStream::WatchRealForRoomLocked() {
  // TCP tells of room only after it has been wanting: it may stay so.
  if (std::exchange(real_room_, true)) return;
  (void)loop()->Rearm(real_.get(), EPOLLET | kBytes | EPOLLOUT, this,
                      RelayEnd::kReal);
}

int RelayedStream::Listen(int backlog) {
  uint16_t port = 0;
  const int error = BeginToListen(backlog, &port);
  NotePort(port);
  return error;
}

int RelayedStream::BeginToListen(int backlog, uint16_t* port) {
  absl::MutexLock lock(&mu_);
  if (!real_.valid()) return EBADF;
  if (state_ != LinuxState::STATE_UNCONNECTED &&
      state_ != LinuxState::STATE_LISTENING) {
    return EINVAL;
  }
  const int error = address_.Listen(real_.get(), backlog);
  if (error != 0) return error;
  // One that had no address has one now.
  endpoints_.local = NetAddress::LocalOf(real_.get());
  *port = endpoints_.local.port();
  AcceptQueue::SetRoom(link_.get(), backlog);
  if (accepts_ == nullptr) {
    accepts_ = std::make_unique<AcceptQueue>(table(), info());
    NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_LISTENING);
  }
  state_ = LinuxState::STATE_LISTENING;
  return WatchRealLocked(false);
}

int RelayedStream::CountUnsent(int* bytes) {
  absl::MutexLock lock(&mu_);
  int on_link = 0;
  if (!real_.valid()) return EBADF;
  if (ioctl(real_.get(), SIOCOUTQ, bytes) != 0 ||
      ioctl(link_.get(), SIOCINQ, &on_link) != 0) {
    return errno;
  }
  *bytes += on_link + static_cast<int>(to_real_.rest_bytes());
  return 0;
}

void RelayedStream::SetProgramOption(int name, const std::string& value) {
  absl::MutexLock lock(&mu_);
  for (auto& [known, old] : program_options_) {
    if (known == name) {
      old = value;
      return;
    }
  }
  program_options_.emplace_back(name, value);
}

void RelayedStream::OnLingerSet() {
  linger value{};
  socklen_t size = sizeof(value);
  absl::MutexLock lock(&mu_);
  if (!real_.valid() ||
      getsockopt(real_.get(), SOL_SOCKET, SO_LINGER, &value, &size) != 0) {
    return;
  }
  lingers_ = value.l_onoff != 0;
  aborts_ = lingers_ && value.l_linger == 0;
}

// ------------------------------------------------------------------ loop

void RelayedStream::OnEvents(RelayEnd end, uint32_t events) {
  absl::MutexLock lock(&mu_);
  if (!link_.valid()) return;
  const bool urgent = (events & EPOLLPRI) != 0;
  if (end == RelayEnd::kProgram) {
    if (MayHaveMore(events)) to_real_.SetReady(urgent, SaysEnd(events));
    if ((events & EPOLLHUP) != 0) hung_up_ = true;
  } else if (MayHaveMore(events)) {
    to_program_.SetReady(urgent, SaysEnd(events));
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) NoteRealErrorLocked();
  }
  WorkLocked();
}

void RelayedStream::NoteRealErrorLocked() {
  // Else receiving or sending finds it, in its place.
  if (!to_program_ended_) return;
  if (state_ != LinuxState::STATE_CONNECTED && !IsConcludingLocked()) return;
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(real_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) BreakLocked(error, ReasonOfLoss(error));
}

void RelayedStream::OnProgramGoneLocked() {
  gone_ = true;
  WorkLocked();
}

void RelayedStream::OnTurn() {
  absl::MutexLock lock(&mu_);
  deferred_ = false;
  if (link_.valid()) WorkLocked();
}

void RelayedStream::OnTimeLocked() {
  pauses_ = false;
  const bool sends_on = gone_ || IsConcludingLocked();
  if (!sends_on || !IsTimeOverLocked()) return WorkLocked();
  if (concluded_ && to_real_ended_) return LeavePeerLocked();
  Log(LogLevel::kDebug, "closed relayed socket reset",
      {{"pid", info().owner->pid}, {"number", info().number}});
  if (gone_) return ResetLocked(kTimeOver);
  CutRealLocked();
  BreakLocked(ECONNABORTED, kTimeOver);
}

void RelayedStream::DeferLocked() {
  if (!std::exchange(deferred_, true)) loop()->Defer(shared_from_this());
}

void RelayedStream::SetLinkEventsLocked(bool bytes, bool room) {
  const uint32_t events =
      EPOLLET | (bytes ? kBytes : 0) | (room ? uint32_t{EPOLLOUT} : 0);
  if (events == link_events_) return;
  link_events_ = events;
  // Can't fail: it is in the set.
  (void)loop()->Rearm(link_.get(), events, this, RelayEnd::kProgram);
}

void RelayedStream::WorkLocked() {
  if (std::exchange(hung_up_, false) && !gone_) gone_ = IsProgramGoneLocked();
  if (gone_ && state_ == LinuxState::STATE_LISTENING &&
      (HasError(link_.get()) || (accepts_ != nullptr && accepts_->has_one()))) {
    table()->TellAccepted(info().number);
  }
  if (IsConcludingLocked()) return PumpLocked();
  if (gone_ && state_ != LinuxState::STATE_CONNECTED) {
    // Ends the one that found no room, whoever else still knows the listener.
    accepts_ = nullptr;
    return CloseLocked();
  }
  switch (state_) {
    case LinuxState::STATE_CONNECTED:
      return PumpLocked();
    case LinuxState::STATE_LISTENING:
      return AcceptLocked();
    case LinuxState::STATE_CONNECTING:
      if (!connects_to_.empty()) {
        TakeTurnLocked();
      } else {
        CheckConnectLocked();
      }
      if (state_ == LinuxState::STATE_CONNECTED) PumpLocked();
      return;
    case LinuxState::STATE_UNCONNECTED:
      return DrainFillerLocked();
    default:
      return;
  }
}

void RelayedStream::AcceptLocked() {
  if (!real_.valid() || pauses_) return;
  const AcceptQueue::Result result =
      accepts_->Run(real_.get(), link_.get(), {lingers_, &program_options_},
                    loop()->is_shared());
  SetLinkEventsLocked(false, result == AcceptQueue::Result::kBlocked);
  if (result == AcceptQueue::Result::kMore) DeferLocked();
  if (result == AcceptQueue::Result::kScarce ||
      result == AcceptQueue::Result::kTooSoon) {
    pauses_ = true;
    if (result == AcceptQueue::Result::kScarce) {
      WakeAfterLocked(kPause);
    } else {
      WaitForQuotaLocked(accepts_->wait());
    }
  }
}

void RelayedStream::PumpLocked() {
  if (gone_ && !concluded_) {
    const std::optional<bool> unaccepted = IsUnacceptedLocked();
    if (aborts_ || unaccepted.value_or(false)) return ResetLocked(kByClient);
    if (!unaccepted) return DeferLocked();
  }
  bool more = false;
  absl::Duration wake = absl::InfiniteDuration();
  if (!to_real_ended_ && MayRun(to_real_, SendWait(), &wake)) {
    more |= PumpToRealLocked();
  }
  if (!link_.valid()) return;
  if (!to_program_ended_ && MayRun(to_program_, ReceiveWait(), &wake)) {
    more |= PumpToProgramLocked();
  }
  CountKeptLocked();
  if (!link_.valid()) return;
  // To a peer that still sends, closing what was concluded would be a reset.
  if (gone_ && to_real_ended_ && (!concluded_ || to_program_ended_)) {
    return CloseLocked();
  }
  SetLinkEventsLocked(true, to_program_.blocked());
  if (to_real_.blocked()) WatchRealForRoomLocked();
  if (more) DeferLocked();
  ScheduleLocked(gone_ || IsConcludingLocked(), wake);
}

bool RelayedStream::MayRun(const ByteFlow& flow, absl::Duration wait,
                           absl::Duration* wake) {
  if (wait <= absl::ZeroDuration() || !flow.ready()) return true;
  *wake = std::min(*wake, wait);
  return false;
}

ByteFlow::Buffer RelayedStream::BufferLocked() const {
  const size_t kept =
      info().owner->user->stream_bytes.load(std::memory_order_relaxed);
  if (kept > kMostKeptBytes) return {loop()->buffer(), kScarceBytes};
  const size_t most =
      kept > kMostKeptBytes / 4 ? kFewBytes : RelayLoop::kBufferBytes;
  return {loop()->buffer(), std::min(most, TurnBytes())};
}

void RelayedStream::CountKeptLocked() {
  const size_t kept = to_real_.kept_bytes() + to_program_.kept_bytes();
  if (kept == kept_bytes_) return;
  // Unsigned: may be less than before.
  info().owner->user->stream_bytes.fetch_add(kept - kept_bytes_,
                                             std::memory_order_relaxed);
  kept_bytes_ = kept;
}

bool RelayedStream::PumpToRealLocked() {
  size_t budget = TurnBytes();
  uint64_t moved = 0;
  int error = 0;
  const ByteFlow::Result result = to_real_.Run(
      link_.get(), real_.get(), BufferLocked(), &budget, &moved, &error);
  if (moved > 0) CountSentLocked(moved, 1);
  switch (result) {
    case ByteFlow::Result::kIdle:
      to_real_.Push(real_.get());
      return false;
    case ByteFlow::Result::kBlocked:
      return false;
    case ByteFlow::Result::kMore:
      // What follows may wait for its client's rate.
      if (SendWait() > absl::ZeroDuration()) to_real_.Push(real_.get());
      return true;
    case ByteFlow::Result::kEnd:
      OnProgramEndedLocked();
      return false;
    case ByteFlow::Result::kSourceFailed:
      // ECONNRESET: the program has closed it with bytes unread, for which TCP
      // resets; unless it was ended before.
      concluded_ ? OnProgramEndedLocked() : ResetLocked(kByClient);
      return false;
    case ByteFlow::Result::kSinkFailed:
      to_real_ended_ = true;
      broken_ = true;
      if (error != EPIPE) send_error_ = error;
      if (to_program_ended_) {
        BreakLocked(error, ReasonOfLoss(error));
        return false;
      }
      // Nobody can send any more, or is to wait until he can. What came before
      // that is still to be delivered.
      shutdown(link_.get(), SHUT_RD);
      DrainLinkLocked();
      to_program_.SetReady(false, true);
      return false;
  }
  return false;
}

void RelayedStream::OnProgramEndedLocked() {
  // The end may be here before the word of the hang-up that it is.
  if (aborts_ && !concluded_ && IsHungUp(link_.get()) &&
      IsProgramGoneLocked()) {
    return ResetLocked(kByClient);
  }
  to_real_ended_ = true;
  // Closing does it, too.
  if (!gone_ || concluded_) shutdown(real_.get(), SHUT_WR);
  if (to_program_ended_) state_ = LinuxState::STATE_ENDED;
}

bool RelayedStream::PumpToProgramLocked() {
  size_t budget = TurnBytes();
  uint64_t moved = 0;
  int error = 0;
  const ByteFlow::Result result = to_program_.Run(
      real_.get(), link_.get(), BufferLocked(), &budget, &moved, &error);
  if (moved > 0) {
    to_program_.discards() ? CountDroppedBytes(moved)
                           : CountReceivedLocked(moved, 1);
  }
  switch (result) {
    case ByteFlow::Result::kIdle:
    case ByteFlow::Result::kBlocked:
      return false;
    case ByteFlow::Result::kMore:
      return true;
    case ByteFlow::Result::kEnd:
      OnRealEndedLocked(0);
      return false;
    case ByteFlow::Result::kSourceFailed:
      OnRealEndedLocked(error);
      return false;
    case ByteFlow::Result::kSinkFailed:
      // As above, found by sending.
      if (error == ECONNRESET) {
        ResetLocked(kByClient);
        return false;
      }
      // The program has shut it down, or is gone: it wants nothing any more.
      to_program_.Discard();
      to_program_.SetReady(false, false);
      return true;
  }
  return false;
}

void RelayedStream::OnRealEndedLocked(int error) {
  to_program_ended_ = true;
  if (error == 0) error = std::exchange(send_error_, 0);
  if (error != 0 || broken_) {
    return BreakLocked(error, error != 0 ? ReasonOfLoss(error) : kByPeer);
  }
  shutdown(link_.get(), SHUT_WR);
  if (to_real_ended_) state_ = LinuxState::STATE_ENDED;
}

void RelayedStream::BreakLocked(int error, absl::string_view reason,
                                ForcedEnd how) {
  NoteLocked(EventOf(how), error, reason);
  state_ = LinuxState::STATE_ENDED;
  // Else the program has been told.
  if (!concluded_) {
    NoteError(error);
    error_ = error;
  }
  broken_ = true;
  to_real_ended_ = true;
  to_program_ended_ = true;
  to_real_.Clear();
  to_program_.Clear();
  SetLinkEventsLocked(false, false);
  // When the program's end is closed after this, that is one more edge.
  shutdown(link_.get(), SHUT_RDWR);
  // What was still to be sent is lost with the connection. Who waits for room
  // on the program's end is woken by it.
  DrainLinkLocked();
}

void RelayedStream::DrainLinkLocked() {
  // What is there now: the program may be sending without end.
  int left = 0;
  if (ioctl(link_.get(), SIOCINQ, &left) != 0) return;
  char bytes[16384];
  while (left > 0) {
    const size_t most = std::min(sizeof(bytes), static_cast<size_t>(left));
    bool stopped = false;
    const ssize_t received =
        ForeignDescriptors::Receive(link_.get(), bytes, most, 0, &stopped);
    // Descriptors take longer than bytes: of who sends them along the rest
    // stays.
    if (received <= 0 || stopped) return;
    left -= static_cast<int>(received);
  }
}

std::optional<bool> RelayedStream::IsUnacceptedLocked() const {
  // Nothing has come or gone, and the listener has ended with connections that
  // nobody had taken: the kernel has dropped it with these.
  if (info().listener == 0 || bytes_sent() != 0 || bytes_received() != 0) {
    return false;
  }
  int unread = 0;
  if (ioctl(link_.get(), SIOCINQ, &unread) != 0 || unread > 0) return false;
  // In this order: a listener that has left the table has told it before.
  const std::optional<bool> left = table()->HasLeftUnread(info().listener);
  if (unaccepted_.load()) return true;
  return left;
}

void RelayedStream::CloseIfLeft(int* looks) {
  absl::MutexLock lock(&mu_);
  if (state_ != LinuxState::STATE_UNCONNECTED &&
      state_ != LinuxState::STATE_LISTENING) {
    return;
  }
  if (!IsLeftLocked(looks)) return;
  real_.Reset();
  address_.Release();
}

void RelayedStream::CloseLocked() {
  StopLingering();
  LeaveLocked();
}

RelayedStream::~RelayedStream() {
  StopLingering();
  info().owner->user->stream_bytes.fetch_sub(kept_bytes_,
                                             std::memory_order_relaxed);
}

void RelayedStream::StopLingering() {
  // Everything is the kernel's to send. Nobody waits for it; close() would, on
  // a socket that doesn't block, too.
  const linger none{0, 0};
  setsockopt(real_.get(), SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

void RelayedStream::ResetLocked(absl::string_view reason) {
  NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_RESET, 0, reason);
  LingerNotAtAllLocked();
  LeaveLocked();
}

void RelayedStream::LingerNotAtAllLocked() {
  const linger abort{1, 0};
  setsockopt(real_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
}

}  // namespace wspd
