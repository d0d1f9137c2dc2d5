#include "daemon/base/sd_notify.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/owned_fd.h"

namespace wspd {
namespace {

absl::Status Notify(absl::string_view state) {
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
  if (sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address),
             static_cast<socklen_t>(size)) < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("sendto(", name, ")"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status NotifyReady() { return Notify("READY=1"); }

absl::Status NotifyStopping() { return Notify("STOPPING=1"); }

absl::Status NotifyStatus(absl::string_view text) {
  std::string line = absl::StrCat("STATUS=", text);
  for (char& c : line) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return Notify(line);
}

}  // namespace wspd
