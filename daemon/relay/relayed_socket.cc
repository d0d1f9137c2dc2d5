#include "daemon/relay/relayed_socket.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/relay/foreign_descriptors.h"
#include "daemon/relay/relay_pair.h"
#include "daemon/relay/relayed_sockets.h"

namespace wspd {
namespace {

// Good to some milliseconds, and cheap.
int64_t CoarseNowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return int64_t{1000000000} * now.tv_sec + now.tv_nsec;
}

// Who has the lock is the only one to write.
void Add(uint64_t more, std::atomic<uint64_t>* count) {
  count->store(count->load(std::memory_order_relaxed) + more,
               std::memory_order_relaxed);
}

}  // namespace

PolicySocket InQuestion(const RelayedSocketInfo& info) {
  PolicySocket socket;
  socket.plane = wsp::v1::PLANE_RELAYED;
  socket.protocol = info.kind.protocol;
  socket.socket_id = info.number;
  socket.cookie = info.cookie;
  return socket;
}

RelayedSocket::RelayedSocket(RelayedSocketInfo info, OwnedFd link, OwnedFd real,
                             RelayLoop* loop, RelayedSockets* table)
    : RelayHandler(info.owner.get()),
      link_(std::move(link)),
      address_(table->options().addresses.get(), info.kind, info.owner->uid),
      real_(std::move(real)),
      info_(std::move(info)),
      loop_(loop),
      table_(table),
      active_at_ns_(CoarseNowNs()) {}

void RelayedSocket::NoteOpened(const RelayedEndpoints& endpoints) {
  absl::MutexLock lock(&mu_);
  endpoints_ = endpoints;
  NoteLocked(info_.listener != 0 ? wsp::v1::JournalEvent::KIND_SOCKET_ACCEPTED
                                 : wsp::v1::JournalEvent::KIND_SOCKET_OPENED);
}

void RelayedSocket::NoteClosed() {
  absl::MutexLock lock(&mu_);
  NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_CLOSED);
}

void RelayedSocket::NoteLocked(wsp::v1::JournalEvent::Kind kind, int error,
                               absl::string_view detail) const {
  EventJournal* const events = table_->options().events;
  if (events == nullptr) return;
  EventRecord record;
  record.kind = kind;
  record.plane = wsp::v1::PLANE_RELAYED;
  record.client_id = info_.owner->client_id.load(std::memory_order_relaxed);
  record.pid = info_.owner->pid;
  record.uid = info_.owner->uid;
  record.socket_id = info_.number;
  record.cookie = info_.cookie;
  if (kind == wsp::v1::JournalEvent::KIND_SOCKET_ACCEPTED) {
    record.listener_socket_id = info_.listener;
  }
  record.protocol = info_.kind.protocol;
  record.local = endpoints_.local;
  record.peer = endpoints_.peer;
  record.linux_errno = error;
  record.SetDetail(detail);
  events->Append(record);
}

int RelayedSocket::UseReal(absl::FunctionRef<int(int fd)> use) {
  absl::MutexLock lock(&mu_);
  if (!real_.valid()) return EBADF;
  PrepareLocked();
  // It may have ended by that.
  return real_.valid() ? use(real_.get()) : EBADF;
}

int RelayedSocket::SetOption(int level, int name, const std::string& value) {
  return UseReal([&](int fd) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (LocalAddress::IsSharing(level, name)) {
      return address_.SetSharing(fd, name, value);
    }
    const auto size = static_cast<socklen_t>(value.size());
    return setsockopt(fd, level, name, value.data(), size) == 0 ? 0 : errno;
  });
}

int RelayedSocket::GetOption(int level, int name, char* value,
                             socklen_t* length) {
  return UseReal([&](int fd) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (getsockopt(fd, level, name, value, length) != 0) return errno;
    if (LocalAddress::IsSharing(level, name)) {
      address_.CorrectSharing(name, value, *length);
    }
    return 0;
  });
}

int RelayedSocket::Listen(int /*backlog*/) { return EOPNOTSUPP; }

int RelayedSocket::Shutdown(int how) {
  return UseReal([how](int fd) { return shutdown(fd, how) == 0 ? 0 : errno; });
}

int RelayedSocket::CountUnsent(int* bytes) {
  return UseReal(
      [bytes](int fd) { return ioctl(fd, SIOCOUTQ, bytes) == 0 ? 0 : errno; });
}

