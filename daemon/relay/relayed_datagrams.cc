#include "daemon/relay/relayed_datagrams.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/relay/relay_pair.h"
#include "daemon/relay/relayed_sockets.h"
#include "daemon/socket/udp_segments.h"

namespace wspd {
namespace {

using wsp::v1::LinuxStateResult;

// An edge for every datagram, and for room only while it is awaited: else each
// one that the program takes would be one more.
uint32_t RealEvents(bool writable) {
  return EPOLLIN | EPOLLET | (writable ? uint32_t{EPOLLOUT} : 0);
}

// For datagrams that the program hasn't read, besides what the real socket
// holds: about as much as that by itself, as any UDP socket has.
constexpr int kLinkBufferBytes = 256 << 10;

uint32_t LinkEvents(bool writable) { return RealEvents(writable) | EPOLLRDHUP; }

void Check(int error, uint64_t number) {
  if (error == 0) return;
  static LogLimit limit(1);
  if (auto suppressed = limit.Admit()) {
    Log(LogLevel::kError, "relayed datagrams not watched any more",
        {{"number", number}, {"errno", error}}, *suppressed);
  }
}

}  // namespace

RelayedDatagrams::RelayedDatagrams(RelayedSocketInfo info, OwnedFd link,
                                   OwnedFd real, RelayLoop* loop,
                                   RelayedSockets* table)
    : RelayedSocket(std::move(info), std::move(link), std::move(real), loop,
                    table),
      relay_(real_.get(), link_.get(),
             &this->info().owner->user->datagram_bytes,
             SocketAccess(*this->info().access, InQuestion())) {}

int RelayedDatagrams::Start() {
  absl::MutexLock lock(&mu_);
  SetSendBuffer(link_.get(), kLinkBufferBytes);
  const int error =
      loop()->Watch(link_.get(), LinkEvents(false), this, RelayEnd::kProgram);
  if (error != 0) return error;
  // From now on the loop knows of it, and lets go of it.
  const int failed =
      loop()->Watch(real_.get(), RealEvents(false), this, RelayEnd::kReal);
  Check(failed, info().number);
  if (failed != 0) shutdown(link_.get(), SHUT_RDWR);
  return 0;
}

// -------------------------------------------------------------------- loop

void RelayedDatagrams::OnEvents(RelayEnd end, uint32_t events) {
  (end == RelayEnd::kReal ? real_events_ : link_events_) |= events;
  Work();
}

void RelayedDatagrams::OnTurn() {
  waits_ = false;
  turn_ = true;
  Work();
}

void RelayedDatagrams::Work() {
  if (!mu_.TryLock()) {
    if (!std::exchange(waits_, true)) loop()->DeferAWhile(shared_from_this());
    return;
  }
  if (std::exchange(turn_, false)) deferred_ = false;
  const uint32_t real_events = std::exchange(real_events_, 0);
  uint32_t link_events = std::exchange(link_events_, 0);
  // Whoever has shut down both directions still has it.
  if ((link_events & EPOLLHUP) != 0 && link_.valid() && !relay_.closed() &&
      !IsProgramGoneLocked()) {
    link_events = (link_events & ~uint32_t{EPOLLHUP}) | EPOLLRDHUP;
  }
  RunLocked(real_events, link_events);
  mu_.Unlock();
}

bool RelayedDatagrams::IsClosedLocked() const { return relay_.closed(); }

void RelayedDatagrams::OnProgramGoneLocked() { RunLocked(0, EPOLLHUP); }

void RelayedDatagrams::OnTimeLocked() {
  IsTimeOverLocked() ? LeaveLocked() : RunLocked(0, 0);
}

void RelayedDatagrams::RunLocked(uint32_t real_events, uint32_t link_events) {
  if (!link_.valid()) return;
  // CloseIfLeft() was first.
  if (!real_.valid()) return LeaveLocked();
  const absl::Duration send_wait = SendWait();
  const absl::Duration receive_wait = ReceiveWait();
  relay_.Run(real_events, link_events,
             {send_wait <= absl::ZeroDuration(),
              receive_wait <= absl::ZeroDuration(), TurnBytes()});
  SettleLocked();
  if (relay_.ended()) return LeaveLocked();
  if (relay_.has_more() && !std::exchange(deferred_, true)) {
    loop()->Defer(shared_from_this());
  }
  ScheduleLocked(
      relay_.closed(),
      std::min(relay_.is_held_down() ? send_wait : absl::InfiniteDuration(),
               relay_.is_held_up() ? receive_wait : absl::InfiniteDuration()));
}

void RelayedDatagrams::CountLocked() {
  const DatagramRelay::Counts counts = relay_.TakeCounts();
  if (counts.sent > 0) {
    uint64_t datagrams = counts.sent + counts.more_segments;
    // As many as they can be by the socket's option.
    const size_t segment = HasQuota() ? SegmentBytesOf(real_.get()) : 0;
    if (segment > 0) datagrams += counts.bytes_sent / segment;
    CountSentLocked(counts.bytes_sent, counts.sent, datagrams);
  }
  if (counts.received > 0) {
    CountReceivedLocked(counts.bytes_received, counts.received,
                        counts.received);
  }
  NoteError(counts.drop_error);
  if (counts.dropped == 0) return;
  CountDropped(counts.dropped - counts.dropped_received,
               counts.dropped_received);
  dropped_.fetch_add(counts.dropped, std::memory_order_relaxed);
  static LogLimit limit(1);
  if (auto suppressed = limit.Admit()) {
    Log(LogLevel::kInfo, "relayed datagram dropped",
        {{"number", info().number},
         {"pid", info().owner->pid},
         {"cause", counts.drop_cause},
         {"errno", counts.drop_error}},
        *suppressed);
  }
}

void RelayedDatagrams::SettleLocked() {
  CountLocked();
  if (relay_.awaits_real() != real_writable_) {
    real_writable_ = !real_writable_;
    RearmReal();
  }
  if (relay_.awaits_end() != link_writable_) {
    link_writable_ = !link_writable_;
    RearmLink();
  }
}

void RelayedDatagrams::HandOnLocked() {
  SettleLocked();
  // Tells the loop once more of what is there.
  if (relay_.has_more() && !deferred_) RearmLink();
}

void RelayedDatagrams::RearmReal() {
  Check(loop()->Rearm(real_.get(), RealEvents(real_writable_), this,
                      RelayEnd::kReal),
        info().number);
}

void RelayedDatagrams::RearmLink() {
  Check(loop()->Rearm(link_.get(), LinkEvents(link_writable_), this,
                      RelayEnd::kProgram),
        info().number);
}

// ------------------------------------------------------------------- calls

LinuxStateResult::State RelayedDatagrams::StateLocked() const {
  return NetAddress::PeerOf(real_.get()).empty()
             ? LinuxStateResult::STATE_UNCONNECTED
             : LinuxStateResult::STATE_CONNECTED;
}

void RelayedDatagrams::CloseIfLeft(int* looks) {
  absl::MutexLock lock(&mu_);
  if (!IsLeftLocked(looks)) return;
  relay_.Flush();
  CountLocked();
  if (relay_.awaits_real()) return;
  real_.Reset();
  address_.Release();
  // The loop does the rest.
  RearmLink();
}

void RelayedDatagrams::PrepareLocked() {
  relay_.Flush();
  HandOnLocked();
}

int RelayedDatagrams::Connect(const NetAddress& address, uint32_t /*filler*/,
                              bool* in_progress) {
  *in_progress = false;
  absl::MutexLock lock(&mu_);
  if (!real_.valid()) return EBADF;
  const int error = relay_.Connect(address);
  if (error == 0) {
    if (address.empty()) address_.Look(real_.get());
    endpoints_ = {NetAddress::LocalOf(real_.get()), address};
    if (!address.empty()) {
      NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_CONNECTED);
    }
  }
  HandOnLocked();
  return error;
}

