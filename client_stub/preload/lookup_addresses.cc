#include "client_stub/preload/lookup_addresses.h"

#include <arpa/inet.h>
#include <string.h>

#include "proto/wire_fields.h"

namespace wsp {

bool AddressOf(const sockaddr* address, socklen_t size, Address* out) {
  *out = Address();
  if (address->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(address);
    out->family = Address::kIpv4;
    memcpy(out->bytes, &ipv4->sin_addr, sizeof ipv4->sin_addr);
    return true;
  }
  if (address->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(address);
    out->family = Address::kIpv6;
    memcpy(out->bytes, &ipv6->sin6_addr, sizeof ipv6->sin6_addr);
    out->scope_id = ipv6->sin6_scope_id;
    return true;
  }
  return false;
}

sockaddr_in6 Ipv6SocketAddress(const Address& address, uint16_t port) {
  sockaddr_in6 out;
  memset(&out, 0, sizeof out);
  out.sin6_family = AF_INET6;
  out.sin6_port = htons(port);
  if (address.family == Address::kIpv4) {
    memset(out.sin6_addr.s6_addr + 10, 0xff, 2);
    memcpy(out.sin6_addr.s6_addr + 12, address.bytes, 4);
  } else {
    memcpy(&out.sin6_addr, address.bytes, sizeof out.sin6_addr);
    out.sin6_scope_id = address.scope_id;
  }
  return out;
}

sockaddr_in Ipv4SocketAddress(const Address& address, uint16_t port) {
  sockaddr_in out;
  memset(&out, 0, sizeof out);
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  memcpy(&out.sin_addr, address.bytes, sizeof out.sin_addr);
  return out;
}

bool IsLoopback(const Address& address) {
  if (address.family == Address::kIpv4) return address.bytes[0] == 127;
  return memcmp(address.bytes, &in6addr_loopback, sizeof in6addr_loopback) == 0;
}

LookupParams HostQuestion(const char* name, int family, bool want_aliases) {
  LookupParams params;
  params.kind = wire::LookupRequest::KIND_HOST;
  params.name.assign(name, name + strlen(name));
  params.want_aliases = want_aliases;
  if (family == AF_INET) params.family = wire::SocketRequest::FAMILY_IPV4;
  if (family == AF_INET6) params.family = wire::SocketRequest::FAMILY_IPV6;
  return params;
}

LookupParams AddressQuestion(const Address& address) {
  LookupParams params;
  params.kind = wire::LookupRequest::KIND_ADDRESS;
  params.address = address;
  params.want_aliases = true;
  return params;
}

LookupParams OwnHostQuestion() {
  LookupParams params;
  params.kind = wire::LookupRequest::KIND_OWN_HOST;
  return params;
}

}  // namespace wsp