int RelayedSocket::Send(const wsp::v1::LinuxSend& /*request*/,
                        wsp::v1::LinuxSendResult* /*result*/) {
  return EOPNOTSUPP;
}

int RelayedSocket::ReceiveError(const wsp::v1::LinuxReceiveError& /*request*/,
                                wsp::v1::LinuxReceiveErrorResult* /*result*/) {
  return EAGAIN;
}

RelayedSocketReport RelayedSocket::Report() const {
  RelayedSocketReport report;
  report.bytes_sent = bytes_sent();
  report.bytes_received = bytes_received();
  report.idle_ns =
      CoarseNowNs() - active_at_ns_.load(std::memory_order_relaxed);
  report.last_errno = last_errno_.load(std::memory_order_relaxed);
  absl::MutexLock lock(&mu_);
  report.state = StateLocked();
  report.closed = IsClosedLocked();
  if (!real_.valid()) return report;
  report.local = NetAddress::LocalOf(real_.get());
  // The kernel knows none before there is a connection.
  report.peer = report.state == wsp::v1::LinuxStateResult::STATE_CONNECTING
                    ? endpoints_.peer
                    : NetAddress::PeerOf(real_.get());
  return report;
}

int RelayedSocket::Bind(const NetAddress& address, bool* anothers) {
  uint16_t port = 0;
  const auto bind_real = [&](int fd) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const int refused = address_.Bind(fd, address, anothers);
    if (refused != 0) return refused;
    endpoints_.local = NetAddress::LocalOf(fd);
    port = endpoints_.local.port();
    NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_BOUND);
    return 0;
  };
  int error = UseReal(bind_real);
  if (error == EADDRINUSE) {
    table_->CloseLeft(*info_.owner, address.port());
    if (anothers != nullptr) *anothers = false;
    error = UseReal(bind_real);
  }
  NotePort(port);
  return error;
}

bool RelayedSocket::IsLeftLocked(int* looks) const {
  // In doubt it stays: a hang-up's event ends it soon if it is closed.
  return real_.valid() && IsHungUp(link_.get()) && (*looks)-- > 0 &&
         FindProgramEnd(link_.get()) == ProgramEnd::kClosed;
}

void RelayedSocket::NotePort(uint16_t port) {
  uint16_t none = 0;
  if (port != 0 && port_.compare_exchange_strong(none, port)) {
    table_->EnterPort(*this);
  }
}

absl::Duration RelayedSocket::BeginWaitLocked(absl::Duration wait) {
  EndWaitLocked();
  counts_as_waiting_ = true;
  return info_.owner->quota->BeginWait(wait);
}

void RelayedSocket::EndWaitLocked() {
  if (std::exchange(counts_as_waiting_, false)) info_.owner->quota->EndWait();
}

void RelayedSocket::WaitForQuotaLocked(absl::Duration wait) {
  WakeAfterLocked(BeginWaitLocked(wait));
}

void RelayedSocket::WakeAfterLocked(absl::Duration delay) {
  CancelWakeLocked();
  timer_ = loop_->WakeAfter(delay, weak_from_this());
}

void RelayedSocket::CancelWakeLocked() {
  if (timer_.has_value()) loop_->CancelWake(*timer_);
  timer_.reset();
}

void RelayedSocket::OnTime() {
  absl::MutexLock lock(&mu_);
  timer_.reset();
  EndWaitLocked();
  if (link_.valid()) OnTimeLocked();
}

bool RelayedSocket::IsProgramGoneLocked() {
  if (awaits_look_) return false;
  // Whatever hangs the link up but a close is an event of the other end, too,
  // and comes there first. It may have been taken since.
  if (loop_->SawProgram(info_.number)) return false;
  if (std::exchange(hang_up_in_doubt_, false)) {
    if (loop_->MayLook()) return LookWhetherClosedLocked();
    // A program that hangs up without end isn't to take up the loop.
    awaits_look_ = true;
    loop_->LookLater(weak_from_this());
    return false;
  }
  // Changes nothing, and is another one; of this end as well.
  shutdown(link_.get(), SHUT_RDWR);
  hang_up_in_doubt_ = loop_->SawProgram(info_.number);
  return !hang_up_in_doubt_;
}

bool RelayedSocket::LookWhetherClosedLocked() {
  const auto begin = std::chrono::steady_clock::now();
  // Both directions have ended: nothing is lost to a program that still has it
  // but its name and options. One that is gone would be kept for good.
  const bool closed = FindProgramEnd(link_.get()) != ProgramEnd::kOpen;
  loop_->CountLook(std::chrono::steady_clock::now() - begin);
  return closed;
}

