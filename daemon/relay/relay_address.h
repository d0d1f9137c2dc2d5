#ifndef WSPD_DAEMON_RELAY_RELAY_ADDRESS_H_
#define WSPD_DAEMON_RELAY_RELAY_ADDRESS_H_

#include "daemon/socket/net_address.h"
#include "proto/relay_wire.h"

namespace wspd {

// An address as it travels between the ends of a relayed socket.
wsp::relay::Address ToRelayAddress(const NetAddress& address);

// Empty for kNoAddress. False: no such family.
bool FromRelayAddress(const wsp::relay::Address& from, NetAddress* to);

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_RELAY_ADDRESS_H_
