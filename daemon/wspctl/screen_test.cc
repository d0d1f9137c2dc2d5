#include "daemon/wspctl/screen.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;

TEST(SplitKeysTest, SequencesAreOneKey) {
  EXPECT_THAT(SplitKeys("ab"), ElementsAre("a", "b"));
  EXPECT_THAT(SplitKeys("\x1b[Aq\x1b[5~\x1bOH"),
              ElementsAre("\x1b[A", "q", "\x1b[5~", "\x1bOH"));
  EXPECT_THAT(SplitKeys("\x1b"), ElementsAre("\x1b"));
  EXPECT_THAT(SplitKeys("\x1b["), ElementsAre("\x1b["));
  EXPECT_THAT(SplitKeys("\x1b\x1b"), ElementsAre("\x1b", "\x1b"));
}

}  // namespace
}  // namespace wspd
