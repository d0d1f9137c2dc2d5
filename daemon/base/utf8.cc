#include "daemon/base/utf8.h"

#include <cstddef>
#include <cstdint>

namespace wspd {
namespace {

constexpr absl::string_view kReplacement = "\xef\xbf\xbd";

// How many bytes the well-formed sequence at the start of `text` has; 0 if
// there is none (Unicode, table 3-7).
size_t SequenceLength(absl::string_view text) {
  const auto byte = [text](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
  };
  const auto is_tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  // What the second byte may be depends on the first: nothing overlong, no
  // surrogates, nothing above U+10FFFF.
  const uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 0;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return is_tail(2) ? 3 : 0;
  if (lead >= 0xf0 && lead <= 0xf4) return is_tail(2) && is_tail(3) ? 4 : 0;
  return 0;
}

}  // namespace

std::string ToValidUtf8(absl::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    const absl::string_view piece =
        length == 0 ? kReplacement : text.substr(0, length);
    valid.append(piece.data(), piece.size());
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return valid;
}

}  // namespace wspd
