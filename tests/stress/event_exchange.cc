#include "tests/stress/event_exchange.h"

#include <string>

#include "client_stub/spi_client/event.h"
#include "tests/stress/ledger.h"

namespace wspd::testing {
namespace {

constexpr uint64_t kMostTurns = 8;
constexpr uint64_t kMostAtOnce = 4;
// FD_ACCEPT and FD_OOB are never to be told of.
constexpr LONG kEvents = FD_READ | FD_WRITE | FD_OOB | FD_ACCEPT | FD_CLOSE;

}  // namespace

void EventExchange::Run(ClientConnection* connection) {
  connection_ = connection;
  selected_ = 0;
  if (!connection_->Prepare()) return;
  context_->ledger->Add(Count::kEventExchanges);
  Select();
  const uint64_t turns = 1 + (*context_->random)() % kMostTurns;
  for (uint64_t i = 0; i < turns && goes_on(); ++i) Turn();
  if (!connection_->over() && !*context_->cleaning) End();
}

// Instead of what was selected before, in between perhaps of nothing.
void EventExchange::Select() {
  const SOCKET s = connection_->socket();
  if (selected_ != 0 && context_->Chance(2)) {
    if (!context_->Check("WSPEventSelect of nothing",
                         spi_->EventSelect(s, nullptr, 0))) {
      return;
    }
  }
  event_ = &events_[(*context_->random)() % 2];
  // Mostly with what tells of the connection's ends.
  selected_ = static_cast<LONG>((*context_->random)()) & kEvents;
  if (!context_->Chance(4)) selected_ |= FD_READ | FD_CLOSE;
  if (selected_ == 0) selected_ = FD_WRITE;
  context_->Check("WSPEventSelect",
                  spi_->EventSelect(s, event_->get(), selected_));
}

void EventExchange::Turn() {
  if (context_->Chance(3)) Select();
  LONG awaited = 0;
  if (goes_on()) awaited |= Receive();
  if (goes_on()) awaited |= Send();
  awaited &= selected_;
  // A reset is told of by FD_CLOSE alone.
  awaited =
      awaited != 0 && (selected_ & FD_CLOSE) != 0 ? awaited | FD_CLOSE : 0;
  if (goes_on()) Hear(awaited);
}

LONG EventExchange::Receive() {
  const bool alone = connection_->receives_alone();
  for (uint64_t i = 0; i < kMostAtOnce && connection_->may_receive(); ++i) {
    const ClientConnection::Attempt attempt = connection_->TryReceive();
    if (attempt == ClientConnection::Attempt::kFailed) return 0;
    if (attempt != ClientConnection::Attempt::kWouldBlock) continue;
    if (alone && connection_->heard_of_close()) {
      connection_->Fault("a receive would block after FD_CLOSE");
    }
    // Otherwise what comes may be for those before this one.
    return alone ? FD_READ : 0;
  }
  return 0;
}

LONG EventExchange::Send() {
  const bool alone = connection_->sends_alone();
  const uint64_t most = context_->Chance(2) ? kMostAtOnce : 1;
  for (uint64_t i = 0; i < most && connection_->may_send(); ++i) {
    const ClientConnection::Attempt attempt = connection_->TrySend();
    if (attempt == ClientConnection::Attempt::kFailed) return 0;
    if (attempt == ClientConnection::Attempt::kWouldBlock) {
      return alone ? FD_WRITE : 0;
    }
  }
  return 0;
}

void EventExchange::Hear(LONG awaited) {
  const SOCKET s = connection_->socket();
  WSANETWORKEVENTS occurred = {};
  if (awaited != 0) {
    if (!context_->AwaitNetworkEvent(s, *event_, awaited, &occurred)) {
      if (!*context_->cleaning) connection_->Fault("no network event");
      return;
    }
  } else {
    // An event that isn't given isn't reset.
    const WSAEVENT reset = context_->Chance(2) ? event_->get() : nullptr;
    if (!context_->Check("WSPEnumNetworkEvents",
                         spi_->EnumNetworkEvents(s, reset, &occurred))) {
      return;
    }
    context_->ledger->Add(Count::kNetworkEvents, occurred.lNetworkEvents != 0);
  }
  const LONG told = occurred.lNetworkEvents;
  if ((told & ~selected_) != 0 || (told & (FD_OOB | FD_ACCEPT)) != 0) {
    connection_->Fault("told of the events " + std::to_string(told) +
                       ", selected were " + std::to_string(selected_));
  }
  if ((told & FD_CLOSE) != 0) {
    connection_->HearOfClose({occurred.iErrorCode[FD_CLOSE_BIT]});
  }
}

void EventExchange::End() {
  const SOCKET s = connection_->socket();
  // Blocking is refused as long as something is selected.
  if (context_->Chance(4)) {
    const WsaCode code = spi_->SetNonBlocking(s, false);
    if (code != WsaCode{WSAEINVAL} && !*context_->cleaning) {
      connection_->Fault("FIONBIO with events selected: " + ToString(code));
    }
  }
  if (!context_->Check("WSPEventSelect of nothing",
                       spi_->EventSelect(s, nullptr, 0))) {
    return;
  }
  for (const Event& event : events_) {
    int error = 0;
    spi_client::ResetEventObject(event.get(), &error);
  }
  context_->Check("FIONBIO", spi_->SetNonBlocking(s, false));
  for (const Event& event : events_) {
    if (event.IsSet() && !*context_->cleaning) {
      connection_->Fault("an event after nothing was selected any more");
    }
  }
}

}  // namespace wspd::testing
