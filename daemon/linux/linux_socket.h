#ifndef WSPD_DAEMON_LINUX_LINUX_SOCKET_H_
#define WSPD_DAEMON_LINUX_LINUX_SOCKET_H_

#include <sys/types.h>

#include <memory>

#include "daemon/base/owned_fd.h"
#include "daemon/linux/lent_sockets.h"
#include "daemon/linux/socket_owners.h"
#include "proto/wsp/v1/linux.pb.h"

namespace wspd {

// What a socket is: AF_*, SOCK_*, IPPROTO_*; the protocol is never 0.
struct LinuxSocketKind {
  int family = 0;
  int type = 0;
  int protocol = 0;
};

// Makes the real socket that a client asked for, as `uid`'s where it can be
// (socket_user.h).
//
// Returns errno: what the kernel says to family, type and protocol; EPERM for a
// raw socket; EPROTONOSUPPORT for a protocol that clients don't get, whether
// the kernel has it or would load it.
int OpenLinuxSocket(const wsp::v1::LinuxSocketRequest& request,
                    bool nonblocking, uid_t uid, OwnedFd* fd,
                    LinuxSocketKind* kind);

// The same as OpenLinuxSocket() for a socket that is lent to `owner`, and EPERM
// if it can't be its user's. `entry` has everything but the client's number
// then.
int MakeLinuxSocket(const wsp::v1::LinuxSocketRequest& request,
                    std::shared_ptr<SocketOwner> owner, OwnedFd* fd,
                    LentSocket* entry);

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_LINUX_SOCKET_H_
