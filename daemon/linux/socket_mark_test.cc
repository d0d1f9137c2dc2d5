#include "daemon/linux/socket_mark.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>

#include "daemon/base/owned_fd.h"
#include "daemon/testing/send_descriptor.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

bool IsMarked(uint64_t inode) { return ReadMarkedSockets()->contains(inode); }

TEST(SocketMarkTest, LastsUntilTheLastDescriptorIsClosed) {
  OwnedFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const uint64_t inode = MarkSocket(fd.get()).value();
  EXPECT_TRUE(IsMarked(inode));
  OwnedFd other(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  fd.Reset();
  EXPECT_TRUE(IsMarked(inode));
  other.Reset();
  EXPECT_FALSE(IsMarked(inode));
}

TEST(SocketMarkTest, LastsWhileTheDescriptorIsOnItsWay) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  OwnedFd sender(pair[0]);
  OwnedFd receiver(pair[1]);
  OwnedFd fd(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const uint64_t inode = MarkSocket(fd.get()).value();
  ASSERT_EQ(SendDescriptor(sender.get(), fd.get()), 1);
  fd.Reset();
  EXPECT_TRUE(IsMarked(inode));
  receiver.Reset();
  EXPECT_FALSE(IsMarked(inode));
}

TEST(SocketMarkTest, MarksOfFilesAndMarksTakenOffAreNone) {
  const OwnedFd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(flock(file.get(), LOCK_SH), 0);
  const uint64_t file_inode = MarkSocket(file.get()).value();
  EXPECT_FALSE(IsMarked(file_inode));
  const OwnedFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const uint64_t inode = MarkSocket(fd.get()).value();
  ASSERT_EQ(flock(fd.get(), LOCK_UN), 0);
  EXPECT_FALSE(IsMarked(inode));
}

}  // namespace
}  // namespace wspd
