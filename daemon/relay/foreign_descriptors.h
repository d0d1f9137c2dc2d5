#ifndef WSPD_DAEMON_RELAY_FOREIGN_DESCRIPTORS_H_
#define WSPD_DAEMON_RELAY_FOREIGN_DESCRIPTORS_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>

#include "daemon/base/owned_fd.h"

namespace wspd {

// Descriptors that clients send where none are wanted. Closing one may take as
// long as whoever is behind it likes (a socket that lingers, a file system in
// user space): that is done by a thread of their own.
//
// Thread-safe.
class ForeignDescriptors {
 public:
  // Room for as many as one message can have (SCM_MAX_FD).
  union Control {
    // Not initialised: the kernel says how much of it counts.
    Control() {}
    cmsghdr header;
    char bytes[CMSG_SPACE(253 * sizeof(int))];
  };

  // recv() without waiting, of a link: disposes of descriptors that a program
  // has sent along, which a plain recv() would close on the spot. `*stopped`
  // says that there were some, behind which the kernel stops.
  static ssize_t Receive(int fd, char* data, size_t size, int flags,
                         bool* stopped);
  // The same unless there is exactly one, which is the caller's then, to be
  // closed here. None: not valid.
  static OwnedFd TakeOnly(const msghdr& message);
  // Disposes of all descriptors that a received message has.
  static void Dispose(const msghdr& message);
  // Also for a socket that may have such descriptors unread.
  static void Dispose(OwnedFd fd);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_FOREIGN_DESCRIPTORS_H_
