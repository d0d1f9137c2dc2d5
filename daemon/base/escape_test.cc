#include "daemon/base/escape.h"

#include "gtest/gtest.h"

namespace wspd {
namespace {

TEST(EscapeTest, PrintableAsciiStays) {
  EXPECT_EQ(Escape("It's \"so\" ~ {1}"), "It's \"so\" ~ {1}");
}

TEST(EscapeTest, EverythingElseIsVisible) {
  EXPECT_EQ(Escape(absl::string_view("\0\n\r\t\x1b\x7f\x80\xff\\", 9)),
            "\\x00\\n\\r\\t\\x1b\\x7f\\x80\\xff\\\\");
}

TEST(EscapeTest, AlsoWhatIsAskedFor) {
  EXPECT_EQ(Escape("say \"a=b\"", "\"="), "say \\\"a\\=b\\\"");
}

}  // namespace
}  // namespace wspd
