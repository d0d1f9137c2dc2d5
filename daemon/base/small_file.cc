#include "daemon/base/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/base/owned_fd.h"

namespace wspd {
namespace {

absl::Status OpenError(int error) {
  absl::Status status = absl::ErrnoToStatus(error, "open()");
  if (error != EACCES) return status;
  return absl::Status(
      status.code(),
      absl::StrCat(status.message(), "; it is read as uid ", geteuid()));
}

absl::StatusOr<std::string> Read(const std::string& path, size_t most_bytes,
                                 bool is_secret) {
  const OwnedFd fd(
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd.valid()) return OpenError(errno);
  struct stat status;
  if (fstat(fd.get(), &status) != 0) {
    return absl::ErrnoToStatus(errno, "fstat()");
  }
  if (!S_ISREG(status.st_mode)) {
    return absl::FailedPreconditionError("it is no regular file");
  }
  if (is_secret && (status.st_mode & S_IRWXO) != 0) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "its mode is %04o, by which everybody may get at it; chmod o-rwx",
        status.st_mode & 07777));
  }
  // One more, to see that it goes on.
  std::string content(most_bytes + 1, '\0');
  size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = read(fd.get(), &content[size], content.size() - size);
    if (got < 0) return absl::ErrnoToStatus(errno, "read()");
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > most_bytes) {
    return absl::FailedPreconditionError(
        absl::StrCat("it has more than ", most_bytes, " bytes"));
  }
  content.resize(size);
  return content;
}

}  // namespace

absl::StatusOr<std::string> ReadSmallFile(const std::string& path,
                                          size_t most_bytes) {
  return Read(path, most_bytes, false);
}

absl::StatusOr<std::string> ReadSecretFile(const std::string& path,
                                           size_t most_bytes) {
  return Read(path, most_bytes, true);
}

}  // namespace wspd
