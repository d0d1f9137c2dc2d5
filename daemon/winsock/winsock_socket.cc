#include "daemon/winsock/winsock_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "daemon/winsock/address_codec.h"
#include "daemon/winsock/winsock_socket_internal.h"
#include "daemon/wire/wire_writer.h"
#include "proto/wire_fields.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {
namespace {

namespace wire = wsp::wire;

}  // namespace

int WinsockSocket::Create(int family, EventLoop* loop,
                          const Environment* environment,
                          std::shared_ptr<CallSink> sink, uint64_t socket_id,
                          std::shared_ptr<WinsockSocket>* socket) {
  OwnedFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                      IPPROTO_TCP));
  if (!fd.valid()) return errno;
  if (family == AF_INET6) {
    // Winsock's default (reference, section 5.2).
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  }
  socket->reset(new WinsockSocket(Socket::Adopt(std::move(fd), loop), family,
                                  environment, std::move(sink), socket_id));
  return 0;
}

WinsockSocket::WinsockSocket(std::shared_ptr<Socket> socket, int family,
                             const Environment* environment,
                             std::shared_ptr<CallSink> sink, uint64_t socket_id)
    : socket_(std::move(socket)),
      environment_(environment),
      sink_(std::move(sink)),
      socket_id_(socket_id),
      family_(family),
      opened_at_(absl::Now()) {}

void WinsockSocket::Handle(const Call& call) {
  using Handler = void (WinsockSocket::*)(const Call&);
  struct Entry {
    uint32_t request;
    Handler handler;
  };
  // The functions that work on a socket; the most frequent first.
  static constexpr Entry kHandlers[] = {
      {wire::Call::kSend, &WinsockSocket::Send},
      {wire::Call::kRecv, &WinsockSocket::Receive},
      {wire::Call::kConnect, &WinsockSocket::Connect},
      {wire::Call::kAccept, &WinsockSocket::Accept},
      {wire::Call::kCloseSocket, &WinsockSocket::Close},
      {wire::Call::kShutdown, &WinsockSocket::Shutdown},
      {wire::Call::kBind, &WinsockSocket::Bind},
      {wire::Call::kListen, &WinsockSocket::Listen},
      {wire::Call::kGetSockName, &WinsockSocket::GetSockName},
      {wire::Call::kGetPeerName, &WinsockSocket::GetPeerName},
      {wire::Call::kGetSockOpt, &WinsockSocket::GetSockOpt},
      {wire::Call::kSetSockOpt, &WinsockSocket::SetSockOpt},
      {wire::Call::kIoctl, &WinsockSocket::Ioctl},
      {wire::Call::kAcceptDecision, &WinsockSocket::AcceptDecision},
  };
  for (const Entry& entry : kHandlers) {
    if (entry.request == call.request) return (this->*entry.handler)(call);
  }
  sink_->Finish(call.call_id, CallResult(kWsaOpNotSupp, EOPNOTSUPP));
}

// ----------------------------------------------------------- calls' ends

void WinsockSocket::FinishError(const Call& call, WsaError error) {
  sink_->Finish(call.call_id, CallResult(error.wsa, error.linux_errno));
}

CallResult WinsockSocket::ErrorResult(const Operation& operation, int error) {
  if (error == ECANCELED) {
    const bool overlapped = (operation.sink_flags & kOverlapped) != 0;
    return CallResult(overlapped ? kWsaOperationAborted : kWsaIntr, error);
  }
  // The operation's own time was over.
  if (error == EAGAIN && operation.wait) {
    return CallResult(kWsaTimedOut, ETIMEDOUT);
  }
  absl::MutexLock lock(&mu_);
  if (operation.kind == Operation::Kind::kSend ||
      operation.kind == Operation::Kind::kReceive) {
    if (lost_ != 0) return CallResult(lost_, error);
    if (error == EPIPE && send_shut_) return CallResult(kWsaShutdown, error);
  }
  return CallResult(WsaFromErrno(error), error);
}

