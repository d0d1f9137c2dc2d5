#include "client_stub/spi/utf16.h"

#include <string>

#include "gtest/gtest.h"

namespace wsp {
namespace {

std::string Utf8(const char16_t* text, size_t most = 100) {
  ByteBuffer bytes;
  if (!Utf8FromWide(text, most, &bytes)) return "invalid";
  return std::string(bytes.begin(), bytes.end());
}

std::u16string Wide(const std::string& text) {
  const ByteBuffer bytes(text.begin(), text.end());
  std::u16string wide(WideLength(bytes), u'?');
  Utf8ToWide(bytes, wide.data());
  return wide;
}

TEST(Utf16Test, TextOfAllLengthsOfUtf8GoesBothWays) {
  const char16_t kText[] = u"a\u00e9\u20ac\U0001f600";
  const std::string utf8 = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
  EXPECT_EQ(Utf8(kText), utf8);
  EXPECT_EQ(Wide(utf8), kText);
  EXPECT_EQ(Utf8(u""), "");
  EXPECT_EQ(Wide(""), u"");
}

TEST(Utf16Test, SurrogatesThatAreNoPairAreInvalid) {
  const char16_t low[] = {0xdc00, 0};
  const char16_t high[] = {0xd800, 0};
  const char16_t high_and_letter[] = {0xd800, u'a', 0};
  EXPECT_EQ(Utf8(low), "invalid");
  EXPECT_EQ(Utf8(high), "invalid");
  EXPECT_EQ(Utf8(high_and_letter), "invalid");
}

TEST(Utf16Test, WhatIsTooLongIsInvalid) {
  EXPECT_EQ(Utf8(u"abc", 3), "abc");
  EXPECT_EQ(Utf8(u"abcd", 3), "invalid");
}

TEST(Utf16Test, BytesThatAreNoUtf8AreReplaced) {
  EXPECT_EQ(Wide("a\xff"
                 "b"),
            u"a\ufffd"
            u"b");
  EXPECT_EQ(Wide("\xc3"), u"\ufffd");
  EXPECT_EQ(Wide("\xc0\x80"), u"\ufffd\ufffd");
  EXPECT_EQ(Wide("\xed\xa0\x80"), u"\ufffd");
  EXPECT_EQ(Wide("\xf4\x90\x80\x80"), u"\ufffd");
  EXPECT_EQ(Wide("\xe2\x82"), u"\ufffd");
}

}  // namespace
}  // namespace wsp
