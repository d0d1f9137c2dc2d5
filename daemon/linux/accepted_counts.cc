#include "daemon/linux/accepted_counts.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "absl/time/clock.h"

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
  if (absl::Now() - settled_at_ < settle_time_ &&
      listeners_.ListenerOf(ended) != nullptr) {
    return Verdict::kAccepted;
  }
  const Key key = KeyOf(ended);
  const auto found = kept_.find(key);
  if (found != kept_.end()) {
    AddCounts(ended, &found->second);
  } else if (kept_.size() < kMostKept) {
    kept_.emplace(key, ended);
  }
  if (std::exchange(settle_due_, true)) return Verdict::kKept;
  return Verdict::kSettle;
}

absl::Duration AcceptedCounts::SettleDelay() const {
  return std::max(absl::ZeroDuration(),
                  settled_at_ + settle_time_ - absl::Now());
}

SocketReport AcceptedCounts::Settle(std::vector<LentSocket> lent) {
  const LentListeners before = std::move(listeners_);
  listeners_ = LentListeners::Find(std::move(lent));
  settled_at_ = absl::Now();
  settle_due_ = false;
  SocketReport sum;
  for (const auto& [key, ended] : kept_) {
    if (listeners_.ListenerOf(ended) != nullptr ||
        before.ListenerOf(ended) != nullptr) {
      AddCounts(ended, &sum);
    }
  }
  kept_.clear();
  return sum;
}

}  // namespace wspd
