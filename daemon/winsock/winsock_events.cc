// WinsockSocket: WSPEventSelect, WSPAsyncSelect and WSPEnumNetworkEvents.
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <utility>

#include "daemon/winsock/winsock_socket.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

using Kind = NetworkEventRecorder::Kind;

// Once `enabled` is enabled again.
uint32_t EventsToObserve(const NetworkEventRecorder& recorder,
                         uint32_t enabled) {
  // With an event object what has come is remembered also while nothing is
  // selected.
  if (!recorder.selected() && recorder.kind() == Kind::kWindow) return 0;
  return EPOLLIN | EPOLLPRI | EPOLLRDHUP |
         (recorder.wants_room(enabled) ? uint32_t{EPOLLOUT} : 0);
}

// The event that an ended operation enables again; 0: none (section 4.5).
uint32_t EnabledBy(const Operation& operation, int error) {
  switch (operation.kind) {
    case Operation::Kind::kReceive:
    case Operation::Kind::kReceiveDatagram:
      return (operation.flags & MSG_OOB) != 0 ? kFdOob : kFdRead;
    case Operation::Kind::kSend:
    case Operation::Kind::kSendDatagram: {
      // Also if a part was sent: the client's next send would have to wait.
      const bool no_room =
          error == EAGAIN || (error == 0 && operation.left > 0);
      return !operation.wait && no_room ? kFdWrite : 0;
    }
    case Operation::Kind::kAccept:
      // An offer is decided about later.
      return (operation.sink_flags & kConditional) != 0 && error == 0
                 ? 0
                 : kFdAccept;
    case Operation::Kind::kAwaitConnection:
    case Operation::Kind::kConnect:
    case Operation::Kind::kAwaitConnect:
    case Operation::Kind::kShutdownSend:
      return 0;
  }
  return 0;
}

}  // namespace

// ------------------------------------------------------------ registration

void WinsockSocket::EventSelect(const SocketCall& call) {
  wsp::v1::EventSelectRequest request;
  if (!call.Parse(&request)) return;
  call.Finish(
      WsaError(Register(call.from(), Kind::kEventObject,
                        request.network_events(), request.registration())));
}

void WinsockSocket::AsyncSelect(const SocketCall& call) {
  wsp::v1::AsyncSelectRequest request;
  if (!call.Parse(&request)) return;
  call.Finish(
      WsaError(Register(call.from(), Kind::kWindow, request.network_events(),
                        request.registration())));
}

uint32_t WinsockSocket::Register(const std::shared_ptr<SocketDescriptor>& from,
                                 Kind kind, uint32_t mask,
                                 uint64_t registration) {
  if ((mask & ~kAllNetworkEvents) != 0) return kWsaInval;
  std::shared_ptr<SocketDescriptor> owner;
  {
    absl::MutexLock lock(&mu_);
    if (from->closed()) return kWsaNotSock;
    nonblocking_ = true;
    NetworkEvents* events = events_.load(std::memory_order_acquire);
    if (events == nullptr) {
      if (mask == 0) return 0;
      events = new NetworkEvents;
      events_.store(events, std::memory_order_release);
    }
    // First, so that nothing comes between.
    ObserveForEventsLocked(EPOLLIN | EPOLLPRI | EPOLLRDHUP);
    // What is received without a call enables no events.
    engine_->Recall();
    const NetworkConditions now = ConditionsLocked();
    {
      absl::MutexLock events_lock(&events->mu);
      events->owner = from.get();
      events->owner_reference = from;
      events->recorder.Select(kind, mask, registration, now);
    }
    owner = ReviewEventsLocked(events, 0);
  }
  TellOfEvents(owner);
  return 0;
}

void WinsockSocket::InheritEvents(
    WinsockSocket* listener, const std::shared_ptr<SocketDescriptor>& from) {
  NetworkEvents* events = listener->events_.load(std::memory_order_acquire);
  if (events == nullptr) return;
  Kind kind;
  uint32_t mask;
  uint64_t registration;
  {
    absl::MutexLock lock(&events->mu);
    const std::shared_ptr<SocketDescriptor> owner =
        events->owner_reference.lock();
    if (owner == nullptr || owner->sink() != from->sink()) return;
    kind = events->recorder.kind();
    mask = events->recorder.mask();
    registration = events->recorder.registration();
  }
  if (mask != 0) Register(from, kind, mask, registration);
}

void WinsockSocket::CancelEvents(const SocketDescriptor* from, bool last) {
  NetworkEvents* const events = events_.load(std::memory_order_acquire);
  if (events == nullptr) return;
  absl::MutexLock lock(&mu_);
  {
    absl::MutexLock events_lock(&events->mu);
    if (!last && events->owner != from) return;
    events->owner = nullptr;
    events->owner_reference.reset();
    events->recorder.Select(events->recorder.kind(), 0, 0, NetworkConditions());
  }
  ObserveForEventsLocked(0);
}

bool WinsockSocket::HasSelectedEvents() {
  NetworkEvents* const events = events_.load(std::memory_order_acquire);
  if (events == nullptr) return false;
  absl::MutexLock lock(&events->mu);
  return events->recorder.selected();
}

// --------------------------------------------------------------- recording

void WinsockSocket::ObserveForEventsLocked(uint32_t observed) {
  if (observed_ == observed) return;
  observed_ = observed;
  engine_->SetObserver(shared_from_this(), observed);
}

