#include "daemon/server/fd_numbers.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>

#include "absl/status/status.h"

namespace wspd {
namespace {

constexpr rlim_t kHighestFirst = 32768;
constexpr rlim_t kHighestLast = 131071;

}  // namespace

FdNumbers FdNumbers::ForThisProcess() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t open_files = std::max<rlim_t>(limit.rlim_cur, 16);
  return FdNumbers(
      static_cast<int>(std::min(open_files / 2, kHighestFirst)),
      static_cast<int>(std::min(open_files - open_files / 8, kHighestLast)));
}

absl::StatusOr<OwnedFd> FdNumbers::Move(OwnedFd fd) {
  OwnedFd moved(fcntl(fd.get(), F_DUPFD_CLOEXEC, next_));
  // Everything from next_ to the end is taken: once more from the start.
  if (next_ != first_ && (!moved.valid() || moved.get() > last_)) {
    moved.Reset(fcntl(fd.get(), F_DUPFD_CLOEXEC, first_));
  }
  if (!moved.valid()) return absl::ErrnoToStatus(errno, "fcntl(F_DUPFD)");
  next_ = moved.get() >= last_ ? first_ : moved.get() + 1;
  return moved;
}

}  // namespace wspd
