#include "tests/stress/acceptor.h"

#include <memory>
#include <utility>

#include "tests/stress/ledger.h"

namespace wspd::testing {
namespace {

// Accepted sockets inherit them all.
constexpr LONG kSelected = FD_ACCEPT | FD_READ | FD_WRITE | FD_CLOSE;
constexpr size_t kMostRoom = 4096;

}  // namespace

bool Acceptor::Listen() {
  return context_->Check("listen", spi_->ListenNew(&listener_, &endpoint_)) &&
         context_->Check("an extension function", functions_->Find(listener_));
}

void Acceptor::Close() {
  if (listener_ == INVALID_SOCKET) return;
  context_->Check("WSPCloseSocket", spi_->Close(listener_));
}

bool Acceptor::Next(SOCKET* s, std::string* received) {
  received->clear();
  switch ((*context_->random)() % 4) {
    case 0:
      return AcceptByEvent(s);
    case 1:
      return AcceptOverlapped(s, received);
    default:
      return AcceptBlocking(s);
  }
}

bool Acceptor::AcceptBlocking(SOCKET* s) {
  WsaCode code;
  bool with_hook;
  // A cancelled one takes nothing away.
  do {
    with_hook = context_->Chance(2);
    context_->caller->Begin(with_hook);
    code = spi_->Accept(listener_, s);
    context_->caller->End();
  } while (with_hook && code == kInterrupted && !*context_->cleaning);
  return context_->Check("WSPAccept", code);
}

bool Acceptor::AcceptByEvent(SOCKET* s) {
  if (!context_->Check("WSPEventSelect",
                       spi_->EventSelect(listener_, event_.get(), kSelected))) {
    return false;
  }
  WsaCode code = kWouldBlock;
  // What is told may have been taken meanwhile, by an earlier call.
  while (code == kWouldBlock) {
    WSANETWORKEVENTS occurred = {};
    if (!context_->AwaitNetworkEvent(listener_, event_, FD_ACCEPT, &occurred)) {
      return false;
    }
    if (occurred.lNetworkEvents != FD_ACCEPT) {
      context_->ledger->Fault(0, "a listener tells of more than FD_ACCEPT");
    }
    code = spi_->Accept(listener_, s);
  }
  context_->ledger->Add(Count::kEventAccepts);
  // The accepted one was registered, too, and didn't block.
  return context_->Check("non-blocking WSPAccept", code) &&
         context_->Unregister(*s) && context_->Unregister(listener_);
}

size_t Acceptor::AnyRoom() {
  switch ((*context_->random)() % 3) {
    case 0:
      return 0;
    case 1:
      return sizeof(Hello);
    default:
      return AnySize(context_->random, kMostRoom);
  }
}

bool Acceptor::AcceptOverlapped(SOCKET* s, std::string* received) {
  if (!context_->Check("WSPSocket", spi_->Socket(s))) return false;
  auto accept = std::make_unique<Transfer>(Transfer::Notice::kEvent);
  Transfer* const transfer = accept.get();
  const size_t room = AnyRoom();
  const WsaCode code = functions_->AcceptEx(listener_, *s, room, transfer);
  size_t bytes = 0;
  if (!context_->Finish("AcceptEx", code, &accept, &bytes)) return false;
  if (bytes > room || (bytes == 0 && room > 0)) {
    context_->ledger->Fault(0, "AcceptEx received " + std::to_string(bytes) +
                                   " bytes of at most " + std::to_string(room));
  }
  *received = transfer->operation.buffer.substr(0, bytes);
  context_->ledger->Add(Count::kAcceptExs);
  return context_->Check("SO_UPDATE_ACCEPT_CONTEXT",
                         functions_->UpdateAcceptContext(*s, listener_));
}

}  // namespace wspd::testing
