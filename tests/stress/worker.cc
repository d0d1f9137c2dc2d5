#include "tests/stress/worker.h"

#include <unistd.h>

#include <string>

#include "client_stub/spi_client/event.h"
#include "tests/stress/selection.h"
#include "tests/testing/pattern.h"

namespace wspd::testing {
namespace {

constexpr size_t kMostSelected = 64;
constexpr size_t kMostWithHello = 1000;

}  // namespace

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
               const std::vector<uint16_t>& peer_ports, uint16_t datagram_port,
               int sockets, uint64_t seed)
    : spi_(spi),
      ledger_(ledger),
      orders_(orders),
      random_(seed),
      caller_(spi, ledger),
      context_{spi, ledger, &caller_, &random_, &orders->cleaning()},
      functions_(spi),
      acceptor_(&context_, &functions_),
      connector_(&context_, &functions_, peer_ports),
      datagrams_(&context_, datagram_port),
      exchange_(&context_),
      // One is the listener, one is for datagrams.
      slots_(static_cast<size_t>(sockets - 2)) {}

void Worker::Run() {
  if (acceptor_.Listen() && datagrams_.Open()) {
    while (!orders_->stopping() && !orders_->cleaning()) Turn();
  }
  if (!orders_->cleaning()) CloseAll();
  if (!orders_->cleaning()) return;
  orders_->AwaitCleanup();
  CheckCleanedUp();
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
  Use(slot.get());
  if (!slot->over() || orders_->cleaning()) return;
  if (slot->has_pending()) faulty_.push_back(std::move(slot));
  slot = nullptr;
}

void Worker::Use(ClientConnection* connection) {
  switch (random_() % 16) {
    case 0:
      return exchange_.Run(connection);
    case 1:
      return SelectSome();
    case 2:
      return datagrams_.Run();
    default:
      connection->DoSomething();
  }
}

void Worker::SelectSome() {
  std::vector<ClientConnection*> some;
  const size_t most = AnySize(&random_, kMostSelected);
  const size_t first = random_() % slots_.size();
  for (size_t i = 0; i < slots_.size() && some.size() < most; ++i) {
    const Slot& slot = slots_[(first + i) % slots_.size()];
    if (slot != nullptr) some.push_back(slot.get());
  }
  Selection(&context_, some).Run();
}

// Some with data behind the hello.
void Worker::Connect(Slot* slot) {
  const uint32_t number = ledger_->NewRecord();
  ConnectionRecord& record = ledger_->record(number);
  record.owner = static_cast<uint32_t>(getpid());
  ClientConnection::First first;
  if (context_.Chance(2)) first.sent = AnySize(&random_, kMostWithHello);
  record.client_given = first.sent;
  SOCKET s;
  if (!connector_.Connect(
          Hello{number}.ToBytes() + Pattern(0, first.sent, SeedToPeer(number)),
          &s)) {
    record.client_end = ClientEnd::kNotConnected;
    return;
  }
  ledger_->Add(Count::kConnects);
  *slot = std::make_unique<ClientConnection>(&context_, s, number, first);
}

// The peers are asked for it by a connection that is for nothing else.
void Worker::Accept(Slot* slot) {
  const uint32_t number = ledger_->NewRecord();
  ConnectionRecord& record = ledger_->record(number);
  record.owner = static_cast<uint32_t>(getpid());
  const uint16_t port = acceptor_.endpoint().port;
  record.call_back_port = port;
  SOCKET request, s;
  ClientConnection::First first;
  if (!connector_.Connect(Hello{number, port}.ToBytes(), &request) ||
      !context_.Check("WSPCloseSocket", spi_->Close(request)) ||
      !AcceptCalledBack(number, &s, &first.received)) {
    record.client_end = ClientEnd::kNotConnected;
    return;
  }
  ledger_->Add(Count::kAccepts);
  *slot = std::make_unique<ClientConnection>(&context_, s, number, first);
}

// `data` may begin with it.
bool Worker::ReadHello(SOCKET s, std::string* data, Hello* hello) {
  constexpr size_t kSize = sizeof(Hello);
  if (data->size() < kSize) {
    std::string rest;
    if (!context_.Check("WSPRecv of the hello",
                        spi_->RecvExactly(s, kSize - data->size(), &rest))) {
      return false;
    }
    *data += rest;
  }
  if (!Hello::Parse(data->substr(0, kSize), hello)) {
    ledger_->Fault(0, "no hello on an accepted connection");
    return false;
  }
  data->erase(0, kSize);
  return true;
}

bool Worker::AcceptCalledBack(uint32_t record, SOCKET* s, std::string* data) {
  while (acceptor_.Next(s, data)) {
    Hello hello;
    if (!ReadHello(*s, data, &hello)) return false;
    if (hello.record == record) return true;
    // Only a port of the dead, who had asked for it, may have come to us.
    ConnectionRecord& other = ledger_->record(hello.record);
    if (other.call_back_port != acceptor_.endpoint().port) {
      ledger_->Fault(record, "accepted connection " +
                                 std::to_string(hello.record) + " instead");
    }
    other.client_end = ClientEnd::kNotConnected;
    if (!context_.Check("WSPCloseSocket", spi_->Close(*s))) return false;
  }
  return false;
}

void Worker::CloseAll() {
  for (Slot& slot : slots_) {
    if (slot == nullptr) continue;
    if (!slot->over()) slot->Close();
    if (slot->has_pending()) faulty_.push_back(std::move(slot));
    slot = nullptr;
  }
  acceptor_.Close();
  datagrams_.Close();
}

void Worker::CheckCleanedUp() {
  // Where routines would run.
  spi_client::SleepAlertable(0);
  for (Slot& slot : slots_) {
    if (slot != nullptr) slot->CheckCleanedUp();
  }
  for (const auto& call : context_.overtaken) {
    if (call->operation.is_pending()) {
      ledger_->Fault(0, "AcceptEx or ConnectEx after the final cleanup");
    } else if (call->TellsOfAbort()) {
      ledger_->Fault(0,
                     "a notice of AcceptEx or ConnectEx that was cleaned up");
    }
  }
}

}  // namespace wspd::testing
