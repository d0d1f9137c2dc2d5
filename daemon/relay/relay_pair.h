#ifndef WSPD_DAEMON_RELAY_RELAY_PAIR_H_
#define WSPD_DAEMON_RELAY_RELAY_PAIR_H_

#include <cstdint>

#include "daemon/base/owned_fd.h"
#include "proto/relay_name.h"

namespace wspd {

// The two ends of a relayed socket (proto/README.md, "Relayed sockets").
struct RelayPair {
  // The program's. Whoever made the pair closes its own descriptor of it once
  // the program has one.
  OwnedFd program;
  // The daemon's: it has the name, and hangs up when the last descriptor of the
  // other one is closed. May block: MSG_DONTWAIT.
  OwnedFd daemon;
  // SO_COOKIE of the program's end.
  uint64_t cookie = 0;
};

// Makes a pair for the socket that `name` names: of datagrams (SOCK_SEQPACKET)
// for Kind::kDatagram, else of a stream. The program's end of a Kind::kStream
// has the least send buffer, so that a connection under way can be kept from
// being writable; others', and the daemon's, are of the system's usual size, or
// `large`. Returns errno.
int MakeRelayPair(const wsp::relay::Name& name, bool nonblocking, bool large,
                  RelayPair* pair);

// SO_COOKIE of any socket; 0 if `fd` is none.
uint64_t CookieOf(int fd);

// Whether both directions of `link` are shut down: by shutdown() of either end,
// or since the other end is closed.
bool IsHungUp(int link);

// Whether an error is pending: the other end was closed with something unread.
bool HasError(int link);

// Whether the other end of `link`, a daemon's end, has been closed for the last
// time, which a hang-up alone doesn't say. kUnknown if the kernel doesn't tell:
// without descriptors or memory at the moment, or NETLINK_SOCK_DIAG at all.
// Takes time in proportion to the system's Unix sockets.
enum class ProgramEnd { kOpen, kClosed, kUnknown };
ProgramEnd FindProgramEnd(int link);

// Sets the send buffer of a Unix socket, in bytes; beyond the system's limit
// for programs where the daemon may (CAP_NET_ADMIN).
void SetSendBuffer(int fd, int bytes);

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_RELAY_PAIR_H_
