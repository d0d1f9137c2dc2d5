#ifndef WSPD_DAEMON_POLICY_UNPRIVILEGED_PORTS_H_
#define WSPD_DAEMON_POLICY_UNPRIVILEGED_PORTS_H_

#include <cstdint>

#include "daemon/policy/subject.h"

namespace wspd {

// Whether a process's sockets may be bound to a port, as far as that isn't the
// kernel's to say: to it every socket is the daemon's. The ports below
// net.ipv4.ip_unprivileged_port_start are for processes that had
// CAP_NET_BIND_SERVICE when they attached, or are root's where that isn't
// known; the user that the daemon runs as may do what the daemon may.
bool MayBindPort(const PolicySubject& subject, uint16_t port);

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_UNPRIVILEGED_PORTS_H_
