#include "daemon/policy/resolved_hosts.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"

namespace wspd {
namespace {

absl::uint128 KeyOf(const IpAddress& address) {
  constexpr uint64_t kMapped = uint64_t{0xffff} << 32;
  return address.v6 ? address.bits : address.bits | kMapped;
}

}  // namespace

void ResolvedHosts::Add(absl::Span<const std::string> hosts,
                        absl::Span<const IpAddress> addresses, absl::Time now) {
  absl::MutexLock lock(&mu_);
  const std::shared_ptr<const Entries> old = entries_.Get();
  auto entries = old == nullptr ? std::make_shared<Entries>()
                                : std::make_shared<Entries>(*old);
  for (const IpAddress& address : addresses) {
    std::shared_ptr<const Entry>& slot = (*entries)[KeyOf(address)];
    auto entry = std::make_shared<Entry>();
    for (const std::string& host : hosts) {
      entry->hosts.push_back(host);
      entry->until.push_back(now + Lifetime());
    }
    for (size_t i = 0; slot != nullptr && i < slot->hosts.size(); ++i) {
      if (slot->until[i] <= now ||
          absl::c_linear_search(entry->hosts, slot->hosts[i])) {
        continue;
      }
      entry->hosts.push_back(slot->hosts[i]);
      entry->until.push_back(slot->until[i]);
    }
    if (entry->hosts.size() > kMostHostsOfAddress) {
      entry->hosts.resize(kMostHostsOfAddress);
      entry->until.resize(kMostHostsOfAddress);
    }
    slot = std::move(entry);
  }
  if (entries->size() > kMostAddresses) Forget(now, entries.get());
  entries_.Set(std::move(entries));
}

// Leaves some room, so that this isn't due again at once.
void ResolvedHosts::Forget(absl::Time now, Entries* entries) {
  std::vector<absl::Time> ends;
  ends.reserve(entries->size());
  for (const auto& [key, entry] : *entries) ends.push_back(entry->until[0]);
  const size_t kept = kMostAddresses - kMostAddresses / 8;
  const auto first = ends.end() - static_cast<std::ptrdiff_t>(kept);
  std::nth_element(ends.begin(), first, ends.end());
  const absl::Time least = std::max(*first, now);
  size_t left = kept;
  for (auto it = entries->begin(); it != entries->end();) {
    // Many may have been found at once.
    if (it->second->until[0] < least || left == 0) {
      entries->erase(it++);
    } else {
      --left;
      ++it;
    }
  }
}

absl::Span<const std::string> ResolvedHosts::Reader::Find(
    const IpAddress& address, absl::Time now) const {
  if (entries_.get() == nullptr) return {};
  const auto found = entries_.get()->find(KeyOf(address));
  if (found == entries_.get()->end()) return {};
  const Entry& entry = *found->second;
  size_t hold = 0;
  while (hold < entry.until.size() && entry.until[hold] > now) ++hold;
  return absl::MakeConstSpan(entry.hosts).first(hold);
}

}  // namespace wspd
