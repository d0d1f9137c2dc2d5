#include "daemon/service/sd_notify.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/owned_fd.h"

namespace wspd {
namespace {

absl::Status Notify(absl::string_view state, int flags = 0) {
  const char* variable = getenv("NOTIFY_SOCKET");
  if (variable == nullptr || *variable == '\0') return absl::OkStatus();
  const absl::string_view name = variable;
  sockaddr_un address{};
  if ((name[0] != '/' && name[0] != '@') ||
      name.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("$NOTIFY_SOCKET is no address: ", name));
  }
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, name.data(), name.size());
  size_t size = offsetof(sockaddr_un, sun_path) + name.size();
  if (name[0] == '@') {
    address.sun_path[0] = '\0';
  } else {
    ++size;
  }
  OwnedFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "socket(AF_UNIX)");
  if (sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | flags,
             reinterpret_cast<const sockaddr*>(&address),
             static_cast<socklen_t>(size)) < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("sendto(", name, ")"));
  }
  return absl::OkStatus();
}

std::string StatusOf(absl::string_view text) {
  std::string line = absl::StrCat("STATUS=", text);
  for (char& c : line) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return line;
}

}  // namespace

absl::Status NotifyReady(absl::string_view status) {
  return Notify(absl::StrCat("READY=1\n", StatusOf(status)));
}

absl::Status NotifyStopping(absl::Duration bound) {
  return Notify(absl::StrCat("STOPPING=1\nEXTEND_TIMEOUT_USEC=",
                             absl::ToInt64Microseconds(bound)));
}

absl::Status NotifyReloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return Notify(
      absl::StrCat("RELOADING=1\nMONOTONIC_USEC=",
                   absl::ToInt64Microseconds(absl::DurationFromTimespec(now))));
}

absl::Status NotifyStatus(absl::string_view text) {
  return Notify(StatusOf(text), MSG_DONTWAIT);
}

absl::Status NotifyWatchdog() { return Notify("WATCHDOG=1", MSG_DONTWAIT); }

absl::StatusOr<absl::Duration> WatchdogLimit() {
  const char* limit = getenv("WATCHDOG_USEC");
  if (limit == nullptr || *limit == '\0') return absl::ZeroDuration();
  int64_t microseconds;
  if (!absl::SimpleAtoi(limit, &microseconds) || microseconds <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("$WATCHDOG_USEC is no time: ", limit));
  }
  const char* process = getenv("WATCHDOG_PID");
  if (process != nullptr && *process != '\0') {
    pid_t pid;
    if (!absl::SimpleAtoi(process, &pid)) {
      return absl::InvalidArgumentError(
          absl::StrCat("$WATCHDOG_PID is no process: ", process));
    }
    if (pid != getpid()) return absl::ZeroDuration();
  }
  return absl::Microseconds(microseconds);
}

}  // namespace wspd
