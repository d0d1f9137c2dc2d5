#ifndef WSPD_DAEMON_LINUX_SOCKET_USER_H_
#define WSPD_DAEMON_LINUX_SOCKET_USER_H_

#include <sys/types.h>

namespace wspd {

// Whose a socket is to the kernel, which goes by that where sockets with
// SO_REUSEPORT share an address: its maker's, the daemon's, until it is given
// to somebody.

// Makes a socket `uid`'s, which takes CAP_CHOWN unless that is the daemon's
// own. False: it stays the daemon's. Any thread.
bool GiveToUser(int fd, uid_t uid);

// Whether sockets can be given to `uid`. Logs the first time that they
// can't. Any thread.
bool CanGiveToUser(uid_t uid);

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_SOCKET_USER_H_
