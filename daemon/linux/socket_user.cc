#include "daemon/linux/socket_user.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

#include "absl/status/status.h"
#include "daemon/base/log.h"
#include "daemon/base/owned_fd.h"

namespace wspd {

bool GiveToUser(int fd, uid_t uid) {
  // By their inodes the kernel compares the users of two sockets.
  return uid == geteuid() || fchown(fd, uid, static_cast<gid_t>(-1)) == 0;
}

bool CanGiveToUser(uid_t uid) {
  if (uid == geteuid()) return true;
  // Asked of one: a capability alone doesn't say it in a user namespace, which
  // may not have the user.
  const OwnedFd probe(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe.valid()) {
    static LogLimit limit(60);
    const int error = errno;
    if (auto suppressed = limit.Admit()) {
      Log(LogLevel::kWarning, "it can't be tried whether sockets can be lent",
          {{"uid", uid},
           {"cause", absl::ErrnoToStatus(error, "socket()").ToString()}},
          *suppressed);
    }
    return false;
  }
  if (GiveToUser(probe.get(), uid)) return true;
  const int error = errno;
  // Once: it is so as long as the daemon runs.
  static std::atomic<bool> told{false};
  if (!told.exchange(true)) {
    Log(LogLevel::kInfo,
        "nothing is lent to users that sockets can't be given to",
        {{"uid", uid},
         {"cause", absl::ErrnoToStatus(error, "fchown(socket)").ToString()}});
  }
  return false;
}

}  // namespace wspd
