#include "daemon/admin/remote/remote_rights.h"

#include "gtest/gtest.h"

namespace wspd {
namespace {

using Level = RemoteRights::Level;

TEST(RemoteRightsTest, NamesHaveTheirKind) {
  for (const char* good : {"DNS:a", "URI:spiffe://a/b", "CN:a b"}) {
    EXPECT_TRUE(IsCertificateName(good)) << good;
  }
  for (const char* bad :
       {"", "a", "DNS:", "dns:a", "email:a", "CN:a\n", "CN:\xff"}) {
    EXPECT_FALSE(IsCertificateName(bad)) << bad;
  }
}

TEST(RemoteRightsTest, TheMostThatAnyNameHasCounts) {
  const RemoteRights rights({"DNS:a"}, {"DNS:b", "CN:c"});
  EXPECT_EQ(rights.Of({"DNS:x", "CN:c"}), Level::kReader);
  EXPECT_EQ(rights.Of({"CN:c", "DNS:a"}), Level::kAdministrator);
  EXPECT_EQ(rights.Of({"DNS:x"}), Level::kNone);
  EXPECT_EQ(rights.Of({}), Level::kNone);
}

TEST(RemoteRightsTest, NamesAreComparedToTheLetter) {
  const RemoteRights rights({"DNS:a.test"}, {});
  for (const std::string& near :
       {std::string("DNS:A.test"), std::string("CN:a.test"),
        std::string("DNS:a.test."), std::string("DNS:a.tes"),
        std::string("DNS:a.test\0.evil", 16), std::string("DNS:*.test")}) {
    EXPECT_EQ(rights.Of({near}), Level::kNone) << near;
  }
}

}  // namespace
}  // namespace wspd
