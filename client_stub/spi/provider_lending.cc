// Provider: sockets whose handles are the kernel's, and the calls that need no
// daemon for them (proto/README.md, "Lent connections"). Such a call only ever
// succeeds, with some bytes, or says that it would have to wait; everything
// else the daemon says, who knows Winsock's rules.
#include <algorithm>

#include "client_stub/spi/provider.h"

namespace wsp {
namespace {

// A socket that can't be lent is asked for no more often than this.
constexpr uint32_t kMostLendingFailures = 8;

}  // namespace

void Provider::UseDescriptors(int connection, ByteView token) {
  descriptors_.Adopt(connection, token);
  // What handles are must not change while there are any.
  if (sockets_.size() == 0 && handles_.Prepare()) kernel_handles_ = true;
}

StubSocket* Provider::FindByHandle(SOCKET handle) const {
  const HandleEntry* const entry = by_handle_.Find(handle);
  return entry != nullptr ? entry->socket : nullptr;
}

// ------------------------------------------------------------------- lending

bool Provider::LendingIsDue(const StubSocket& socket) const {
  const bool has_what_it_takes = socket.datagrams
                                     ? socket.bound && socket.peer_known
                                     : socket.connected || socket.connecting;
  return socket.descriptor >= 0 && !socket.lent && has_what_it_takes &&
         !socket.shared && !socket.registered && descriptors_.is_open() &&
         socket.lending_failures < kMostLendingFailures;
}

void Provider::OnLent(const Operation& operation, uint64_t call_id) {
  StubSocket* socket = sockets_.Find(operation.lends_to);
  if (operation.reply.wsa_error != 0) {
    if (socket != nullptr) ++socket->lending_failures;
    return;
  }
  const int descriptor = descriptors_.Take(call_id);
  if (socket == nullptr || descriptor < 0) {
    if (descriptor >= 0) KernelHandles::CloseHandle(descriptor);
    return;
  }
  socket->lent =
      KernelHandles::Put(socket->descriptor, descriptor, socket->nonblocking);
  if (socket->lane.jobs.empty() && socket->lane.in_flight == 0) {
    // The daemon lends none for which it has one.
    socket->error_due = false;
  }
  UseNatively(socket);
}

void Provider::UseNatively(StubSocket* socket) {
  // The daemon doesn't know what has happened on the way.
  const bool still = socket->lent && !socket->shared && !socket->registered &&
                     socket->peer_known;
  socket->sends_natively = still && !socket->send_shut;
  socket->receives_natively =
      still && !socket->receive_shut && !socket->daemon_knows_more;
}

void Provider::TakeBack(StubSocket* socket) {
  StopNativeTransfers(socket);
  if (socket->lent) handles_.Vacate(socket->descriptor);
  socket->lent = false;
  socket->lending_failures = 0;
}

void Provider::StopNativeReceives(StubSocket* socket) {
  socket->receives_natively = false;
  ForwardNativeReceives(socket);
}

void Provider::StopNativeSends(StubSocket* socket) {
  socket->sends_natively = false;
  ForwardNativeSends(socket);
}

void Provider::StopNativeTransfers(StubSocket* socket) {
  StopNativeSends(socket);
  StopNativeReceives(socket);
}

void Provider::ReportError(StubSocket* socket, uint32_t linux_errno) {
  if (ended || lost || socket->closing) return;
  CallHeader header;
  header.socket_id = socket->id;
  Call* call = attachment_.NewCall(nullptr, header);
  AppendSocketError(&call->bytes, linux_errno);
  attachment_.Submit(call);
}

// ------------------------------------------------------------------- sending

bool Provider::MaySendNatively(const StubSocket& socket) const {
  return socket.sends_natively && !socket.shared && !socket.closing &&
         socket.lane.jobs.empty() && socket.lane.in_flight == 0 &&
         socket.native_sends.empty();
}

size_t Provider::SendToKernel(StubSocket* socket, ByteView* pieces,
                              size_t count, uint64_t* bytes) {
  size_t next = 0;
  while (next < count) {
    const NativeTransfer sent =
        SendNatively(socket->descriptor, pieces + next, count - next);
    if (sent.end != NativeTransfer::End::kDone) {
      if (sent.error != 0) ReportError(socket, sent.error);
      if (sent.end == NativeTransfer::End::kOther) {
        socket->sends_natively = false;
      }
      break;
    }
    *bytes += sent.bytes;
    size_t left = sent.bytes;
    for (; next < count && left >= pieces[next].size; ++next) {
      left -= pieces[next].size;
    }
    if (next == count) break;
    pieces[next].data += left;
    pieces[next].size -= left;
  }
  return next;
}

void Provider::AwaitRoom(Operation* operation) {
  StubSocket* const socket = operation->socket;
  if (!operation->waiter->WatchSocket(socket->descriptor,
                                      Waiter::SocketHas::kRoom)) {
    return StartSend(operation);
  }
  if (operation->timeout_ms != 0) {
    operation->job.deadline_ms = NowMs() + operation->timeout_ms;
  }
  socket->native_sends.PushBack(operation);
}

// ----------------------------------------------------------------- receiving

bool Provider::MayReceiveNatively(const StubSocket& socket,
                                  const Operation& operation) const {
  // Sends that the daemon has under way could be told an error that the kernel
  // tells once.
  return socket.receives_natively && !socket.shared && !socket.closing &&
         operation.overlapped == nullptr && operation.wire_flags == 0 &&
         !operation.wait_for_all && operation.total > 0 &&
         !operation.detached && operation.bytes == 0 &&
         operation.message == nullptr && !socket.error_due &&
         operation.buffers.size() <= kMostNativePieces &&
         socket.daemon_receives == 0 && socket.filling == nullptr &&
         socket.held_receives.empty() && socket.lane.jobs.empty() &&
         socket.lane.in_flight == 0;
}

bool Provider::ReceiveFromKernel(Operation* operation) {
  StubSocket* socket = operation->socket;
  const NativeTransfer received =
      socket->datagrams
          ? TakeDatagram(operation)
          : ReceiveNatively(socket->descriptor, operation->buffers.data(),
                            operation->buffers.size());
  switch (received.end) {
    case NativeTransfer::End::kDone:
      operation->bytes = received.bytes;
      Complete(operation, received.cut ? WSAEMSGSIZE : 0);
      return true;
    case NativeTransfer::End::kBlocked:
      if (!operation->blocks) {
        Complete(operation, WSAEWOULDBLOCK);
        return true;
      }
      if (IsNative(operation)) return true;
      if (!operation->waiter->WatchSocket(socket->descriptor,
                                          Waiter::SocketHas::kData)) {
        return false;
      }
      socket->native_receives.PushBack(operation);
      operation->pending = operation->report_pending;
      return true;
    default:
      if (received.error != 0) ReportError(socket, received.error);
      if (received.urgent) socket->receives_natively = false;
      socket->error_due = socket->datagrams;
      return false;
  }
}

void Provider::ContinueTransfer(Operation* operation) {
  if (!IsNative(operation)) return;
  StubSocket* const socket = operation->socket;
  if (operation->kind == Operation::Kind::kReceive) {
    if (ReceiveFromKernel(operation)) return;
    // Of datagrams an error is no end.
    if (socket->datagrams) {
      ForwardNativeReceives(socket);
    } else {
      StopNativeReceives(socket);
    }
    return Flush();
  }
  std::vector<ByteView>& buffers = operation->buffers;
  const uint64_t before = operation->bytes;
  const size_t done =
      SendToKernel(socket, buffers.data(), buffers.size(), &operation->bytes);
  operation->total -= operation->bytes - before;
  buffers.erase(buffers.begin(), buffers.begin() + static_cast<int>(done));
  if (buffers.empty()) return Complete(operation, 0);
  if (socket->sends_natively) return;
  ForwardNativeSends(socket);
  Flush();
}

void Provider::ForwardNativeReceives(StubSocket* socket) {
  while (Operation* operation = socket->native_receives.front()) {
    EndNativeWait(operation);
    if (operation->deadline != INT64_MAX) {
      operation->timeout_ms = static_cast<uint32_t>(
          std::max<int64_t>(operation->deadline - NowMs(), 1));
    }
    SubmitReceive(operation);
  }
}

void Provider::ForwardNativeSends(StubSocket* socket) {
  Operation* const operation = socket->native_sends.front();
  if (operation == nullptr) return;
  EndNativeWait(operation);
  int64_t& deadline = operation->job.deadline_ms;
  if (deadline != INT64_MAX) {
    operation->timeout_ms =
        static_cast<uint32_t>(std::max<int64_t>(deadline - NowMs(), 1));
  }
  StartSend(operation);
}

void Provider::EndNativeWait(Operation* operation) {
  if (!IsNative(operation)) return;
  static_cast<ListNode<InNativeWaits>*>(operation)->Unlink();
  if (operation->waiter != nullptr) operation->waiter->ForgetSocket();
}

}  // namespace wsp
