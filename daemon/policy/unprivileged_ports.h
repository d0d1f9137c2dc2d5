#ifndef WSPD_DAEMON_POLICY_UNPRIVILEGED_PORTS_H_
#define WSPD_DAEMON_POLICY_UNPRIVILEGED_PORTS_H_

#include <sys/types.h>

#include <cstdint>

namespace wspd {

// Whether a user's sockets may be bound to a port, as far as that isn't the
// kernel's to say: to it every socket is the daemon's. Root and the daemon's
// own user may do what the daemon may; others have the ports from
// net.ipv4.ip_unprivileged_port_start on.
bool MayBindPort(uid_t uid, uint16_t port);

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_UNPRIVILEGED_PORTS_H_
