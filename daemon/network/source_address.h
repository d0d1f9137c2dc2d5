#ifndef WSPD_DAEMON_NETWORK_SOURCE_ADDRESS_H_
#define WSPD_DAEMON_NETWORK_SOURCE_ADDRESS_H_

#include "daemon/socket/net_address.h"

namespace wspd {

// Stores the address, with port 0, that the kernel would send from to `to`, by
// the routes of the daemon's network namespace. Returns errno, ENETUNREACH if
// no route leads there. Sends nothing, and waits for nothing.
int FindSourceAddress(const NetAddress& to, NetAddress* source);

}  // namespace wspd

#endif  // WSPD_DAEMON_NETWORK_SOURCE_ADDRESS_H_
