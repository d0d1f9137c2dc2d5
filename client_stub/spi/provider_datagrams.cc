// Provider: datagram sockets that the daemon has lent. The kernel tells an ICMP
// error once, and keeps it in a queue; the daemon takes it from there for the
// next receive. What may be told of such an error goes to the daemon until it
// has said that there is none.
#include <cstring>

#include "client_stub/spi/provider.h"

namespace wsp {
namespace {

bool SameEndpoint(const Address& one, const Address& other) {
  return one.family == other.family && one.port == other.port &&
         std::memcmp(one.bytes, other.bytes, sizeof one.bytes) == 0;
}

}  // namespace

NativeTransfer Provider::SendDatagramToKernel(StubSocket* socket,
                                              const ByteView* pieces,
                                              size_t count, const Address& to) {
  const NativeTransfer sent =
      SendDatagramNatively(socket->descriptor, pieces, count, to);
  if (sent.error != 0) {
    ReportError(socket, sent.error);
    socket->error_due = true;
  }
  return sent;
}

NativeTransfer Provider::TakeDatagram(Operation* operation) {
  const StubSocket& socket = *operation->socket;
  for (;;) {
    Address from;
    const NativeTransfer received =
        ReceiveDatagramNatively(socket.descriptor, operation->buffers.data(),
                                operation->buffers.size(), &from);
    if (received.end != NativeTransfer::End::kDone) return received;
    // Queued before the socket was connected.
    if (socket.peer.family != Address::kNone &&
        !SameEndpoint(from, socket.peer)) {
      continue;
    }
    operation->reply.peer = from;
    return received;
  }
}

void Provider::NoteDatagramResult(StubSocket* socket, uint32_t error) {
  // An error comes before data, and before there is nothing.
  const bool none = error == 0 || error == WSAEMSGSIZE ||
                    error == WSAEWOULDBLOCK || error == WSAETIMEDOUT;
  if (none && socket->lane.jobs.empty() && socket->lane.in_flight == 0) {
    socket->error_due = false;
  }
}

void Provider::LeaveDatagramsToDaemon(StubSocket* socket) {
  if (!socket->datagrams) return;
  socket->daemon_knows_more = true;
  StopNativeReceives(socket);
}

void Provider::LeaveDatagramsToDaemon(uint64_t id) {
  StubSocket* const socket = sockets_.Find(id);
  if (socket != nullptr) LeaveDatagramsToDaemon(socket);
}

void Provider::BeginDatagramConnect(StubSocket* socket) {
  socket->peer_known = false;
  StopNativeTransfers(socket);
}

void Provider::EndDatagramConnect(StubSocket* socket, const Address* peer) {
  if (peer != nullptr) {
    socket->peer = *peer;
    socket->bound = socket->bound || peer->family != Address::kNone;
  }
  socket->peer_known = true;
  UseNatively(socket);
}

}  // namespace wsp
