#include "daemon/resolver/read_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/owned_fd.h"

namespace wspd {
namespace {

constexpr size_t kMostBytes = 16 << 20;

absl::Status Failure(int error, const char* call, const std::string& path) {
  return absl::ErrnoToStatus(error, absl::StrCat(call, "(", path, ")"));
}

}  // namespace

FileVersion VersionOf(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, status.st_size,
          status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec};
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  // O_NONBLOCK: should it be a pipe, opening it doesn't wait.
  OwnedFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return Failure(errno, "open", path);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return Failure(errno, "fstat", path);
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is no file"));
  }
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t size = read(fd.get(), buffer, sizeof(buffer));
    if (size == 0) return text;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Failure(errno, "read", path);
    text.append(buffer, static_cast<size_t>(size));
    if (text.size() > kMostBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": has more than ", kMostBytes, " bytes"));
    }
  }
}

}  // namespace wspd
