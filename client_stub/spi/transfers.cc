// WSPSend, WSPRecv and what belongs to their overlapped forms.
#include <algorithm>
#include <atomic>

#include "client_stub/spi/functions.h"
#include "client_stub/spi/nt_status.h"
#include "client_stub/spi/overlapped.h"
#include "client_stub/spi/spi_call.h"

namespace wsp {
namespace {

constexpr uint32_t kReceiveFlags =
    MSG_OOB | MSG_PEEK | MSG_WAITALL | MSG_PUSH_IMMEDIATE;
constexpr uint32_t kSendFlags = MSG_OOB | MSG_DONTROUTE;

// The arguments that sending and receiving have in common.
struct Transfer : Indication {
  LPWSABUF buffers;
  DWORD buffer_count;
  LPDWORD bytes;
  // Synchronous, and waits as long as it takes.
  bool blocks;
};

uint32_t CheckTransfer(const SpiCall& call, Transfer* transfer) {
  const bool asked_overlapped = transfer->overlapped != nullptr;
  if (transfer->buffers == nullptr && transfer->buffer_count > 0) {
    return WSAEFAULT;
  }
  if (!call.socket()->overlapped) transfer->overlapped = nullptr;
  // An overlapped call on a socket that isn't for them blocks, whatever the
  // socket's mode (reference, section 4.3).
  transfer->blocks = transfer->overlapped == nullptr &&
                     (asked_overlapped || !call.nonblocking());
  if (transfer->bytes == nullptr && !asked_overlapped) return WSAEFAULT;
  if (transfer->buffer_count == 0 && asked_overlapped) return WSAEINVAL;
  for (DWORD i = 0; i < transfer->buffer_count; ++i) {
    if (transfer->buffers[i].buf == nullptr && transfer->buffers[i].len > 0) {
      return WSAEFAULT;
    }
  }
  return transfer->valid() ? 0 : WSAEFAULT;
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

// What the operation says when the SPI call returns.
struct Outcome {
  uint32_t error = 0;
  uint64_t bytes = 0;
  uint32_t flags = 0;
};

// Ends the SPI call's part in the operation.
Outcome Conclude(SpiCall* call, Operation* operation)
    WSP_REQUIRES(g_library.mutex) {
  Outcome outcome;
  outcome.bytes = operation->bytes;
  outcome.flags = operation->result_flags;
  Provider* provider = call->provider();
  if (operation->overlapped == nullptr) {
    outcome.error = operation->error;
    // What the daemon says if it takes it for an overlapped one.
    if (outcome.error == WSA_OPERATION_ABORTED) outcome.error = WSAEINTR;
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

// ------------------------------------------------------------------ receiving

Outcome Receive(SpiCall* call, const Transfer& transfer, uint32_t flags) {
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
                            (transfer.overlapped != nullptr || transfer.blocks);
  operation->waits = transfer.blocks && socket->nonblocking;
  if (const uint32_t error = call->PrepareToWait(operation)) {
    return Failed(error);
  }
  if (const uint32_t error = PrepareOverlapped(call, transfer, operation)) {
    provider->Abandon(operation);
    return Failed(error);
  }
  operation->report_pending =
      operation->overlapped != nullptr || call->has_hook();
  const bool held = socket->filling != nullptr && out_of_stream == 0;
  if (operation->overlapped == nullptr) {
    if (held && !transfer.blocks) {
      provider->Abandon(operation);
      return Failed(WSAEWOULDBLOCK);
    }
    operation->timeout_ms = socket->receive_timeout_ms;
    if (held && operation->timeout_ms != 0) {
      operation->deadline = NowMs() + operation->timeout_ms;
    }
  }
  provider->StartReceive(operation);
  SpiCall::WaitEnd end = call->Await(operation, operation->deadline);
  if (end == SpiCall::WaitEnd::kTimedOut) {
    if (Provider::IsHeld(operation)) {
      provider->Abandon(operation);
      return Failed(WSAETIMEDOUT);
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
uint32_t KnownSendError(const StubSocket& socket) {
  if (socket.send_shut) return WSAESHUTDOWN;
  if (!socket.connected && !socket.connecting) return WSAENOTCONN;
  return 0;
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

// One send operation over `buffers`, from its beginning to the verdict.
Outcome SendOnce(SpiCall* call, const Transfer& transfer, uint32_t flags) {
  MutexLock lock(&g_library.mutex);
  if (const uint32_t error = call->Reach()) return Failed(error);
  Provider* provider = call->provider();
  StubSocket* socket = call->socket();
  if (transfer.overlapped != nullptr) {
    if (const uint32_t error = KnownSendError(*socket)) return Failed(error);
  }
  Operation* operation = provider->NewOperation(Operation::Kind::kSend, socket);
  TakeBuffers(transfer, operation);
  operation->wire_flags = flags;
  operation->waits = transfer.blocks && socket->nonblocking;
  if (const uint32_t error = PrepareOverlapped(call, transfer, operation)) {
    provider->Abandon(operation);
    return Failed(error);
  }
  if (operation->overlapped == nullptr) {
    if (const uint32_t error = call->PrepareToWait(operation)) {
      return Failed(error);
    }
    operation->timeout_ms = socket->send_timeout_ms;
  }
  provider->StartSend(operation);
  if (operation->overlapped != nullptr) {
    // No round trip: the caller hears of it when it is done.
    provider->Flush();
    return Conclude(call, operation);
  }
  if (!AwaitSend(call, operation)) return Failed(WSAEINTR);
  return Conclude(call, operation);
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
    const Outcome once = SendOnce(call, part, flags);
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

}  // namespace

int WSPAPI SpiRecv(SOCKET s, LPWSABUF buffers, DWORD buffer_count,
                   LPDWORD bytes_received, LPDWORD flags,
                   LPWSAOVERLAPPED overlapped,
                   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
                   LPWSATHREADID thread, LPINT error) {
  SpiCall call(SpiFunction::kRecv, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  Transfer transfer = {{overlapped, routine, thread},
                       buffers,
                       buffer_count,
                       bytes_received,
                       false};
  if (const uint32_t result = CheckTransfer(call, &transfer)) {
    return call.Result(result);
  }
  if (flags == nullptr) return call.Result(WSAEFAULT);
  if ((*flags & ~kReceiveFlags) != 0) return call.Result(WSAEOPNOTSUPP);
  if (transfer.blocks) call.QueryHook();
  ResetEvent(call, transfer);
  const Outcome outcome = Receive(&call, transfer, *flags);
  if (outcome.error != 0) return call.Result(outcome.error);
  if (bytes_received != nullptr) {
    *bytes_received = static_cast<DWORD>(outcome.bytes);
  }
  *flags = outcome.flags;
  return 0;
}

int WSPAPI SpiSend(SOCKET s, LPWSABUF buffers, DWORD buffer_count,
                   LPDWORD bytes_sent, DWORD flags, LPWSAOVERLAPPED overlapped,
                   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
                   LPWSATHREADID thread, LPINT error) {
  SpiCall call(SpiFunction::kSend, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  Transfer transfer = {
      {overlapped, routine, thread}, buffers, buffer_count, bytes_sent, false};
  if (const uint32_t result = CheckTransfer(call, &transfer)) {
    return call.Result(result);
  }
  if ((flags & ~kSendFlags) != 0) return call.Result(WSAEOPNOTSUPP);
  const bool wont_block = transfer.overlapped == nullptr && !transfer.blocks;
  if (transfer.blocks) call.QueryHook();
  ResetEvent(call, transfer);
  const Outcome outcome = wont_block
                              ? SendWithoutBlocking(&call, transfer, flags)
                              : SendOnce(&call, transfer, flags);
  if (outcome.error != 0) return call.Result(outcome.error);
  if (bytes_sent != nullptr) *bytes_sent = static_cast<DWORD>(outcome.bytes);
  return 0;
}

BOOL WSPAPI SpiGetOverlappedResult(SOCKET s, LPWSAOVERLAPPED overlapped,
                                   LPDWORD bytes, BOOL wait, LPDWORD flags,
                                   LPINT error) {
  SpiCall call(SpiFunction::kGetOverlappedResult, s, error);
  if (!call.ok()) return FALSE;
  if (overlapped == nullptr || bytes == nullptr || flags == nullptr) {
    call.Result(WSAEFAULT);
    return FALSE;
  }
  const auto* internal =
      reinterpret_cast<const std::atomic<ULONG_PTR>*>(&overlapped->Internal);
  if (internal->load(std::memory_order_acquire) == kStatusPending) {
    if (!wait) {
      call.Result(WSA_IO_INCOMPLETE);
      return FALSE;
    }
    MutexLock lock(&g_library.mutex);
    // Only what ends with an event can be waited for.
    if (overlapped->hEvent == nullptr) {
      call.Result(WSA_INVALID_HANDLE);
      return FALSE;
    }
    if (call.provider()->IsPending(overlapped)) {
      Operation* watch = call.provider()->Watch(overlapped);
      uint32_t result = call.PrepareToWait(watch);
      if (result == 0) result = call.FinishControl(watch, INT64_MAX, nullptr);
      if (result != 0) {
        call.Result(result);
        return FALSE;
      }
    }
  }
  const ULONG_PTR status = internal->load(std::memory_order_acquire);
  if (status == kStatusPending) {
    call.Result(WSA_IO_INCOMPLETE);
    return FALSE;
  }
  *bytes = static_cast<DWORD>(overlapped->InternalHigh);
  *flags = overlapped->Offset;
  const uint32_t result = WsaErrorFromNtStatus(static_cast<uint32_t>(status));
  if (result == 0) return TRUE;
  // The exact code, where the status is one that we wrote for it.
  const bool ours = NtStatusFromWsaError(overlapped->OffsetHigh) ==
                    static_cast<uint32_t>(status);
  call.Result(ours ? overlapped->OffsetHigh : result);
  return FALSE;
}

int WSPAPI SpiCancelBlockingCall(LPINT error) {
  SpiCall call(SpiFunction::kCancelBlockingCall, INVALID_SOCKET, error);
  if (!call.ok()) return SOCKET_ERROR;
  MutexLock lock(&g_library.mutex);
  if (t_thread.blocking == nullptr) return call.Result(WSAEINVAL);
  call.provider()->Cancel(t_thread.blocking);
  call.provider()->Flush();
  return 0;
}

}  // namespace wsp
