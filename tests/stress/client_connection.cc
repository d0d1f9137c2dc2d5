#include "tests/stress/client_connection.h"

#include <unistd.h>

#include <utility>

#include "client_stub/spi_client/event.h"
#include "tests/testing/pattern.h"

namespace wspd::testing {
namespace {

constexpr size_t kMostAtOnce = 128 << 10;
constexpr size_t kMostPendingHere = 4;
// Of a thread: all together have to stay below what a client may have.
constexpr int kMostPending = 64;

bool IsLoss(WsaCode code) {
  return code == WsaCode{WSAECONNRESET} || code == WsaCode{WSAECONNABORTED};
}

bool TellsOfCleanup(WsaCode code) {
  return code == kInterrupted || code == WsaCode{WSANOTINITIALISED} ||
         code == WsaCode{WSAENOTSOCK} || code == WsaCode{WSA_OPERATION_ABORTED};
}

}  // namespace

ClientConnection::ClientConnection(ClientContext* context, SOCKET s,
                                   uint32_t record, const First& first)
    : context_(context),
      spi_(context->spi),
      socket_(s),
      number_(record),
      record_(&context->ledger->record(record)) {
  record_->client_given = given_ = first.sent;
  record_->client_acked = acked_ = first.sent;
  if (!first.received.empty()) {
    Account(first.received.data(), first.received.size());
  }
}

ClientConnection::~ClientConnection() {
  context_->pending -= static_cast<int>(sends_.size() + receives_.size());
}

void ClientConnection::Fault(const std::string& what) {
  context_->ledger->Fault(number_, what);
}

std::string ClientConnection::NextToSend() {
  return Pattern(given_, AnySize(context_->random, kMostAtOnce),
                 SeedToPeer(number_));
}

Transfer::Notice ClientConnection::AnyNotice() {
  return static_cast<Transfer::Notice>((*context_->random)() % 3);
}

void ClientConnection::Judge(const char* call, WsaCode code) {
  if (code.ok()) return;
  if (IsLoss(code)) {
    lost_ = true;
    record_->client_lost = true;
  } else if (TellsOfCleanup(code) && *context_->cleaning) {
    over_ = true;
  } else {
    Fault(std::string(call) + ": " + ToString(code));
  }
}

// ------------------------------------------------------------- the account

void ClientConnection::Account(const char* data, size_t size) {
  if (size == 0) {
    saw_end_ = true;
    record_->client_saw_end = true;
    return;
  }
  if (saw_end_) Fault("bytes after the end");
  const std::string error =
      PatternError(std::string(data, size), got_, SeedFromPeer(number_));
  if (!error.empty()) Fault("received: " + error);
  got_ += size;
  record_->client_got = got_;
}

// Those before it were filled before it; their results may come later.
void ClientConnection::AccountAfterPending(const std::string& data) {
  SettleAll(&receives_);
  // What a final cleanup aborts leaves no account.
  if (!over_) Account(data.data(), data.size());
}

void ClientConnection::CheckNotice(const Transfer& transfer) {
  if (transfer.event != nullptr) context_->ledger->Add(Count::kEvents);
  if (transfer.routine() == nullptr) return;
  context_->ledger->Add(Count::kRoutines);
  if (transfer.routine_runs != 1) Fault("a routine ran more than once");
}

void ClientConnection::SettleSend(const Pending& pending) {
  CheckNotice(pending.transfer);
  const DWORD error = pending.transfer.error();
  if (error == 0) {
    if (pending.transfer.bytes() != pending.size) Fault("sent a part");
    acked_ += pending.transfer.bytes();
    record_->client_acked = acked_;
    return;
  }
  broken_ = true;
  if (error == WSA_OPERATION_ABORTED && record_->client_end != ClientEnd::kOpen)
    return context_->ledger->Add(Count::kAborted);
  Judge("overlapped WSPSend", {static_cast<int>(error)});
}

void ClientConnection::SettleReceive(const Pending& pending) {
  CheckNotice(pending.transfer);
  const DWORD error = pending.transfer.error();
  if (error == 0) {
    Account(pending.transfer.operation.buffer.data(), pending.transfer.bytes());
  } else if (error == WSA_OPERATION_ABORTED &&
             record_->client_end != ClientEnd::kOpen) {
    context_->ledger->Add(Count::kAborted);
  } else {
    Judge("overlapped WSPRecv", {static_cast<int>(error)});
  }
}

void ClientConnection::Settle() {
  spi_client::SleepAlertable(0);
  while (!sends_.empty() && sends_.front()->transfer.IsOver()) {
    SettleSend(*sends_.front());
    sends_.pop_front();
    --context_->pending;
  }
  while (!receives_.empty() && receives_.front()->transfer.IsOver()) {
    SettleReceive(*receives_.front());
    receives_.pop_front();
    --context_->pending;
  }
}

void ClientConnection::SettleAll(Queue* queue) {
  while (!queue->empty()) {
    if (!context_->Await(queue->front()->transfer)) {
      if (!*context_->cleaning) {
        Fault("a transfer doesn't end, or says nothing of its end");
      }
      over_ = true;
      return;
    }
    if (queue == &sends_) {
      SettleSend(*queue->front());
    } else {
      SettleReceive(*queue->front());
    }
    queue->pop_front();
    --context_->pending;
  }
}

// ---------------------------------------------------------- the operations

bool ClientConnection::Prepare() {
  Settle();
  if (!over_ && (lost_ || broken_)) Close();
  if (!over_ && saw_end_ && Chance(3)) Close();
  return !over_;
}

bool ClientConnection::DoSomething() {
  if (!Prepare()) return false;
  switch ((*context_->random)() % 16) {
    case 0:
    case 1:
    case 2:
      if (may_send()) SendBlocking();
      break;
    case 3:
    case 4:
    case 5:
      if (may_receive()) ReceiveBlocking();
      break;
    case 6:
    case 7:
    case 8:
      if (may_send()) StartSend();
      break;
    case 9:
    case 10:
    case 11:
      if (may_receive()) StartReceive();
      break;
    case 12:
      CallWithoutBlocking();
      break;
    case 13:
      if (receives_alone()) Peek();
      break;
    case 14:
      AskAround();
      if (usable() && Chance(2)) SetOptions();
      if (usable() && Chance(2)) Duplicate();
      break;
    case 15:
      if (Chance(8)) {
        Close();
      } else if (Chance(8) && !shut_) {
        ShutDown();
      }
      break;
  }
  return !over_;
}

void ClientConnection::SendBlocking() {
  const std::string data = NextToSend();
  record_->client_given = given_ += data.size();
  const bool with_hook = Chance(2);
  context_->caller->Begin(with_hook, socket_, record_);
  size_t sent = 0;
  const WsaCode code = spi_->Send(socket_, data, &sent);
  const bool closed = context_->caller->End();
  context_->ledger->Add(Count::kBlockingSends);
  if (code.ok()) {
    if (sent != data.size()) Fault("a blocking send sent a part");
    record_->client_acked = acked_ += sent;
  } else {
    broken_ = true;
    if (with_hook && code == kInterrupted) {
      record_->client_cancelled = true;
    } else if (!closed) {
      Judge("WSPSend", code);
    }
  }
  if (closed) AfterClose();
}

void ClientConnection::ReceiveBlocking() {
  const size_t size = AnySize(context_->random, kMostAtOnce);
  const bool with_hook = Chance(2);
  context_->caller->Begin(with_hook, socket_, record_);
  std::string data;
  const WsaCode code = spi_->Recv(socket_, size, &data);
  const bool closed = context_->caller->End();
  context_->ledger->Add(Count::kBlockingReceives);
  // A cancelled one takes nothing away.
  if (code.ok()) {
    AccountAfterPending(data);
  } else if (!closed && !(with_hook && code == kInterrupted)) {
    Judge("WSPRecv", code);
  }
  if (closed) AfterClose();
}

void ClientConnection::Peek() {
  std::string data;
  const bool with_hook = Chance(2);
  context_->caller->Begin(with_hook);
  const WsaCode code = spi_->Recv(
      socket_, AnySize(context_->random, kMostAtOnce), &data, MSG_PEEK);
  context_->caller->End();
  if (with_hook && code == kInterrupted) return;
  if (!code.ok()) return Judge("WSPRecv with MSG_PEEK", code);
  const std::string error = PatternError(data, got_, SeedFromPeer(number_));
  if (!error.empty()) Fault("peeked: " + error);
}

void ClientConnection::CallWithoutBlocking() {
  if (!SetNonBlocking(true)) return;
  if (may_send() && Chance(2)) {
    TrySend();
  } else if (may_receive()) {
    TryReceive();
  }
  if (!over_) SetNonBlocking(false);
}

bool ClientConnection::SetNonBlocking(bool on) {
  const WsaCode code = spi_->SetNonBlocking(socket_, on);
  Judge("FIONBIO", code);
  return code.ok();
}

ClientConnection::Attempt ClientConnection::TrySend() {
  context_->ledger->Add(Count::kNonBlockingCalls);
  const std::string data = NextToSend();
  record_->client_given = given_ + data.size();
  size_t sent = 0;
  const WsaCode code = spi_->Send(socket_, data, &sent);
  if (code.ok()) {
    if (sent == 0) Fault("a non-blocking send sent nothing");
    record_->client_acked = acked_ += sent;
    record_->client_given = given_ += sent;
    return Attempt::kDone;
  }
  if (code == kWouldBlock) {
    record_->client_given = given_;
    return Attempt::kWouldBlock;
  }
  given_ += data.size();
  broken_ = true;
  Judge("non-blocking WSPSend", code);
  return Attempt::kFailed;
}

ClientConnection::Attempt ClientConnection::TryReceive() {
  context_->ledger->Add(Count::kNonBlockingCalls);
  std::string data;
  const WsaCode code =
      spi_->Recv(socket_, AnySize(context_->random, kMostAtOnce), &data);
  if (code == kWouldBlock) return Attempt::kWouldBlock;
  if (!code.ok()) {
    Judge("non-blocking WSPRecv", code);
    return Attempt::kFailed;
  }
  AccountAfterPending(data);
  return Attempt::kDone;
}

void ClientConnection::StartSend() {
  if (sends_.size() >= kMostPendingHere || context_->pending >= kMostPending) {
    return;
  }
  auto pending = std::make_unique<Pending>(AnyNotice());
  const std::string data = NextToSend();
  pending->size = data.size();
  record_->client_given = given_ += data.size();
  Transfer* const transfer = &pending->transfer;
  const WsaCode code =
      spi_->StartSend(socket_, &transfer->operation, data, transfer->routine());
  context_->ledger->Add(Count::kOverlappedSends);
  if (!code.ok() && code != kPending) {
    broken_ = true;
    return Judge("overlapped WSPSend", code);
  }
  sends_.push_back(std::move(pending));
  ++context_->pending;
}

void ClientConnection::StartReceive() {
  if (receives_.size() >= kMostPendingHere ||
      context_->pending >= kMostPending) {
    return;
  }
  auto pending = std::make_unique<Pending>(AnyNotice());
  Transfer* const transfer = &pending->transfer;
  const WsaCode code = spi_->StartRecv(socket_, &transfer->operation,
                                       AnySize(context_->random, kMostAtOnce),
                                       transfer->routine());
  context_->ledger->Add(Count::kOverlappedReceives);
  if (!code.ok() && code != kPending) return Judge("overlapped WSPRecv", code);
  receives_.push_back(std::move(pending));
  ++context_->pending;
}

void ClientConnection::AskAround() {
  u_long bytes = 0;
  Judge("FIONREAD", spi_->BytesReadable(socket_, &bytes));
  Endpoint endpoint;
  if (!over_ && !lost_) {
    Judge("WSPGetSockName", spi_->GetSockName(socket_, &endpoint));
  }
}

void ClientConnection::SetOptions() {
  constexpr int kLeastBuffer = 8 << 10;
  const int no_delay = Chance(2);
  Judge("TCP_NODELAY",
        spi_->SetOption(socket_, IPPROTO_TCP, TCP_NODELAY, no_delay));
  Judge("SO_SNDBUF",
        spi_->SetOption(socket_, SOL_SOCKET, SO_SNDBUF,
                        kLeastBuffer << (*context_->random)() % 4));
  int value = 0;
  const WsaCode code =
      spi_->GetOption(socket_, IPPROTO_TCP, TCP_NODELAY, &value);
  Judge("TCP_NODELAY, asked for", code);
  if (code.ok() && (value != 0) != (no_delay != 0)) Fault("not as it was set");
  context_->ledger->Add(Count::kOptions);
}

// What is pending is the descriptor's by which it came: then the other one only
// comes and goes.
void ClientConnection::Duplicate() {
  WSAPROTOCOL_INFOW info = {};
  SOCKET other = INVALID_SOCKET;
  WsaCode code = spi_->Duplicate(socket_, static_cast<DWORD>(getpid()), &info);
  if (code.ok()) code = spi_->SocketFrom(&info, &other);
  if (!code.ok()) return Judge("WSPDuplicateSocket", code);
  context_->ledger->Add(Count::kDuplicates);
  if (!has_pending()) std::swap(socket_, other);
  Judge("WSPCloseSocket of one of two", spi_->Close(other));
}

void ClientConnection::HearOfClose(WsaCode code) {
  if (std::exchange(heard_of_close_, true)) Fault("FD_CLOSE once more");
  if (code.ok() ? !record_->peer_shut : !record_->peer_reset) {
    Fault("FD_CLOSE with " + ToString(code) + " isn't what the peer did");
  }
}

void ClientConnection::ShutDown() {
  record_->client_shut = true;
  shut_ = true;
  context_->ledger->Add(Count::kShutdowns);
  Judge("WSPShutdown", spi_->Shutdown(socket_, SD_SEND));
}

// ------------------------------------------------------------------ the end

void ClientConnection::Close() {
  if (Chance(16)) return CloseHard();
  record_->client_end = ClientEnd::kClosing;
  context_->ledger->Add(Count::kCloses);
  const WsaCode code = spi_->Close(socket_);
  if (code.ok()) return AfterClose();
  record_->client_end = ClientEnd::kOpen;
  over_ = true;
  Judge("WSPCloseSocket", code);
}

void ClientConnection::CloseHard() {
  context_->ledger->Add(Count::kHardCloses);
  WsaCode code = spi_->SetLinger(socket_, true, 0);
  if (code.ok()) {
    record_->client_end = ClientEnd::kClosedHard;
    code = spi_->Close(socket_);
  }
  over_ = true;
  if (code.ok()) {
    SettleAll(&sends_);
    SettleAll(&receives_);
    return;
  }
  record_->client_end = ClientEnd::kOpen;
  Judge("WSPCloseSocket, hard", code);
}

// Everything that was pending ends, with its event or routine.
void ClientConnection::AfterClose() {
  over_ = true;
  SettleAll(&sends_);
  SettleAll(&receives_);
  // A final cleanup may keep what the last ones said to itself.
  const bool in_part = broken_ || !sends_.empty();
  record_->client_end = in_part ? ClientEnd::kClosedInPart : ClientEnd::kClosed;
}

void ClientConnection::CheckCleanedUp() {
  for (Queue* queue : {&sends_, &receives_}) {
    for (const auto& pending : *queue) {
      const Transfer& transfer = pending->transfer;
      if (transfer.operation.is_pending()) {
        Fault("a transfer goes on after the final cleanup");
      } else if (record_->client_end == ClientEnd::kOpen &&
                 transfer.TellsOfAbort()) {
        Fault("a notice of a transfer that the final cleanup ended");
      }
    }
  }
  if (record_->client_end == ClientEnd::kOpen ||
      record_->client_end == ClientEnd::kClosing) {
    record_->client_end = ClientEnd::kCleanedUp;
  }
}

}  // namespace wspd::testing
