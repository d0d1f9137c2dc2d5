#ifndef WSPD_DAEMON_LINUX_SOCKET_DESTRUCTION_H_
#define WSPD_DAEMON_LINUX_SOCKET_DESTRUCTION_H_

#include <cstdint>

#include "absl/status/status.h"
#include "daemon/socket/forced_end.h"

namespace wspd {

// Has the kernel end what a socket of the calling thread's network namespace
// does, whoever has a descriptor of it (SOCK_DESTROY of sock_diag(7)): a
// connection by a reset, a listener with the connections that nobody has
// accepted. Whoever has it finds ECONNABORTED, and may close it or, but for
// that, use it as a new one. Datagram sockets lose their peer.
//
// `family` and `protocol` are AF_* and IPPROTO_*, `cookie` is SO_COOKIE. Takes
// time in proportion to the namespace's sockets. `how`: kOrderly spares what is
// a connection when it is looked for. One that is made between that and its
// end, of an attempt to connect, is reset: the kernel has no other means.
//
// NOT_FOUND: the socket has ended, or is neither bound nor connected.
// FAILED_PRECONDITION: it is bound and no more; or others have its address, and
// the kernel can't be made to mean this one; or CAP_NET_ADMIN is missing.
// UNIMPLEMENTED: the kernel does so for no socket, or for none of the protocol.
absl::Status DestroySocket(int family, int protocol, uint64_t cookie,
                           ForcedEnd how = ForcedEnd::kReset);

// Of a connection that is spared.
absl::Status ConnectionSparedError();

// Whether DestroySocket() may work, found by doing it to a socket of its own.
// Errors as above.
absl::Status TryDestruction();

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_SOCKET_DESTRUCTION_H_
