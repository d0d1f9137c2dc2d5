#ifndef WSPD_DAEMON_IDENTITY_PROC_FILE_H_
#define WSPD_DAEMON_IDENTITY_PROC_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace wspd {

// Enough of any file in /proc/PID but for its command line.
inline constexpr size_t kMaxProcFileBytes = 16384;

// "/proc/PID/FILE".
std::string ProcPath(pid_t pid, absl::string_view file);

// The start of a /proc file; nothing, with errno set, if it can't be read.
absl::optional<std::string> ReadProcFile(const std::string& path, size_t limit);

// What follows `name`, as "Uid:", in a /proc/PID/status; empty if nothing does.
absl::string_view StatusLine(absl::string_view status, absl::string_view name);

}  // namespace wspd

#endif  // WSPD_DAEMON_IDENTITY_PROC_FILE_H_
