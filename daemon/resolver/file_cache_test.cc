#include "daemon/resolver/file_cache.h"

#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

struct Text {
  static int made;

  Text() = default;
  explicit Text(absl::string_view from) : text(from) { ++made; }

  std::string text;
};
int Text::made = 0;

class FileCacheTest : public ::testing::Test {
 protected:
  FileCacheTest() { Text::made = 0; }
  ~FileCacheTest() override { unlink(path_.c_str()); }

  void Write(const std::string& text) { std::ofstream(path_) << text; }

  const std::string path_ =
      std::string(getenv("TEST_TMPDIR")) + "/file_cache_test";
};

TEST_F(FileCacheTest, AFileIsParsedOnce) {
  Write("one");
  FileCache<Text> cache(path_);
  EXPECT_EQ(cache.Get().text, "one");
  EXPECT_EQ(cache.Get().text, "one");
  EXPECT_EQ(Text::made, 1);
}

TEST_F(FileCacheTest, AChangedFileIsParsedAgain) {
  Write("one");
  FileCache<Text> cache(path_);
  EXPECT_EQ(cache.Get().text, "one");
  Write("three");
  EXPECT_EQ(cache.Get().text, "three");
  unlink(path_.c_str());
  EXPECT_EQ(cache.Get().text, "");
}

TEST_F(FileCacheTest, AMissingFileIsEmptyUntilItIsThere) {
  FileCache<Text> cache(path_);
  EXPECT_EQ(cache.Get().text, "");
  Write("one");
  EXPECT_EQ(cache.Get().text, "one");
}

TEST_F(FileCacheTest, AFolderIsNoFile) {
  FileCache<Text> cache(testing::TempDir());
  EXPECT_EQ(cache.Get().text, "");
}

}  // namespace
}  // namespace wspd
