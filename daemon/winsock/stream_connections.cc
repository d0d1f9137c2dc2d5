// WSPListen, WSPAccept and WSPConnect.
#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "daemon/socket/reset.h"
#include "daemon/winsock/address_codec.h"
#include "daemon/winsock/stream_socket.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

// ------------------------------------------------------ listen and accept

void StreamSocket::Listen(const SocketCall& call) {
  wsp::v1::ListenRequest request;
  if (!call.Parse(&request)) return;
  const NetAddress local = engine()->WithFd(&NetAddress::LocalOf);
  if (!local.empty()) {
    const int denied = call.access().Listen(local);
    if (denied != 0) return call.Finish(WsaError::FromErrno(denied));
  }
  CallResult result;
  {
    absl::MutexLock lock(&mu_);
    if (state_ == State::kConnected) return call.Finish(WsaError(kWsaIsConn));
    if (!bound_ || state_ == State::kConnecting) {
      return call.Finish(WsaError(kWsaInval));
    }
    const int error =
        engine()->WithFd([&](int fd) ABSL_NO_THREAD_SAFETY_ANALYSIS {
          if (listen(fd, std::max(request.backlog(), 0)) != 0) return errno;
          LetFirstHaveLocked(fd);
          return 0;
        });
    if (error != 0) {
      result = CallResult(WsaFromErrno(error), error);
    } else {
      state_ = State::kListening;
      local_ = local;
      NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_LISTENING);
    }
  }
  NotifyObservers();
  call.Finish(std::move(result));
}

void StreamSocket::Accept(const SocketCall& call) {
  wsp::v1::AcceptRequest request;
  if (!call.Parse(&request)) return;
  if (request.extended()) return AcceptEx(call, request);
  std::unique_ptr<Operation> operation;
  {
    absl::MutexLock lock(&mu_);
    if (state_ == State::kListening) {
      operation = NewOperation(call, Operation::Kind::kAccept);
    }
  }
  if (operation == nullptr) return Refuse(call, kWsaInval, kFdAccept);
  operation->sink_value = request.accepted_socket_id();
  if (request.conditional()) operation->sink_flags |= kConditional;
  engine()->Submit(std::move(operation));
}

CallResult StreamSocket::AcceptResult(SocketDescriptor* from,
                                      const Operation& operation,
                                      Outcome outcome) {
  if (outcome.error != 0) return ErrorResult(operation, outcome.error);
  wsp::v1::AcceptResult message;
  EncodeAddress(outcome.accepted.peer, message.mutable_peer());
  EncodeAddress(NetAddress::LocalOf(outcome.accepted.fd.get()),
                message.mutable_local());
  std::shared_ptr<CallSink> counted;
  if (outcome.returned) counted = TakeDeferred();
  int error;
  if ((operation.sink_flags & kConditional) != 0) {
    const bool reserved = counted == from->sink();
    if (!reserved && counted != nullptr) counted->ReleaseSockets(1);
    uint64_t offer = 0;
    error = from->AddOffer(std::move(outcome.accepted), reserved, &offer);
    message.set_offer_id(offer);
  } else {
    if (counted != nullptr) counted->ReleaseSockets(1);
    error = AddAccepted(from, std::move(outcome.accepted), operation.sink_value,
                        operation.id);
  }
  CallResult result(WsaFromErrno(error), error);
  if (error == 0) result.body = message.SerializeAsString();
  return result;
}

int StreamSocket::AddAccepted(SocketDescriptor* from,
                              AcceptedConnection connection, uint64_t socket_id,
                              uint64_t call_id) {
  auto accepted = std::make_shared<StreamSocket>(
      Socket::Adopt(std::move(connection.fd), engine()->loop(),
                    engine()->quota()),
      family(), environment());
  Inheritance inherited;
  {
    absl::MutexLock lock(&mu_);
    inherited = {options_, nonblocking_, creation_flags_};
  }
  AddressTable::Hold address = AddressForAccepted();
  const NetAddress local = accepted->engine()->WithFd(&NetAddress::LocalOf);
  {
    absl::MutexLock lock(&accepted->mu_);
    accepted->local_ = local;
    accepted->state_ = State::kConnected;
    accepted->bound_ = true;
    accepted->accepted_ = true;
    accepted->peer_ = connection.peer;
    accepted->connected_at_ = absl::Now();
    accepted->options_ = inherited.options;
    accepted->options_.conditional_accept = false;
    accepted->nonblocking_ = inherited.nonblocking;
    accepted->creation_flags_ = inherited.creation_flags;
    accepted->address_ = std::move(address);
  }
  auto descriptor = std::make_shared<SocketDescriptor>(accepted, from->sink(),
                                                       socket_id, call_id);
  const int error = from->sink()->AddSocket(socket_id, descriptor);
  if (error != 0) {
    descriptor->Abort();
  } else {
    accepted->NoteOpened(*descriptor, from->socket_id());
    accepted->InheritEvents(this, descriptor);
  }
  return error;
}

