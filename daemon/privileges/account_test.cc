#include "daemon/privileges/account.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

TEST(AccountTest, IsFoundByNameAndByNumber) {
  const passwd* daemon = getpwnam("daemon");
  ASSERT_NE(daemon, nullptr);
  const uid_t uid = daemon->pw_uid;
  const gid_t gid = daemon->pw_gid;
  for (const std::string& name : {std::string("daemon"), absl::StrCat(uid)}) {
    const auto account = FindAccount(name);
    ASSERT_TRUE(account.ok()) << account.status();
    EXPECT_EQ(account->uid, uid);
    EXPECT_EQ(account->gid, gid);
    EXPECT_THAT(account->groups, Contains(gid));
  }
}

TEST(AccountTest, ANumberWithoutAnAccountStandsForItself) {
  ASSERT_EQ(getpwuid(3999999999), nullptr);
  const auto account = FindAccount("3999999999");
  ASSERT_TRUE(account.ok()) << account.status();
  EXPECT_EQ(account->uid, 3999999999);
  EXPECT_EQ(account->gid, 3999999999);
  EXPECT_THAT(account->groups, ElementsAre(3999999999));
}

TEST(AccountTest, UnknownOnesAreErrors) {
  for (const char* name : {"no-such-user", "", "4294967295", "-1"}) {
    EXPECT_TRUE(absl::IsNotFound(FindAccount(name).status())) << name;
  }
}

}  // namespace
}  // namespace wspd
