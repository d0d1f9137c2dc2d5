#include "tests/stress/datagram_exchange.h"

#include <unistd.h>

#include "tests/stress/ledger.h"
#include "tests/testing/socket_set.h"

namespace wspd::testing {
namespace {

constexpr uint64_t kMostAtOnce = 4;
constexpr uint64_t kMostUs = 5000;

}  // namespace

bool DatagramExchange::Open() {
  record_ = context_->ledger->NewRecord();
  ConnectionRecord& record = context_->ledger->record(record_);
  record.owner = static_cast<uint32_t>(getpid());
  record.client_end = ClientEnd::kNotConnected;
  Endpoint own;
  if (!context_->Check("WSPSocket", spi_->DatagramSocket(&socket_)) ||
      !context_->Check("WSPBind", spi_->Bind(socket_, {Family::kIpv4, 0})) ||
      !context_->Check("WSPGetSockName", spi_->GetSockName(socket_, &own)) ||
      !context_->Check("FIONBIO", spi_->SetNonBlocking(socket_, true))) {
    return false;
  }
  record.call_back_port = own.port;
  return true;
}

void DatagramExchange::Close() {
  if (socket_ == INVALID_SOCKET) return;
  context_->Check("WSPCloseSocket", spi_->Close(socket_));
}

void DatagramExchange::Run() {
  const uint64_t count = 1 + (*context_->random)() % kMostAtOnce;
  for (uint64_t i = 0; i < count && !*context_->cleaning; ++i) Send();
  if (context_->Chance(2) && !Wait()) return;
  while (!*context_->cleaning && Receive()) {
  }
}

void DatagramExchange::Send() {
  Datagram datagram;
  datagram.record = record_;
  datagram.number = sent_++;
  datagram.size =
      static_cast<uint32_t>(AnySize(context_->random, Datagram::kMostSize));
  const WsaCode code =
      spi_->SendTo(socket_, datagram.ToBytes(Datagram::Way::kToPeer), peer_);
  // Then it may not come.
  if (code == kWouldBlock) return;
  if (context_->Check("WSPSendTo", code)) {
    context_->ledger->Add(Count::kDatagramsSent);
  }
}

bool DatagramExchange::Wait() {
  SocketSet read({socket_});
  timeval time = {};
  time.tv_usec = static_cast<int>((*context_->random)() % kMostUs);
  int ready = 0;
  return context_->Check(
      "WSPSelect of datagrams",
      spi_->Select(read.get(), nullptr, nullptr, &time, &ready));
}

bool DatagramExchange::Receive() {
  const size_t most = context_->Chance(4)
                          ? AnySize(context_->random, Datagram::kMostSize)
                          : Datagram::kMostSize;
  std::string bytes;
  Endpoint from;
  const WsaCode code =
      spi_->RecvFrom(socket_, Datagram::kHeader + most, &bytes, &from);
  if (code == kWouldBlock) return false;
  const bool cut = code == WsaCode{WSAEMSGSIZE};
  if (!cut && !context_->Check("WSPRecvFrom", code)) return false;
  if (!(from == peer_)) {
    context_->ledger->Fault(record_, "a datagram of somebody else");
  }
  Check(bytes, cut);
  return true;
}

void DatagramExchange::Check(const std::string& bytes, bool cut) {
  Ledger* const ledger = context_->ledger;
  ledger->Add(cut ? Count::kDatagramsCut : Count::kDatagramsReceived);
  Datagram datagram;
  std::string error =
      Datagram::Parse(bytes, Datagram::Way::kFromPeer, cut, &datagram);
  if (error.empty() && datagram.record != record_) {
    // Only a port of the dead may have been ours before.
    if (ledger->record(datagram.record).call_back_port ==
        ledger->record(record_).call_back_port) {
      return;
    }
    error = "an answer to connection " + std::to_string(datagram.record);
  }
  if (error.empty() && datagram.number >= sent_) {
    error = "an answer to nothing";
  }
  if (error.empty() && !answered_.Add(datagram.number)) {
    error = "an answer came twice";
  }
  if (!error.empty()) ledger->Fault(record_, error);
}

}  // namespace wspd::testing
