// WSPBind, WSPListen, WSPAccept, WSPConnect, and the names of both ends.
#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "daemon/socket/reset.h"
#include "daemon/winsock/address_codec.h"
#include "daemon/winsock/winsock_socket.h"
#include "daemon/winsock/winsock_socket_internal.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

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

}  // namespace wspd