int RelayedDatagrams::State(int /*filler_change*/, LinuxStateResult* result) {
  absl::MutexLock lock(&mu_);
  if (!real_.valid()) return EBADF;
  result->set_state(StateLocked());
  result->set_error(relay_.TakeError());
  HandOnLocked();
  return 0;
}

int RelayedDatagrams::TakeError(int* pending) {
  absl::MutexLock lock(&mu_);
  if (!real_.valid()) return EBADF;
  *pending = relay_.TakeError();
  HandOnLocked();
  return 0;
}

int RelayedDatagrams::Shutdown(int how) {
  absl::MutexLock lock(&mu_);
  if (!real_.valid()) return EBADF;
  const int error = relay_.Shutdown(how);
  HandOnLocked();
  return error;
}

int RelayedDatagrams::End(ForcedEnd how) {
  absl::MutexLock lock(&mu_);
  if (!real_.valid()) return EBADF;
  const int error = relay_.Abort();
  if (error == 0) {
    address_.Look(real_.get());
    NoteLocked(EventOf(how), ECONNABORTED, kByAdministrator);
    endpoints_.peer = NetAddress();
  }
  HandOnLocked();
  return error;
}

int RelayedDatagrams::Send(const wsp::v1::LinuxSend& request,
                           wsp::v1::LinuxSendResult* result) {
  absl::MutexLock lock(&mu_);
  if (!real_.valid()) return EBADF;
  // It can wait on the program's end.
  if (SendWait() > absl::ZeroDuration()) return EAGAIN;
  uint32_t sent = 0;
  const int error = relay_.Send(request, &sent);
  result->set_sent(sent);
  HandOnLocked();
  return error;
}

int RelayedDatagrams::ReceiveError(const wsp::v1::LinuxReceiveError& request,
                                   wsp::v1::LinuxReceiveErrorResult* result) {
  absl::MutexLock lock(&mu_);
  return real_.valid() ? relay_.ReceiveError(request, result) : EBADF;
}

}  // namespace wspd
