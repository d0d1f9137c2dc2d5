#include "daemon/policy/ip_prefix.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace wspd {
namespace {

constexpr int kV4Bits = 32;
constexpr int kV6Bits = 128;
// ::ffff:0:0/96 is IPv4.
constexpr int kMappedLength = kV6Bits - kV4Bits;
constexpr uint64_t kMappedMark = 0xffff;

absl::uint128 BitsOf(const in6_addr& address) {
  absl::uint128 bits = 0;
  for (const uint8_t byte : address.s6_addr) bits = bits << 8 | byte;
  return bits;
}

bool IsMapped(absl::uint128 bits) {
  return absl::Uint128High64(bits) == 0 &&
         absl::Uint128Low64(bits) >> kV4Bits == kMappedMark;
}

IpAddress FromV6(const in6_addr& address) {
  const absl::uint128 bits = BitsOf(address);
  if (IsMapped(bits)) return {false, absl::Uint128Low64(bits) & 0xffffffff};
  return {true, bits};
}

// Those beyond the first `length`.
absl::uint128 HostBits(bool v6, int length) {
  const int bits = (v6 ? kV6Bits : kV4Bits) - length;
  if (bits >= kV6Bits) return absl::Uint128Max();
  return (absl::uint128(1) << bits) - 1;
}

}  // namespace

IpAddress ToIpAddress(const NetAddress& address) {
  if (address.family() == AF_INET6) return FromV6(address.v6().sin6_addr);
  return {false, ntohl(address.v4().sin_addr.s_addr)};
}

absl::uint128 IpPrefix::last() const { return first | HostBits(v6, length); }

bool IpPrefix::Contains(const IpAddress& address) const {
  return address.v6 == v6 && address.bits >= first && address.bits <= last();
}

absl::optional<IpPrefix> ParsePrefix(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  const std::string address(parts.first);
  IpPrefix prefix;
  in_addr v4;
  in6_addr v6;
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    prefix.first = ntohl(v4.s_addr);
    prefix.length = kV4Bits;
  } else if (inet_pton(AF_INET6, address.c_str(), &v6) == 1) {
    prefix.v6 = true;
    prefix.first = BitsOf(v6);
    prefix.length = kV6Bits;
  } else {
    return absl::nullopt;
  }
  if (parts.first.size() != text.size()) {
    int length;
    // SimpleAtoi() would take "+8" and " 8".
    if (parts.second.empty() || parts.second.size() > 3 ||
        parts.second.find_first_not_of("0123456789") !=
            absl::string_view::npos ||
        !absl::SimpleAtoi(parts.second, &length) || length > prefix.length) {
      return absl::nullopt;
    }
    prefix.length = length;
  }
  if ((prefix.first & HostBits(prefix.v6, prefix.length)) != 0) {
    return absl::nullopt;
  }
  if (prefix.v6 && IsMapped(prefix.first) && prefix.length >= kMappedLength) {
    return IpPrefix{false, prefix.length - kMappedLength,
                    absl::Uint128Low64(prefix.first) & 0xffffffff};
  }
  return prefix;
}

}  // namespace wspd
