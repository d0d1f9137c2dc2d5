#include "daemon/base/escape.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace wspd {

std::string Escape(absl::string_view text, absl::string_view also) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      escaped += "\\n";
    } else if (c == '\r') {
      escaped += "\\r";
    } else if (c == '\t') {
      escaped += "\\t";
    } else if (!absl::ascii_isprint(byte)) {
      absl::StrAppend(&escaped, "\\x", absl::Hex(byte, absl::kZeroPad2));
    } else {
      if (c == '\\' || absl::StrContains(also, c)) escaped += '\\';
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace wspd
