#include "client_stub/preload/socket_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "client_stub/preload/user_memory.h"

namespace wsp {
namespace {

// Without sin6_scope_id, which RFC 2133 didn't have.
constexpr socklen_t kShortestIpv6 = 24;

socklen_t Fill(const Address& from, int family, sockaddr_storage* out) {
  std::memset(out, 0, sizeof *out);
  if (family == AF_INET) {
    auto* ipv4 = reinterpret_cast<sockaddr_in*>(out);
    ipv4->sin_family = AF_INET;
    ipv4->sin_port = htons(from.port);
    std::memcpy(&ipv4->sin_addr, from.bytes, sizeof ipv4->sin_addr);
    return sizeof *ipv4;
  }
  auto* ipv6 = reinterpret_cast<sockaddr_in6*>(out);
  ipv6->sin6_family = AF_INET6;
  ipv6->sin6_port = htons(from.port);
  ipv6->sin6_flowinfo = htonl(from.flow_info);
  std::memcpy(&ipv6->sin6_addr, from.bytes, sizeof ipv6->sin6_addr);
  ipv6->sin6_scope_id = from.scope_id;
  return sizeof *ipv6;
}

}  // namespace

int CopyAddressIn(const sockaddr* address, socklen_t size,
                  sockaddr_storage* copy) {
  std::memset(copy, 0, sizeof *copy);
  if (size > sizeof *copy) return -EINVAL;
  return CopyIn(copy, address, size) ? 0 : -EFAULT;
}

int ReadAddress(const sockaddr_storage& from, socklen_t size, int family,
                int wrong_family, Address* address) {
  *address = Address();
  if (family == AF_INET) {
    if (size < sizeof(sockaddr_in)) return -EINVAL;
    if (from.ss_family != AF_INET) return wrong_family;
    const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(from);
    address->family = Address::kIpv4;
    address->port = ntohs(ipv4.sin_port);
    std::memcpy(address->bytes, &ipv4.sin_addr, sizeof ipv4.sin_addr);
    return 0;
  }
  if (size < kShortestIpv6) return -EINVAL;
  if (from.ss_family != AF_INET6) return wrong_family;
  const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(from);
  address->family = Address::kIpv6;
  address->port = ntohs(ipv6.sin6_port);
  address->flow_info = ntohl(ipv6.sin6_flowinfo);
  std::memcpy(address->bytes, &ipv6.sin6_addr, sizeof ipv6.sin6_addr);
  if (size >= sizeof ipv6) address->scope_id = ipv6.sin6_scope_id;
  return 0;
}

int CopyAddressOut(const Address& from, int family, sockaddr* address,
                   socklen_t* size) {
  if (address == nullptr) return 0;
  int room;
  if (!CopyIn(&room, size, sizeof room)) return -EFAULT;
  if (room < 0) return -EINVAL;
  sockaddr_storage value;
  const socklen_t whole = Fill(from, family, &value);
  if (!CopyOut(size, &whole, sizeof whole) ||
      !CopyOut(address, &value,
               std::min<size_t>(whole, static_cast<size_t>(room)))) {
    return -EFAULT;
  }
  return 0;
}

Address FromWire(const relay::Address& from) {
  Address address;
  address.family = from.family == relay::kIpv4   ? Address::kIpv4
                   : from.family == relay::kIpv6 ? Address::kIpv6
                                                 : Address::kNone;
  address.port = ntohs(from.port);
  std::memcpy(address.bytes, from.bytes, sizeof address.bytes);
  address.flow_info = ntohl(from.flow_info);
  address.scope_id = from.scope_id;
  return address;
}

}  // namespace wsp
