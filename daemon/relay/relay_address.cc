#include "daemon/relay/relay_address.h"

#include <netinet/in.h>

#include <cstring>

namespace wspd {

using wsp::relay::Address;

Address ToRelayAddress(const NetAddress& address) {
  Address out{};
  switch (address.family()) {
    case AF_INET:
      out.family = wsp::relay::kIpv4;
      out.port = address.v4().sin_port;
      memcpy(out.bytes, &address.v4().sin_addr, sizeof(in_addr));
      break;
    case AF_INET6:
      out.family = wsp::relay::kIpv6;
      out.port = address.v6().sin6_port;
      out.flow_info = address.v6().sin6_flowinfo;
      memcpy(out.bytes, &address.v6().sin6_addr, sizeof(in6_addr));
      out.scope_id = address.v6().sin6_scope_id;
      break;
    default:
      break;
  }
  return out;
}

bool FromRelayAddress(const Address& from, NetAddress* to) {
  switch (from.family) {
    case wsp::relay::kNoAddress:
      *to = NetAddress();
      return true;
    case wsp::relay::kIpv4: {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = from.port;
      memcpy(&address.sin_addr, from.bytes, sizeof(in_addr));
      *to = NetAddress(address);
      return true;
    }
    case wsp::relay::kIpv6: {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_port = from.port;
      address.sin6_flowinfo = from.flow_info;
      memcpy(&address.sin6_addr, from.bytes, sizeof(in6_addr));
      address.sin6_scope_id = from.scope_id;
      *to = NetAddress(address);
      return true;
    }
    default:
      return false;
  }
}

}  // namespace wspd
