#include "daemon/resolver/resolv_conf.h"

#include "gtest/gtest.h"

namespace wspd {
namespace {

TEST(ResolvConfTest, UnsetOptionsHaveTheManualsDefaults) {
  const ResolvConf conf("nameserver 192.0.2.1\n# options timeout:9\n");
  EXPECT_EQ(conf.timeout_seconds, 5);
  EXPECT_EQ(conf.attempts, 2);
}

TEST(ResolvConfTest, TheLastOptionCounts) {
  const ResolvConf conf(
      "options ndots:2 timeout:3\nnameserver 192.0.2.1\n"
      "options attempts:4 timeout:2 rotate");
  EXPECT_EQ(conf.timeout_seconds, 2);
  EXPECT_EQ(conf.attempts, 4);
}

TEST(ResolvConfTest, ValuesAreHeldToTheManualsLimits) {
  const ResolvConf most("options timeout:31 attempts:99");
  EXPECT_EQ(most.timeout_seconds, 30);
  EXPECT_EQ(most.attempts, 5);
  const ResolvConf least("options timeout:0 attempts:-1");
  EXPECT_EQ(least.timeout_seconds, 1);
  EXPECT_EQ(least.attempts, 1);
  EXPECT_EQ(ResolvConf("options timeout:x").timeout_seconds, 5);
}

}  // namespace
}  // namespace wspd
