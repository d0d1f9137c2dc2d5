#include "daemon/base/utf8.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

constexpr char kMark[] = "\xef\xbf\xbd";

TEST(Utf8Test, ValidTextStays) {
  for (const char* text :
       {"", "plain", "\n\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
        "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf", u8"gr\u00fc\u00dfe"}) {
    EXPECT_EQ(ToValidUtf8(text), text);
  }
  const std::string zero("a\0b", 3);
  EXPECT_EQ(ToValidUtf8(zero), zero);
}

TEST(Utf8Test, EveryOtherByteIsReplaced) {
  EXPECT_EQ(ToValidUtf8("a\xff"
                        "b"),
            absl::StrCat("a", kMark, "b"));
  EXPECT_EQ(ToValidUtf8("\x80"), kMark);
  // Cut off in the middle.
  EXPECT_EQ(ToValidUtf8("\xe2\x82"), absl::StrCat(kMark, kMark));
  EXPECT_EQ(ToValidUtf8("\xc3"), kMark);
  // Overlong, a surrogate, above U+10FFFF.
  EXPECT_EQ(ToValidUtf8("\xc0\xaf"), absl::StrCat(kMark, kMark));
  EXPECT_EQ(ToValidUtf8("\xe0\x9f\xbf"), absl::StrCat(kMark, kMark, kMark));
  EXPECT_EQ(ToValidUtf8("\xed\xa0\x80"), absl::StrCat(kMark, kMark, kMark));
  EXPECT_EQ(ToValidUtf8("\xf4\x90\x80\x80"),
            absl::StrCat(kMark, kMark, kMark, kMark));
}

}  // namespace
}  // namespace wspd