std::shared_ptr<SocketDescriptor> WinsockSocket::ReviewEventsLocked(
    NetworkEvents* events, uint32_t enabled, uint32_t happened) {
  uint32_t observed;
  {
    absl::MutexLock lock(&events->mu);
    if (events->owner == nullptr) {
      events->recorder.Happened(happened, 0);
      return nullptr;
    }
    observed = EventsToObserve(events->recorder, enabled);
  }
  // Before the look, so that nothing comes between.
  ObserveForEventsLocked(observed);
  const NetworkConditions now = ConditionsLocked();
  std::shared_ptr<SocketDescriptor> owner;
  {
    absl::MutexLock lock(&events->mu);
    events->recorder.Happened(happened, 0);
    events->recorder.Enable(enabled);
    events->recorder.Observe(now);
    observed = EventsToObserve(events->recorder, 0);
    if (events->recorder.has_notice()) owner = events->owner_reference.lock();
  }
  ObserveForEventsLocked(observed);
  return owner;
}

void WinsockSocket::ReviewEvents(uint32_t events_enabled) {
  NetworkEvents* const events = events_.load(std::memory_order_acquire);
  if (events == nullptr) return;
  std::shared_ptr<SocketDescriptor> owner;
  {
    absl::MutexLock lock(&mu_);
    owner = ReviewEventsLocked(events, events_enabled);
  }
  TellOfEvents(owner);
}

void WinsockSocket::TellOfEvents(
    const std::shared_ptr<SocketDescriptor>& owner) {
  if (owner == nullptr) return;
  owner->sink()->QueueNetworkEvents(owner->socket_id());
}

void WinsockSocket::RecordNetworkEvent(uint32_t event, uint32_t error) {
  NetworkEvents* const events = events_.load(std::memory_order_acquire);
  if (events == nullptr) return;
  std::shared_ptr<SocketDescriptor> owner;
  {
    absl::MutexLock lock(&events->mu);
    events->recorder.Happened(event, error);
    if (events->recorder.has_notice()) owner = events->owner_reference.lock();
  }
  TellOfEvents(owner);
}

void WinsockSocket::RecordConnected() {
  NetworkEvents* const events = events_.load(std::memory_order_acquire);
  if (events == nullptr) return;
  std::shared_ptr<SocketDescriptor> owner;
  {
    absl::MutexLock lock(&mu_);
    bool window;
    {
      absl::MutexLock events_lock(&events->mu);
      window = events->recorder.kind() == Kind::kWindow;
    }
    owner = ReviewEventsLocked(events, window ? 0 : kFdWrite, kFdConnect);
  }
  TellOfEvents(owner);
}

void WinsockSocket::EnableEventsAfter(const Operation& operation, int error) {
  if (events_.load(std::memory_order_acquire) == nullptr) return;
  const uint32_t enabled = EnabledBy(operation, error);
  if (enabled != 0) ReviewEvents(enabled);
}

void WinsockSocket::Refuse(const SocketCall& call, WsaError error,
                           uint32_t events) {
  ReviewEvents(events);
  call.Finish(error);
}

void WinsockSocket::ReenableEvents(const SocketCall& call) {
  wsp::v1::ReenableEventsRequest request;
  if (!call.Parse(&request)) return;
  const uint32_t enabled =
      request.network_events() & (kFdRead | kFdWrite | kFdOob | kFdAccept);
  if (enabled != 0) ReviewEvents(enabled);
  call.Finish(CallResult());
}

// ------------------------------------------------------------------ telling

void WinsockSocket::EnumNetworkEvents(const SocketCall& call) {
  wsp::v1::EnumNetworkEventsRequest request;
  if (!call.Parse(&request)) return;
  wsp::v1::EnumNetworkEventsResult message;
  std::shared_ptr<SocketDescriptor> owner;
  if (NetworkEvents* events = events_.load(std::memory_order_acquire)) {
    // Who asks gets what has come by now, also what the loop hasn't told yet:
    // it resets the event object, and with it perhaps the word of that.
    // Perhaps the owner's last reference: given back without the lock.
    std::shared_ptr<SocketDescriptor> reviewed;
    if (request.up_to_count() == 0) {
      absl::MutexLock lock(&mu_);
      reviewed = ReviewEventsLocked(events, 0);
    }
    absl::MutexLock lock(&events->mu);
    const NetworkEventRecorder::Record record =
        events->recorder.Enumerate(request.up_to_count());
    message.set_network_events(record.network_events);
    message.set_count(record.count);
    for (uint32_t left = record.network_events; left != 0; left >>= 1) {
      message.add_errors(record.errors[message.errors_size()]);
    }
    // There may be something that has come since the notice.
    if (events->recorder.has_notice()) owner = events->owner_reference.lock();
  }
  TellOfEvents(owner);
  CallResult result;
  result.body = message.SerializeAsString();
  call.Finish(std::move(result));
}

void WinsockSocket::TakeNotices(const SocketDescriptor* from,
                                std::vector<NetworkNotice>* notices) {
  NetworkEvents* const events = events_.load(std::memory_order_acquire);
  if (events == nullptr) return;
  absl::MutexLock lock(&events->mu);
  if (events->owner == from) events->recorder.TakeNotices(notices);
}

bool WinsockSocket::RepeatNotices(const SocketDescriptor* from) {
  NetworkEvents* const events = events_.load(std::memory_order_acquire);
  if (events == nullptr) return false;
  absl::MutexLock lock(&events->mu);
  if (events->owner != from) return false;
  events->recorder.RepeatNotices();
  return events->recorder.has_notice();
}

SocketReadiness WinsockSocket::Readiness() {
  absl::MutexLock lock(&mu_);
  return ReadinessLocked();
}

}  // namespace wspd
