#include "daemon/session/relay_grants.h"

#include <algorithm>

namespace wspd {

void RelayGrants::Add(uint64_t number, const RelayedSockets& table) {
  granted_.insert(number);
  if (granted_.size() < purge_at_) return;
  for (auto it = granted_.begin(); it != granted_.end();) {
    const auto entry = it++;
    if (table.Find(*entry) == nullptr) granted_.erase(entry);
  }
  purge_at_ = std::max(purge_at_, 2 * granted_.size());
}

}  // namespace wspd
