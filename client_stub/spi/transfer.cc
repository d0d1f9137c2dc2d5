#include "client_stub/spi/transfer.h"

#include <algorithm>
#include <cstring>

#include "client_stub/spi/handles.h"
#include "client_stub/spi/socket_addresses.h"
#include "client_stub/spi/stream_abort.h"

namespace wsp {
namespace {

constexpr uint32_t kReceiveFlags =
    MSG_OOB | MSG_PEEK | MSG_WAITALL | MSG_PUSH_IMMEDIATE;
constexpr uint32_t kSendFlags = MSG_OOB | MSG_DONTROUTE;

// What fits into a datagram besides its headers.
constexpr uint64_t kMostIpv4Datagram = 65507;
constexpr uint64_t kMostIpv6Datagram = 65527;

uint32_t CheckTransfer(const SpiCall& call, Transfer* transfer) {
  const bool asked_overlapped = transfer->overlapped != nullptr;
  if (transfer->buffers == nullptr && transfer->buffer_count > 0) {
    return WSAEFAULT;
  }
  if (!call.socket()->overlapped) transfer->overlapped = nullptr;
  // An overlapped call on a socket that isn't for them blocks, whatever the
  // socket's mode (reference, section 4.3).
  transfer->waits = transfer->overlapped == nullptr && asked_overlapped;
  transfer->blocks =
      transfer->overlapped == nullptr && (asked_overlapped || call.may_block());
  if (transfer->bytes == nullptr && !asked_overlapped) return WSAEFAULT;
  if (transfer->buffer_count == 0 && asked_overlapped) return WSAEINVAL;
  for (DWORD i = 0; i < transfer->buffer_count; ++i) {
    if (transfer->buffers[i].buf == nullptr && transfer->buffers[i].len > 0) {
      return WSAEFAULT;
    }
  }
  return CheckIndication(call, *transfer);
}

// Copies the array of buffers, which may go away with the call; the buffers
// themselves stay the caller's.
void TakeBuffers(const Transfer& transfer, Operation* operation) {
  for (DWORD i = 0; i < transfer.buffer_count; ++i) {
    const WSABUF& buffer = transfer.buffers[i];
    operation->buffers.push_back(
        {reinterpret_cast<const uint8_t*>(buffer.buf), buffer.len});
    operation->total += buffer.len;
  }
}

uint32_t PrepareOverlapped(SpiCall* call, const Transfer& transfer,
                           Operation* operation) WSP_REQUIRES(g_library.mutex) {
  if (transfer.overlapped == nullptr) return 0;
  if (!call->provider()->EnsureService()) return WSAENOBUFS;
  BeginOverlapped(call->provider(), operation, transfer);
  return 0;
}

// Whether the daemon is told to wait whatever the socket's mode.
bool WaitsByItself(const StubSocket& socket, const Transfer& transfer) {
  return transfer.waits && (socket.nonblocking || socket.shared);
}

// Whether the time limits of a synchronous operation are those that are known
// here. If not, the daemon goes by its own.
bool KnowsTimeouts(const StubSocket& socket, const Operation& operation) {
  return !socket.shared || operation.waits;
}

// What the operation says when the SPI call returns.
struct Outcome {
  uint32_t error = 0;
  uint64_t bytes = 0;
  uint32_t flags = 0;
  // Who sent it, if the call asked for that.
  Address from;
  // The daemon never heard of it.
  bool refused = false;
};

// Ends the SPI call's part in the operation.
Outcome Conclude(SpiCall* call, Operation* operation)
    WSP_REQUIRES(g_library.mutex) {
  Outcome outcome;
  outcome.bytes = operation->bytes;
  outcome.flags = operation->result_flags;
  outcome.from = operation->reply.peer;
  Provider* provider = call->provider();
  if (operation->overlapped == nullptr) {
    outcome.error = operation->error;
    // What the daemon says if it takes it for an overlapped one.
    if (outcome.error == WSA_OPERATION_ABORTED) outcome.error = WSAEINTR;
    const bool came = outcome.error == 0 || outcome.error == WSAEMSGSIZE;
    if (operation->message != nullptr && came) {
      Provider::WriteMessage(operation);
    }
    provider->LetGo(operation);
    return outcome;
  }
  outcome.error = provider->EndStarting(operation);
  provider->LetGo(operation);
  provider->Indicate();
  return outcome;
}

Outcome Failed(uint32_t error) {
  Outcome outcome;
  outcome.error = error;
  return outcome;
}

Outcome Refused(uint32_t error) {
  Outcome outcome = Failed(error);
  outcome.refused = true;
  return outcome;
}

// ------------------------------------------------------------------ receiving

// Whether an overlapped receive is one more of several, which nothing but their
// data can end: then it is pending from the start, so that receives for
// datagrams in a row cost no round trip each. The first one on a socket asks
// the daemon, which may refuse it, or have a datagram already.
bool PendsFromTheStart(const StubSocket& socket, const Operation& operation) {
  return operation.overlapped != nullptr && operation.wire_flags == 0 &&
         socket.datagrams && socket.has_received && !socket.receive_shut &&
         !socket.shared;
}

// A plain synchronous transfer is one that needs no daemon perhaps.
void LendIfDue(SpiCall* call, const Transfer& transfer, uint32_t flags) {
  if (!call->kernel_handles() || transfer.overlapped != nullptr || flags != 0 ||
      transfer.message != nullptr || transfer.control != nullptr) {
    return;
  }
  LendSocket(call, call->socket()->id);
}

Outcome Receive(SpiCall* call, const Transfer& transfer, uint32_t flags) {
  LendIfDue(call, transfer, flags);
  MutexLock lock(&g_library.mutex);
  if (const uint32_t error = call->Reach()) return Failed(error);
  Provider* provider = call->provider();
  StubSocket* socket = call->socket();
  Operation* operation =
      provider->NewOperation(Operation::Kind::kReceive, socket);
  TakeBuffers(transfer, operation);
  const uint32_t out_of_stream = flags & (MSG_PEEK | MSG_OOB);
  operation->wire_flags = out_of_stream;
  operation->wait_for_all = (flags & MSG_WAITALL) != 0 && out_of_stream == 0 &&
                            !socket->datagrams &&
                            (transfer.overlapped != nullptr || transfer.blocks);
  operation->blocks = transfer.blocks;
  operation->message = transfer.message;
  if (transfer.message != nullptr) {
    operation->control_room = transfer.message->Control.len;
  }
  operation->named = transfer.from != nullptr || transfer.message != nullptr;
  if (transfer.overlapped != nullptr) {
    operation->from = transfer.from;
    operation->from_length = transfer.from_length;
  }
  operation->waits = WaitsByItself(*socket, transfer);
  if (const uint32_t error = call->PrepareToWait(operation)) {
    return Refused(error);
  }
  if (const uint32_t error = PrepareOverlapped(call, transfer, operation)) {
    provider->Abandon(operation);
    return Refused(error);
  }
  operation->pending = PendsFromTheStart(*socket, *operation);
  operation->report_pending =
      !operation->pending &&
      (operation->overlapped != nullptr || call->has_hook());
  const bool held = socket->filling != nullptr && out_of_stream == 0;
  if (operation->overlapped == nullptr) {
    if (held && !transfer.blocks) {
      provider->Abandon(operation);
      return Refused(WSAEWOULDBLOCK);
    }
    if (KnowsTimeouts(*socket, *operation)) {
      operation->timeout_ms = socket->receive_timeout_ms;
    }
    const bool here = held || provider->MayReceiveNatively(*socket, *operation);
    if (here && operation->timeout_ms != 0) {
      operation->deadline = NowMs() + operation->timeout_ms;
    }
  }
  provider->StartReceive(operation);
  SpiCall::WaitEnd end = call->Await(operation, operation->deadline);
  if (end == SpiCall::WaitEnd::kTimedOut) {
    if (Provider::IsHeld(operation) || Provider::IsNative(operation)) {
      provider->Abandon(operation);
      return Refused(WSAETIMEDOUT);
    }
    // The daemon was told, and has the data, if any.
    end = call->Await(operation, INT64_MAX);
  }
  if (end == SpiCall::WaitEnd::kGone) return Failed(WSAEINTR);
  return Conclude(call, operation);
}

// -------------------------------------------------------------------- sending

// What needs no daemon to be known. Another call may change it at any time, but
// then either answer is right.
uint32_t KnownSendError(const StubSocket& socket, const Transfer& transfer) {
  if (socket.send_shut) return WSAESHUTDOWN;
  if (transfer.to.family != Address::kNone) return 0;
  if (socket.connected || socket.connecting || socket.shared) return 0;
  return transfer.asks_for_address ? WSAEDESTADDRREQ : WSAENOTCONN;
}

// False if the operation is gone.
bool AwaitSend(SpiCall* call, Operation* operation)
    WSP_REQUIRES(g_library.mutex) {
  SpiCall::WaitEnd end = call->Await(operation, operation->job.deadline_ms);
  if (end == SpiCall::WaitEnd::kTimedOut) {
    call->provider()->TimeOutSend(operation);
    end = call->Await(operation, INT64_MAX);
  }
  return end != SpiCall::WaitEnd::kGone;
}

// Pieces of a send that the kernel may take without the daemon.
struct NativeSend {
  static constexpr size_t kMostPieces = 16;

