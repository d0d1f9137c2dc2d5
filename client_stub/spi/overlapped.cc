#include "client_stub/spi/overlapped.h"

#include "client_stub/spi/completion_request.h"

namespace wsp {
namespace {

// The two low bits of an event's handle are the caller's own notes.
constexpr uintptr_t kEventHandleBits = ~uintptr_t{3};
// Of these the one that keeps a completion port from being told.
constexpr uintptr_t kNoPacketBit = 1;

// Null if there is nothing to signal.
WSAEVENT EventToSignal(const Indication& indication) {
  // With a routine it is left to the application.
  if (indication.routine != nullptr) return nullptr;
  return EventOf(*indication.overlapped);
}

}  // namespace

WSAEVENT EventOf(const WSAOVERLAPPED& overlapped) {
  return reinterpret_cast<WSAEVENT>(
      reinterpret_cast<uintptr_t>(overlapped.hEvent) & kEventHandleBits);
}

uint32_t CheckIndication(const SpiCall& call, const Indication& indication) {
  if (indication.overlapped == nullptr || indication.routine == nullptr) {
    return 0;
  }
  if (indication.thread == nullptr) return WSAEFAULT;
  return HasCompletionPort(call.socket()->handle) ? WSAEINVAL : 0;
}

void ResetEvent(const SpiCall& call, const Indication& indication) {
  if (indication.overlapped == nullptr) return;
  const WSAEVENT event = EventToSignal(indication);
  if (event == nullptr) return;
  const UpcallScope scope;
  int error;
  call.upcalls().lpWPUResetEvent(event, &error);
}

void BeginOverlapped(Provider* provider, Operation* operation,
                     const Indication& indication) {
  provider->BeginOverlapped(operation, indication.overlapped);
  operation->routine = indication.routine;
  operation->event = EventToSignal(indication);
  operation->sends_no_packet =
      (reinterpret_cast<uintptr_t>(indication.overlapped->hEvent) &
       kNoPacketBit) != 0;
  if (indication.routine == nullptr) return;
  operation->thread = *indication.thread;
  if (indication.passes_thread_on == nullptr) return;
  operation->opened_thread = true;
  *indication.passes_thread_on = true;
}

}  // namespace wsp
