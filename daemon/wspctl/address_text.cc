#include "daemon/wspctl/address_text.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace wspd {

using ::wsp::v1::SocketAddress;

std::string FormatHost(const SocketAddress& address) {
  if (address.has_ipv4()) {
    const uint32_t number = address.ipv4().address();
    return absl::StrFormat("%u.%u.%u.%u", number >> 24, (number >> 16) & 255,
                           (number >> 8) & 255, number & 255);
  }
  const SocketAddress::Ipv6& ipv6 = address.ipv6();
  in6_addr bytes;
  if (ipv6.address().size() != sizeof(bytes)) return "?";
  memcpy(&bytes, ipv6.address().data(), sizeof(bytes));
  char text[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, &bytes, text, sizeof(text));
  return ipv6.scope_id() == 0 ? absl::StrCat(text)
                              : absl::StrCat(text, "%", ipv6.scope_id());
}

uint32_t PortOf(const SocketAddress& address) {
  return address.has_ipv6() ? address.ipv6().port() : address.ipv4().port();
}

std::string FormatAddress(const SocketAddress& address) {
  switch (address.family_case()) {
    case SocketAddress::kIpv4:
      return absl::StrCat(FormatHost(address), ":", PortOf(address));
    case SocketAddress::kIpv6:
      return absl::StrCat("[", FormatHost(address), "]:", PortOf(address));
    case SocketAddress::FAMILY_NOT_SET:
      break;
  }
  return "-";
}

}  // namespace wspd
