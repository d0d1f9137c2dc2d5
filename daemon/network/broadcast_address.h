#ifndef WSPD_DAEMON_NETWORK_BROADCAST_ADDRESS_H_
#define WSPD_DAEMON_NETWORK_BROADCAST_ADDRESS_H_

#include "daemon/socket/net_address.h"

namespace wspd {

// Whether what is sent to `address` goes to everybody: 255.255.255.255, and the
// broadcast addresses of the networks that the daemon's network namespace is
// on. False for IPv6, which has none. Sends nothing, and waits for nothing.
bool IsBroadcastAddress(const NetAddress& address);

}  // namespace wspd

#endif  // WSPD_DAEMON_NETWORK_BROADCAST_ADDRESS_H_
