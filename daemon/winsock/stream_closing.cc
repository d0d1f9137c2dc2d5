// WSPShutdown, WSPCloseSocket, and the end by final cleanup.
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "daemon/winsock/stream_socket.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

void StreamSocket::Shutdown(const SocketCall& call) {
  wsp::v1::ShutdownRequest request;
  if (!call.Parse(&request)) return;
  const auto how = request.how();
  if (how == wsp::v1::ShutdownRequest::HOW_ABORT) return AbortConnection(call);
  const bool receive = how == wsp::v1::ShutdownRequest::HOW_RECEIVE ||
                       how == wsp::v1::ShutdownRequest::HOW_BOTH;
  const bool send = how == wsp::v1::ShutdownRequest::HOW_SEND ||
                    how == wsp::v1::ShutdownRequest::HOW_BOTH;
  if (!receive && !send) return call.Finish(WsaError(kWsaInval));
  int error = 0;
  bool watch = false;
  {
    absl::MutexLock lock(&mu_);
    if (state_ != State::kConnected || context_due_ != ContextDue::kNone) {
      return call.Finish(WsaError(kWsaNotConn));
    }
    // The kernel isn't told: it would end receives that wait, which Winsock
    // completes as if nothing had happened (section 4.12).
    watch = receive && !std::exchange(receive_shut_, receive_shut_ || receive);
    if (send && !send_shut_) {
      send_shut_ = true;
      error = engine()->ShutdownSend();
      // The peer may have reset it; that is for the next receive to tell.
      if (error == ENOTCONN) error = 0;
    }
  }
  if (watch) AwaitUnwantedData();
  NotifyObservers();
  call.Finish(CallResult(WsaFromErrno(error), error));
}

void StreamSocket::AbortConnection(const SocketCall& call) {
  {
    absl::MutexLock lock(&mu_);
    if (state_ != State::kConnected) return call.Finish(WsaError(kWsaNotConn));
    // It has ended for the client already, and what was sent goes its way.
    if (concluded_) return call.Finish(CallResult());
    LoseLocked(kWsaConnAborted, ECONNABORTED, kByClient);
  }
  // Closed meanwhile: then the linger rules have decided.
  (void)engine()->Reset();
  NotifyObservers();
  call.Finish(CallResult());
}

int StreamSocket::End(ForcedEnd how) {
  int error = 0;
  std::vector<std::unique_ptr<Operation>> ended;
  {
    absl::MutexLock lock(&mu_);
    if (state_ == State::kOpen) return ENOTCONN;
    if (how == ForcedEnd::kOrderly && lost_ != 0) {
      return concluded_ ? EALREADY : ENOTCONN;
    }
    // Of an attempt its end is told.
    if (state_ == State::kConnected) {
      LoseToAdministratorLocked(how);
    } else if (state_ == State::kListening) {
      NoteLocked(EventOf(how), ECONNABORTED, kByAdministrator);
    }
    if (!concluded_) how = ForcedEnd::kReset;
    // Under the lock: the connection's place may become another one's
    // (BecomeReusable()).
    if (how == ForcedEnd::kOrderly) {
      ended =
          engine()->Conclude(environment()->lingerer->linger_time(), &error);
    }
  }
  if (how == ForcedEnd::kReset) return WinsockSocket::End(how);
  Socket::Fail(std::move(ended), ECONNABORTED);
  NotifyObservers();
  // The peer may have reset it.
  return error == ENOTCONN ? 0 : error;
}

void StreamSocket::LoseToAdministratorLocked(ForcedEnd how) {
  if (lost_ == 0 || concluded_) {
    NoteLocked(EventOf(how), ECONNABORTED, kByAdministrator);
  }
  if (lost_ == 0) lost_ = kWsaConnAborted;
  concluded_ = how == ForcedEnd::kOrderly;
}

void StreamSocket::AwaitUnwantedData() {
  auto operation = NewBackgroundOperation(Operation::Kind::kReceive);
  operation->flags = MSG_PEEK;
  operation->max_bytes = 1;
  engine()->Submit(std::move(operation));
}

void StreamSocket::ResetForUnwantedData() {
  {
    absl::MutexLock lock(&mu_);
    if (concluded_) return;
    LoseLocked(kWsaConnReset, 0, kByClient);
  }
  // Closed meanwhile: then the linger rules have decided.
  (void)engine()->Reset();
  NotifyObservers();
}

bool StreamSocket::CloseWouldBlockLocked() const {
  if (state_ != State::kConnected || lost_ != 0 || !nonblocking_ ||
      !options_.linger_on || options_.linger_seconds == 0) {
    return false;
  }
  int unsent = 0;
  engine()->WithFd([&](int fd) { return ioctl(fd, SIOCOUTQ, &unsent); });
  return unsent > 0 || engine()->waiting() > 0;
}

