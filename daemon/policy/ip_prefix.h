#ifndef WSPD_DAEMON_POLICY_IP_PREFIX_H_
#define WSPD_DAEMON_POLICY_IP_PREFIX_H_

#include "absl/numeric/int128.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/socket/net_address.h"

namespace wspd {

// An address as rules see it: an IPv6 address that stands for an IPv4 one
// (::ffff:0:0/96) is that one.
struct IpAddress {
  bool v6 = false;
  // In host order; of IPv4 the lowest 32 bits.
  absl::uint128 bits = 0;

  bool is_any() const { return bits == 0; }
};

// `address` isn't empty.
IpAddress ToIpAddress(const NetAddress& address);

// All addresses that begin with the same bits.
struct IpPrefix {
  bool v6 = false;
  // 0 to 32, or to 128.
  int length = 0;
  // Bits beyond the length are 0.
  absl::uint128 first = 0;

  absl::uint128 last() const;
  bool Contains(const IpAddress& address) const;
};

// "192.0.2.0/24", "2001:db8::/32", or an address alone. Nothing if it is
// neither, or has bits beyond its length: who writes 10.1.2.3/8 may mean one
// thing or the other. A prefix of ::ffff:0:0/96 is the IPv4 one.
absl::optional<IpPrefix> ParsePrefix(absl::string_view text);

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_IP_PREFIX_H_
