#include "daemon/config/config_changes.h"

#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/config/config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// (field, before, after, needs_restart) of all changes.
std::vector<std::tuple<std::string, std::string, std::string, bool>> Changes(
    absl::string_view before, absl::string_view after) {
  std::vector<std::tuple<std::string, std::string, std::string, bool>> all;
  for (const ConfigChange& change :
       CompareConfigs(ParseConfig(before, "before").value(),
                      ParseConfig(after, "after").value())) {
    all.emplace_back(change.field, change.before, change.after,
                     change.needs_restart);
  }
  return all;
}

TEST(ConfigChanges, WhatIsWrittenOutIsNoChange) {
  EXPECT_THAT(Changes("", "log_level: 'INFO' limits { clients: 4096 }"),
              IsEmpty());
}

TEST(ConfigChanges, LevelAndPolicyNeedNoRestart) {
  EXPECT_THAT(
      Changes("policy { rules { verdict: DENY } }",
              "log_level: 'DEBUG' policy { rules { verdict: DENY ports: '1' }"
              " rules { verdict: ALLOW } }"),
      ElementsAre(std::make_tuple("log_level", "\"INFO\"", "\"DEBUG\"", false),
                  std::make_tuple("policy", "1 rule", "2 rules", false)));
}

TEST(ConfigChanges, NothingOfRemoteAdministrationNeedsARestart) {
  EXPECT_THAT(
      Changes("", "remote_admin { client_ca: '/a' readers: 'CN:a' }"),
      ElementsAre(
          std::make_tuple("remote_admin.client_ca", "\"\"", "\"/a\"", false),
          std::make_tuple("remote_admin.readers", "[]", "[\"CN:a\"]", false)));
}

TEST(ConfigChanges, LimitsNeedNoRestart) {
  EXPECT_THAT(Changes("", "limits { clients: 7 bytes_per_second_per_uid: 8 }"),
              ElementsAre(std::make_tuple("limits.clients", "4096", "7", false),
                          std::make_tuple("limits.bytes_per_second_per_uid",
                                          "0", "8", false)));
}

TEST(ConfigChanges, TheRestIsNamedByItsSection) {
  EXPECT_THAT(
      Changes("resolver { servers: '192.0.2.1' }",
              "resolver { servers: '192.0.2.1' servers: '192.0.2.2' }"
              "times { grace_ms: 7 } planes { lent: false }"),
      ElementsAre(std::make_tuple("times.grace_ms", "2000", "7", true),
                  std::make_tuple("resolver.servers", "[\"192.0.2.1\"]",
                                  "[\"192.0.2.1\", \"192.0.2.2\"]", true),
                  std::make_tuple("planes.lent", "true", "false", true)));
}

TEST(ConfigChanges, LongValuesAreCut) {
  const auto changes = Changes("", absl::StrCat("resolver { hosts_file: '/",
                                                std::string(1000, 'x'), "' }"));
  EXPECT_EQ(std::get<2>(changes[0]).size(), kMaxChangeBytes);
}

}  // namespace
}  // namespace wspd
