#ifndef WSPD_DAEMON_LINUX_LINUX_SOCKET_H_
#define WSPD_DAEMON_LINUX_LINUX_SOCKET_H_

#include "daemon/base/owned_fd.h"
#include "daemon/linux/lent_sockets.h"
#include "proto/wsp/v1/linux.pb.h"

namespace wspd {

// Makes the real socket that a client asked for, as its own: of the owner's
// user where the daemon may do that (CAP_CHOWN), so that the kernel shares
// addresses (SO_REUSEPORT) among one user's sockets only.
//
// Returns errno: what the kernel says to family, type and protocol; EPERM for a
// raw socket; EPROTONOSUPPORT for a protocol that isn't lent, whether the
// kernel has it or would load it. `entry` has everything but the client's
// number then.
int MakeLinuxSocket(const wsp::v1::LinuxSocketRequest& request,
                    std::shared_ptr<LentOwner> owner, OwnedFd* fd,
                    LentSocket* entry);

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_LINUX_SOCKET_H_
