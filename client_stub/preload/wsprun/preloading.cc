#include "client_stub/preload/wsprun/preloading.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace wsp {
namespace {

constexpr char kLibrary[] = "libwsp_preload.so";
// From wsprun's own folder; the last ones as Debian has them.
const char* const kFolders[] = {
    "",
    "/../lib",
    "/../lib/wspd",
#if defined(__x86_64__)
    "/../lib/x86_64-linux-gnu/wspd",
#elif defined(__aarch64__)
    "/../lib/aarch64-linux-gnu/wspd",
#endif
};
// A daemon that doesn't accept for so long isn't there.
constexpr time_t kPatienceSeconds = 5;

}  // namespace

std::string FindPreloadLibrary(const std::string& folder) {
  for (const char* const place : kFolders) {
    std::string path = folder + place + "/" + kLibrary;
    if (access(path.c_str(), R_OK) == 0) return path;
  }
  return "";
}

std::string PreloadBefore(const std::string& library, const char* present) {
  if (present == nullptr || *present == '\0') return library;
  std::string others = present;
  if (others == library ||
      others.compare(0, library.size() + 1, library + ":") == 0) {
    return others;
  }
  return library + ":" + others;
}

int TryDaemon(const std::string& path) {
  sockaddr_un address;
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const timeval patience = {kPatienceSeconds, 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const int error = connect(fd, reinterpret_cast<const sockaddr*>(&address),
                            sizeof address) == 0
                        ? 0
                        : errno;
  close(fd);
  return error;
}

}  // namespace wsp
