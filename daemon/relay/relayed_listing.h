#ifndef WSPD_DAEMON_RELAY_RELAYED_LISTING_H_
#define WSPD_DAEMON_RELAY_RELAYED_LISTING_H_

#include <vector>

#include "daemon/admin/inventory.h"
#include "daemon/relay/relayed_sockets.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Adds the relayed sockets that `filter` lets through, as they are at this
// moment. Takes no time for the others.
void DescribeRelayedSockets(const RelayedSockets& table,
                            const InventoryFilter& filter,
                            std::vector<wsp::v1::Socket>* out);

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_RELAYED_LISTING_H_
