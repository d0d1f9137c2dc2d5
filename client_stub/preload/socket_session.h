#ifndef WSPD_CLIENT_STUB_PRELOAD_SOCKET_SESSION_H_
#define WSPD_CLIENT_STUB_PRELOAD_SOCKET_SESSION_H_

namespace wsp {

// The process's conversation with the daemon about sockets: one attachment and
// its descriptor connection, made at the first socket and again when they are
// lost, or the process isn't who it was. The daemon is asked call after call,
// under a lock with signals blocked, so that a handler may do the same.

// How long the daemon may take, in milliseconds.
constexpr int kDaemonPatienceMs = 5000;

// Linux's socket() in the daemon's network, for AF_INET and AF_INET6. `type` is
// SOCK_STREAM or SOCK_DGRAM, perhaps with SOCK_NONBLOCK and SOCK_CLOEXEC. The
// descriptor, the lowest that was free, or a negative errno: what the kernel
// says there, the daemon's limits (EMFILE), what it doesn't allow (EPERM),
// ENETDOWN if it isn't there, at once, or says nothing for kDaemonPatienceMs;
// and in a vfork child.
int MakeLentSocket(int family, int type, int protocol);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_SOCKET_SESSION_H_
