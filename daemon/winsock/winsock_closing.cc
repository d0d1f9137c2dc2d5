// WSPShutdown, WSPCloseSocket, and the end by final cleanup.
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <utility>

#include "absl/time/time.h"
#include "daemon/socket/reset.h"
#include "daemon/winsock/winsock_socket.h"
#include "daemon/winsock/winsock_socket_internal.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

void WinsockSocket::Shutdown(const Call& call) {
  wsp::v1::ShutdownRequest request;
  if (!Parse(call, &request)) return;
  const auto how = request.how();
  const bool receive = how == wsp::v1::ShutdownRequest::HOW_RECEIVE ||
                       how == wsp::v1::ShutdownRequest::HOW_BOTH;
  const bool send = how == wsp::v1::ShutdownRequest::HOW_SEND ||
                    how == wsp::v1::ShutdownRequest::HOW_BOTH;
  if (!receive && !send) return FinishError(call, kWsaInval);
  int error = 0;
  bool watch = false;
  {
    absl::MutexLock lock(&mu_);
    if (state_ != State::kConnected) return FinishError(call, kWsaNotConn);
    // The kernel isn't told: it would end receives that wait, which Winsock
    // completes as if nothing had happened (section 4.12).
    watch = receive && !std::exchange(receive_shut_, receive_shut_ || receive);
    if (send && !send_shut_) {
      send_shut_ = true;
      error = socket_->ShutdownSend();
      // The peer may have reset it; that is for the next receive to tell.
      if (error == ENOTCONN) error = 0;
    }
  }
  if (watch) AwaitUnwantedData();
  sink_->Finish(call.call_id, CallResult(WsaFromErrno(error), error));
}

void WinsockSocket::AwaitUnwantedData() {
  auto operation = std::make_unique<Operation>();
  operation->kind = Operation::Kind::kReceive;
  operation->id = kNoCall;
  operation->sink = shared_from_this();
  operation->background = true;
  operation->flags = MSG_PEEK;
  operation->max_bytes = 1;
  socket_->Submit(std::move(operation));
}

void WinsockSocket::ResetForUnwantedData() {
  {
    absl::MutexLock lock(&mu_);
    if (lost_ == 0) lost_ = kWsaConnReset;
  }
  // Closed meanwhile: then the linger rules have decided.
  (void)socket_->Reset();
}

void WinsockSocket::Close(const Call& call) {
  bool connected;
  SocketOptions options;
  {
    absl::MutexLock lock(&mu_);
    connected = state_ == State::kConnected && lost_ == 0;
    options = options_;
    if (connected && nonblocking_ && options.linger_on &&
        options.linger_seconds > 0) {
      // Not closed, unless nothing is left to wait for (section 4.8).
      int unsent = 0;
      socket_->WithFd([&](int fd) { return ioctl(fd, SIOCOUTQ, &unsent); });
      if (unsent > 0 || socket_->waiting() > 0) {
        return sink_->Finish(call.call_id, CallResult(kWsaWouldBlock, EAGAIN));
      }
    }
  }
  auto [fd, operations] = socket_->Abandon();
  if (!fd.valid()) return FinishError(call, kWsaNotSock);
  DropOffers();
  FinishAborted(std::move(operations));
  if (connected && options.linger_on && options.linger_seconds > 0) {
    return LingerForCall(std::move(fd), call.call_id,
                         absl::Seconds(options.linger_seconds));
  }
  sink_->RemoveSocket(socket_id_);
  if (!connected) {
    fd.Reset();
  } else if (!options.linger_on) {
    environment_->lingerer->Linger(std::move(fd), socket_->loop(),
                                   sink_->OwnerOf(socket_id_));
  } else {
    ResetAndClose(std::move(fd));
  }
  sink_->Finish(call.call_id, CallResult());
}

void WinsockSocket::LingerForCall(OwnedFd fd, uint64_t call_id,
                                  absl::Duration time) {
  {
    absl::MutexLock lock(&mu_);
    closing_ = Closing{call_id, 0, NetAddress::LocalOf(fd.get())};
  }
  // The client keeps the socket until then, so that the call can be cancelled.
  const Lingerer::Key key = environment_->lingerer->LingerAtMost(
      std::move(fd), socket_->loop(), sink_->OwnerOf(socket_id_), time,
      [self = shared_from_this(), call_id] {
        self->FinishClose(call_id, CallResult());
      });
  absl::MutexLock lock(&mu_);
  closing_->linger = key;
}

void WinsockSocket::FinishClose(uint64_t call_id, CallResult result) {
  sink_->RemoveSocket(socket_id_);
  sink_->Finish(call_id, std::move(result));
  sink_->FlushResults();
}

void WinsockSocket::Abort() {
  auto [fd, operations] = socket_->Abandon();
  Lingerer::Key linger = 0;
  {
    absl::MutexLock lock(&mu_);
    if (closing_.has_value()) linger = closing_->linger;
  }
  DropOffers();
  if (fd.valid()) ResetAndClose(std::move(fd));
  // Closed before: what was sent goes its way.
  if (linger != 0) environment_->lingerer->StopWaiting(linger);
}

}  // namespace wspd
