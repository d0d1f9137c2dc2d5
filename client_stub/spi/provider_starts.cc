// Provider: operations that begin.
#include <mswsock.h>

#include <algorithm>
#include <atomic>

#include "client_stub/spi/nt_status.h"
#include "client_stub/spi/provider.h"

namespace wsp {

Call* Provider::NewCall(Operation* operation, CallHeader header) {
  // An accept's calls may be about the socket that it made.
  if (header.socket_id == 0 && operation->socket != nullptr) {
    header.socket_id = operation->socket->id;
  }
  operation->call = attachment_.NewCall(operation, header);
  return operation->call;
}

void Provider::StartSend(Operation* operation) {
  SendJob& job = operation->job;
  job.buffers = operation->buffers.data();
  job.buffer_count = operation->buffers.size();
  job.total = operation->total;
  job.flags = operation->wire_flags;
  // To the daemon: whether non-blocking mode doesn't apply.
  job.overlapped = operation->overlapped != nullptr || operation->waits;
  StubSocket* socket = operation->socket;
  // See MayReceiveNatively.
  ForwardNativeReceives(socket);
  // At most one, which comes first.
  ForwardNativeSends(socket);
  socket->error_due = socket->datagrams;
  if (operation->timeout_ms != 0) {
    job.deadline_ms = NowMs() + operation->timeout_ms;
  }
  // Chunks that wait their turn with the daemon would outlive the one that it
  // stops, for a time limit or the mode of which only the daemon knows perhaps.
  if (operation->timeout_ms != 0 || (socket->shared && !job.overlapped)) {
    job.max_outstanding = 1;
  }
  if (socket->nonblocking && !job.overlapped &&
      !attachment_.MaySendAtOnce(socket->lane, job)) {
    ReenableEvents(socket, FD_WRITE);
    return Complete(operation, WSAEWOULDBLOCK);
  }
  attachment_.SubmitSend(&socket->lane, &job);
}

void Provider::StartReceive(Operation* operation) {
  if (!attachment_.MayReceive()) {
    ReenableEvents(operation->socket, FD_READ);
    return Complete(operation, WSAENOBUFS);
  }
  StubSocket* socket = operation->socket;
  // Looking at data, and data out of the stream, have no place in the order.
  if (operation->wire_flags == 0) {
    if (socket->filling != nullptr) {
      socket->held_receives.PushBack(operation);
      operation->pending = operation->report_pending;
      return;
    }
    if (operation->wait_for_all) socket->filling = operation;
  }
  if (MayReceiveNatively(*socket, *operation) && ReceiveFromKernel(operation)) {
    return;
  }
  if ((operation->wire_flags & MSG_OOB) != 0) {
    StopNativeReceives(socket);
  } else {
    ForwardNativeReceives(socket);
  }
  SubmitReceive(operation);
}

void Provider::LeaveReceives(Operation* operation) {
  static_cast<ListNode<InHeldReceives>*>(operation)->Unlink();
  StubSocket* socket = operation->socket;
  if (operation->with_daemon) --socket->daemon_receives;
  operation->with_daemon = false;
  if (socket->filling == operation) socket->filling = nullptr;
}

void Provider::BeginHeldReceives(StubSocket* socket) {
  while (socket->filling == nullptr && !socket->closing) {
    Operation* operation = socket->held_receives.PopFront();
    if (operation == nullptr) return;
    if (operation->deadline != INT64_MAX) {
      operation->timeout_ms = static_cast<uint32_t>(
          std::max<int64_t>(operation->deadline - NowMs(), 1));
    }
    StartReceive(operation);
  }
}

void Provider::SubmitReceive(Operation* operation) {
  CallHeader header;
  header.overlapped = operation->overlapped != nullptr || operation->waits;
  header.report_pending = operation->report_pending;
  header.timeout_ms = operation->timeout_ms;
  if (!operation->with_daemon) ++operation->socket->daemon_receives;
  operation->with_daemon = true;
  Call* call = NewCall(operation, header);
  const uint64_t room = operation->total - operation->bytes;
  const auto most = static_cast<uint32_t>(
      std::min<uint64_t>(room, attachment_.limits().chunk_bytes));
  if (operation->named) {
    AppendRecvFrom(&call->bytes, most, operation->wire_flags,
                   operation->message != nullptr);
  } else {
    AppendRecv(&call->bytes, most, operation->wire_flags);
  }
  attachment_.Submit(call);
}

void Provider::BeginOverlapped(Operation* operation,
                               LPWSAOVERLAPPED overlapped) {
  operation->overlapped = overlapped;
  operation->starting = true;
  ++operation->socket->untold;
  reinterpret_cast<std::atomic<ULONG_PTR>*>(&overlapped->Internal)
      ->store(kStatusPending, std::memory_order_relaxed);
}

uint32_t Provider::EndStarting(Operation* operation) {
  operation->starting = false;
  if (!operation->done) {
    CountOverlapped(1);
    operation->counted = true;
    return WSA_IO_PENDING;
  }
  if (operation->error == 0) indications_.PushBack(operation);
  return operation->error;
}

void Provider::CountOverlapped(int change) {
  overlapped_pending_ += static_cast<uint64_t>(change);
  UpdateService();
}

}  // namespace wsp
