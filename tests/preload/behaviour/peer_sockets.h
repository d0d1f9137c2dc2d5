#ifndef WSPD_TESTS_PRELOAD_BEHAVIOUR_PEER_SOCKETS_H_
#define WSPD_TESTS_PRELOAD_BEHAVIOUR_PEER_SOCKETS_H_

#include "tests/testing/owned_fd.h"

namespace wspd::preload {

using testing::OwnedFd;

// The other side of every case: plain kernel sockets, made by the peer process
// in the daemon's network. They are no sockets of the program's own, so that
// whatever is preloaded has to leave them to the kernel. Each is close-on-exec.
// A failure is one of the case, and the descriptor isn't open.

// `type` may have SOCK_NONBLOCK.
OwnedFd PeerSocket(int family, int type);

// Bound to the loopback address and a port of the kernel's choice.
OwnedFd PeerListener(int family, int backlog = 64);
OwnedFd PeerDatagramSocket(int family);

}  // namespace wspd::preload

#endif  // WSPD_TESTS_PRELOAD_BEHAVIOUR_PEER_SOCKETS_H_