void WinsockSocket::OnOutcome(std::unique_ptr<Operation> operation,
                              Outcome outcome) {
  CallResult result;
  switch (operation->kind) {
    case Operation::Kind::kSend:
      result = SendResult(*operation, outcome);
      break;
    case Operation::Kind::kReceive:
      if (operation->id == kNoCall) {
        if (outcome.data != nullptr) ResetForUnwantedData();
        return;
      }
      result = ReceiveResult(*operation, std::move(outcome));
      break;
    case Operation::Kind::kAccept:
      result = AcceptResult(*operation, std::move(outcome));
      break;
    case Operation::Kind::kConnect:
    case Operation::Kind::kAwaitConnect:
      result = ConnectResult(*operation, outcome);
      break;
  }
  if (operation->id != kNoCall) {
    sink_->Finish(operation->id, std::move(result));
  }
}

void WinsockSocket::OnParked(uint64_t operation_id) {
  sink_->ReportPending(operation_id);
}

void WinsockSocket::Flush() { sink_->FlushResults(); }

bool WinsockSocket::MayReceive() const { return sink_->MayReceive(); }

std::unique_ptr<Operation> WinsockSocket::NewOperation(const Call& call,
                                                       Operation::Kind kind) {
  auto operation = std::make_unique<Operation>();
  operation->kind = kind;
  operation->id = call.call_id;
  operation->sink = shared_from_this();
  // Non-blocking mode doesn't apply to overlapped calls (section 4.3).
  operation->wait = call.overlapped || !nonblocking_;
  operation->report_parked = call.report_pending;
  operation->timeout_ms = call.timeout_ms;
  if (call.overlapped) operation->sink_flags = kOverlapped;
  return operation;
}

void WinsockSocket::FinishAborted(
    std::vector<std::unique_ptr<Operation>> operations) {
  for (auto& operation : operations) {
    if (operation->id == kNoCall) continue;
    CallResult result = ErrorResult(*operation, ECANCELED);
    if (operation->kind == Operation::Kind::kSend && operation->sent > 0) {
      WireWriter(&result.body)
          .Varint(wire::SendResult::kBytesSent, operation->sent);
    }
    sink_->Finish(operation->id, std::move(result));
  }
}

void WinsockSocket::Cancel(uint64_t call_id) {
  if (socket_->Cancel(this, call_id, ECANCELED)) return;
  Lingerer::Key linger = 0;
  {
    absl::MutexLock lock(&mu_);
    if (closing_.has_value() && closing_->call_id == call_id) {
      linger = closing_->linger;
    }
  }
  // Only the wait ends: the socket is closed, and lingers on.
  if (linger != 0 && environment_->lingerer->StopWaiting(linger)) {
    FinishClose(call_id, CallResult(kWsaIntr, ECANCELED));
  }
}

void WinsockSocket::Describe(wsp::v1::Socket* out) const {
  out->set_socket_id(socket_id_);
  out->set_protocol(IPPROTO_TCP);
  out->set_pending_calls(socket_->waiting());
  out->set_bytes_sent(bytes_sent_.load(std::memory_order_relaxed));
  out->set_bytes_received(socket_->received());
  out->set_opened_at_ns(absl::ToUnixNanos(opened_at_));
  absl::MutexLock lock(&mu_);
  EncodeAddress(peer_, out->mutable_peer());
  if (closing_.has_value()) {
    EncodeAddress(closing_->local, out->mutable_local());
    return out->set_state(wsp::v1::SOCKET_STATE_LINGERING);
  }
  if (bound_) {
    EncodeAddress(socket_->WithFd(&NetAddress::LocalOf), out->mutable_local());
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
      out->set_state(wsp::v1::SOCKET_STATE_CONNECTED);
      break;
  }
}

}  // namespace wspd
