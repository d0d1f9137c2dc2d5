#include "daemon/identity/proc_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "daemon/base/owned_fd.h"

namespace wspd {

std::string ProcPath(pid_t pid, absl::string_view file) {
  return absl::StrCat("/proc/", pid, "/", file);
}

absl::optional<std::string> ReadProcFile(const std::string& path,
                                         size_t limit) {
  OwnedFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return absl::nullopt;
  std::string content;
  while (content.size() < limit) {
    char buffer[4096];
    const ssize_t size = read(fd.get(), buffer,
                              std::min(sizeof(buffer), limit - content.size()));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return absl::nullopt;
    if (size == 0) break;
    content.append(buffer, size);
  }
  return content;
}

absl::string_view StatusLine(absl::string_view status, absl::string_view name) {
  for (absl::string_view line : absl::StrSplit(status, '\n')) {
    if (absl::ConsumePrefix(&line, name)) return line;
  }
  return absl::string_view();
}

}  // namespace wspd
