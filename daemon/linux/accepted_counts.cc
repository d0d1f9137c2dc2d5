#include "daemon/linux/accepted_counts.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "absl/time/clock.h"
#include "daemon/base/steady_time.h"

namespace wspd {
namespace {

void AddCounts(const SocketReport& from, SocketReport* to) {
  to->bytes_sent += from.bytes_sent;
  to->bytes_received += from.bytes_received;
}

}  // namespace

AcceptedCounts::Key AcceptedCounts::KeyOf(const SocketReport& report) {
  Key key;
  key.rest = uint64_t{report.interface_index} << 32 |
             uint64_t{report.local.port()} << 8 | report.local.family();
  if (report.local.family() == AF_INET6) {
    const in6_addr& address = report.local.v6().sin6_addr;
    memcpy(&key.high, &address.s6_addr[0], sizeof(key.high));
    memcpy(&key.low, &address.s6_addr[8], sizeof(key.low));
  } else {
    key.low = report.local.v4().sin_addr.s_addr;
  }
  return key;
}

AcceptedCounts::Verdict AcceptedCounts::Add(const SocketReport& ended) {
  if (absl::Now() - settled_at_ < settle_time_) {
    const LentSocket* const listener = listeners_.ListenerOf(ended);
    if (listener != nullptr) {
      sink_(*listener, ended);
      return Verdict::kAccepted;
    }
  }
  const Key key = KeyOf(ended);
  auto found = kept_.find(key);
  if (found != kept_.end()) {
    AddCounts(ended, &found->second.sum);
  } else if (kept_.size() < kMostKept) {
    found = kept_.emplace(key, Kept{ended, {}}).first;
  }
  if (found != kept_.end() && kept_ends_ < kMostEnds) {
    ++kept_ends_;
    found->second.ends.push_back({ended.cookie, ended.peer});
  }
  if (std::exchange(settle_due_, true)) return Verdict::kKept;
  return Verdict::kSettle;
}

void AcceptedCounts::AddEndedListener(const LentSocket& lent,
                                      const SocketReport& ended) {
  ForgetEndedListeners();
  size_t& of_user = ended_of_user_[lent.owner->uid];
  if (of_user >= kMostEndedListenersOfUser) return;
  ++of_user;
  ended_listeners_.push_back({lent, ended, SteadyTime()});
  if (ended_listeners_.size() > kMostEndedListeners) ForgetOldestListener();
}

// Those stay that were there when the oldest of the kept ended, and no longer:
// their ports come to others.
void AcceptedCounts::ForgetEndedListeners() {
  const absl::Duration since = SteadyTime() - 2 * settle_time_;
  while (!ended_listeners_.empty() && ended_listeners_.front().at < since) {
    ForgetOldestListener();
  }
}

void AcceptedCounts::ForgetOldestListener() {
  const auto of_user =
      ended_of_user_.find(ended_listeners_.front().lent.owner->uid);
  if (--of_user->second == 0) ended_of_user_.erase(of_user);
  ended_listeners_.pop_front();
}

absl::Duration AcceptedCounts::SettleDelay() const {
  return std::max(absl::ZeroDuration(),
                  settled_at_ + settle_time_ - absl::Now());
}

SocketReport AcceptedCounts::Settle(std::vector<LentSocket> lent) {
  const LentListeners before = std::move(listeners_);
  listeners_ = LentListeners::Find(std::move(lent));
  ForgetEndedListeners();
  for (const EndedListener& ended : ended_listeners_) {
    listeners_.Add(ended.lent, ended.report);
  }
  settled_at_ = absl::Now();
  settle_due_ = false;
  SocketReport sum;
  for (const auto& [key, kept] : kept_) {
    const LentSocket* listener = listeners_.ListenerOf(kept.sum);
    if (listener == nullptr) listener = before.ListenerOf(kept.sum);
    if (listener == nullptr) continue;
    AddCounts(kept.sum, &sum);
    TellOf(*listener, kept);
  }
  kept_.clear();
  kept_ends_ = 0;
  return sum;
}

void AcceptedCounts::TellOf(const LentSocket& listener,
                            const Kept& kept) const {
  SocketReport ended;
  ended.local = kept.sum.local;
  ended.interface_index = kept.sum.interface_index;
  for (const Kept::End& end : kept.ends) {
    ended.cookie = end.cookie;
    ended.peer = end.peer;
    sink_(listener, ended);
  }
}

}  // namespace wspd
