#ifndef WSPD_CLIENT_STUB_PRELOAD_ADDRESS_INFO_H_
#define WSPD_CLIENT_STUB_PRELOAD_ADDRESS_INFO_H_

#include <netdb.h>

#include "client_stub/transport/lookup.h"

namespace wsp {

// What getaddrinfo() makes of a host that the daemon has looked up. What the C
// library knows without a network it says itself: numeric hosts, services,
// which socket types there are, and errors in hints.

// The families of addresses that are asked for and of those that are given, as
// the C library derives them from family and flags.
struct AddressFamilies {
  // AF_INET, AF_INET6, or AF_UNSPEC for both.
  int asked = AF_UNSPEC;
  // AF_INET6 for IPv4 addresses as mapped ones, too.
  bool map_ipv4 = false;
  // Of those, only if there are no others.
  bool map_only_without_ipv6 = false;
};
AddressFamilies FamiliesOf(const addrinfo& hints);

// AI_ADDRCONFIG: of the families that are asked for those that the daemon's
// host has an address of besides loopback ones, as the C library does: one that
// was asked for by name and isn't there is an error (false), of two, the one
// that is there alone remains.
bool RestrictToConfigured(const LookupReply& own_host,
                          AddressFamilies* families);

// A list for freeaddrinfo(): for each of the reply's addresses, in their order,
// one item for each of `services`, of which socket type, protocol and port
// count. `canonical_name` may be null. EAI_NODATA if nothing is left,
// EAI_MEMORY.
int MakeAddressList(const LookupReply& reply, const AddressFamilies& families,
                    const addrinfo* services, const char* canonical_name,
                    addrinfo** list);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_ADDRESS_INFO_H_
