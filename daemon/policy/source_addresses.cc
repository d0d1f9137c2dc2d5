#include "daemon/policy/source_addresses.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "daemon/socket/net_address.h"

namespace wspd {
namespace {

// linux/in6.h has it, and clashes.
constexpr int kIpv62292PacketInfo = 2;

template <typename Layout>
bool Read(absl::string_view data, Layout* to) {
  if (data.size() < sizeof(Layout)) return false;
  memcpy(to, data.data(), sizeof(Layout));
  return true;
}

// The source that an item names; empty: none.
NetAddress SourceIn(const cmsghdr& item, absl::string_view data) {
  in_pktinfo v4;
  if (item.cmsg_level == IPPROTO_IP && item.cmsg_type == IP_PKTINFO &&
      Read(data, &v4)) {
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr = v4.ipi_spec_dst;
    return NetAddress(source);
  }
  in6_pktinfo v6;
  if (item.cmsg_level == IPPROTO_IPV6 &&
      (item.cmsg_type == IPV6_PKTINFO ||
       item.cmsg_type == kIpv62292PacketInfo) &&
      Read(data, &v6)) {
    sockaddr_in6 source{};
    source.sin6_family = AF_INET6;
    source.sin6_addr = v6.ipi6_addr;
    return NetAddress(source);
  }
  return NetAddress();
}

}  // namespace

int CheckSources(const SocketAccess& access, absl::string_view control,
                 absl::FunctionRef<uint16_t()> port) {
  if (control.empty() || !access.AsksAboutSources()) return 0;
  while (control.size() >= sizeof(cmsghdr)) {
    cmsghdr item;
    memcpy(&item, control.data(), sizeof(item));
    if (item.cmsg_len < sizeof(item) || item.cmsg_len > control.size()) break;
    const NetAddress source = SourceIn(
        item, control.substr(CMSG_LEN(0), item.cmsg_len - CMSG_LEN(0)));
    // Any stands for the one that the socket has.
    if (!source.empty() && !source.is_any()) {
      const int denied = access.Source(source.WithPort(port()));
      if (denied != 0) return denied;
    }
    control.remove_prefix(
        std::min<size_t>(CMSG_ALIGN(item.cmsg_len), control.size()));
  }
  return 0;
}

}  // namespace wspd
