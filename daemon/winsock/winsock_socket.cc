#include "daemon/winsock/winsock_socket.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "daemon/socket/reset.h"
#include "daemon/winsock/address_codec.h"
#include "daemon/wire/wire_writer.h"
#include "proto/wire_fields.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

namespace wire = wsp::wire;

// Winsock's numbers.
constexpr uint32_t kMsgOob = 0x1;
constexpr uint32_t kMsgPeek = 0x2;
constexpr uint32_t kMsgDontRoute = 0x4;
constexpr uint32_t kMsgWaitAll = 0x8;
constexpr uint32_t kFionbio = 0x8004667e;
constexpr uint32_t kFionread = 0x4004667f;

// Bits of Operation::sink_flags.
enum : uint32_t {
  kOverlapped = 1,
  // accept: a condition function will decide.
  kConditional = 2,
  // receive: neither offset nor count change.
  kOutOfStream = 4,
};
// Operation::id of operations that belong to no call.
constexpr uint64_t kNoCall = 0;

bool IsConnectionLost(int error) {
  return error == ECONNRESET || error == EPIPE || error == ETIMEDOUT ||
         error == ECONNABORTED || error == EHOSTUNREACH ||
         error == ENETUNREACH || error == ENETRESET;
}

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

template <typename Message>
bool WinsockSocket::Parse(const Call& call, Message* message) {
  if (message->ParseFromString(call.body.RemainingString())) return true;
  FinishError(call, kWsaInval);
  return false;
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

// ------------------------------------------------------------------ data

uint32_t WinsockSocket::DataErrorLocked(bool shut) const {
  if (shut) return kWsaShutdown;
  if (lost_ != 0) return lost_;
  if (state_ != State::kConnected) return kWsaNotConn;
  return 0;
}

void WinsockSocket::Send(const Call& call) {
  WireReader body = call.body;
  uint64_t flags = 0;
  WireReader data;
  while (body.Next()) {
    switch (body.field()) {
      case wire::SendRequest::kFlags:
        flags = body.ReadVarint();
        break;
      case wire::SendRequest::kData:
        data = body.ReadBytes();
        break;
      default:
        body.Skip();
    }
  }
  std::unique_ptr<Operation> operation;
  {
    absl::MutexLock lock(&mu_);
    uint32_t error = DataErrorLocked(send_shut_);
    if (!body.ok() || data.remaining() > kChunkBytes) error = kWsaInval;
    if ((flags & ~uint64_t{kMsgOob | kMsgDontRoute}) != 0) {
      error = kWsaOpNotSupp;
    }
    if (error != 0) return FinishError(call, error);
    operation = NewOperation(call, Operation::Kind::kSend);
  }
  if ((flags & kMsgOob) != 0) operation->flags |= MSG_OOB;
  if ((flags & kMsgDontRoute) != 0) operation->flags |= MSG_DONTROUTE;
  for (const iovec& piece : data.RemainingPieces()) {
    operation->pieces.push_back(piece);
  }
  operation->left = data.remaining();
  if (operation->left == 0) {
    sink_->Finish(call.call_id, CallResult());
    return;
  }
  operation->owner = call.frame;
  operation->owner_bytes = call.frame_bytes;
  socket_->Submit(std::move(operation));
}

CallResult WinsockSocket::SendResult(const Operation& operation,
                                     const Outcome& outcome) {
  CallResult result;
  if (outcome.error != 0) {
    if (IsConnectionLost(outcome.error)) {
      absl::MutexLock lock(&mu_);
      if (lost_ == 0 && !send_shut_) lost_ = WsaFromErrno(outcome.error);
    }
    result = ErrorResult(operation, outcome.error);
  }
  bytes_sent_.fetch_add(operation.sent, std::memory_order_relaxed);
  environment_->bytes_sent.fetch_add(operation.sent, std::memory_order_relaxed);
  if (operation.sent > 0) {
    WireWriter(&result.body)
        .Varint(wire::SendResult::kBytesSent, operation.sent);
  }
  return result;
}

void WinsockSocket::Receive(const Call& call) {
  WireReader body = call.body;
  uint64_t max_bytes = 0;
  uint64_t flags = 0;
  while (body.Next()) {
    switch (body.field()) {
      case wire::RecvRequest::kMaxBytes:
        max_bytes = body.ReadVarint();
        break;
      case wire::RecvRequest::kFlags:
        flags = body.ReadVarint();
        break;
      default:
        body.Skip();
    }
  }
  std::unique_ptr<Operation> operation;
  {
    absl::MutexLock lock(&mu_);
    uint32_t error = DataErrorLocked(receive_shut_);
    if (!body.ok()) error = kWsaInval;
    // MSG_WAITALL is the caller's loop.
    if ((flags & ~uint64_t{kMsgOob | kMsgPeek | kMsgWaitAll}) != 0) {
      error = kWsaOpNotSupp;
    }
    if (error != 0) return FinishError(call, error);
    operation = NewOperation(call, Operation::Kind::kReceive);
  }
  operation->max_bytes = std::min<uint64_t>(max_bytes, kChunkBytes);
  if ((flags & kMsgOob) != 0) operation->flags |= MSG_OOB;
  if ((flags & kMsgPeek) != 0) operation->flags |= MSG_PEEK;
  if (operation->flags != 0) operation->sink_flags |= kOutOfStream;
  socket_->Submit(std::move(operation));
}

CallResult WinsockSocket::ReceiveResult(const Operation& operation,
                                        Outcome outcome) {
  CallResult result;
  if (outcome.error != 0) {
    if (IsConnectionLost(outcome.error)) {
      absl::MutexLock lock(&mu_);
      if (lost_ == 0) lost_ = WsaFromErrno(outcome.error);
    }
    return ErrorResult(operation, outcome.error);
  }
  if (outcome.data == nullptr || (operation.sink_flags & kOutOfStream) != 0) {
    result.payload = std::move(outcome.data);
    return result;
  }
  environment_->bytes_received.fetch_add(outcome.data->size(),
                                         std::memory_order_relaxed);
  if (outcome.stream_offset != 0) {
    WireWriter(&result.body)
        .Varint(wire::RecvResult::kStreamOffset, outcome.stream_offset);
  }
  result.payload = std::move(outcome.data);
  return result;
}

// -------------------------------------------------------------- addresses

void WinsockSocket::Bind(const Call& call) {
  wsp::v1::BindRequest request;
  if (!Parse(call, &request)) return;
  NetAddress address;
  if (!DecodeAddress(request.address(), &address)) {
    return FinishError(call, kWsaInval);
  }
  CallResult result;
  {
    absl::MutexLock lock(&mu_);
    if (address.family() != family_) return FinishError(call, kWsaAfNoSupport);
    if (bound_ || state_ != State::kOpen) return FinishError(call, kWsaInval);
    NetAddress local;
    const int error = socket_->WithFd([&](int fd) {
      if (bind(fd, address.get(), address.size()) != 0) return errno;
      local = NetAddress::LocalOf(fd);
      return 0;
    });
    if (error != 0) {
      result = CallResult(WsaFromErrno(error), error);
    } else {
      bound_ = true;
      wsp::v1::BindResult message;
      EncodeAddress(local, message.mutable_local());
      result.body = message.SerializeAsString();
    }
  }
  sink_->Finish(call.call_id, std::move(result));
}

void WinsockSocket::GetSockName(const Call& call) {
  {
    absl::MutexLock lock(&mu_);
    if (!bound_) return FinishError(call, kWsaInval);
  }
  wsp::v1::GetSockNameResult message;
  EncodeAddress(socket_->WithFd(&NetAddress::LocalOf),
                message.mutable_address());
  CallResult result;
  result.body = message.SerializeAsString();
  sink_->Finish(call.call_id, std::move(result));
}

void WinsockSocket::GetPeerName(const Call& call) {
  wsp::v1::GetPeerNameResult message;
  {
    absl::MutexLock lock(&mu_);
    // Also while connecting and after the connection's end (section 5.2).
    if (peer_.empty()) return FinishError(call, kWsaNotConn);
    EncodeAddress(peer_, message.mutable_address());
  }
  CallResult result;
  result.body = message.SerializeAsString();
  sink_->Finish(call.call_id, std::move(result));
}

// ------------------------------------------------------ listen and accept

void WinsockSocket::Listen(const Call& call) {
  wsp::v1::ListenRequest request;
  if (!Parse(call, &request)) return;
  CallResult result;
  {
    absl::MutexLock lock(&mu_);
    if (state_ == State::kConnected) return FinishError(call, kWsaIsConn);
    if (!bound_ || state_ == State::kConnecting) {
      return FinishError(call, kWsaInval);
    }
    const int error = socket_->WithFd([&](int fd) {
      return listen(fd, std::max(request.backlog(), 0)) == 0 ? 0 : errno;
    });
    if (error != 0) {
      result = CallResult(WsaFromErrno(error), error);
    } else {
      state_ = State::kListening;
    }
  }
  sink_->Finish(call.call_id, std::move(result));
}

void WinsockSocket::Accept(const Call& call) {
  wsp::v1::AcceptRequest request;
  if (!Parse(call, &request)) return;
  std::unique_ptr<Operation> operation;
  {
    absl::MutexLock lock(&mu_);
    if (state_ != State::kListening) return FinishError(call, kWsaInval);
    operation = NewOperation(call, Operation::Kind::kAccept);
  }
  operation->sink_value = request.accepted_socket_id();
  if (request.conditional()) operation->sink_flags |= kConditional;
  socket_->Submit(std::move(operation));
}

CallResult WinsockSocket::AcceptResult(const Operation& operation,
                                       Outcome outcome) {
  if (outcome.error != 0) return ErrorResult(operation, outcome.error);
  wsp::v1::AcceptResult message;
  EncodeAddress(outcome.peer, message.mutable_peer());
  EncodeAddress(NetAddress::LocalOf(outcome.accepted.get()),
                message.mutable_local());
  bool reserved = false;
  if (outcome.returned) {
    absl::MutexLock lock(&mu_);
    reserved = deferred_ > 0;
    if (reserved) --deferred_;
  }
  int error;
  if ((operation.sink_flags & kConditional) != 0) {
    uint64_t offer = 0;
    error = AddOffer(std::move(outcome.accepted), reserved, &offer);
    message.set_offer_id(offer);
  } else {
    if (reserved) sink_->ReleaseSockets(1);
    error = AddAccepted(std::move(outcome.accepted), outcome.peer,
                        operation.sink_value);
  }
  CallResult result(WsaFromErrno(error), error);
  if (error == 0) result.body = message.SerializeAsString();
  return result;
}

int WinsockSocket::AddOffer(OwnedFd fd, bool reserved, uint64_t* offer_id) {
  if (!reserved) {
    if (const int error = sink_->ReserveSocket(); error != 0) {
      ResetAndClose(std::move(fd));
      return error;
    }
  }
  {
    absl::MutexLock lock(&mu_);
    if (!closed_) {
      *offer_id = next_offer_++;
      if (offers_ == nullptr) {
        offers_ = std::make_unique<std::map<uint64_t, OwnedFd>>();
      }
      offers_->emplace(*offer_id, std::move(fd));
      return 0;
    }
  }
  ResetAndClose(std::move(fd));
  sink_->ReleaseSockets(1);
  return EBADF;
}

void WinsockSocket::DropOffers() {
  std::unique_ptr<std::map<uint64_t, OwnedFd>> offers;
  uint32_t reserved;
  {
    absl::MutexLock lock(&mu_);
    closed_ = true;
    offers = std::move(offers_);
    reserved = std::exchange(deferred_, 0);
  }
  if (offers != nullptr) {
    reserved += offers->size();
    for (auto& [id, connection] : *offers) ResetAndClose(std::move(connection));
  }
  if (reserved > 0) sink_->ReleaseSockets(reserved);
}

int WinsockSocket::AddAccepted(OwnedFd fd, const NetAddress& peer,
                               uint64_t socket_id) {
  std::shared_ptr<WinsockSocket> accepted(
      new WinsockSocket(Socket::Adopt(std::move(fd), socket_->loop()), family_,
                        environment_, sink_, socket_id));
  Inheritance inherited;
  {
    absl::MutexLock lock(&mu_);
    inherited = {options_, nonblocking_};
  }
  {
    absl::MutexLock lock(&accepted->mu_);
    accepted->state_ = State::kConnected;
    accepted->bound_ = true;
    accepted->peer_ = peer;
    accepted->connected_at_ = absl::Now();
    accepted->options_ = inherited.options;
    accepted->options_.conditional_accept = false;
    accepted->nonblocking_ = inherited.nonblocking;
  }
  const int error = sink_->AddSocket(socket_id, accepted);
  if (error != 0) accepted->Abort();
  return error;
}

void WinsockSocket::AcceptDecision(const Call& call) {
  wsp::v1::AcceptDecisionRequest request;
  if (!Parse(call, &request)) return;
  OwnedFd connection;
  {
    absl::MutexLock lock(&mu_);
    if (offers_ != nullptr) {
      auto offer = offers_->find(request.offer_id());
      if (offer != offers_->end()) {
        connection = std::move(offer->second);
        offers_->erase(offer);
      }
    }
  }
  if (!connection.valid()) return FinishError(call, kWsaInval);
  int error = 0;
  switch (request.decision()) {
    case wsp::v1::AcceptDecisionRequest::DECISION_ACCEPT: {
      sink_->ReleaseSockets(1);
      const NetAddress peer = NetAddress::PeerOf(connection.get());
      error = AddAccepted(std::move(connection), peer,
                          request.accepted_socket_id());
      break;
    }
    case wsp::v1::AcceptDecisionRequest::DECISION_DEFER: {
      bool closed;
      {
        absl::MutexLock lock(&mu_);
        closed = closed_;
        if (!closed) ++deferred_;
      }
      if (closed) sink_->ReleaseSockets(1);
      socket_->ReturnAccepted(std::move(connection));
      break;
    }
    case wsp::v1::AcceptDecisionRequest::DECISION_REJECT:
      ResetAndClose(std::move(connection));
      sink_->ReleaseSockets(1);
      break;
    default:
      ResetAndClose(std::move(connection));
      sink_->ReleaseSockets(1);
      return FinishError(call, kWsaInval);
  }
  sink_->Finish(call.call_id, CallResult(WsaFromErrno(error), error));
}

// ---------------------------------------------------------------- connect

void WinsockSocket::Connect(const Call& call) {
  wsp::v1::ConnectRequest request;
  if (!Parse(call, &request)) return;
  NetAddress address;
  if (!DecodeAddress(request.address(), &address)) {
    return FinishError(call, kWsaInval);
  }
  std::unique_ptr<Operation> operation;
  {
    absl::MutexLock lock(&mu_);
    if (state_ == State::kListening) return FinishError(call, kWsaInval);
    if (state_ == State::kConnecting) return FinishError(call, kWsaAlready);
    if (state_ == State::kConnected) return FinishError(call, kWsaIsConn);
    if (address.family() != family_) return FinishError(call, kWsaAfNoSupport);
    if (address.is_any() || address.port() == 0) {
      return FinishError(call, kWsaAddrNotAvail);
    }
    state_ = State::kConnecting;
    peer_ = address;
    operation = NewOperation(call, Operation::Kind::kConnect);
  }
  operation->address = address;
  socket_->Submit(std::move(operation));
}

CallResult WinsockSocket::ConnectResult(const Operation& operation,
                                        const Outcome& outcome) {
  // The call's time may be over, but not the attempt's.
  const bool timed_out = outcome.error == EAGAIN &&
                         operation.kind == Operation::Kind::kAwaitConnect;
  if (outcome.error == EINPROGRESS || outcome.error == ECANCELED || timed_out) {
    {
      absl::MutexLock lock(&mu_);
      bound_ = true;
    }
    AwaitConnect();
    return ErrorResult(operation, outcome.error);
  }
  CallResult result;
  if (outcome.error != 0) {
    absl::MutexLock lock(&mu_);
    state_ = State::kOpen;
    peer_ = NetAddress();
    so_error_ = WsaFromErrno(outcome.error);
    result = CallResult(so_error_, outcome.error);
  } else {
    wsp::v1::ConnectResult message;
    EncodeAddress(socket_->WithFd(&NetAddress::LocalOf),
                  message.mutable_local());
    result.body = message.SerializeAsString();
    absl::MutexLock lock(&mu_);
    state_ = State::kConnected;
    bound_ = true;
    so_error_ = 0;
    connected_at_ = absl::Now();
  }
  return result;
}

void WinsockSocket::AwaitConnect() {
  auto operation = std::make_unique<Operation>();
  operation->kind = Operation::Kind::kAwaitConnect;
  operation->id = kNoCall;
  operation->sink = shared_from_this();
  operation->background = true;
  socket_->Submit(std::move(operation));
}

// ------------------------------------------------------ shutdown and close

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

// ---------------------------------------------------------------- options

void WinsockSocket::GetSockOpt(const Call& call) {
  wsp::v1::GetSockOptRequest request;
  if (!Parse(call, &request)) return;
  wsp::v1::GetSockOptResult message;
  WsaError error = 0;
  {
    absl::MutexLock lock(&mu_);
    const int64_t seconds =
        state_ == State::kConnected
            ? absl::ToInt64Seconds(absl::Now() - connected_at_)
            : -1;
    error = socket_->WithFd([&](int fd) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return GetSocketOption(
          request,
          SocketView{fd, SOCK_STREAM, bound_, state_ == State::kListening,
                     seconds, &so_error_},
          options_, message.mutable_value());
    });
  }
  if (!error.ok()) return FinishError(call, error);
  CallResult result;
  result.body = message.SerializeAsString();
  sink_->Finish(call.call_id, std::move(result));
}

