#include "client_stub/preload/wsprun/preloading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include "gtest/gtest.h"

namespace wsp {
namespace {

class PreloadingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/wspd-preloading.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    const std::string command = "rm -r " + folder_;
    EXPECT_EQ(system(command.c_str()), 0);
  }

  std::string folder_;
};

TEST_F(PreloadingTest, TheLibraryIsBesideTheProgramOrInItsLib) {
  const std::string bin = folder_ + "/bin";
  ASSERT_EQ(mkdir(bin.c_str(), 0755), 0);
  EXPECT_EQ(FindPreloadLibrary(bin), "");
  ASSERT_EQ(mkdir((folder_ + "/lib").c_str(), 0755), 0);
  std::ofstream(folder_ + "/lib/libwsp_preload.so") << "x";
  EXPECT_EQ(FindPreloadLibrary(bin), bin + "/../lib/libwsp_preload.so");
  std::ofstream(bin + "/libwsp_preload.so") << "x";
  EXPECT_EQ(FindPreloadLibrary(bin), bin + "/libwsp_preload.so");
}

TEST_F(PreloadingTest, TheLibraryComesFirstAndOnce) {
  EXPECT_EQ(PreloadBefore("/l.so", nullptr), "/l.so");
  EXPECT_EQ(PreloadBefore("/l.so", ""), "/l.so");
  EXPECT_EQ(PreloadBefore("/l.so", "/x.so"), "/l.so:/x.so");
  EXPECT_EQ(PreloadBefore("/l.so", "/l.so"), "/l.so");
  EXPECT_EQ(PreloadBefore("/l.so", "/l.so:/x.so"), "/l.so:/x.so");
  EXPECT_EQ(PreloadBefore("/l.so", "/l.so.2"), "/l.so:/l.so.2");
}

TEST_F(PreloadingTest, TheDaemonIsWhoListens) {
  const std::string path = folder_ + "/socket";
  EXPECT_EQ(TryDaemon(path), ENOENT);
  EXPECT_EQ(TryDaemon("/" + std::string(200, 'x')), ENAMETOOLONG);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(
      bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(TryDaemon(path), ECONNREFUSED);
  ASSERT_EQ(listen(listener, 1), 0);
  EXPECT_EQ(TryDaemon(path), 0);
  close(listener);
}

}  // namespace
}  // namespace wsp
