#ifndef WSPD_DAEMON_BASE_UTF8_H_
#define WSPD_DAEMON_BASE_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace wspd {

// `text` with every byte that isn't part of valid UTF-8 replaced by U+FFFD.
// Protobuf refuses to parse a message whose string field isn't UTF-8, and paths
// and command lines are any bytes.
std::string ToValidUtf8(absl::string_view text);

}  // namespace wspd

#endif  // WSPD_DAEMON_BASE_UTF8_H_
