#include "daemon/service/passed_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace wspd {
namespace {

// SD_LISTEN_FDS_START.
constexpr int kFirstDescriptor = 3;
// More than anybody has sockets for; the two that have names are checked later.
constexpr int kMostDescriptors = 64;

std::string TakeVariable(const char* name) {
  const char* value = getenv(name);
  std::string taken = value == nullptr ? "" : value;
  unsetenv(name);
  return taken;
}

absl::Status Take(int fd, const std::string& name, PassedSockets* sockets) {
  OwnedFd* socket = name == "provider" ? &sockets->provider
                    : name == "admin"  ? &sockets->admin
                                       : nullptr;
  if (socket == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a socket named \"", name,
        "\" was passed; FileDescriptorName= may be provider or admin"));
  }
  if (socket->valid()) {
    return absl::InvalidArgumentError(
        absl::StrCat("two sockets named \"", name, "\" were passed"));
  }
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("fcntl(F_SETFD) on the passed socket \"", name,
                            "\", descriptor ", fd));
  }
  socket->Reset(fd);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PassedSockets> TakePassedSockets() {
  const std::string process = TakeVariable("LISTEN_PID");
  const std::string count = TakeVariable("LISTEN_FDS");
  const std::string names = TakeVariable("LISTEN_FDNAMES");
  PassedSockets sockets;
  // Not of this process: left over from a parent's.
  pid_t pid;
  if (process.empty() || (absl::SimpleAtoi(process, &pid) && pid != getpid())) {
    return sockets;
  }
  int descriptors;
  if (!absl::SimpleAtoi(process, &pid) ||
      !absl::SimpleAtoi(count, &descriptors) || descriptors < 0 ||
      descriptors > kMostDescriptors) {
    return absl::InvalidArgumentError(
        absl::StrCat("$LISTEN_PID=", process, " and $LISTEN_FDS=", count,
                     " say nothing of passed sockets"));
  }
  if (descriptors == 0) return sockets;
  const std::vector<std::string> each = absl::StrSplit(names, ':');
  if (each.size() != static_cast<size_t>(descriptors)) {
    return absl::InvalidArgumentError(absl::StrCat(
        descriptors, " sockets were passed, $LISTEN_FDNAMES=", names, " has ",
        each.size(), " names"));
  }
  for (int i = 0; i < descriptors; ++i) {
    absl::Status status = Take(kFirstDescriptor + i, each[i], &sockets);
    if (!status.ok()) return status;
  }
  return sockets;
}

}  // namespace wspd
