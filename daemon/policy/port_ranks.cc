#include "daemon/policy/port_ranks.h"

#include <algorithm>
#include <set>

namespace wspd {

PortRanks::PortRanks(const std::vector<Entry>& entries) {
  // Where a range begins (+) and where it is over.
  struct Edge {
    uint32_t port;
    bool begins;
    Rank rank;
  };
  std::vector<Edge> edges;
  edges.reserve(2 * entries.size());
  for (const Entry& entry : entries) {
    edges.push_back({entry.ports.first, true, entry.rank});
    edges.push_back({uint32_t{entry.ports.last} + 1, false, entry.rank});
    least_ = std::min(least_, entry.rank);
  }
  if (edges.empty()) return;
  std::sort(edges.begin(), edges.end(),
            [](const Edge& a, const Edge& b) { return a.port < b.port; });
  std::multiset<Rank> active;
  steps_.push_back({0, kNoRank});
  for (size_t i = 0; i < edges.size();) {
    const uint32_t port = edges[i].port;
    for (; i < edges.size() && edges[i].port == port; ++i) {
      if (edges[i].begins) {
        active.insert(edges[i].rank);
      } else {
        active.erase(active.find(edges[i].rank));
      }
    }
    if (port > UINT16_MAX) break;
    const Rank rank = active.empty() ? kNoRank : *active.begin();
    if (rank == steps_.back().rank) continue;
    if (port == steps_.back().first) {
      steps_.back().rank = rank;
    } else {
      steps_.push_back({static_cast<uint16_t>(port), rank});
    }
  }
  steps_.shrink_to_fit();
}

Rank PortRanks::Find(uint16_t port) const {
  if (steps_.size() <= 1) return steps_.empty() ? kNoRank : steps_[0].rank;
  const auto after = std::upper_bound(
      steps_.begin(), steps_.end(), port,
      [](uint16_t wanted, const Step& step) { return wanted < step.first; });
  return std::prev(after)->rank;
}

}  // namespace wspd
