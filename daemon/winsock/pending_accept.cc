#include "daemon/winsock/pending_accept.h"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "daemon/socket/reset.h"
#include "daemon/winsock/address_codec.h"
#include "daemon/winsock/stream_socket.h"
#include "daemon/winsock/wsa_error.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

PendingAccept::PendingAccept(std::shared_ptr<SocketDescriptor> listener,
                             std::shared_ptr<SocketDescriptor> accepting,
                             const Arguments& arguments)
    : listener_(std::move(listener)),
      accepting_(std::move(accepting)),
      arguments_(arguments) {}

StreamSocket* PendingAccept::listening_socket() const {
  return static_cast<StreamSocket*>(listener_->socket().get());
}

StreamSocket* PendingAccept::accepting_socket() const {
  return static_cast<StreamSocket*>(accepting_->socket().get());
}

CallResult PendingAccept::ErrorResult(int error) {
  // One of the two sockets was closed before, or is being closed.
  if (error == ECANCELED || error == EBADF) {
    return CallResult(kWsaOperationAborted, ECANCELED);
  }
  return CallResult(WsaFromErrno(error), error);
}

// It has no id of a call: those that a closed descriptor leaves in its socket
// are answered there.
std::unique_ptr<Operation> PendingAccept::NewOperation(Operation::Kind kind) {
  auto operation = std::make_unique<Operation>();
  operation->kind = kind;
  operation->id = kNoCall;
  operation->sink = shared_from_this();
  operation->report_parked = arguments_.report_pending;
  return operation;
}

void PendingAccept::Start() {
  // End() may have come before both sockets knew of this, or ...
  if (ending()) return Release();
  Socket* const engine = listening_socket()->engine();
  engine->Submit(NewOperation(arguments_.no_address_room
                                  ? Operation::Kind::kAwaitConnection
                                  : Operation::Kind::kAccept));
  // ... before there was something to cancel.
  if (ending()) engine->Cancel(this, kNoCall, ECANCELED);
}

void PendingAccept::Refuse(int error) {
  Release();
  FinishWith(error);
}

bool PendingAccept::ending() const {
  absl::MutexLock lock(&mu_);
  return ending_;
}

absl::Time PendingAccept::connected_at() const {
  absl::MutexLock lock(&mu_);
  return connected_at_;
}

void PendingAccept::Poke() {
  std::shared_ptr<Socket> connection;
  {
    absl::MutexLock lock(&mu_);
    connection = connection_;
  }
  if (connection != nullptr) connection->Poke();
}

void PendingAccept::OnParked(uint64_t /*operation_id*/) {
  listener_->sink()->ReportPending(arguments_.call_id);
}

void PendingAccept::OnOutcome(std::unique_ptr<Operation> operation,
                              Outcome outcome) {
  switch (operation->kind) {
    case Operation::Kind::kAccept:
      return OnConnection(std::move(outcome));
    case Operation::Kind::kAwaitConnection:
      return FinishWith(outcome.error != 0 ? outcome.error : EFAULT);
    default:
      return OnFirstData(std::move(outcome));
  }
}

void PendingAccept::OnConnection(Outcome outcome) {
  if (outcome.error != 0) return FinishWith(outcome.error);
  if (outcome.returned) {
    std::shared_ptr<CallSink> counted = listening_socket()->TakeDeferred();
    if (counted != nullptr) counted->ReleaseSockets(1);
  }
  if (arguments_.max_bytes == 0) {
    if (!Claim()) return PutBack(std::move(outcome.accepted));
    return Deliver(std::move(outcome.accepted), nullptr);
  }
  const NetAddress peer = outcome.accepted.peer;
  Socket* const listening = listening_socket()->engine();
  std::shared_ptr<Socket> connection = Socket::Adopt(
      std::move(outcome.accepted.fd), listening->loop(), listening->quota());
  bool ended;
  {
    absl::MutexLock lock(&mu_);
    // End() didn't find the connection, and ends the call itself.
    ended = ended_ || ending_;
    if (!ended) {
      connection_ = connection;
      peer_ = peer;
      connected_at_ = absl::Now();
    }
  }
  if (ended) return PutBack({connection->Abandon().first, peer});
  auto operation = NewOperation(Operation::Kind::kReceive);
  operation->max_bytes = std::min<size_t>(arguments_.max_bytes, kChunkBytes);
  connection->Submit(std::move(operation));
  // End() may have come before there was something to cancel.
  if (ending()) connection->Cancel(this, kNoCall, ECANCELED);
}

void PendingAccept::OnFirstData(Outcome outcome) {
  std::shared_ptr<Socket> socket;
  AcceptedConnection connection;
  Ending ending;
  {
    absl::MutexLock lock(&mu_);
    socket = connection_;
    connection.peer = peer_;
    ending = ending_as_;
  }
  connection.fd = socket->Abandon().first;
  if (outcome.error == 0) {
    // As long as the connection waits here nobody else ends the call.
    if (Claim()) Deliver(std::move(connection), std::move(outcome.data));
    return;
  }
  if (outcome.error != ECANCELED || ending == Ending::kReset) {
    ResetAndClose(std::move(connection.fd));
  } else {
    PutBack(std::move(connection));
  }
  FinishWith(outcome.error);
}

void PendingAccept::Deliver(AcceptedConnection connection,
                            std::shared_ptr<Bytes> data) {
  wsp::v1::AcceptResult message;
  EncodeAddress(connection.peer, message.mutable_peer());
  EncodeAddress(NetAddress::LocalOf(connection.fd.get()),
                message.mutable_local());
  const uint64_t received = data == nullptr ? 0 : data->size();
  const int error =
      accepting_socket()->TakeConnection(this, std::move(connection), received);
  if (error != 0) return Finish(ErrorResult(error));
  CallResult result;
  result.body = message.SerializeAsString();
  result.payload = std::move(data);
  Finish(std::move(result));
}

void PendingAccept::PutBack(AcceptedConnection connection) {
  listening_socket()->PutBack(std::move(connection), nullptr);
}

void PendingAccept::End(Ending ending) {
  std::shared_ptr<Socket> connection;
  {
    absl::MutexLock lock(&mu_);
    if (ended_ || ending_) return;
    ending_ = true;
    ending_as_ = ending;
    connection = connection_;
  }
  if (connection != nullptr) {
    connection->Cancel(this, kNoCall, ECANCELED);
    return;
  }
  // If it isn't there any more, a connection is on the way: it is put back.
  listening_socket()->engine()->Cancel(this, kNoCall, ECANCELED);
  FinishWith(ECANCELED);
}

bool PendingAccept::Claim() {
  absl::MutexLock lock(&mu_);
  return !std::exchange(ended_, true);
}

void PendingAccept::Release() {
  accepting_socket()->EndReservation(this);
  listening_socket()->Forget(this);
}

void PendingAccept::FinishWith(int error) {
  if (Claim()) Finish(ErrorResult(error));
}

void PendingAccept::Finish(CallResult result) {
  const std::shared_ptr<PendingAccept> self = shared_from_this();
  Release();
  // As any accept (reference, section 4.5).
  listening_socket()->ReviewEvents(kFdAccept);
  listener_->sink()->Finish(arguments_.call_id, std::move(result));
}

}  // namespace wspd
