#ifndef WSPD_DAEMON_RELAY_RELAY_CALLS_H_
#define WSPD_DAEMON_RELAY_RELAY_CALLS_H_

#include "daemon/policy/client_access.h"
#include "daemon/relay/relayed_socket.h"
#include "proto/wsp/v1/linux.pb.h"

namespace wspd {

// Does what a client that may do what `access` says asks of a relayed socket
// that it has a right to. Never waits. Returns errno; `result` is filled where
// there is something to say. Thread-safe.
int RunRelayCall(const wsp::v1::LinuxCallRequest& request,
                 const ClientAccess& access, RelayedSocket* socket,
                 wsp::v1::LinuxCallResult* result);

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_RELAY_CALLS_H_
