#include "tests/stress/selection.h"

#include <algorithm>
#include <string>

#include "tests/stress/ledger.h"
#include "tests/testing/socket_set.h"

namespace wspd::testing {
namespace {

constexpr uint64_t kMostUs = 20000;

}  // namespace

Selection::Selection(ClientContext* context,
                     const std::vector<ClientConnection*>& connections)
    : context_(context) {
  for (ClientConnection* connection : connections) {
    if (connection->usable()) members_.push_back(connection);
  }
}

ClientConnection* Selection::Find(SOCKET s) const {
  const auto found =
      std::find_if(members_.begin(), members_.end(),
                   [s](const auto* member) { return member->socket() == s; });
  return found == members_.end() ? nullptr : *found;
}

// Peers go on sending until they send their end or reset the connection.
bool Selection::EndsByItself() const {
  return std::any_of(members_.begin(), members_.end(), [](const auto* member) {
    return member->receives_alone();
  });
}

void Selection::Run() {
  if (members_.empty()) return;
  std::vector<SOCKET> all, sending;
  for (const ClientConnection* member : members_) {
    all.push_back(member->socket());
    // One that is shut down is always ready.
    if (member->sends_alone() && context_->Chance(4)) {
      sending.push_back(member->socket());
    }
  }
  SocketSet read(all), write(sending), except(all);
  timeval time = {};
  if (context_->Chance(2)) {
    time.tv_usec = static_cast<int>((*context_->random)() % kMostUs);
  }
  const bool for_ever = EndsByItself() && context_->Chance(2);
  const bool with_hook = context_->Chance(2);
  int ready = 0;
  context_->caller->Begin(with_hook);
  const WsaCode code =
      context_->spi->Select(read.get(), write.get(), except.get(),
                            for_ever ? nullptr : &time, &ready);
  context_->caller->End();
  context_->ledger->Add(Count::kSelects);
  if (with_hook && code == kInterrupted) return;
  if (!context_->Check("WSPSelect", code)) return;
  const size_t told =
      read.sockets().size() + write.sockets().size() + except.sockets().size();
  if (static_cast<size_t>(ready) != told || (for_ever && ready == 0)) {
    context_->ledger->Fault(0, "WSPSelect says " + std::to_string(ready) +
                                   ", its sets have " + std::to_string(told));
  }
  context_->ledger->Add(Count::kSelected, told);
  if (!except.sockets().empty()) {
    context_->ledger->Fault(0, "WSPSelect tells of an exception");
  }
  Try(read.sockets(), &ClientConnection::receives_alone,
      &ClientConnection::TryReceive);
  Try(write.sockets(), &ClientConnection::sends_alone,
      &ClientConnection::TrySend);
}

void Selection::Try(const std::vector<SOCKET>& ready,
                    bool (ClientConnection::*is_alone)() const,
                    Attempt (ClientConnection::*attempt)()) {
  for (const SOCKET s : ready) {
    if (*context_->cleaning) return;
    ClientConnection* const member = Find(s);
    if (member == nullptr) {
      context_->ledger->Fault(0, "WSPSelect tells of another socket");
      continue;
    }
    // What came before it may have ended it.
    if (!member->usable() || !(member->*is_alone)()) continue;
    if (!member->SetNonBlocking(true)) continue;
    if ((member->*attempt)() == Attempt::kWouldBlock) {
      member->Fault("a call would block that WSPSelect says wouldn't");
    }
    if (!member->over()) member->SetNonBlocking(false);
  }
}

}  // namespace wspd::testing
