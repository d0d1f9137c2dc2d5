#include "daemon/policy/host_pattern.h"

#include <string>

#include "gtest/gtest.h"

namespace wspd {
namespace {

bool Match(const char* pattern, const char* host) {
  return Matches(ParseHostPattern(pattern).value(), CanonicalHost(host));
}

TEST(HostPatternTest, ANameIsThatNameAlone) {
  EXPECT_TRUE(Match("www.Example.com", "WWW.example.COM."));
  EXPECT_FALSE(Match("example.com", "www.example.com"));
  EXPECT_FALSE(Match("example.com", "example.com.evil.net"));
}

TEST(HostPatternTest, AStarIsWhatIsBelow) {
  EXPECT_TRUE(Match("*.example.com", "a.example.com"));
  EXPECT_TRUE(Match("*.example.com", "a.b.example.com"));
  EXPECT_FALSE(Match("*.example.com", "example.com"));
  EXPECT_FALSE(Match("*.example.com", ".example.com"));
  EXPECT_FALSE(Match("*.example.com", "badexample.com"));
  EXPECT_TRUE(Match("*", "anything"));
}

TEST(HostPatternTest, AnythingElseIsRefused) {
  for (const std::string text :
       {"", "*.", "**", "a.*.com", "*com", ".com", "a..b", "a b", "ex\xc3\xa4",
        "http://a", "a/b"}) {
    EXPECT_FALSE(ParseHostPattern(text).has_value()) << text;
  }
  EXPECT_FALSE(ParseHostPattern(std::string(254, 'a')).has_value());
  EXPECT_TRUE(ParseHostPattern(std::string(253, 'a')).has_value());
}

}  // namespace
}  // namespace wspd
