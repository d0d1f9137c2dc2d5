#include "daemon/winsock/socket_descriptor.h"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "daemon/socket/reset.h"
#include "daemon/winsock/socket_call.h"
#include "daemon/winsock/winsock_socket.h"

namespace wspd {

SocketDescriptor::SocketDescriptor(std::shared_ptr<WinsockSocket> socket,
                                   std::shared_ptr<CallSink> sink,
                                   uint64_t socket_id, uint64_t made_by)
    : socket_(std::move(socket)),
      sink_(std::move(sink)),
      socket_id_(socket_id),
      made_by_(made_by) {
  socket_->AddDescriptor();
}

SocketDescriptor::~SocketDescriptor() = default;

SocketAccess SocketDescriptor::access() const {
  PolicySocket socket;
  socket.plane = socket_->plane();
  socket.protocol = socket_->protocol();
  socket.socket_id = socket_id_;
  socket.cookie = socket_->lent_cookie();
  return SocketAccess(sink_->access(), socket);
}

void SocketDescriptor::Handle(const Call& call) {
  socket_->Handle(SocketCall(call, shared_from_this()));
}

void SocketDescriptor::Cancel(uint64_t call_id) {
  socket_->Cancel(this, call_id);
}

void SocketDescriptor::Abort() {
  if (MarkClosed()) {
    socket_->Abort(this);
  } else {
    socket_->ForgetWait(this);
  }
}

void SocketDescriptor::Poke() { socket_->Poke(); }

void SocketDescriptor::TakeNotices(std::vector<NetworkNotice>* notices) {
  socket_->TakeNotices(this, notices);
}

bool SocketDescriptor::RepeatNotices() { return socket_->RepeatNotices(this); }

SocketReadiness SocketDescriptor::Readiness() const {
  SocketReadiness readiness;
  if (!closed()) readiness = socket_->Readiness();
  return readiness;
}

void SocketDescriptor::Describe(bool with_tcp, wsp::v1::Socket* out) const {
  out->set_socket_id(socket_id_);
  socket_->Describe(with_tcp, out);
}

void SocketDescriptor::RefuseSendsBehind(uint64_t stream_offset) {
  refuses_behind_gap_.store(true, std::memory_order_relaxed);
  SetGap(std::min(gap(), stream_offset));
}

// ---------------------------------------------------------------- outcomes

void SocketDescriptor::OnOutcome(std::unique_ptr<Operation> operation,
                                 Outcome outcome) {
  const uint64_t call_id = operation->id;
  const int error = outcome.error;
  socket_->CountOperation(operation->kind, error);
  CallResult result = socket_->ResultOf(this, *operation, std::move(outcome));
  socket_->EnableEventsAfter(*operation, error);
  sink_->Finish(call_id, std::move(result));
}

void SocketDescriptor::OnParked(uint64_t operation_id) {
  sink_->ReportPending(operation_id);
}

void SocketDescriptor::Flush() { sink_->FlushResults(); }

// ------------------------------------------------------------------ offers

int SocketDescriptor::AddOffer(AcceptedConnection connection, bool reserved,
                               uint64_t* offer_id) {
  if (!reserved) {
    if (const int error = sink_->ReserveSocket(); error != 0) {
      ResetAndClose(std::move(connection.fd));
      return error;
    }
  }
  {
    absl::MutexLock lock(&mu_);
    if (!closed()) {
      if (offers_ == nullptr) offers_ = std::make_unique<Offers>();
      *offer_id = offers_->next++;
      offers_->connections.emplace(*offer_id, std::move(connection));
      return 0;
    }
  }
  ResetAndClose(std::move(connection.fd));
  sink_->ReleaseSockets(1);
  return EBADF;
}

AcceptedConnection SocketDescriptor::TakeOffer(uint64_t offer_id) {
  absl::MutexLock lock(&mu_);
  if (offers_ == nullptr) return {};
  auto offer = offers_->connections.find(offer_id);
  if (offer == offers_->connections.end()) return {};
  AcceptedConnection connection = std::move(offer->second);
  offers_->connections.erase(offer);
  return connection;
}

std::map<uint64_t, AcceptedConnection> SocketDescriptor::TakeAllOffers() {
  absl::MutexLock lock(&mu_);
  std::map<uint64_t, AcceptedConnection> connections;
  if (offers_ != nullptr) connections.swap(offers_->connections);
  return connections;
}

}  // namespace wspd
