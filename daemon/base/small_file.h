#ifndef WSPD_DAEMON_BASE_SMALL_FILE_H_
#define WSPD_DAEMON_BASE_SMALL_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace wspd {

// All that is in a regular file, of at most `most_bytes`. The error says what
// is wrong, and not of which file: what it is for belongs before that. Waits
// for nobody, as opening a pipe would.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path,
                                          size_t most_bytes);

// The same of one that has to be kept: FAILED_PRECONDITION if others than its
// owner and its group may read or write it.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path,
                                           size_t most_bytes);

}  // namespace wspd

#endif  // WSPD_DAEMON_BASE_SMALL_FILE_H_
