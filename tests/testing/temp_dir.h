#ifndef WSPD_TESTS_TESTING_TEMP_DIR_H_
#define WSPD_TESTS_TESTING_TEMP_DIR_H_

#include <string>

namespace wspd::testing {

// A folder directly below /tmp, so that a socket's path fits, removed with all
// its files when the object goes.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void WriteFile(const std::string& path, const std::string& contents);
// Empty if the file can't be read.
std::string ReadFile(const std::string& path);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_TEMP_DIR_H_
