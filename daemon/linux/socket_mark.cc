#include "daemon/linux/socket_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_split.h"
#include "daemon/base/owned_fd.h"

namespace wspd {
namespace {

// All sockets are on one file system, which nothing but a socket names.
absl::StatusOr<dev_t> DeviceOfSockets() {
  const OwnedFd any(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  struct stat status;
  if (!any.valid() || fstat(any.get(), &status) != 0) {
    return absl::ErrnoToStatus(errno, "socket(AF_UNIX)");
  }
  return status.st_dev;
}

absl::StatusOr<std::string> ReadLocks() {
  const OwnedFd file(open("/proc/locks", O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return absl::ErrnoToStatus(errno, "open(/proc/locks)");
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t size = read(file.get(), buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return absl::ErrnoToStatus(errno, "read(/proc/locks)");
    if (size == 0) return text;
    text.append(buffer, size);
  }
}

}  // namespace

absl::StatusOr<uint64_t> MarkSocket(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return absl::ErrnoToStatus(errno, "fstat()");
  // Nobody else has the socket yet, so that this neither waits nor fails but
  // for want of memory.
  (void)flock(fd, LOCK_SH | LOCK_NB);
  return status.st_ino;
}

absl::StatusOr<absl::flat_hash_set<uint64_t>> ReadMarkedSockets() {
  const auto device = DeviceOfSockets();
  if (!device.ok()) return device.status();
  const auto text = ReadLocks();
  if (!text.ok()) return text.status();
  absl::flat_hash_set<uint64_t> inodes;
  // "1: FLOCK  ADVISORY  READ 4638 00:09:43487962 0 EOF"
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    unsigned major_number;
    unsigned minor_number;
    uint64_t inode;
    if (sscanf(std::string(line).c_str(),
               "%*u: FLOCK ADVISORY READ %*d %x:%x:%" SCNu64, &major_number,
               &minor_number, &inode) == 3 &&
        makedev(major_number, minor_number) == *device) {
      inodes.insert(inode);
    }
  }
  return inodes;
}

}  // namespace wspd
