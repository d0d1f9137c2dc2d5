#include "tests/stress/worker.h"

#include <unistd.h>

#include <string>

#include "client_stub/spi_client/event.h"

namespace wspd::testing {

void Orders::EndCleanup() {
  std::lock_guard<std::mutex> lock(mutex_);
  cleaned_ = true;
  changed_.notify_all();
}

void Orders::AwaitCleanup() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return cleaned_; });
}

Worker::Worker(Spi* spi, Ledger* ledger, Orders* orders,
               const std::vector<uint16_t>& peer_ports, int sockets,
               uint64_t seed)
    : spi_(spi),
      ledger_(ledger),
      orders_(orders),
      peer_ports_(peer_ports),
      random_(seed),
      caller_(spi, ledger),
      context_{spi, ledger, &caller_, &random_, &orders->cleaning()},
      // One is the listener.
      slots_(static_cast<size_t>(sockets - 1)) {}

void Worker::Run() {
  if (Listen()) {
    while (!orders_->stopping() && !orders_->cleaning()) Turn();
  }
  if (!orders_->cleaning()) CloseAll();
  if (!orders_->cleaning()) return;
  orders_->AwaitCleanup();
  CheckCleanedUp();
}

bool Worker::Check(const char* call, WsaCode code) {
  if (code.ok()) return true;
  if (!orders_->cleaning()) {
    ledger_->Fault(0, std::string(call) + ": " + ToString(code));
  }
  return false;
}

bool Worker::Listen() {
  return Check("listen", spi_->ListenNew(&listener_, &endpoint_));
}

// As often one with a connection as any.
Worker::Slot& Worker::AnySlot() {
  const size_t first = random_() % slots_.size();
  if (random_() % 2 == 0) return slots_[first];
  for (size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[(first + i) % slots_.size()];
    if (slot != nullptr) return slot;
  }
  return slots_[first];
}

void Worker::Turn() {
  Slot& slot = AnySlot();
  if (slot == nullptr) {
    if (random_() % 4 == 0) {
      Accept(&slot);
    } else {
      Connect(&slot);
    }
    return;
  }
  if (slot->DoSomething() || orders_->cleaning()) return;
  if (slot->has_pending()) faulty_.push_back(std::move(slot));
  slot = nullptr;
}

bool Worker::ConnectToPeers(const Hello& hello, SOCKET* s) {
  if (!Check("WSPSocket", spi_->Socket(s))) return false;
  const uint16_t port = peer_ports_[random_() % peer_ports_.size()];
  if (Check("WSPConnect", spi_->Connect(*s, {Family::kIpv4, port})) &&
      Check("WSPSend of the hello", spi_->Send(*s, hello.ToBytes()))) {
    return true;
  }
  if (!orders_->cleaning()) Check("WSPCloseSocket", spi_->Close(*s));
  return false;
}

void Worker::Connect(Slot* slot) {
  const uint32_t number = ledger_->NewRecord();
  ConnectionRecord& record = ledger_->record(number);
  record.owner = static_cast<uint32_t>(getpid());
  SOCKET s;
  if (!ConnectToPeers({number}, &s)) {
    record.client_end = ClientEnd::kNotConnected;
    return;
  }
  ledger_->Add(Count::kConnects);
  *slot = std::make_unique<ClientConnection>(&context_, s, number);
}

// The peers are asked for it by a connection that is for nothing else.
void Worker::Accept(Slot* slot) {
  const uint32_t number = ledger_->NewRecord();
  ConnectionRecord& record = ledger_->record(number);
  record.owner = static_cast<uint32_t>(getpid());
  record.call_back_port = endpoint_.port;
  SOCKET request, s;
  if (!ConnectToPeers({number, endpoint_.port}, &request) ||
      !Check("WSPCloseSocket", spi_->Close(request)) ||
      !AcceptCalledBack(number, &s)) {
    record.client_end = ClientEnd::kNotConnected;
    return;
  }
  ledger_->Add(Count::kAccepts);
  *slot = std::make_unique<ClientConnection>(&context_, s, number);
}

bool Worker::AcceptNext(SOCKET* s) {
  WsaCode code;
  bool with_hook;
  // A cancelled one takes nothing away.
  do {
    with_hook = random_() % 2 == 0;
    caller_.Begin(with_hook);
    code = spi_->Accept(listener_, s);
    caller_.End();
  } while (with_hook && code == WsaCode{WSAEINTR} && !orders_->cleaning());
  return Check("WSPAccept", code);
}

bool Worker::AcceptCalledBack(uint32_t record, SOCKET* s) {
  while (AcceptNext(s)) {
    std::string bytes;
    if (!Check("WSPRecv of the hello",
               spi_->RecvExactly(*s, sizeof(Hello), &bytes))) {
      return false;
    }
    Hello hello;
    if (!Hello::Parse(bytes, &hello)) {
      ledger_->Fault(record, "no hello on an accepted connection");
      return false;
    }
    if (hello.record == record) return true;
    // Only a port of the dead, who had asked for it, may have come to us.
    ConnectionRecord& other = ledger_->record(hello.record);
    if (other.call_back_port != endpoint_.port) {
      ledger_->Fault(record, "accepted connection " +
                                 std::to_string(hello.record) + " instead");
    }
    other.client_end = ClientEnd::kNotConnected;
    if (!Check("WSPCloseSocket", spi_->Close(*s))) return false;
  }
  return false;
}

void Worker::CloseAll() {
  for (Slot& slot : slots_) {
    if (slot == nullptr) continue;
    slot->Close();
    if (slot->has_pending()) faulty_.push_back(std::move(slot));
    slot = nullptr;
  }
  if (listener_ != INVALID_SOCKET) {
    Check("WSPCloseSocket", spi_->Close(listener_));
  }
}

void Worker::CheckCleanedUp() {
  // Where routines would run.
  spi_client::SleepAlertable(0);
  for (Slot& slot : slots_) {
    if (slot != nullptr) slot->CheckCleanedUp();
  }
}

}  // namespace wspd::testing