StreamSocket::Closure StreamSocket::ClosureNow() const {
  absl::MutexLock lock(&mu_);
  if (concluded_) return {CloseKind::kInBackground};
  if (state_ != State::kConnected || lost_ != 0) return {CloseKind::kNothing};
  if (!options_.linger_on) return {CloseKind::kInBackground};
  if (options_.linger_seconds == 0) return {CloseKind::kReset};
  return {CloseKind::kWithin, absl::Seconds(options_.linger_seconds)};
}

void StreamSocket::FinishClose(const SocketCall& call, Remains remains) {
  SocketDescriptor* const from = call.from().get();
  const Closure closure = ClosureNow();
  if (closure.kind == CloseKind::kWithin) {
    return LingerForCall(call, std::move(remains), closure.time);
  }
  from->sink()->RemoveSocket(from->socket_id());
  FinishDrop(std::move(remains), from->owner());
  NoteClosed(from);
  call.Finish(CallResult());
}

void StreamSocket::LingerForCall(const SocketCall& call, Remains remains,
                                 absl::Duration time) {
  const std::shared_ptr<SocketDescriptor>& from = call.from();
  const uint64_t call_id = call->call_id;
  {
    absl::MutexLock lock(&mu_);
    closing_ = std::make_unique<Closing>(Closing{
        from.get(), call_id, 0, NetAddress::LocalOf(remains.fd.get()), false});
  }
  // The client keeps the socket until then, so that the call can be cancelled.
  const Lingerer::Key key = environment()->lingerer->LingerAtMost(
      std::move(remains.fd), engine()->loop(), AsItIsLent(from->owner()), time,
      [self = shared_from_this(), this, from, call_id] {
        AnswerClose(from.get(), call_id, CallResult());
      },
      std::move(remains.address));
  bool waits = false;
  bool forgotten = false;
  {
    absl::MutexLock lock(&mu_);
    if (closing_ != nullptr) {
      closing_->linger = key;
      waits = true;
      forgotten = closing_->forgotten;
    }
  }
  if (forgotten) environment()->lingerer->StopWaiting(key);
  // If it has ended since, the sink knows.
  if (waits && call->report_pending) from->sink()->ReportPending(call_id);
}

void StreamSocket::AnswerClose(SocketDescriptor* from, uint64_t call_id,
                               CallResult result) {
  {
    absl::MutexLock lock(&mu_);
    closing_ = nullptr;
  }
  from->sink()->RemoveSocket(from->socket_id());
  NoteClosed(from);
  from->sink()->Finish(call_id, std::move(result));
  from->sink()->FlushResults();
}

void StreamSocket::CancelWait(SocketDescriptor* from, uint64_t call_id) {
  if (CancelAccept(from, call_id)) return;
  Lingerer::Key linger = 0;
  {
    absl::MutexLock lock(&mu_);
    if (closing_ == nullptr || closing_->from != from ||
        closing_->call_id != call_id) {
      return;
    }
    linger = closing_->linger;
  }
  // Only the wait ends: the socket is closed, and lingers on.
  if (linger != 0 && environment()->lingerer->StopWaiting(linger)) {
    AnswerClose(from, call_id, CallResult(kWsaIntr, ECANCELED));
  }
}

void StreamSocket::ForgetWait(SocketDescriptor* from) {
  Lingerer::Key linger = 0;
  {
    absl::MutexLock lock(&mu_);
    if (closing_ == nullptr || closing_->from != from) return;
    closing_->forgotten = true;
    linger = closing_->linger;
  }
  NoteClosed(from);
  // What was sent goes its way.
  if (linger != 0) environment()->lingerer->StopWaiting(linger);
}

void StreamSocket::FinishAbort(Remains remains, const Lingerer::Owner& owner) {
  bool concluded;
  {
    absl::MutexLock lock(&mu_);
    concluded = concluded_;
  }
  if (concluded) return FinishDrop(std::move(remains), owner);
  ResetRemains(std::move(remains.fd), kAtClientsEnd);
}

Lingerer::Owner StreamSocket::AsItIsLent(Lingerer::Owner owner) const {
  owner.lent_cookie = lent_cookie();
  return owner;
}

void StreamSocket::FinishDrop(Remains remains, const Lingerer::Owner& owner) {
  Lingerer* const lingerer = environment()->lingerer;
  const Closure closure = ClosureNow();
  switch (closure.kind) {
    case CloseKind::kNothing:
      return;
    case CloseKind::kReset:
      return ResetRemains(std::move(remains.fd), kByClient);
    case CloseKind::kInBackground:
      return lingerer->Linger(std::move(remains.fd), engine()->loop(),
                              AsItIsLent(owner), std::move(remains.address));
    case CloseKind::kWithin:
      lingerer->LingerAtMost(std::move(remains.fd), engine()->loop(),
                             AsItIsLent(owner), closure.time, nullptr,
                             std::move(remains.address));
  }
}

}  // namespace wspd