void WinsockSocket::SetSockOpt(const Call& call) {
  wsp::v1::SetSockOptRequest request;
  if (!Parse(call, &request)) return;
  WsaError error = 0;
  {
    absl::MutexLock lock(&mu_);
    error = socket_->WithFd([&](int fd) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return SetSocketOption(
          request,
          SocketView{fd, SOCK_STREAM, bound_, state_ == State::kListening, -1,
                     &so_error_},
          &options_);
    });
  }
  FinishError(call, error);
}

void WinsockSocket::Ioctl(const Call& call) {
  wsp::v1::IoctlRequest request;
  if (!Parse(call, &request)) return;
  CallResult result;
  if (request.code() == kFionbio) {
    absl::MutexLock lock(&mu_);
    nonblocking_ = request.number() != 0;
  } else if (request.code() == kFionread) {
    int readable = 0;
    const int error = socket_->WithFd([&](int fd) {
      return ioctl(fd, FIONREAD, &readable) == 0 ? 0 : errno;
    });
    // Linux refuses on a listener, where Winsock counts nothing.
    if (error != 0 && error != EINVAL) {
      result = CallResult(WsaFromErrno(error), error);
    } else {
      wsp::v1::IoctlResult message;
      message.set_number(static_cast<uint32_t>(readable));
      result.body = message.SerializeAsString();
    }
  } else {
    result = CallResult(kWsaOpNotSupp, EOPNOTSUPP);
  }
  sink_->Finish(call.call_id, std::move(result));
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
