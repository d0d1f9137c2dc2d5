#include "daemon/linux/socket_user.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "daemon/base/owned_fd.h"
#include "daemon/privileges/capabilities.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

uid_t UserOf(const OwnedFd& fd) {
  struct stat status {};
  EXPECT_EQ(fstat(fd.get(), &status), 0);
  return status.st_uid;
}

TEST(SocketUserTest, OnesOwnNeedNoCapability) {
  // Its own: capabilities are each thread's.
  std::thread([] {
    ASSERT_TRUE(KeepCapabilities(0).ok());
    const OwnedFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_TRUE(CanGiveToUser(geteuid()));
    EXPECT_TRUE(GiveToUser(fd.get(), geteuid()));
  }).join();
}

TEST(SocketUserTest, OthersTakeTheCapability) {
  const uid_t other = geteuid() + 4711;
  std::thread([other] {
    ASSERT_TRUE(KeepCapabilities(0).ok());
    const OwnedFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_FALSE(CanGiveToUser(other));
    EXPECT_FALSE(GiveToUser(fd.get(), other));
    EXPECT_EQ(UserOf(fd), geteuid());
  }).join();
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  if (!CanGiveToUser(other)) GTEST_SKIP() << "a user namespace of few users";
  const OwnedFd fd(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  EXPECT_TRUE(GiveToUser(fd.get(), other));
  EXPECT_EQ(UserOf(fd), other);
}

}  // namespace
}  // namespace wspd
