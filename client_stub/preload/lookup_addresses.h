#ifndef WSPD_CLIENT_STUB_PRELOAD_LOOKUP_ADDRESSES_H_
#define WSPD_CLIENT_STUB_PRELOAD_LOOKUP_ADDRESSES_H_

#include <netinet/in.h>
#include <sys/socket.h>

#include "client_stub/transport/lookup.h"
#include "client_stub/transport/server_frame.h"

namespace wsp {

// Addresses as the C library has them.

// False if it is no Internet address, or too short.
bool AddressOf(const sockaddr* address, socklen_t size, Address* out);
// As AF_INET6, an IPv4 address is a mapped one.
sockaddr_in6 Ipv6SocketAddress(const Address& address, uint16_t port);
sockaddr_in Ipv4SocketAddress(const Address& address, uint16_t port);
bool IsLoopback(const Address& address);

// The question for a host's addresses; AF_UNSPEC is both families.
LookupParams HostQuestion(const char* name, int family, bool want_aliases);
LookupParams AddressQuestion(const Address& address);
LookupParams OwnHostQuestion();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_LOOKUP_ADDRESSES_H_
