#ifndef WSPD_DAEMON_POLICY_SOURCE_ADDRESSES_H_
#define WSPD_DAEMON_POLICY_SOURCE_ADDRESSES_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "daemon/policy/client_access.h"

namespace wspd {

// Asks about the source addresses that a datagram's ancillary data names
// (IP_PKTINFO, IPV6_PKTINFO; cmsghdrs as sendmsg() takes them, any alignment),
// which are the socket's for that datagram: as about binding to them, at the
// socket's own port. What the kernel doesn't take as a block it refuses itself.
//
// Returns 0 or EACCES. `port` is called only where a rule may be about it.
int CheckSources(const SocketAccess& access, absl::string_view control,
                 absl::FunctionRef<uint16_t()> port);

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_SOURCE_ADDRESSES_H_