AddressTable::Hold StreamSocket::AddressForAccepted() const {
  absl::MutexLock lock(&mu_);
  return options_.exclusive_address ? address_ : nullptr;
}

void StreamSocket::PutBack(AcceptedConnection connection,
                           std::shared_ptr<CallSink> sink) {
  {
    absl::MutexLock lock(&mu_);
    if (deferred_ == nullptr) {
      deferred_ = std::make_unique<std::vector<std::shared_ptr<CallSink>>>();
    }
    deferred_->push_back(std::move(sink));
  }
  engine()->ReturnAccepted(std::move(connection));
}

std::shared_ptr<CallSink> StreamSocket::TakeDeferred() {
  absl::MutexLock lock(&mu_);
  if (deferred_ == nullptr || deferred_->empty()) return nullptr;
  std::shared_ptr<CallSink> sink = std::move(deferred_->back());
  deferred_->pop_back();
  return sink;
}

void StreamSocket::ReleaseHoldings(SocketDescriptor* from, bool last) {
  EndAccepts(from, last);
  uint32_t reserved = 0;
  for (auto& [id, connection] : from->TakeAllOffers()) {
    ++reserved;
    if (last) {
      ResetAndClose(std::move(connection.fd));
    } else {
      PutBack(std::move(connection), nullptr);
    }
  }
  {
    absl::MutexLock lock(&mu_);
    if (deferred_ != nullptr) {
      for (std::shared_ptr<CallSink>& sink : *deferred_) {
        if (sink != from->sink()) continue;
        ++reserved;
        sink = nullptr;
      }
    }
  }
  if (reserved > 0) from->sink()->ReleaseSockets(reserved);
}

void StreamSocket::AcceptDecision(const SocketCall& call) {
  wsp::v1::AcceptDecisionRequest request;
  if (!call.Parse(&request)) return;
  SocketDescriptor* const from = call.from().get();
  AcceptedConnection connection = from->TakeOffer(request.offer_id());
  if (!connection.fd.valid()) return call.Finish(WsaError(kWsaInval));
  int error = 0;
  switch (request.decision()) {
    case wsp::v1::AcceptDecisionRequest::DECISION_ACCEPT:
      from->sink()->ReleaseSockets(1);
      error = AddAccepted(from, std::move(connection),
                          request.accepted_socket_id(), call->call_id);
      break;
    case wsp::v1::AcceptDecisionRequest::DECISION_DEFER:
      PutBack(std::move(connection), from->sink());
      // Closed meanwhile: what it holds was released before this was held.
      if (from->closed()) ReleaseHoldings(from, false);
      break;
    case wsp::v1::AcceptDecisionRequest::DECISION_REJECT:
      ResetAndClose(std::move(connection.fd));
      from->sink()->ReleaseSockets(1);
      break;
    default:
      ResetAndClose(std::move(connection.fd));
      from->sink()->ReleaseSockets(1);
      error = EINVAL;
      break;
  }
  // A deferred connection isn't news (section 4.5).
  if (request.decision() != wsp::v1::AcceptDecisionRequest::DECISION_DEFER) {
    ReviewEvents(kFdAccept);
  }
  call.Finish(CallResult(WsaFromErrno(error), error));
}

// ---------------------------------------------------------------- connect

