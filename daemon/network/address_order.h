#ifndef WSPD_DAEMON_NETWORK_ADDRESS_ORDER_H_
#define WSPD_DAEMON_NETWORK_ADDRESS_ORDER_H_

#include <cstdint>
#include <vector>

#include "daemon/socket/net_address.h"

namespace wspd {

// A destination, and the address that one would send from to it; none if no
// route leads there.
struct Destination {
  NetAddress address;
  NetAddress source;
};

// The indexes of `destinations`, best first, by the rules of RFC 6724, section
// 6, with its default table of policies; equals keep their order.
std::vector<uint32_t> OrderDestinations(
    const std::vector<Destination>& destinations);

}  // namespace wspd

#endif  // WSPD_DAEMON_NETWORK_ADDRESS_ORDER_H_
