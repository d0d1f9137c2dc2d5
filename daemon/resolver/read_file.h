#ifndef WSPD_DAEMON_RESOLVER_READ_FILE_H_
#define WSPD_DAEMON_RESOLVER_READ_FILE_H_

#include <cstdint>
#include <string>
#include <tuple>

#include "absl/status/statusor.h"

namespace wspd {

// Device, file number, size and time of the last change in nanoseconds; all 0
// if there is no such file. What changes a file changes one of them, but for a
// write within the file system's tick of the clock after another that leaves
// the size as it is.
using FileVersion = std::tuple<uint64_t, uint64_t, int64_t, int64_t>;
FileVersion VersionOf(const std::string& path);

// The whole file. Fails beyond 16 MiB, and for what is no regular file.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path);

}  // namespace wspd

#endif  // WSPD_DAEMON_RESOLVER_READ_FILE_H_
