// WSPEventSelect, WSPAsyncSelect and WSPEnumNetworkEvents (reference, section
// 4.5).
#include "client_stub/spi/event_objects.h"
#include "client_stub/spi/functions.h"
#include "client_stub/spi/spi_call.h"
#include "client_stub/transport/network_events.h"

namespace wsp {
namespace {

enum class Mode { kEventObject, kWindow };

// Whether they are all there are, or none.
bool AreEvents(LONG events) { return (events & ~LONG{FD_ALL_EVENTS}) == 0; }

// Registers `target` in place of what the socket had; with no events there is
// nothing then.
uint32_t Register(SpiCall* call, Mode mode, const EventTarget& target) {
  MutexLock lock(&g_library.mutex);
  if (const uint32_t error = call->Reach()) return error;
  Provider* provider = call->provider();
  // It reads the notices when nobody else does.
  if (target.events != 0 && !provider->EnsureService()) return WSAENOBUFS;
  const uint64_t socket_id = call->socket()->id;
  Operation* operation =
      provider->NewOperation(Operation::Kind::kControl, call->socket());
  if (const uint32_t error = call->PrepareToWait(operation)) return error;
  provider->BeginRegistration(operation, target);
  Call* request = provider->NewCall(operation, CallHeader());
  if (mode == Mode::kEventObject) {
    AppendEventSelect(&request->bytes, target.events, operation->registration);
  } else {
    AppendAsyncSelect(&request->bytes, target.events, operation->registration);
  }
  provider->attachment().Submit(request);
  const uint32_t error = call->FinishControl(operation, INT64_MAX, nullptr);
  if (!call->StillThere()) return error;
  // What it replaced may go away when the call returns.
  provider->AwaitNotifications(socket_id);
  return error;
}

// Asks the daemon what is recorded. The ticket of the event's reset, 0 for
// none.
uint32_t AskForEvents(SpiCall* call, WSAEVENT event, NetworkEventsReply* reply,
                      uint64_t* ticket) WSP_REQUIRES(g_library.mutex) {
  Provider* provider = call->provider();
  Operation* operation =
      provider->NewOperation(Operation::Kind::kControl, call->socket());
  if (const uint32_t error = call->PrepareToWait(operation)) return error;
  provider->BeginEnumeration(operation, event);
  Call* request = provider->NewCall(operation, CallHeader());
  AppendEnumNetworkEvents(&request->bytes, 0);
  provider->attachment().Submit(request);
  if (call->Await(operation, INT64_MAX) == SpiCall::WaitEnd::kGone) {
    return WSAEINTR;
  }
  uint32_t error = operation->error;
  *ticket = operation->reset_ticket;
  if (error == 0 && !DecodeNetworkEventsReply(operation->reply.data, reply)) {
    error = WSAENETDOWN;
  }
  provider->LetGo(operation);
  return error;
}

// Takes what is recorded, and has the event reset.
uint32_t Enumerate(SpiCall* call, WSAEVENT event, NetworkEventsReply* reply) {
  MutexLock lock(&g_library.mutex);
  if (const uint32_t error = call->Reach()) return error;
  Provider* provider = call->provider();
  uint64_t ticket = 0;
  if (provider->TakeNotice(call->socket(), reply)) {
    if (event != nullptr) ticket = provider->ResetInTurn(event);
    provider->Flush();
  } else if (const uint32_t error = AskForEvents(call, event, reply, &ticket)) {
    return error;
  }
  const bool done = ticket == 0 || provider->AwaitReset(ticket);
  return done ? 0 : WSAEINVAL;
}

}  // namespace

int WSPAPI SpiEventSelect(SOCKET s, WSAEVENT event, LONG events, LPINT error) {
  SpiCall call(SpiFunction::kEventSelect, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  if (!AreEvents(events)) return call.Result(WSAEINVAL);
  if (events != 0 && (event == nullptr || !IsOpenEvent(event))) {
    return call.Result(WSAEINVAL);
  }
  EventTarget target;
  target.events = static_cast<uint32_t>(events);
  target.event = event;
  return call.Result(Register(&call, Mode::kEventObject, target));
}

int WSPAPI SpiAsyncSelect(SOCKET s, HWND window, unsigned int message,
                          LONG events, LPINT error) {
  SpiCall call(SpiFunction::kAsyncSelect, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  if (!AreEvents(events) || (events != 0 && window == nullptr)) {
    return call.Result(WSAEINVAL);
  }
  EventTarget target;
  target.events = static_cast<uint32_t>(events);
  target.window = window;
  target.message = message;
  return call.Result(Register(&call, Mode::kWindow, target));
}

int WSPAPI SpiEnumNetworkEvents(SOCKET s, WSAEVENT event,
                                LPWSANETWORKEVENTS occurred, LPINT error) {
  SpiCall call(SpiFunction::kEnumNetworkEvents, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  if (occurred == nullptr) return call.Result(WSAEINVAL);
  // Known before the record is taken: a call that fails leaves it.
  if (event != nullptr && !IsOpenEvent(event)) return call.Result(WSAEINVAL);
  NetworkEventsReply reply;
  if (const uint32_t result = Enumerate(&call, event, &reply)) {
    return call.Result(result);
  }
  occurred->lNetworkEvents = static_cast<LONG>(reply.events);
  // The others are left as they are.
  for (int bit = 0; bit < FD_MAX_EVENTS; ++bit) {
    if ((reply.events >> bit & 1) == 0) continue;
    occurred->iErrorCode[bit] = static_cast<int>(reply.errors[bit]);
  }
  return 0;
}

}  // namespace wsp
