#include "daemon/policy/echo_groups.h"

#include <sys/types.h>

#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "daemon/policy/subject.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

PolicySubject WithGroups(gid_t effective,
                         absl::optional<std::vector<gid_t>> others) {
  PolicySubject subject;
  subject.gid = effective;
  subject.groups = std::move(others);
  return subject;
}

TEST(EchoGroupsTest, AnyGroupInTheRangeWillDo) {
  constexpr char kRange[] = "100\t200\n";
  EXPECT_TRUE(IsInEchoGroups(WithGroups(100, {}), kRange));
  EXPECT_TRUE(IsInEchoGroups(WithGroups(200, {}), kRange));
  EXPECT_FALSE(IsInEchoGroups(WithGroups(99, {}), kRange));
  EXPECT_FALSE(IsInEchoGroups(WithGroups(201, {}), kRange));
  EXPECT_TRUE(IsInEchoGroups(WithGroups(1, {{2, 150}}), kRange));
  EXPECT_FALSE(IsInEchoGroups(WithGroups(1, {{2, 300}}), kRange));
  EXPECT_TRUE(IsInEchoGroups(WithGroups(2147483647, {}), "0\t2147483647\n"));
}

// As the kernel has it from the start.
TEST(EchoGroupsTest, AnEmptyRangeIsNobodysNotEvenRoots) {
  EXPECT_FALSE(IsInEchoGroups(WithGroups(0, {{0, 1}}), "1\t0\n"));
}

TEST(EchoGroupsTest, WhatIsNoRangeIsNobodys) {
  for (const char* text : {"", "0", "0 1 2", "a b", "-1 5", "0 99999999999"}) {
    EXPECT_FALSE(IsInEchoGroups(WithGroups(0, {}), text)) << text;
  }
}

}  // namespace
}  // namespace wspd
