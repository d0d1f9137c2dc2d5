#ifndef WSPD_DAEMON_RESOLVER_OWN_HOST_H_
#define WSPD_DAEMON_RESOLVER_OWN_HOST_H_

#include "daemon/resolver/lookup.h"

namespace wspd {

// This host's name, and the addresses of its interfaces that are up, of
// `family` or of both: those of loopback only if there are no others. Asks the
// kernel and nobody else.
LookupAnswer DescribeOwnHost(int family);

}  // namespace wspd

#endif  // WSPD_DAEMON_RESOLVER_OWN_HOST_H_