  ByteView pieces[kMostPieces];
  size_t count = 0;
  size_t next = 0;
  // What the kernel took.
  uint64_t bytes = 0;
};

// An address that means none, which Linux takes for this machine.
bool IsAny(const Address& address) {
  static constexpr uint8_t kNobody[sizeof address.bytes] = {};
  static constexpr uint8_t kMappedNobody[sizeof address.bytes] = {
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(address.bytes, kNobody, sizeof kNobody) == 0 ||
         (address.family == Address::kIpv6 &&
          std::memcmp(address.bytes, kMappedNobody, sizeof kMappedNobody) == 0);
}

// What is left to do of a send.
enum class LeftToDo { kNothing, kWaitForRoom, kAskDaemon };

// Sends as much as the kernel takes, if that is in order.
LeftToDo SendNativelyIfPossible(SpiCall* call, const Transfer& transfer,
                                uint32_t flags, NativeSend* native)
    WSP_REQUIRES(g_library.mutex) {
  Provider* provider = call->provider();
  StubSocket* socket = call->socket();
  if (transfer.overlapped != nullptr || flags != 0 ||
      transfer.buffer_count > NativeSend::kMostPieces ||
      !provider->MaySendNatively(*socket)) {
    return LeftToDo::kAskDaemon;
  }
  const bool datagrams = socket->datagrams;
  if (datagrams &&
      (transfer.control != nullptr || transfer.buffer_count == 0 ||
       (transfer.to.family == Address::kNone ? !socket->connected
                                             : IsAny(transfer.to)))) {
    return LeftToDo::kAskDaemon;
  }
  uint64_t total = 0;
  for (; native->count < transfer.buffer_count; ++native->count) {
    const WSABUF& buffer = transfer.buffers[native->count];
    native->pieces[native->count] = {
        reinterpret_cast<const uint8_t*>(buffer.buf), buffer.len};
    total += buffer.len;
  }
  if (datagrams) {
    const NativeTransfer sent = provider->SendDatagramToKernel(
        socket, native->pieces, native->count, transfer.to);
    if (sent.end == NativeTransfer::End::kDone) {
      native->next = native->count;
      native->bytes = sent.bytes;
      return LeftToDo::kNothing;
    }
    const bool full = sent.end == NativeTransfer::End::kBlocked;
    return full && !transfer.blocks ? LeftToDo::kNothing : LeftToDo::kAskDaemon;
  }
  if (total == 0) return LeftToDo::kAskDaemon;
  native->next = provider->SendToKernel(socket, native->pieces, native->count,
                                        &native->bytes);
  if (native->next == native->count) return LeftToDo::kNothing;
  if (!socket->sends_natively) return LeftToDo::kAskDaemon;
  // What doesn't wait is done with what was taken, or would have to wait.
  return transfer.blocks ? LeftToDo::kWaitForRoom : LeftToDo::kNothing;
}

// One send operation over `buffers`, from its beginning to the verdict.
Outcome SendOnce(SpiCall* call, const Transfer& transfer, uint32_t flags) {
  LendIfDue(call, transfer, flags);
  MutexLock lock(&g_library.mutex);
  if (const uint32_t error = call->Reach()) return Failed(error);
  Provider* provider = call->provider();
  StubSocket* socket = call->socket();
  if (transfer.overlapped != nullptr) {
    if (const uint32_t error = KnownSendError(*socket, transfer))
      return Failed(error);
  }
  NativeSend native;
  const LeftToDo left = SendNativelyIfPossible(call, transfer, flags, &native);
  if (left == LeftToDo::kNothing) {
    Outcome outcome;
    outcome.bytes = native.bytes;
    const bool taken = native.bytes > 0 || native.next == native.count;
    outcome.error = taken ? 0 : WSAEWOULDBLOCK;
    return outcome;
  }
  Operation* operation = provider->NewOperation(Operation::Kind::kSend, socket);
  TakeBuffers(transfer, operation);
  if (native.count > 0) {
    operation->buffers.assign(native.pieces + native.next,
                              native.pieces + native.count);
    operation->total -= native.bytes;
    operation->bytes = native.bytes;
  }
  operation->wire_flags = flags;
  operation->waits = WaitsByItself(*socket, transfer);
  operation->job.datagram = socket->datagrams;
  operation->job.named = transfer.asks_for_address;
  operation->job.to = transfer.to;
  if (transfer.control != nullptr) {
    operation->control.swap(*transfer.control);
    operation->job.control = {operation->control.data(),
                              operation->control.size()};
  }
  if (const uint32_t error = PrepareOverlapped(call, transfer, operation)) {
    provider->Abandon(operation);
    return Failed(error);
  }
  if (operation->overlapped == nullptr) {
    if (const uint32_t error = call->PrepareToWait(operation)) {
      return Failed(error);
    }
    if (KnowsTimeouts(*socket, *operation)) {
      operation->timeout_ms = socket->send_timeout_ms;
    }
  }
  if (left == LeftToDo::kWaitForRoom) {
    provider->AwaitRoom(operation);
  } else {
    provider->StartSend(operation);
  }
  if (operation->overlapped != nullptr) {
    // No round trip: the caller hears of it when it is done.
    provider->Flush();
    return Conclude(call, operation);
  }
  if (!AwaitSend(call, operation)) return Failed(WSAEINTR);
  Outcome outcome = Conclude(call, operation);
  // Somebody else made the socket a non-blocking one in the midst of it.
  if (outcome.error == WSAEWOULDBLOCK && outcome.bytes > 0) outcome.error = 0;
  return outcome;
}

// Chunk by chunk, until one is not taken whole.
Outcome SendWithoutBlocking(SpiCall* call, const Transfer& transfer,
                            uint32_t flags) {
  uint32_t chunk;
  {
    MutexLock lock(&g_library.mutex);
    chunk = call->provider()->attachment().limits().chunk_bytes;
  }
  Outcome all;
  DWORD index = 0;
  u_long offset = 0;
  do {
    // At most 16 pieces and a chunk at a time.
    WSABUF pieces[16];
    Transfer part = transfer;
    part.buffers = pieces;
    part.buffer_count = 0;
    uint32_t left = chunk;
    while (index < transfer.buffer_count && left > 0 &&
           part.buffer_count < 16) {
      const WSABUF& buffer = transfer.buffers[index];
      const uint32_t size = std::min<uint32_t>(left, buffer.len - offset);
      pieces[part.buffer_count++] = {size, buffer.buf + offset};
      left -= size;
      offset += size;
      if (offset == buffer.len) {
        ++index;
        offset = 0;
      }
    }
    uint64_t wanted = 0;
    for (DWORD i = 0; i < part.buffer_count; ++i) wanted += pieces[i].len;
    // Of urgent data the last byte alone is.
    const bool is_last = index == transfer.buffer_count;
    const Outcome once =
        SendOnce(call, part, is_last ? flags : flags & ~uint32_t{MSG_OOB});
    all.bytes += once.bytes;
    if (once.error != 0) {
      all.error =
          all.bytes > 0 && once.error == WSAEWOULDBLOCK ? 0 : once.error;
      return all;
    }
    if (once.bytes < wanted) return all;
  } while (index < transfer.buffer_count);
  return all;
}

// A datagram's address and size, as far as the daemon isn't needed for that.
uint32_t CheckDatagram(const SpiCall& call, Transfer* transfer,
                       const sockaddr* to, int to_length) {
  const int family = call.socket()->family;
  uint64_t total = 0;
  for (DWORD i = 0; i < transfer->buffer_count; ++i) {
    total += transfer->buffers[i].len;
  }
  if (to != nullptr) {
    if (const uint32_t error =
            ReadSocketAddress(to, to_length, family, &transfer->to)) {
      return error;
    }
    if (transfer->to.port == 0) return WSAEADDRNOTAVAIL;
  }
  const uint64_t most =
      family == AF_INET ? kMostIpv4Datagram : kMostIpv6Datagram;
  return total > most ? WSAEMSGSIZE : 0;
}

uint32_t CheckSource(const SpiCall& call, const Transfer& transfer) {
  if (transfer.from == nullptr) return 0;
  if (transfer.from_length == nullptr) return WSAEFAULT;
  return *transfer.from_length < SocketAddressLength(call.socket()->family)
             ? WSAEFAULT
             : 0;
}

uint32_t CheckReceiveFlags(const DWORD* flags) {
  if (flags == nullptr) return WSAEFAULT;
  return (*flags & ~kReceiveFlags) != 0 ? WSAEOPNOTSUPP : 0;
}

// The network events that a receive enables again, however it ends.
uint32_t EnabledByReceive(const DWORD* flags) {
  const bool urgent = flags != nullptr && (*flags & MSG_OOB) != 0;
  return urgent ? FD_READ | FD_OOB : FD_READ;
}

}  // namespace

int ReceiveInto(SpiCall* call, Transfer transfer, LPDWORD flags) {
  // Only datagrams come with an address (reference, section 2, WSPRecvFrom).
  if (!call->socket()->datagrams) transfer.from = nullptr;
  uint32_t refusal = CheckTransfer(*call, &transfer);
  if (refusal == 0) refusal = CheckSource(*call, transfer);
  if (refusal == 0) refusal = CheckReceiveFlags(flags);
  if (refusal != 0) {
    call->ReenableEvents(EnabledByReceive(flags));
    return call->Result(refusal);
  }
  if (transfer.blocks) call->QueryHook();
  ResetEvent(*call, transfer);
  const Outcome outcome = Receive(call, transfer, *flags);
  if (outcome.refused) call->ReenableEvents(EnabledByReceive(flags));
  const bool came = outcome.error == 0 || outcome.error == WSAEMSGSIZE;
  if (!came) return call->Result(outcome.error);
  if (transfer.bytes != nullptr) {
    *transfer.bytes = static_cast<DWORD>(outcome.bytes);
  }
  *flags = outcome.flags;
  if (transfer.from != nullptr && transfer.overlapped == nullptr &&
      outcome.from.family != Address::kNone) {
    WriteSocketAddress(outcome.from, transfer.from, transfer.from_length);
  }
  return call->Result(outcome.error);
}

int SendFrom(SpiCall* call, Transfer transfer, const sockaddr* to,
             int to_length, DWORD flags) {
  if (const uint32_t error = CheckTransfer(*call, &transfer)) {
    return call->Result(error);
  }
  if ((flags & ~kSendFlags) != 0) return call->Result(WSAEOPNOTSUPP);
  const bool datagrams = call->socket()->datagrams;
  if (datagrams) {
    if (const uint32_t error = CheckDatagram(*call, &transfer, to, to_length)) {
      return call->Result(error);
    }
  } else {
    // A stream's has no meaning (reference, section 2, WSPSendTo).
    transfer.asks_for_address = false;
  }
  const bool wont_block = transfer.overlapped == nullptr && !transfer.blocks;
  if (transfer.blocks) call->QueryHook();
  ResetEvent(*call, transfer);
  const Outcome outcome = wont_block && !datagrams
                              ? SendWithoutBlocking(call, transfer, flags)
                              : SendOnce(call, transfer, flags);
  if (outcome.error == WSAEINTR && outcome.bytes > 0 && !datagrams) {
    MutexLock lock(&g_library.mutex);
    if (call->StillThere()) AbortStream(call);
  }
  if (outcome.error != 0) return call->Result(outcome.error);
  if (transfer.bytes != nullptr) {
    *transfer.bytes = static_cast<DWORD>(outcome.bytes);
  }
  return 0;
}

}  // namespace wsp
