// Socket: what its client's quota lets it do.
//
// What has to wait stays where it is: bytes to be sent with the operation,
// which the client's credit counts, what is to be received and accepted with
// the kernel. A timer on the loop goes on with it; no thread waits.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <utility>

#include "daemon/socket/socket.h"
#include "daemon/socket/udp_segments.h"

namespace wspd {
namespace {

bool IsListening(int fd) {
  int listening = 0;
  socklen_t size = sizeof(listening);
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 &&
         listening != 0;
}

bool IsDatagram(Operation::Kind kind) {
  return kind == Operation::Kind::kSendDatagram ||
         kind == Operation::Kind::kReceiveDatagram;
}

// Of a datagram's; 0: it goes as one.
size_t SegmentBytesOf(const Operation& operation, int fd) {
  msghdr message{};
  if (operation.control != nullptr) {
    message.msg_control = &(*operation.control)[0];
    message.msg_controllen = operation.control->size();
  }
  const size_t own = wspd::SegmentBytesOf(message);
  return own != 0 ? own : wspd::SegmentBytesOf(fd);
}

// Whether it leaves what it receives where it is.
bool TakesNothing(const Operation& operation) {
  return (operation.flags & MSG_PEEK) != 0 ||
         (operation.kind == Operation::Kind::kReceive &&
          operation.max_bytes == 0);
}

// Whether a connection has ended both ways, or is reset.
bool IsHungUp(int fd) {
  pollfd connection{fd, 0, 0};
  return poll(&connection, 1, 0) == 1 && (connection.revents & POLLHUP) != 0;
}

bool HasUnread(int fd) {
  int bytes = 0;
  return ioctl(fd, SIOCINQ, &bytes) == 0 && bytes > 0;
}

// Whether all that `operation` can do is to hear of its connection's end, for
// which nobody has to wait.
bool OnlyHearsOfEnd(const Operation& operation, int fd) {
  switch (operation.kind) {
    case Operation::Kind::kSend:
      return IsHungUp(fd);
    case Operation::Kind::kReceive:
      return IsHungUp(fd) && !HasUnread(fd);
    default:
      return false;
  }
}

}  // namespace

absl::Duration Socket::QuotaWaitLocked(Operation* operation) {
  switch (operation->kind) {
    case Operation::Kind::kSend:
    case Operation::Kind::kSendDatagram:
      return quota_->SendWait();
    case Operation::Kind::kReceive:
    case Operation::Kind::kReceiveDatagram:
      return TakesNothing(*operation) ? absl::ZeroDuration()
                                      : quota_->ReceiveWait();
    case Operation::Kind::kAccept:
      // One that was put back has been counted.
      return returned_ != nullptr && !returned_->empty()
                 ? absl::ZeroDuration()
                 : quota_->TakeConnection();
    case Operation::Kind::kConnect: {
      const absl::Duration wait = quota_->TakeConnection();
      // An EAGAIN of the attempt itself isn't the wait's.
      operation->awaits_turn = wait > absl::ZeroDuration();
      return wait;
    }
    default:
      return absl::ZeroDuration();
  }
}

bool Socket::TryByQuotaLocked(Operation* operation, Outcome* outcome) {
  const absl::Duration wait = QuotaWaitLocked(operation);
  if (wait > absl::ZeroDuration() && !OnlyHearsOfEnd(*operation, fd_.get())) {
    HoldLocked(operation->direction(), wait);
    if (operation->kind != Operation::Kind::kConnect || operation->wait) {
      return false;
    }
    // Who doesn't wait hears what he would of an attempt that takes its time.
    outcome->error = EINPROGRESS;
    return true;
  }
  HoldOf(operation->direction()).on = false;
  if (!quota_->applies()) return TryNowLocked(operation, outcome);
  const Operation::Kind kind = operation->kind;
  const size_t sent = operation->sent;
  const uint64_t received = received_;
  const bool done = TryNowLocked(operation, outcome);
  // Of each datagram that has gone one way, whatever is in it.
  const bool one = done && outcome->error == 0;
  const bool sends = kind == Operation::Kind::kSendDatagram;
  uint64_t header =
      one && IsDatagram(kind) ? RateQuota::kDatagramHeaderBytes : 0;
  if (header > 0 && sends) {
    header *=
        DatagramsOf(operation->sent, SegmentBytesOf(*operation, fd_.get()));
  }
  quota_->CountSent(operation->sent - sent + (sends ? header : 0));
  quota_->CountReceived(received_ - received +
                        (sends || TakesNothing(*operation) ? 0 : header));
  if (kind == Operation::Kind::kAccept && !outcome->accepted.fd.valid()) {
    quota_->GiveBackConnection();
  }
  return done;
}

void Socket::HoldLocked(Operation::Direction direction, absl::Duration wait) {
  Hold& hold = HoldOf(direction);
  hold.on = true;
  if (hold.timer != 0) return;
  hold.timer = loop_->RunAfter(quota_->BeginWait(wait),
                               [weak = weak_from_this(), direction] {
                                 if (auto self = weak.lock())
                                   self->OnHoldOver(direction);
                               });
}

void Socket::OnHoldOver(Operation::Direction direction) {
  {
    absl::MutexLock lock(&mu_);
    Hold& hold = HoldOf(direction);
    // Else it was ended when this had begun to run.
    if (hold.timer != 0) quota_->EndWait();
    hold = Hold();
  }
  OnEvents(0);
}

void Socket::EndHoldsLocked() {
  for (Hold* const hold : {&in_hold_, &out_hold_}) {
    if (hold->timer != 0) {
      loop_->CancelTimer(hold->timer);
      quota_->EndWait();
    }
    *hold = Hold();
  }
}

void Socket::HideHeldLocked(SocketState* state) {
  // Nobody has to be called who asks for none of it.
  uint32_t asked = 0;
  for (const Observer& entry : observers_) asked |= entry.events;
  const bool hung_up = state->hung_up;
  // Else all that there is to receive is the end.
  if (state->readable && (!hung_up || HasUnread(fd_.get()))) {
    const bool returned = returned_ != nullptr && !returned_->empty();
    absl::Duration wait = absl::ZeroDuration();
    if (!returned) {
      wait = IsListening(fd_.get()) ? quota_->ConnectionWait()
                                    : quota_->ReceiveWait();
    }
    if (wait > absl::ZeroDuration()) {
      uint32_t hidden = EPOLLIN;
      if (state->read_ended || state->hung_up) hidden |= EPOLLRDHUP;
      // The end comes behind what is to be received.
      state->readable = state->read_ended = state->hung_up = false;
      if ((asked & hidden) != 0) HoldLocked(Operation::Direction::kIn, wait);
    }
  }
  if (!state->writable || hung_up) return;
  const absl::Duration wait = quota_->SendWait();
  if (wait <= absl::ZeroDuration()) return;
  state->writable = false;
  if ((asked & EPOLLOUT) != 0) HoldLocked(Operation::Direction::kOut, wait);
}

}  // namespace wspd