void RelayedSocket::OnLook() {
  absl::MutexLock lock(&mu_);
  awaits_look_ = false;
  if (link_.valid() && LookWhetherClosedLocked()) OnProgramGoneLocked();
}

std::optional<bool> RelayedSocket::HasLeftUnread() const {
  if (!mu_.TryLock()) return std::nullopt;
  const bool has = link_.valid() && HasError(link_.get());
  mu_.Unlock();
  return has;
}

void RelayedSocket::LeaveLocked() {
  NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_CLOSED);
  CancelWakeLocked();
  EndWaitLocked();
  // Closing takes them out of the loop's set: nobody else has them. What is
  // unread on the link may have descriptors; of a stream it is known when
  // nothing is. It is closed later then.
  int unread = 0;
  if (info_.kind.type != SOCK_STREAM ||
      ioctl(link_.get(), SIOCINQ, &unread) != 0 || unread > 0) {
    loop_->Forget(link_.get());
    ForeignDescriptors::Dispose(std::move(link_));
  }
  link_.Reset();
  real_.Reset();
  address_.Release();
  loop_->Retire(table_->Remove(*this));
}

void RelayedSocket::ScheduleLocked(bool closed, absl::Duration wait) {
  const bool begins = closed && !closes_at_.has_value();
  const bool waits = wait < absl::InfiniteDuration();
  const bool waited = std::exchange(waits_for_quota_, waits);
  if (waits) {
    wait = BeginWaitLocked(wait);
  } else {
    EndWaitLocked();
  }
  if (!begins && !waits && !waited) return;
  const auto now = RelayLoop::Clock::now();
  if (begins) {
    closes_at_ = now + absl::ToChronoNanoseconds(table_->options().linger_time);
  }
  if (closed && closes_at_.has_value()) {
    wait = std::min(wait, absl::FromChrono(*closes_at_ - now));
  }
  if (wait < absl::InfiniteDuration()) WakeAfterLocked(wait);
}

absl::Duration RelayedSocket::SendWait() const {
  const RateQuota* const held_to = quota();
  return held_to == nullptr ? absl::ZeroDuration() : held_to->RelayedSendWait();
}

absl::Duration RelayedSocket::ReceiveWait() const {
  const RateQuota* const held_to = quota();
  return held_to == nullptr ? absl::ZeroDuration()
                            : held_to->RelayedReceiveWait();
}

size_t RelayedSocket::TurnBytes() const {
  const RateQuota* const held_to = quota();
  if (held_to == nullptr) return loop_->turn_bytes();
  return std::min<size_t>(loop_->turn_bytes(), held_to->turn_bytes());
}

void RelayedSocket::CountSentLocked(uint64_t bytes, uint64_t operations,
                                    uint64_t datagrams) {
  if (RateQuota* const held_to = quota()) {
    held_to->CountSent(bytes + datagrams * RateQuota::kDatagramHeaderBytes);
    held_to->CountRelayedSends(std::max<uint64_t>(datagrams, 1));
  }
  Add(bytes, &bytes_sent_);
  Add(operations, &sends_);
  active_at_ns_.store(CoarseNowNs(), std::memory_order_relaxed);
}

void RelayedSocket::CountDropped(uint64_t sent, uint64_t received) {
  RateQuota* const held_to = quota();
  if (held_to == nullptr) return;
  held_to->CountRelayedSends(sent);
  held_to->CountRelayedReceives(received);
}

void RelayedSocket::CountDroppedBytes(uint64_t received) {
  RateQuota* const held_to = quota();
  if (held_to == nullptr) return;
  held_to->CountReceived(received);
  held_to->CountRelayedReceives(1);
}

void RelayedSocket::CountReceivedLocked(uint64_t bytes, uint64_t operations,
                                        uint64_t datagrams) {
  if (RateQuota* const held_to = quota()) {
    held_to->CountReceived(bytes + datagrams * RateQuota::kDatagramHeaderBytes);
    held_to->CountRelayedReceives(std::max<uint64_t>(datagrams, 1));
  }
  Add(bytes, &bytes_received_);
  Add(operations, &receives_);
  active_at_ns_.store(CoarseNowNs(), std::memory_order_relaxed);
}

}  // namespace wspd
