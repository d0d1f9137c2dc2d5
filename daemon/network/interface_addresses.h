#ifndef WSPD_DAEMON_NETWORK_INTERFACE_ADDRESSES_H_
#define WSPD_DAEMON_NETWORK_INTERFACE_ADDRESSES_H_

#include <cstdint>
#include <vector>

#include "daemon/socket/net_address.h"

namespace wspd {

// An address that an interface of the daemon's network namespace has.
struct InterfaceAddress {
  unsigned interface_index = 0;
  // IFF_* of Linux.
  uint32_t flags = 0;
  NetAddress address;
  // Empty where there is none.
  NetAddress netmask;
  NetAddress broadcast;
};

// Stores the addresses of `family`, AF_INET or AF_INET6, in the kernel's order,
// also those of interfaces that are down. Returns errno. Waits for nothing but
// the kernel's own locks.
int ListInterfaceAddresses(int family,
                           std::vector<InterfaceAddress>* addresses);

}  // namespace wspd

#endif  // WSPD_DAEMON_NETWORK_INTERFACE_ADDRESSES_H_
