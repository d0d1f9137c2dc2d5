#include "tests/stress/connector.h"

#include <memory>

#include "tests/stress/ledger.h"

namespace wspd::testing {

bool Connector::Connect(const std::string& first, SOCKET* s) {
  if (!context_->Check("WSPSocket", spi_->Socket(s))) return false;
  const uint16_t port = peer_ports_[(*context_->random)() % peer_ports_.size()];
  bool connected = false;
  switch ((*context_->random)() % 8) {
    case 0:
    case 1:
      connected = ConnectByEvent(*s, port, first);
      break;
    case 2:
      connected = ConnectOverlapped(*s, port, first);
      break;
    default:
      connected = ConnectBlocking(*s, port, first);
  }
  // One whose connect goes on is a fault already.
  if (!connected && !*context_->cleaning) {
    context_->Check("WSPCloseSocket", spi_->Close(*s));
  }
  return connected;
}

bool Connector::SendFirst(SOCKET s, const std::string& first) {
  return context_->Check("WSPSend of the hello", spi_->Send(s, first));
}

bool Connector::ConnectBlocking(SOCKET s, uint16_t port,
                                const std::string& first) {
  return context_->Check("WSPConnect",
                         spi_->Connect(s, {Family::kIpv4, port})) &&
         SendFirst(s, first);
}

bool Connector::ConnectByEvent(SOCKET s, uint16_t port,
                               const std::string& first) {
  if (!context_->Check("WSPEventSelect",
                       spi_->EventSelect(s, event_.get(),
                                         FD_CONNECT | FD_WRITE | FD_CLOSE))) {
    return false;
  }
  const WsaCode code = spi_->Connect(s, {Family::kIpv4, port});
  WSANETWORKEVENTS occurred = {};
  if ((code != kWouldBlock &&
       !context_->Check("non-blocking WSPConnect", code)) ||
      !context_->AwaitNetworkEvent(s, event_, FD_CONNECT, &occurred) ||
      !context_->Check("FD_CONNECT", {occurred.iErrorCode[FD_CONNECT_BIT]})) {
    return false;
  }
  if ((occurred.lNetworkEvents & FD_CLOSE) != 0) {
    context_->ledger->Fault(0, "FD_CLOSE before the peer could know of it");
  }
  context_->ledger->Add(Count::kEventConnects);
  return context_->Unregister(s) && SendFirst(s, first);
}

bool Connector::ConnectOverlapped(SOCKET s, uint16_t port,
                                  const std::string& first) {
  const auto host = static_cast<uint8_t>(1 + (*context_->random)() % 254);
  if (!context_->Check("WSPBind", functions_->Bind(s, host))) return false;
  auto connect = std::make_unique<Transfer>(Transfer::Notice::kEvent);
  const WsaCode code = functions_->ConnectEx(s, port, first, connect.get());
  size_t sent = 0;
  if (!context_->Finish("ConnectEx", code, &connect, &sent)) return false;
  if (sent != first.size()) {
    context_->ledger->Fault(0, "ConnectEx sent a part");
  }
  context_->ledger->Add(Count::kConnectExs);
  return context_->Check("SO_UPDATE_CONNECT_CONTEXT",
                         functions_->UpdateConnectContext(s));
}

}  // namespace wspd::testing
