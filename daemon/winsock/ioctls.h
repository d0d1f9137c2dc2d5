#ifndef WSPD_DAEMON_WINSOCK_IOCTLS_H_
#define WSPD_DAEMON_WINSOCK_IOCTLS_H_

#include <cstdint>

#include "daemon/socket/socket.h"
#include "daemon/winsock/socket_options.h"
#include "daemon/winsock/wsa_error.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

// WSPIoctl's codes that end at once (reference, section 4.9), but for FIONBIO,
// which is the socket's own.

// The socket that an ioctl is on.
struct IoctlTarget {
  Socket* engine;
  // Without a descriptor; the ioctl takes the engine's.
  SocketView view;
  SocketOptions* options;
};

// An ioctl that looks at the socket or changes it; with the lock of the
// socket's state held. WSAEOPNOTSUPP for an unknown code.
WsaError SocketIoctl(const wsp::v1::IoctlRequest& request,
                     const IoctlTarget& target, wsp::v1::IoctlResult* result);

// Whether `code` asks about the daemon's network namespace, and not about the
// socket but for its family.
bool IsNetworkIoctl(uint32_t code);

// Such an ioctl; with no lock held. `family` is AF_INET or AF_INET6.
WsaError NetworkIoctl(const wsp::v1::IoctlRequest& request, int family,
                      wsp::v1::IoctlResult* result);

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_IOCTLS_H_
