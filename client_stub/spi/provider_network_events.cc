// Provider: who hears of network events, and how.
//
// The daemon records events and gives a notice of each that the application is
// to be told of; event objects and windows are the stub's. A notice may be
// stale when it comes: of a registration that was replaced meanwhile, or of
// what a WSPEnumNetworkEvents has taken already, or repeated after a resume.
// The registration's number and the notice's count tell.
//
// A notice for an event object brings the whole record. So a
// WSPEnumNetworkEvents needn't ask for it: it takes the record from the notice
// and tells the daemon, without waiting, up to which notice all was taken.
#include <algorithm>

#include "client_stub/spi/provider.h"

namespace wsp {
namespace {

static_assert(kNetworkEvents == FD_MAX_EVENTS, "one for each");

// Registrations of one socket that may be in force; more than one only while
// several threads replace it, or have vanished doing that.
constexpr size_t kMostTargets = 16;

}  // namespace

// -------------------------------------------------------------- registrations

void Provider::UpdateService() {
  baton_.WantService(overlapped_pending_ > 0 || registered_ > 0);
}

void Provider::CountTargets(StubSocket* socket) {
  const bool registered = !socket->targets.empty();
  if (socket->registered == registered) return;
  socket->registered = registered;
  registered_ += registered ? 1 : static_cast<uint64_t>(-1);
  UpdateService();
}

void Provider::DropTargets(StubSocket* socket) {
  socket->targets.clear();
  notifications_.Forget(socket->id, UINT64_MAX);
  CountTargets(socket);
}

void Provider::BeginRegistration(Operation* operation, EventTarget target) {
  target.registration = operation->registration = next_registration_++;
  // What is received without the daemon would enable no event.
  StopNativeTransfers(operation->socket);
  if (target.events == 0) return;
  std::vector<EventTarget>& targets = operation->socket->targets;
  if (targets.size() >= kMostTargets) targets.erase(targets.begin());
  targets.push_back(target);
  CountTargets(operation->socket);
}

void Provider::SettleRegistration(Operation* operation) {
  StubSocket* socket = operation->socket;
  const uint64_t number = operation->registration;
  const bool done = operation->error == 0;
  // It replaces all before it, or was never there.
  const auto gone = [&](const EventTarget& target) {
    return done ? target.registration < number : target.registration == number;
  };
  std::vector<EventTarget>& targets = socket->targets;
  targets.erase(std::remove_if(targets.begin(), targets.end(), gone),
                targets.end());
  CountTargets(socket);
  if (!done) return;
  notifications_.Forget(socket->id, number);
  SetNonblocking(socket, true);
}

// ------------------------------------------------------------------ notices

void Provider::OnNetworkEvent(const NetworkEvent& event) {
  g_library.mutex.AssertHeld();
  StubSocket* socket = ended ? nullptr : sockets_.Find(event.socket_id);
  if (socket == nullptr) return;
  for (EventTarget& target : socket->targets) {
    if (target.registration != event.registration) continue;
    if (target.event == nullptr) {
      TellWindow(*socket, &target, event);
    } else if (event.count > target.told) {
      target.told = event.count;
      target.has_notice = true;
      target.noticed_events = event.events;
      std::copy_n(event.errors, kNetworkEvents, target.noticed_errors);
      target.noticed_taken = event.enumerated_count;
      notifications_.Set({socket->id, target.registration}, target.event);
    }
  }
}

void Provider::TellWindow(const StubSocket& socket, EventTarget* target,
                          const NetworkEvent& event) {
  for (uint32_t bit = 0; bit < FD_MAX_EVENTS; ++bit) {
    const uint32_t fd_event = 1u << bit;
    if ((event.events & fd_event) == 0) continue;
    if (event.count <= target->told_of[bit]) continue;
    target->told_of[bit] = event.count;
    if (socket.handle == INVALID_SOCKET) {
      target->held_events |= fd_event;
      target->held_errors[bit] = event.wsa_error;
    } else {
      PostEvent(socket, *target, fd_event, event.wsa_error);
    }
  }
}

void Provider::PostEvent(const StubSocket& socket, const EventTarget& target,
                         uint32_t event, uint32_t error) {
  const auto what = static_cast<LPARAM>(WSAMAKESELECTREPLY(event, error));
  notifications_.Post({socket.id, target.registration}, target.window,
                      target.message, socket.handle, what);
}

void Provider::TellOfEnd(bool for_good) {
  for (StubSocket* socket : sockets_.All()) {
    for (EventTarget& target : socket->targets) {
      if (target.event != nullptr) {
        // The call that it makes then says why.
        notifications_.Set({socket->id, target.registration}, target.event);
      } else if ((target.events & FD_CLOSE) != 0 && !target.told_of_end &&
                 socket->handle != INVALID_SOCKET) {
        target.told_of_end = true;
        PostEvent(*socket, target, FD_CLOSE, WSAENETDOWN);
      }
    }
    if (!for_good) continue;
    // What is queued for them stays.
    socket->targets.clear();
    CountTargets(socket);
  }
  WakeServiceIfDue();
}

// ------------------------------------------------------------ enumeration

void Provider::BeginEnumeration(Operation* operation, WSAEVENT event) {
  operation->enumerates_events = true;
  operation->event = event;
  ++operation->socket->enumerating;
}

void Provider::SettleEnumeration(Operation* operation) {
  NetworkEventsReply reply;
  if (!DecodeNetworkEventsReply(operation->reply.data, &reply)) return;
  StubSocket* socket = operation->socket;
  socket->events_taken = std::max(socket->events_taken, reply.count);
  for (EventTarget& target : socket->targets) {
    if (target.told <= reply.count) target.has_notice = false;
    // What comes late was told by the reply. Unless its event isn't the one
    // that is reset: then it stays set, or becomes so.
    if (target.event == operation->event) {
      target.told = std::max(target.told, reply.count);
    }
  }
  if (operation->event == nullptr) return;
  operation->reset_ticket = notifications_.Reset(operation->event);
}

bool Provider::TakeNotice(StubSocket* socket, NetworkEventsReply* reply) {
  if (socket->targets.size() != 1 || socket->enumerating > 0) return false;
  EventTarget& target = socket->targets.front();
  // One that was made before the daemon knew what has been taken meanwhile
  // tells that again.
  if (!target.has_notice || target.noticed_taken < socket->events_taken) {
    return false;
  }
  target.has_notice = false;
  socket->events_taken = target.told;
  reply->events = target.noticed_events;
  std::copy_n(target.noticed_errors, kNetworkEvents, reply->errors);
  reply->count = target.told;
  CallHeader header;
  header.socket_id = socket->id;
  Call* call = attachment_.NewCall(nullptr, header);
  AppendEnumNetworkEvents(&call->bytes, target.told);
  attachment_.Submit(call);
  return true;
}

bool Provider::AwaitReset(uint64_t ticket) {
  notifications_.AwaitTicket(upcalls(), ticket);
  WakeServiceIfDue();
  return !notifications_.Failed(ticket);
}

void Provider::ReenableEvents(StubSocket* socket, uint32_t events) {
  if (!socket->registered || socket->closing || ended || lost) return;
  CallHeader header;
  header.socket_id = socket->id;
  if ((events & FD_WRITE) != 0 && !socket->lane.jobs.empty()) {
    // The daemon looks whether there is room for more: behind what is here.
    Operation* operation = NewOperation(Operation::Kind::kControl, socket);
    Call* call = NewCall(operation, header);
    AppendReenableEvents(&call->bytes, events);
    attachment_.SubmitBehindSends(&socket->lane, &operation->job, call);
    LetGo(operation);
  } else {
    Call* call = attachment_.NewCall(nullptr, header);
    AppendReenableEvents(&call->bytes, events);
    attachment_.Submit(call);
  }
}

// --------------------------------------------------------- accepted sockets

void Provider::NewAccepted(Operation* operation, uint64_t id) {
  const StubSocket& listener = *operation->socket;
  StubSocket* socket = NewSocket(id);
  socket->catalog_entry_id = listener.catalog_entry_id;
  socket->family = listener.family;
  socket->overlapped = listener.overlapped;
  socket->nonblocking = listener.nonblocking;
  socket->send_timeout_ms = listener.send_timeout_ms;
  socket->receive_timeout_ms = listener.receive_timeout_ms;
  socket->connected = true;
  operation->accepted_socket = id;
  // The registration that the listener had when the daemon took the connection
  // is among those that it had before and has now.
  socket->targets = operation->listener_targets;
  for (const EventTarget& target : listener.targets) {
    const bool known =
        std::any_of(socket->targets.begin(), socket->targets.end(),
                    [&](const EventTarget& other) {
                      return other.registration == target.registration;
                    });
    if (!known) socket->targets.push_back(target);
  }
  for (EventTarget& target : socket->targets) {
    target.told = 0;
    std::fill_n(target.told_of, FD_MAX_EVENTS, 0);
    target.has_notice = false;
    target.held_events = 0;
    target.told_of_end = false;
  }
  CountTargets(socket);
}

void Provider::OpenAccepted(uint64_t id, const SocketHandle& handle) {
  StubSocket* socket = sockets_.Find(id);
  if (socket == nullptr) return;
  SetHandle(socket, handle);
  for (EventTarget& target : socket->targets) {
    for (uint32_t bit = 0; bit < FD_MAX_EVENTS; ++bit) {
      if ((target.held_events >> bit & 1) == 0) continue;
      PostEvent(*socket, target, 1u << bit, target.held_errors[bit]);
    }
    target.held_events = 0;
  }
}

void Provider::DropAccepted(uint64_t id) {
  StubSocket* socket = sockets_.Find(id);
  if (socket == nullptr) return;
  if (!socket->lost) {
    CallHeader header;
    header.socket_id = id;
    Call* close = attachment_.NewCall(nullptr, header);
    AppendCloseSocket(&close->bytes);
    attachment_.Submit(close);
  }
  RetireSocket(socket);
}

}  // namespace wsp
