#ifndef WSPD_DAEMON_POLICY_PORT_RANKS_H_
#define WSPD_DAEMON_POLICY_PORT_RANKS_H_

#include <cstdint>
#include <vector>

namespace wspd {

// A rule's place in the policy: what comes first has the smallest.
using Rank = uint32_t;
inline constexpr Rank kNoRank = UINT32_MAX;

// Both ends belong to it.
struct PortRange {
  uint16_t first = 0;
  uint16_t last = UINT16_MAX;
};

// Which of the rules about some ports comes first: all 65,536 ports, cut where
// the answer changes. Immutable.
class PortRanks {
 public:
  struct Entry {
    PortRange ports;
    Rank rank;
  };

  PortRanks() = default;
  explicit PortRanks(const std::vector<Entry>& entries);

  // The smallest rank of those whose range has `port`; kNoRank: none. By
  // bisection: 17 steps at most.
  Rank Find(uint16_t port) const;
  // The smallest of all.
  Rank least() const { return least_; }

 private:
  struct Step {
    uint16_t first;
    Rank rank;
  };

  // Sorted; the first one begins at port 0. Empty: no rules.
  std::vector<Step> steps_;
  Rank least_ = kNoRank;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_PORT_RANKS_H_
