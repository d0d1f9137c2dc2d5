#include "daemon/base/small_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::HasSubstr;

class SmallFileTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(mkdtemp(&folder_[0]), nullptr); }

  void TearDown() override {
    unlink(path().c_str());
    rmdir(folder_.c_str());
  }

  std::string path() const { return absl::StrCat(folder_, "/file"); }

  void Write(const std::string& content, mode_t mode) {
    std::ofstream(path(), std::ios::binary) << content;
    ASSERT_EQ(chmod(path().c_str(), mode), 0);
  }

 private:
  std::string folder_ = "/tmp/small_file.XXXXXX";
};

TEST_F(SmallFileTest, HasAllThatIsInIt) {
  const std::string content("a\0b\n", 4);
  Write(content, 0644);
  EXPECT_EQ(ReadSmallFile(path(), 4).value(), content);
  EXPECT_THAT(std::string(ReadSmallFile(path(), 3).status().message()),
              HasSubstr("more than 3 bytes"));
  Write("", 0600);
  EXPECT_EQ(ReadSmallFile(path(), 0).value(), "");
}

TEST_F(SmallFileTest, WhatIsThereForEverybodyIsNoSecret) {
  for (const mode_t good : {0600, 0400, 0640, 0660}) {
    Write("x", good);
    EXPECT_TRUE(ReadSecretFile(path(), 9).ok()) << good;
  }
  for (const mode_t bad : {0644, 0604, 0602, 0601}) {
    Write("x", bad);
    const absl::Status status = ReadSecretFile(path(), 9).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr("chmod o-rwx"));
    EXPECT_TRUE(ReadSmallFile(path(), 9).ok());
  }
}

TEST_F(SmallFileTest, SaysWhatIsWrong) {
  EXPECT_THAT(std::string(ReadSmallFile(path(), 9).status().message()),
              HasSubstr("open(): No such file"));
  // Nobody will ever write to it.
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  EXPECT_THAT(std::string(ReadSmallFile(path(), 9).status().message()),
              HasSubstr("no regular file"));
  EXPECT_THAT(std::string(ReadSmallFile("/", 9).status().message()),
              HasSubstr("no regular file"));
}

}  // namespace
}  // namespace wspd
