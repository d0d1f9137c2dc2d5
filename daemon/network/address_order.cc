#include "daemon/network/address_order.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace wspd {
namespace {

// An address of either family as IPv6 has it.
in6_addr Ipv6Of(const NetAddress& address) {
  if (address.family() == AF_INET6) return address.v6().sin6_addr;
  in6_addr mapped{};
  mapped.s6_addr[10] = mapped.s6_addr[11] = 0xff;
  memcpy(&mapped.s6_addr[12], &address.v4().sin_addr, 4);
  return mapped;
}

int CommonPrefixBits(const in6_addr& a, const in6_addr& b) {
  for (int i = 0; i < 16; ++i) {
    const unsigned different = a.s6_addr[i] ^ b.s6_addr[i];
    if (different != 0) return 8 * i + __builtin_clz(different) - 24;
  }
  return 128;
}

// RFC 6724, section 2.1.
struct Policy {
  in6_addr prefix;
  int bits;
  int precedence;
  int label;
};

Policy MakePolicy(uint16_t first, int bits, int precedence, int label) {
  Policy policy{{}, bits, precedence, label};
  policy.prefix.s6_addr[0] = static_cast<uint8_t>(first >> 8);
  policy.prefix.s6_addr[1] = static_cast<uint8_t>(first);
  return policy;
}

// The longest prefixes first.
const Policy& PolicyOf(const in6_addr& address) {
  static const Policy kPolicies[] = {
      {IN6ADDR_LOOPBACK_INIT, 128, 50, 0},
      {Ipv6Of(NetAddress::Any(AF_INET, 0)), 96, 35, 4},
      {IN6ADDR_ANY_INIT, 96, 1, 3},
      MakePolicy(0x2001, 32, 5, 5),
      MakePolicy(0x2002, 16, 30, 2),
      MakePolicy(0x3ffe, 16, 1, 12),
      MakePolicy(0xfec0, 10, 1, 11),
      MakePolicy(0xfc00, 7, 3, 13),
      {IN6ADDR_ANY_INIT, 0, 40, 1},
  };
  const Policy* policy = kPolicies;
  while (CommonPrefixBits(policy->prefix, address) < policy->bits) ++policy;
  return *policy;
}

// RFC 4291's numbers; RFC 6724, sections 3.1 and 3.2.
enum Scope : int { kLinkLocal = 2, kSiteLocal = 5, kGlobal = 14 };

int ScopeOf(const in6_addr& address) {
  if (IN6_IS_ADDR_MULTICAST(&address)) return address.s6_addr[1] & 0xf;
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    const bool loopback = address.s6_addr[12] == 127;
    const bool automatic =
        address.s6_addr[12] == 169 && address.s6_addr[13] == 254;
    return loopback || automatic ? kLinkLocal : kGlobal;
  }
  if (IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_LINKLOCAL(&address)) {
    return kLinkLocal;
  }
  return IN6_IS_ADDR_SITELOCAL(&address) ? kSiteLocal : kGlobal;
}

// What the rules look at, in their order; the greater the better.
struct Rank {
  explicit Rank(const Destination& destination)
      : ipv4(destination.address.family() == AF_INET) {
    const in6_addr to = Ipv6Of(destination.address);
    const int scope = ScopeOf(to);
    const Policy& policy = PolicyOf(to);
    reachable = !destination.source.empty();
    precedence = policy.precedence;
    smaller_scope = -scope;
    if (!reachable) return;
    const in6_addr from = Ipv6Of(destination.source);
    same_scope = ScopeOf(from) == scope;
    same_label = PolicyOf(from).label == policy.label;
    common_bits = CommonPrefixBits(to, from);
  }

  bool IsBetterThan(const Rank& other) const {
    // Rules 3, 4 and 7 are about deprecated, home and tunnelled addresses, of
    // which the kernel's choice of a source says nothing.
    if (reachable != other.reachable) return reachable;
    if (same_scope != other.same_scope) return same_scope;
    if (same_label != other.same_label) return same_label;
    if (precedence != other.precedence) return precedence > other.precedence;
    if (smaller_scope != other.smaller_scope) {
      return smaller_scope > other.smaller_scope;
    }
    // Rule 9 is for addresses of one family.
    return ipv4 == other.ipv4 && common_bits > other.common_bits;
  }

  bool ipv4;
  bool reachable = false;
  bool same_scope = false;
  bool same_label = false;
  int precedence = 0;
  int smaller_scope = 0;
  int common_bits = 0;
};

}  // namespace

std::vector<uint32_t> OrderDestinations(
    const std::vector<Destination>& destinations) {
  std::vector<Rank> ranks(destinations.begin(), destinations.end());
  std::vector<uint32_t> order(destinations.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&ranks](uint32_t a, uint32_t b) {
                     return ranks[a].IsBetterThan(ranks[b]);
                   });
  return order;
}

}  // namespace wspd
