#ifndef WSPD_DAEMON_POLICY_RULE_INDEX_H_
#define WSPD_DAEMON_POLICY_RULE_INDEX_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "daemon/policy/address_index.h"
#include "daemon/policy/rule.h"

namespace wspd {

// Rules about one action, by where they are about. Immutable; thread-safe. No
// search allocates.
class RuleIndex {
 public:
  // `chosen`: their places in `rules`, which are their ranks. Keeps neither.
  RuleIndex(const std::vector<Rule>& rules, const std::vector<Rank>& chosen);

  // What is asked about. The host names are CanonicalHost()s; that there are
  // none is no match for a rule that names any.
  struct Where {
    enum class Kind {
      // The address.
      kOne,
      // All addresses: of IPv4, or if `address` is IPv6, of both.
      kAll,
      // There is no address.
      kNone,
    };

    Kind kind = Kind::kNone;
    IpAddress address;
    uint16_t port = 0;
    absl::Span<const std::string> hosts = {};
  };

  // The first rule that is about it; kNoRank: none.
  Rank Find(const Where& where) const;

  // Whether any rule names a host.
  bool names_hosts() const {
    return every_host_ != nullptr || !exact_.empty() || !below_.empty();
  }

 private:
  using ByHost = absl::flat_hash_map<std::string, AddressIndex>;

  Rank FindByHost(absl::string_view host, const Where& where) const;

  // Rules that name no host, and those that name "*", if there are any.
  const std::unique_ptr<const AddressIndex> hostless_;
  std::unique_ptr<const AddressIndex> every_host_;
  ByHost exact_;
  // By what is behind "*.".
  ByHost below_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_RULE_INDEX_H_
