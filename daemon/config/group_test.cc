#include "daemon/config/group.h"

#include "gtest/gtest.h"

namespace wspd {
namespace {

TEST(ResolveGroupTest, TakesNamesAndNumbers) {
  EXPECT_EQ(ResolveGroup("root").value(), 0u);
  EXPECT_EQ(ResolveGroup("0").value(), 0u);
  EXPECT_EQ(ResolveGroup("54321").value(), 54321u);
}

TEST(ResolveGroupTest, UnknownIsNotFound) {
  const auto group = ResolveGroup("no such group");
  EXPECT_EQ(group.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(group.status().message(), "there is no group \"no such group\"");
  EXPECT_EQ(ResolveGroup("4294967295").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace wspd
