// Attachment: WSPDuplicateSocket and the WSPSocket that claims its ticket
// (reference, section 4.11).
#include <errno.h>
#include <sys/socket.h>

#include <memory>
#include <utility>

#include "daemon/identity/named_process.h"
#include "daemon/session/attachment.h"
#include "daemon/session/startup.h"
#include "daemon/session/ticket_table.h"
#include "daemon/winsock/winsock_socket.h"
#include "daemon/winsock/wsa_error.h"

namespace wspd {
namespace {

// Whether the request, which comes from a structure that the process was given
// by another one, asks for a socket of this kind. What it leaves open is.
bool AsksForKind(const wsp::v1::SocketRequest& request,
                 const WinsockSocket::Shared& socket) {
  using Request = wsp::v1::SocketRequest;
  if (request.family() == Request::FAMILY_UNSPECIFIED &&
      request.type() == Request::TYPE_UNSPECIFIED) {
    return true;
  }
  int family;
  int type;
  return CheckSocketRequest(request, &family, &type) == 0 &&
         family == socket.family && type == socket.type;
}

}  // namespace

void Attachment::DuplicateSocket(const Call& call,
                                 SocketDescriptor* descriptor) {
  wsp::v1::DuplicateSocketRequest request;
  if (!request.ParseFromString(call.body.RemainingString())) {
    return Finish(call.call_id, CallResult(kWsaInval, EINVAL));
  }
  if (descriptor == nullptr) {
    return Finish(call.call_id, CallResult(kWsaNotSock, ENOTSOCK));
  }
  TicketTable::Ticket ticket;
  const PeerIdentity& own = client_->identity();
  if (request.process_id() == 0) {
    ticket.target = NamedProcess::Attached(client_->key());
  } else if (const int error = NamedProcess::Find(
                 own, static_cast<pid_t>(request.process_id()), &ticket.target);
             error != 0) {
    return Finish(call.call_id, CallResult(kWsaInval, error));
  }
  std::atomic<uint32_t>& count = client_->usage().tickets;
  if (count.fetch_add(1, std::memory_order_relaxed) >=
      client_->limits().tickets_per_client) {
    count.fetch_sub(1, std::memory_order_relaxed);
    return Finish(call.call_id, CallResult(kWsaNoBufs, ENOBUFS));
  }
  ticket.socket = descriptor->socket();
  if (descriptor->closed() || !ticket.socket->AddHold()) {
    count.fetch_sub(1, std::memory_order_relaxed);
    return Finish(call.call_id, CallResult(kWsaNotSock, ENOTSOCK));
  }
  ticket.uid = own.uid;
  ticket.issuer = this;
  ticket.owner = descriptor->owner();
  ticket.count = std::shared_ptr<std::atomic<uint32_t>>(client_, &count);
  TicketTable* const tickets = environment_->tickets();
  const uint32_t number = tickets->Issue(std::move(ticket));
  // A final cleanup may have dropped the call, and the tickets that there were.
  if (!IsPending(call.call_id)) return tickets->Revoke(number);
  wsp::v1::DuplicateSocketResult message;
  message.set_ticket(number);
  CallResult result;
  result.body = message.SerializeAsString();
  Finish(call.call_id, std::move(result));
}

void Attachment::ClaimSocket(const Call& call,
                             const wsp::v1::SocketRequest& request) {
  TicketTable* const tickets = environment_->tickets();
  TicketTable::Ticket ticket;
  if (!tickets->Take(request.ticket(), client_->identity(), client_->key(),
                     &ticket)) {
    return Finish(call.call_id, CallResult(kWsaInval, EINVAL));
  }
  const WinsockSocket::Shared shared = ticket.socket->DescribeShared();
  int error = EINVAL;
  if (AsksForKind(request, shared)) {
    error = AddDescriptor(call.socket_id, ticket.socket);
  }
  if (error != 0) {
    tickets->PutBack(request.ticket(), ticket);
    return Finish(call.call_id, SocketError(error));
  }
  tickets->Use(request.ticket(), ticket);
  wsp::v1::SocketResult message;
  message.set_flags(shared.creation_flags);
  message.set_nonblocking(shared.nonblocking);
  CallResult result;
  result.body = message.SerializeAsString();
  Finish(call.call_id, std::move(result));
}

}  // namespace wspd
