#ifndef WSPD_DAEMON_LINUX_SOCKET_MARK_H_
#define WSPD_DAEMON_LINUX_SOCKET_MARK_H_

#include <cstdint>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"

namespace wspd {

// A mark that a socket has as long as anybody has a descriptor of it, wherever
// that is, though its maker keeps none: a shared flock. It costs nothing on the
// socket's way, and /proc/locks lists the marked ones.
//
// Whoever has the socket may take the mark off. It serves to know what lives
// after the kernel's word on ends was lost, or where it gives none.

// Marks a socket, and returns its inode. A socket that can't be marked is one
// whose mark was taken off.
absl::StatusOr<uint64_t> MarkSocket(int fd);

// The inodes of all marked sockets of the system that anybody has. Takes time
// in proportion to the system's file locks.
absl::StatusOr<absl::flat_hash_set<uint64_t>> ReadMarkedSockets();

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_SOCKET_MARK_H_
