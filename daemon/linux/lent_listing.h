#ifndef WSPD_DAEMON_LINUX_LENT_LISTING_H_
#define WSPD_DAEMON_LINUX_LENT_LISTING_H_

#include <vector>

#include "daemon/admin/inventory.h"
#include "daemon/linux/lent_sockets.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Adds the lent sockets that `filter` lets through, with what the kernel says
// of them at this moment, and the TCP connections that such listeners have
// accepted, as far as they still listen: these have no number, and are their
// listeners' owners'. What `out` has already, by its cookie, isn't added as
// such a connection: a Winsock client's may be at a listener's address. Takes
// time in proportion to the sockets of the network namespace, if there is one
// at all.
void DescribeLentSockets(const LentSockets& table,
                         const InventoryFilter& filter,
                         std::vector<wsp::v1::Socket>* out);

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_LENT_LISTING_H_
