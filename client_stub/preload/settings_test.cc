#include "client_stub/preload/settings.h"

#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"

namespace wsp {
namespace {

Settings Read(const char* path, const char* fallback) {
  path != nullptr ? setenv("WSPD_SOCKET", path, 1) : unsetenv("WSPD_SOCKET");
  fallback != nullptr ? setenv("WSPD_FALLBACK", fallback, 1)
                      : unsetenv("WSPD_FALLBACK");
  Settings settings;
  ReadSettings(&settings);
  return settings;
}

TEST(SettingsTest, ThereAreDefaults) {
  for (const char* none : {static_cast<const char*>(nullptr), ""}) {
    const Settings settings = Read(none, none);
    EXPECT_STREQ(settings.socket_path, "/run/wspd/wspd.sock");
    EXPECT_FALSE(settings.fallback);
  }
}

TEST(SettingsTest, TheEnvironmentSaysOtherwise) {
  const Settings settings = Read("/x/s", "1");
  EXPECT_STREQ(settings.socket_path, "/x/s");
  EXPECT_TRUE(settings.fallback);
  EXPECT_FALSE(Read("/x/s", "0").fallback);
}

TEST(SettingsTest, ThePlaneMayBeChosen) {
  setenv("WSPD_PLANE", "relayed", 1);
  EXPECT_EQ(Read("/x/s", "0").plane, Plane::kRelayed);
  setenv("WSPD_PLANE", "lent", 1);
  EXPECT_EQ(Read("/x/s", "0").plane, Plane::kLent);
  for (const char* either : {"auto", "", "LENT"}) {
    setenv("WSPD_PLANE", either, 1);
    EXPECT_EQ(Read("/x/s", "0").plane, Plane::kAuto);
  }
  unsetenv("WSPD_PLANE");
  EXPECT_EQ(Read("/x/s", "0").plane, Plane::kAuto);
}

TEST(SettingsTest, RelativePathsAreOfTheFolderAtTheStart) {
  ASSERT_EQ(chdir("/tmp"), 0);
  EXPECT_STREQ(Read("s", nullptr).socket_path, "/tmp/s");
  ASSERT_EQ(chdir("/"), 0);
  EXPECT_STREQ(Read("s", nullptr).socket_path, "/s");
}

TEST(SettingsTest, WhatIsTooLongForASocketIsNoPath) {
  const std::string longest = "/" + std::string(106, 'x');
  EXPECT_EQ(Read(longest.c_str(), nullptr).socket_path, longest);
  EXPECT_STREQ(Read((longest + "x").c_str(), nullptr).socket_path, "");
  ASSERT_EQ(chdir("/tmp"), 0);
  EXPECT_STREQ(Read(std::string(103, 'x').c_str(), nullptr).socket_path, "");
}

}  // namespace
}  // namespace wsp
