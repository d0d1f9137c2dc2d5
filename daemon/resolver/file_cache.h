#ifndef WSPD_DAEMON_RESOLVER_FILE_CACHE_H_
#define WSPD_DAEMON_RESOLVER_FILE_CACHE_H_

#include <string>
#include <utility>

#include "absl/types/optional.h"
#include "daemon/base/log.h"
#include "daemon/resolver/read_file.h"

namespace wspd {

// A small local file, parsed; parsed again when it has changed. `Table` is made
// from the file's text; one that can't be read is an empty one, and that is
// logged once for each change.
//
// Not thread-safe.
template <typename Table>
class FileCache {
 public:
  explicit FileCache(std::string path) : path_(std::move(path)) {}

  // Valid until the next call.
  const Table& Get() {
    const FileVersion version = VersionOf(path_);
    if (!version_.has_value() || *version_ != version) {
      auto text = ReadSmallFile(path_);
      if (!text.ok()) {
        Log(LogLevel::kWarning, "file not read",
            {{"cause", text.status().message()}});
      }
      table_ = text.ok() ? Table(*text) : Table();
      version_ = version;
    }
    return table_;
  }

 private:
  const std::string path_;
  absl::optional<FileVersion> version_;
  Table table_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RESOLVER_FILE_CACHE_H_
