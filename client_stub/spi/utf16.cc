#include "client_stub/spi/utf16.h"

#include <cstdint>

namespace wsp {
namespace {

constexpr uint32_t kReplacement = 0xfffd;

bool IsHighSurrogate(uint32_t unit) { return unit >> 10 == 0x36; }
bool IsLowSurrogate(uint32_t unit) { return unit >> 10 == 0x37; }

void AppendUtf8(uint32_t point, ByteBuffer* out) {
  const auto put = [out](uint32_t byte) {
    out->push_back(static_cast<uint8_t>(byte));
  };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xc0 | point >> 6);
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3f));
  } else {
    put(0xf0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3f));
    put(0x80 | (point >> 6 & 0x3f));
  }
  put(0x80 | (point & 0x3f));
}

// The character at `*at`, which it is moved behind.
uint32_t NextPoint(const ByteBuffer& utf8, size_t* at) {
  const uint8_t first = utf8[(*at)++];
  if (first < 0x80) return first;
  const size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  if (first < 0xc2 || first > 0xf4) return kReplacement;
  uint32_t point = first & (0x3fu >> more);
  for (size_t i = 0; i < more; ++i) {
    if (*at == utf8.size() || utf8[*at] >> 6 != 2) return kReplacement;
    point = point << 6 | (utf8[(*at)++] & 0x3f);
  }
  const bool surrogate = point >> 11 == 0x1b;
  const bool valid = point >= kLeast[more] && point <= 0x10ffff && !surrogate;
  return valid ? point : kReplacement;
}

}  // namespace

bool Utf8FromWide(LPCWSTR text, size_t most_bytes, ByteBuffer* utf8) {
  utf8->clear();
  for (; *text != 0; ++text) {
    uint32_t point = *text;
    if (IsLowSurrogate(point)) return false;
    if (IsHighSurrogate(point)) {
      const uint32_t low = *++text;
      if (!IsLowSurrogate(low)) return false;
      point = 0x10000 + ((point & 0x3ff) << 10 | (low & 0x3ff));
    }
    AppendUtf8(point, utf8);
    if (utf8->size() > most_bytes) return false;
  }
  return true;
}

size_t WideLength(const ByteBuffer& utf8) {
  size_t length = 0;
  for (size_t at = 0; at < utf8.size();) {
    length += NextPoint(utf8, &at) >= 0x10000 ? 2 : 1;
  }
  return length;
}

void Utf8ToWide(const ByteBuffer& utf8, WCHAR* wide) {
  for (size_t at = 0; at < utf8.size();) {
    uint32_t point = NextPoint(utf8, &at);
    if (point >= 0x10000) {
      point -= 0x10000;
      *wide++ = static_cast<WCHAR>(0xd800 | point >> 10);
      point = 0xdc00 | (point & 0x3ff);
    }
    *wide++ = static_cast<WCHAR>(point);
  }
}

}  // namespace wsp
