#include "daemon/session/ticket_table.h"

#include <sys/random.h>

#include <utility>
#include <vector>

namespace wspd {

std::shared_ptr<TicketTable> TicketTable::Create(EventLoop* loop,
                                                 absl::Duration time) {
  return std::shared_ptr<TicketTable>(new TicketTable(loop, time));
}

TicketTable::~TicketTable() {
  for (auto& [number, entry] : tickets_) {
    loop_->CancelTimer(entry.timer);
    if (!entry.taken) LetGo(entry.ticket, WinsockSocket::HoldEnd::kReset);
  }
}

uint32_t TicketTable::NewNumberLocked() {
  for (;;) {
    uint32_t number = 0;
    const ssize_t got = getrandom(&number, sizeof(number), 0);
    if (got != sizeof(number) || number == 0) continue;
    if (!tickets_.contains(number)) return number;
  }
}

uint32_t TicketTable::Issue(Ticket ticket) {
  absl::MutexLock lock(&mu_);
  const uint32_t number = NewNumberLocked();
  by_issuer_.emplace(ticket.issuer, number);
  Entry& entry = tickets_[number];
  entry.ticket = std::move(ticket);
  entry.timer = loop_->RunAfter(time_, [weak = weak_from_this(), number] {
    if (auto self = weak.lock()) self->Revoke(number);
  });
  return number;
}

bool TicketTable::RemoveLocked(uint32_t number, Entry* removed) {
  auto found = tickets_.find(number);
  if (found == tickets_.end()) return false;
  *removed = std::move(found->second);
  tickets_.erase(found);
  by_issuer_.erase({removed->ticket.issuer, number});
  loop_->CancelTimer(removed->timer);
  return true;
}

bool TicketTable::Take(uint32_t number, const PeerIdentity& peer,
                       const ProcessKey& key, Ticket* ticket) {
  NamedProcess target;
  {
    absl::MutexLock lock(&mu_);
    auto found = tickets_.find(number);
    if (found == tickets_.end() || found->second.taken ||
        found->second.ticket.uid != peer.uid) {
      return false;
    }
    target = found->second.ticket.target;
  }
  if (!target.Is(peer, key)) return false;
  absl::MutexLock lock(&mu_);
  auto found = tickets_.find(number);
  if (found == tickets_.end() || found->second.taken) return false;
  found->second.taken = true;
  *ticket = found->second.ticket;
  return true;
}

void TicketTable::Use(uint32_t number, const Ticket& ticket) {
  {
    absl::MutexLock lock(&mu_);
    Entry used;
    RemoveLocked(number, &used);
  }
  LetGo(ticket, WinsockSocket::HoldEnd::kOrderly);
}

void TicketTable::PutBack(uint32_t number, const Ticket& ticket) {
  {
    absl::MutexLock lock(&mu_);
    auto found = tickets_.find(number);
    if (found != tickets_.end()) {
      found->second.taken = false;
      return;
    }
  }
  LetGo(ticket, WinsockSocket::HoldEnd::kOrderly);
}

void TicketTable::Revoke(uint32_t number) {
  Entry ended;
  {
    absl::MutexLock lock(&mu_);
    if (!RemoveLocked(number, &ended)) return;
  }
  if (!ended.taken) LetGo(ended.ticket, WinsockSocket::HoldEnd::kOrderly);
}

void TicketTable::RevokeOf(const void* issuer) {
  std::vector<Entry> ended;
  {
    absl::MutexLock lock(&mu_);
    for (;;) {
      auto next = by_issuer_.lower_bound({issuer, 0});
      if (next == by_issuer_.end() || next->first != issuer) break;
      RemoveLocked(next->second, &ended.emplace_back());
    }
  }
  for (const Entry& entry : ended) {
    if (!entry.taken) LetGo(entry.ticket, WinsockSocket::HoldEnd::kReset);
  }
}

void TicketTable::LetGo(const Ticket& ticket, WinsockSocket::HoldEnd end) {
  ticket.count->fetch_sub(1, std::memory_order_relaxed);
  ticket.socket->DropHold(ticket.owner, end);
}

size_t TicketTable::size() const {
  absl::MutexLock lock(&mu_);
  return tickets_.size();
}

}  // namespace wspd
