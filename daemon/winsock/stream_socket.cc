#include "daemon/winsock/stream_socket.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "daemon/winsock/address_codec.h"
#include "daemon/winsock/tcp_info_codec.h"
#include "proto/wire_fields.h"

namespace wspd {
namespace {

namespace wire = wsp::wire;

}  // namespace

StreamSocket::StreamSocket(std::shared_ptr<Socket> engine, int family,
                           const Environment* environment)
    : WinsockSocket(std::move(engine), family, SOCK_STREAM, environment) {}

bool StreamSocket::HandleOwn(const SocketCall& call) {
  struct Entry {
    uint32_t request;
    void (StreamSocket::*handler)(const SocketCall&);
  };
  // The most frequent first.
  static constexpr Entry kHandlers[] = {
      {wire::Call::kSend, &StreamSocket::Send},
      {wire::Call::kRecv, &StreamSocket::Receive},
      {wire::Call::kConnect, &StreamSocket::Connect},
      {wire::Call::kAccept, &StreamSocket::Accept},
      {wire::Call::kShutdown, &StreamSocket::Shutdown},
      {wire::Call::kListen, &StreamSocket::Listen},
      {wire::Call::kAcceptDecision, &StreamSocket::AcceptDecision},
      {wire::Call::kDisconnectEx, &StreamSocket::DisconnectEx},
      {wire::Call::kSocketError, &StreamSocket::NoteError},
  };
  for (const Entry& entry : kHandlers) {
    if (entry.request != call->request) continue;
    (this->*entry.handler)(call);
    return true;
  }
  return call->request == wire::Call::kSetSockOpt && SetContext(call);
}

bool StreamSocket::MayBindLocked() const {
  return state_ == State::kOpen && reserved_by_ == nullptr;
}

void StreamSocket::FillViewLocked(SocketView* view) const {
  view->listening = state_ == State::kListening;
  view->lost = lost_;
  absl::Time since = absl::InfiniteFuture();
  if (state_ == State::kConnected) since = connected_at_;
  // That is how it is found out that a peer sends nothing (AcceptEx).
  if (reserved_by_ != nullptr) since = reserved_by_->connected_at();
  if (since == absl::InfiniteFuture()) return;
  view->connected_seconds = absl::ToInt64Seconds(absl::Now() - since);
}

// ----------------------------------------------------------- calls' ends

CallResult StreamSocket::ErrorResult(const Operation& operation, int error) {
  if (error == ECANCELED) return CancelledResult(operation);
  if (IsTimeOut(operation, error)) return CallResult(kWsaTimedOut, ETIMEDOUT);
  absl::MutexLock lock(&mu_);
  if (operation.kind == Operation::Kind::kSend ||
      operation.kind == Operation::Kind::kReceive) {
    if (lost_ != 0) return CallResult(lost_, error);
    if (error == EPIPE && send_shut_) return CallResult(kWsaShutdown, error);
  }
  return CallResult(WsaFromErrno(error), error);
}

CallResult StreamSocket::ResultOf(SocketDescriptor* from,
                                  const Operation& operation, Outcome outcome) {
  switch (operation.kind) {
    case Operation::Kind::kSend:
      return SendResult(from, operation, outcome);
    case Operation::Kind::kReceive:
      return ReceiveResult(operation, std::move(outcome));
    case Operation::Kind::kAccept:
      return AcceptResult(from, operation, std::move(outcome));
    case Operation::Kind::kConnect:
    case Operation::Kind::kAwaitConnect:
      return ConnectResult(operation, outcome);
    case Operation::Kind::kShutdownSend:
      return DisconnectResult(from, operation, outcome);
    case Operation::Kind::kAwaitConnection:
    case Operation::Kind::kSendDatagram:
    case Operation::Kind::kReceiveDatagram:
      break;
  }
  return CallResult(kWsaInval, EINVAL);
}

void StreamSocket::OnOutcome(std::unique_ptr<Operation> operation,
                             Outcome outcome) {
  if (operation->kind == Operation::Kind::kConnect ||
      operation->kind == Operation::Kind::kAwaitConnect) {
    ConnectResult(*operation, outcome);
  } else if (outcome.data != nullptr) {
    ResetForUnwantedData();
  }
}

void StreamSocket::OnWithdrawn(SocketDescriptor* from,
                               const Operation& operation) {
  Outcome outcome;
  outcome.error = ECANCELED;
  switch (operation.kind) {
    case Operation::Kind::kConnect:
    case Operation::Kind::kAwaitConnect:
      // The attempt goes on.
      ConnectResult(operation, outcome);
      break;
    case Operation::Kind::kShutdownSend:
      // The connection doesn't end.
      DisconnectResult(from, operation, outcome);
      break;
    default:
      break;
  }
}

void StreamSocket::Describe(bool with_tcp, wsp::v1::Socket* out) const {
  WinsockSocket::Describe(with_tcp, out);
  absl::MutexLock lock(&mu_);
  if (out->plane() == wsp::v1::PLANE_LENT) {
    DescribeLent(*engine(), out);
  } else if (state_ == State::kConnected) {
    out->set_active_at_ns(
        std::max(out->active_at_ns(), absl::ToUnixNanos(connected_at_)));
  }
  if (with_tcp &&
      (state_ == State::kConnecting || state_ == State::kConnected)) {
    engine()->WithFd([out](int fd) { DescribeTcpOf(fd, out); });
  }
  if (closing_ != nullptr) {
    EncodeAddress(closing_->local, out->mutable_local());
    return out->set_state(wsp::v1::SOCKET_STATE_LINGERING);
  }
  switch (state_) {
    case State::kOpen:
      out->set_state(bound_ ? wsp::v1::SOCKET_STATE_BOUND
                            : wsp::v1::SOCKET_STATE_OPEN);
      break;
    case State::kListening:
      out->set_state(wsp::v1::SOCKET_STATE_LISTENING);
      break;
    case State::kConnecting:
      out->set_state(wsp::v1::SOCKET_STATE_CONNECTING);
      break;
    case State::kConnected:
      out->set_state(concluded_ ? wsp::v1::SOCKET_STATE_CLOSING
                                : wsp::v1::SOCKET_STATE_CONNECTED);
      break;
  }
}

}  // namespace wspd
