#ifndef WSPD_DAEMON_POLICY_ADDRESS_INDEX_H_
#define WSPD_DAEMON_POLICY_ADDRESS_INDEX_H_

#include <cstdint>
#include <vector>

#include "absl/numeric/int128.h"
#include "daemon/policy/ip_prefix.h"
#include "daemon/policy/port_ranks.h"

namespace wspd {

// Which of many rules about addresses and ports comes first. Immutable;
// thread-safe. No search allocates.
class AddressIndex {
 public:
  // A rule about the addresses of any prefix, or all if there is none, and the
  // ports of any range, or all. Read while the index is built, not kept.
  struct Rule {
    Rank rank = 0;
    bool deny = false;
    const std::vector<IpPrefix>* addresses = nullptr;
    const std::vector<PortRange>* ports = nullptr;
  };

  explicit AddressIndex(const std::vector<Rule>& rules);

  // The first rule about the address and the port. Bisects the bounds of all
  // prefixes, then goes up from the innermost one through those that contain
  // it.
  Rank Find(const IpAddress& address, uint16_t port) const;

  // The first rule about all addresses at once, as a socket has them that is
  // bound to 0.0.0.0 (`v6` is false) or to ::, which is 0.0.0.0, too. One that
  // denies is about them if it is about any; one that doesn't, if about each:
  // without addresses, or with the prefix of length 0 (for ::, both).
  Rank FindWhole(bool v6, uint16_t port) const;

  // The first rule that names neither addresses nor ports.
  Rank FindUnaddressed() const { return unaddressed_; }

 private:
  // The prefixes of one family.
  template <typename Bits>
  class Table {
   public:
    // `v6` says which rules are for it.
    Table(const std::vector<Rule>& rules, bool v6);

    Rank Find(Bits address, uint16_t port) const;

   private:
    struct Node {
      // Of rules about all ports, and about some.
      Rank all_ports = kNoRank;
      PortRanks some_ports;
      // The next larger prefix; the root is its own.
      uint32_t parent = 0;
      // Of this and all above.
      Rank least = kNoRank;
    };

    void Cut(Bits at, uint32_t node);

    // The root is the first, and contains everything.
    std::vector<Node> nodes_;
    // From where on which node is the innermost one. starts_[0] is 0.
    std::vector<Bits> starts_;
    std::vector<uint32_t> innermost_;
  };

  const Table<uint32_t> v4_;
  const Table<absl::uint128> v6_;
  PortRanks whole_v4_;
  PortRanks whole_v6_;
  Rank unaddressed_ = kNoRank;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_ADDRESS_INDEX_H_