void StreamSocket::Connect(const SocketCall& call) {
  wsp::v1::ConnectRequest request;
  if (!call.Parse(&request)) return;
  NetAddress address;
  if (!DecodeAddress(request.address(), &address)) {
    return call.Finish(WsaError(kWsaInval));
  }
  if (const int denied = call.access().Connect(address, false); denied != 0) {
    return call.Finish(WsaError::FromErrno(denied));
  }
  std::unique_ptr<Operation> operation;
  {
    absl::MutexLock lock(&mu_);
    if (state_ == State::kListening || reserved_by_ != nullptr) {
      return call.Finish(WsaError(kWsaInval));
    }
    if (state_ == State::kConnecting) {
      return call.Finish(
          WsaError(request.extended() ? kWsaInval : kWsaAlready));
    }
    if (state_ == State::kConnected) return call.Finish(WsaError(kWsaIsConn));
    if (request.extended() && !bound_) return call.Finish(WsaError(kWsaInval));
    if (address.family() != family()) {
      return call.Finish(WsaError(kWsaAfNoSupport));
    }
    if (address.is_any() || address.port() == 0) {
      return call.Finish(WsaError(kWsaAddrNotAvail));
    }
    state_ = State::kConnecting;
    connect_ended_ = false;
    connect_error_ = 0;
    peer_ = address;
    if (request.extended()) {
      context_due_ = ContextDue::kConnect;
      bound_to_ = engine()->WithFd(&NetAddress::LocalOf);
    }
    operation = NewOperation(call, Operation::Kind::kConnect);
  }
  // Its end will be news.
  ReviewEvents(kFdConnect);
  operation->address = address;
  engine()->Submit(std::move(operation));
}

CallResult StreamSocket::ConnectResult(const Operation& operation,
                                       const Outcome& outcome) {
  // The call's time may be over, but not the attempt's.
  const bool timed_out = outcome.error == EAGAIN &&
                         (operation.kind == Operation::Kind::kAwaitConnect ||
                          operation.awaits_turn);
  if (outcome.error == EINPROGRESS || outcome.error == ECANCELED || timed_out) {
    GoOnConnecting(operation);
    return ErrorResult(operation, outcome.error);
  }
  CallResult result;
  if (outcome.error != 0) {
    absl::MutexLock lock(&mu_);
    state_ = State::kOpen;
    NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_CONNECT_FAILED,
               outcome.error);
    peer_ = NetAddress();
    context_due_ = ContextDue::kNone;
    // Whether or not a call waits for it: it is the attempt that has failed,
    // and what WSPSelect says of the socket is the same (reference, sections
    // 4.6 and 5.4).
    so_error_ = WsaFromErrno(outcome.error);
    connect_ended_ = true;
    connect_error_ = so_error_;
    result = CallResult(so_error_, outcome.error);
    KeepBoundLocked();
  } else {
    wsp::v1::ConnectResult message;
    const NetAddress local = engine()->WithFd(&NetAddress::LocalOf);
    EncodeAddress(local, message.mutable_local());
    result.body = message.SerializeAsString();
    absl::MutexLock lock(&mu_);
    state_ = State::kConnected;
    local_ = local;
    NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_CONNECTED);
    bound_ = true;
    so_error_ = 0;
    connect_ended_ = true;
    connected_at_ = absl::Now();
  }
  NotifyObservers();
  return result;
}

// The attempt bound the socket, which its failure doesn't take back: listen is
// allowed afterwards (reference, section 4.6). Linux gives a port back that it
// chose itself, if others haven't taken it since, and takes the socket for one
// that is connecting still.
void StreamSocket::KeepBoundLocked() {
  const int error = engine()->WithFd([](int fd) {
    const uint16_t port = NetAddress::LocalOf(fd).port();
    sockaddr nowhere{};
    nowhere.sa_family = AF_UNSPEC;
    if (connect(fd, &nowhere, sizeof(nowhere)) != 0) return errno;
    // The address that it was bound to, or any.
    const NetAddress local = NetAddress::LocalOf(fd);
    for (const uint16_t wanted : {port, uint16_t{0}}) {
      const NetAddress address = local.WithPort(wanted);
      if (bind(fd, address.get(), address.size()) == 0) return 0;
      if (errno != EADDRINUSE) break;
    }
    return errno;
  });
  // EINVAL: it has its port still. Else there are no ports left, and it is as
  // unbound as it was.
  if (error == 0 || error == EINVAL) bound_ = true;
}

void StreamSocket::GoOnConnecting(const Operation& attempt) {
  // One that hasn't begun waits for its turn.
  auto operation = NewBackgroundOperation(attempt.kind);
  operation->address = attempt.address;
  if (attempt.kind == Operation::Kind::kAwaitConnect) {
    absl::MutexLock lock(&mu_);
    bound_ = true;
  }
  engine()->Submit(std::move(operation));
}

}  // namespace wspd
