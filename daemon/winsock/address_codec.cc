#include "daemon/winsock/address_codec.h"

#include <cstring>

namespace wspd {
namespace {

constexpr uint32_t kMaxPort = 65535;

}  // namespace

bool DecodeAddress(const wsp::v1::SocketAddress& from, NetAddress* to) {
  if (from.has_ipv4()) {
    if (from.ipv4().port() > kMaxPort) return false;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(from.ipv4().port()));
    address.sin_addr.s_addr = htonl(from.ipv4().address());
    *to = NetAddress(address);
    return true;
  }
  if (from.has_ipv6()) {
    sockaddr_in6 address{};
    if (from.ipv6().port() > kMaxPort ||
        from.ipv6().address().size() != sizeof(address.sin6_addr)) {
      return false;
    }
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(static_cast<uint16_t>(from.ipv6().port()));
    address.sin6_flowinfo = htonl(from.ipv6().flow_info());
    address.sin6_scope_id = from.ipv6().scope_id();
    memcpy(&address.sin6_addr, from.ipv6().address().data(),
           sizeof(address.sin6_addr));
    *to = NetAddress(address);
    return true;
  }
  return false;
}

void EncodeAddress(const NetAddress& from, wsp::v1::SocketAddress* to) {
  to->Clear();
  if (from.family() == AF_INET) {
    to->mutable_ipv4()->set_address(ntohl(from.v4().sin_addr.s_addr));
    to->mutable_ipv4()->set_port(from.port());
  } else if (from.family() == AF_INET6) {
    auto* ipv6 = to->mutable_ipv6();
    ipv6->set_address(&from.v6().sin6_addr, sizeof(from.v6().sin6_addr));
    ipv6->set_port(from.port());
    ipv6->set_flow_info(ntohl(from.v6().sin6_flowinfo));
    ipv6->set_scope_id(from.v6().sin6_scope_id);
  }
}

}  // namespace wspd
