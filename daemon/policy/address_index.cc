#include "daemon/policy/address_index.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

namespace wspd {
namespace {

using Entries = std::vector<PortRanks::Entry>;

bool HasAllPorts(const PortRange& range) {
  return range.first == 0 && range.last == UINT16_MAX;
}

void AddPorts(const AddressIndex::Rule& rule, Entries* entries) {
  if (rule.ports->empty()) entries->push_back({PortRange(), rule.rank});
  for (const PortRange& range : *rule.ports) {
    entries->push_back({range, rule.rank});
  }
}

// Whether the rule is about all addresses of `v6`'s family: about any, if it
// denies.
bool HasWhole(const AddressIndex::Rule& rule, bool v6) {
  if (rule.addresses->empty()) return true;
  for (const IpPrefix& prefix : *rule.addresses) {
    if (prefix.v6 == v6 && (rule.deny || prefix.length == 0)) return true;
  }
  return false;
}

}  // namespace

template <typename Bits>
AddressIndex::Table<Bits>::Table(const std::vector<Rule>& rules, bool v6) {
  // By the first address, the longer prefix last.
  std::map<std::pair<Bits, int>, std::pair<Bits, Entries>> prefixes;
  constexpr Bits kLast = std::numeric_limits<Bits>::max();
  prefixes[{Bits{0}, 0}].first = kLast;
  for (const Rule& rule : rules) {
    if (rule.addresses->empty()) AddPorts(rule, &prefixes[{0, 0}].second);
    for (const IpPrefix& prefix : *rule.addresses) {
      if (prefix.v6 != v6) continue;
      auto& entry = prefixes[{static_cast<Bits>(prefix.first), prefix.length}];
      entry.first = static_cast<Bits>(prefix.last());
      AddPorts(rule, &entry.second);
    }
  }
  nodes_.reserve(prefixes.size());
  // The prefixes that contain the present address, the innermost last.
  std::vector<std::pair<uint32_t, Bits>> open;
  for (auto& [key, entry] : prefixes) {
    auto& [last, ports] = entry;
    while (!open.empty() && open.back().second < key.first) {
      const Bits next = open.back().second + 1;
      open.pop_back();
      Cut(next, open.back().first);
    }
    Node node;
    Entries some;
    for (const PortRanks::Entry& one : ports) {
      if (HasAllPorts(one.ports)) {
        node.all_ports = std::min(node.all_ports, one.rank);
      } else {
        some.push_back(one);
      }
    }
    node.some_ports = PortRanks(some);
    node.least = std::min(node.all_ports, node.some_ports.least());
    if (!open.empty()) {
      node.parent = open.back().first;
      node.least = std::min(node.least, nodes_[node.parent].least);
    }
    const auto index = static_cast<uint32_t>(nodes_.size());
    nodes_.push_back(std::move(node));
    Cut(key.first, index);
    open.emplace_back(index, last);
  }
  // The root stays.
  while (open.size() > 1) {
    const Bits end = open.back().second;
    open.pop_back();
    if (end != kLast) Cut(end + 1, open.back().first);
  }
}

template <typename Bits>
void AddressIndex::Table<Bits>::Cut(Bits at, uint32_t node) {
  if (!starts_.empty() && starts_.back() == at) {
    innermost_.back() = node;
    return;
  }
  starts_.push_back(at);
  innermost_.push_back(node);
}

template <typename Bits>
Rank AddressIndex::Table<Bits>::Find(Bits address, uint16_t port) const {
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), address);
  uint32_t index = innermost_[std::prev(after) - starts_.begin()];
  Rank best = kNoRank;
  for (;;) {
    const Node& node = nodes_[index];
    if (node.least >= best) return best;
    best = std::min(best, node.all_ports);
    if (node.some_ports.least() < best) {
      best = std::min(best, node.some_ports.Find(port));
    }
    if (index == 0) return best;
    index = node.parent;
  }
}

AddressIndex::AddressIndex(const std::vector<Rule>& rules)
    : v4_(rules, false), v6_(rules, true) {
  Entries whole_v4;
  Entries whole_v6;
  for (const Rule& rule : rules) {
    const bool v4 = HasWhole(rule, false);
    const bool v6 = HasWhole(rule, true);
    if (v4) AddPorts(rule, &whole_v4);
    if (rule.deny ? v4 || v6 : v4 && v6) AddPorts(rule, &whole_v6);
    if (rule.addresses->empty() && rule.ports->empty()) {
      unaddressed_ = std::min(unaddressed_, rule.rank);
    }
  }
  whole_v4_ = PortRanks(whole_v4);
  whole_v6_ = PortRanks(whole_v6);
}

Rank AddressIndex::Find(const IpAddress& address, uint16_t port) const {
  return address.v6 ? v6_.Find(address.bits, port)
                    : v4_.Find(static_cast<uint32_t>(address.bits), port);
}

Rank AddressIndex::FindWhole(bool v6, uint16_t port) const {
  return (v6 ? whole_v6_ : whole_v4_).Find(port);
}

}  // namespace wspd
