#include "client_stub/spi/stepwise.h"

#include <atomic>
#include <utility>

#include "client_stub/spi/nt_status.h"
#include "client_stub/spi/stream_abort.h"

namespace wsp {

Indication IndicationFor(const SpiCall& call, LPOVERLAPPED overlapped) {
  Indication indication;
  if (call.socket()->overlapped) indication.overlapped = overlapped;
  return indication;
}

void MarkPending(const Indication& indication) {
  if (indication.overlapped == nullptr) return;
  reinterpret_cast<std::atomic<ULONG_PTR>*>(&indication.overlapped->Internal)
      ->store(kStatusPending, std::memory_order_relaxed);
}

void PrepareSteps(SpiCall* call, const Indication& indication) {
  if (indication.overlapped == nullptr) call->QueryHook();
  ResetEvent(*call, indication);
}

uint32_t BeginSteps(SpiCall* call, const Indication& indication,
                    std::unique_ptr<OperationSteps> steps, Operation** begun) {
  if (const uint32_t error = call->Reach()) return error;
  Provider* provider = call->provider();
  Operation* operation =
      provider->NewOperation(Operation::Kind::kControl, call->socket());
  operation->steps = std::move(steps);
  if (const uint32_t error = call->PrepareToWait(operation)) return error;
  if (indication.overlapped != nullptr) {
    if (!provider->EnsureService()) {
      provider->Abandon(operation);
      return WSAENOBUFS;
    }
    BeginOverlapped(provider, operation, indication);
  }
  operation->waits = indication.overlapped == nullptr;
  operation->report_pending =
      operation->overlapped != nullptr || call->has_hook();
  *begun = operation;
  return 0;
}

uint32_t EndSteps(SpiCall* call, Operation* operation, LPDWORD bytes) {
  if (call->Await(operation, INT64_MAX) == SpiCall::WaitEnd::kGone) {
    return WSAEINTR;
  }
  Provider* provider = call->provider();
  const auto done = static_cast<DWORD>(operation->bytes);
  uint32_t error = operation->error;
  if (operation->overlapped == nullptr) {
    // The daemon took it for an overlapped one.
    if (error == WSA_OPERATION_ABORTED) error = WSAEINTR;
    if (error == 0) operation->steps->OnReturn(operation);
    const bool cut_short = error == WSAEINTR && done > 0 &&
                           operation->kind == Operation::Kind::kSend &&
                           !operation->job.datagram;
    provider->LetGo(operation);
    if (cut_short) AbortStream(call);
  } else {
    error = provider->EndStarting(operation);
    provider->LetGo(operation);
    provider->Indicate();
  }
  if (error == 0 && bytes != nullptr) *bytes = done;
  return error;
}

CallHeader StepHeader(const Operation& operation) {
  CallHeader header;
  header.overlapped = true;
  header.report_pending = operation.report_pending;
  return header;
}

void NoteDisconnect(Operation* operation, bool reuse) {
  StubSocket* const socket = operation->socket;
  socket->send_shut = !reuse;
  if (!reuse) return;
  socket->connected = socket->connecting = false;
  operation->provider->TakeBack(socket);
  // The next connection's stream begins anew.
  socket->lane.next_offset = 0;
}

}  // namespace wsp
