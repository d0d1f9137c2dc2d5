#include "client_stub/spi/socket_addresses.h"

#include <ws2tcpip.h>

#include <cstring>

namespace wsp {

int SocketAddressLength(int family) {
  switch (family) {
    case AF_INET:
      return sizeof(sockaddr_in);
    case AF_INET6:
      return sizeof(sockaddr_in6);
    default:
      return 0;
  }
}

uint32_t ReadSocketAddress(const sockaddr* name, int length, int family,
                           Address* address) {
  if (name == nullptr || length < static_cast<int>(sizeof name->sa_family)) {
    return WSAEFAULT;
  }
  u_short given;
  std::memcpy(&given, name, sizeof given);
  if (given != family) return WSAEAFNOSUPPORT;
  if (length < SocketAddressLength(family)) return WSAEFAULT;
  *address = Address();
  if (family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, name, sizeof in);
    address->family = Address::kIpv4;
    address->port = ntohs(in.sin_port);
    std::memcpy(address->bytes, &in.sin_addr, 4);
    return 0;
  }
  sockaddr_in6 in6;
  std::memcpy(&in6, name, sizeof in6);
  address->family = Address::kIpv6;
  address->port = ntohs(in6.sin6_port);
  std::memcpy(address->bytes, &in6.sin6_addr, sizeof address->bytes);
  address->flow_info = ntohl(in6.sin6_flowinfo);
  address->scope_id = in6.sin6_scope_id;
  return 0;
}

uint32_t WriteSocketAddress(const Address& address, sockaddr* name,
                            int* length) {
  if (address.family == Address::kIpv4) {
    sockaddr_in in;
    std::memset(&in, 0, sizeof in);
    in.sin_family = AF_INET;
    in.sin_port = htons(address.port);
    std::memcpy(&in.sin_addr, address.bytes, 4);
    if (*length < static_cast<int>(sizeof in)) return WSAEFAULT;
    std::memcpy(name, &in, sizeof in);
    *length = sizeof in;
    return 0;
  }
  sockaddr_in6 in6;
  std::memset(&in6, 0, sizeof in6);
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(address.port);
  std::memcpy(&in6.sin6_addr, address.bytes, sizeof address.bytes);
  in6.sin6_flowinfo = htonl(address.flow_info);
  in6.sin6_scope_id = address.scope_id;
  if (*length < static_cast<int>(sizeof in6)) return WSAEFAULT;
  std::memcpy(name, &in6, sizeof in6);
  *length = sizeof in6;
  return 0;
}

}  // namespace wsp
