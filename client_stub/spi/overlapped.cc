#include "client_stub/spi/overlapped.h"

namespace wsp {
namespace {

// The two low bits of an event's handle are the caller's own notes.
constexpr uintptr_t kEventHandleBits = ~uintptr_t{3};

// Null if there is nothing to signal.
WSAEVENT EventOf(const Indication& indication) {
  // With a routine it is left to the application.
  if (indication.routine != nullptr) return nullptr;
  return reinterpret_cast<WSAEVENT>(
      reinterpret_cast<uintptr_t>(indication.overlapped->hEvent) &
      kEventHandleBits);
}

}  // namespace

void ResetEvent(const SpiCall& call, const Indication& indication) {
  if (indication.overlapped == nullptr) return;
  const WSAEVENT event = EventOf(indication);
  if (event == nullptr) return;
  const UpcallScope scope;
  int error;
  call.upcalls().lpWPUResetEvent(event, &error);
}

void BeginOverlapped(Provider* provider, Operation* operation,
                     const Indication& indication) {
  provider->BeginOverlapped(operation, indication.overlapped);
  operation->routine = indication.routine;
  operation->event = EventOf(indication);
  if (indication.routine == nullptr) return;
  operation->thread = *indication.thread;
  if (indication.passes_thread_on == nullptr) return;
  operation->opened_thread = true;
  *indication.passes_thread_on = true;
}

}  // namespace wsp
