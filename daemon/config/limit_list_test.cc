#include "daemon/config/limit_list.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wspd/config.pb.h"

namespace wspd {
namespace {

using ::testing::Contains;
using ::testing::Pair;

TEST(LimitListTest, HasEveryFieldInItsOrder) {
  Config config;
  config.mutable_limits()->set_clients(3);
  config.mutable_limits()->set_connections_per_second_per_uid(4000000000);
  const auto list = ListLimits(config.limits());
  const auto* const type = Config::Limits::descriptor();
  ASSERT_EQ(list.size(), static_cast<size_t>(type->field_count()));
  for (int i = 0; i < type->field_count(); ++i) {
    EXPECT_EQ(list[i].first, type->field(i)->name());
  }
  EXPECT_THAT(list, Contains(Pair("clients", 3)));
  EXPECT_THAT(list,
              Contains(Pair("connections_per_second_per_uid", 4000000000)));
  EXPECT_THAT(list, Contains(Pair("calls_per_uid", 0)));
}

}  // namespace
}  // namespace wspd
