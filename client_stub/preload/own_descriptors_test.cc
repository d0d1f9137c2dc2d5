#include "client_stub/preload/own_descriptors.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "gtest/gtest.h"

namespace wsp {
namespace {

int NewSocket() { return socket(AF_UNIX, SOCK_STREAM, 0); }

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

TEST(OwnDescriptorsTest, AreHighAndCloseOnExec) {
  const int low = NewSocket();
  OwnDescriptor* descriptor = OwnDescriptor::Adopt(low);
  ASSERT_NE(descriptor, nullptr);
  EXPECT_FALSE(IsOpen(low));
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const int lowest_high =
      static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 4096) / 4 * 3);
  EXPECT_GE(descriptor->number(), lowest_high);
  EXPECT_EQ(fcntl(descriptor->number(), F_GETFD), FD_CLOEXEC);
  EXPECT_TRUE(descriptor->IsIntact());
  const int fd = descriptor->number();
  OwnDescriptor::Close(descriptor);
  EXPECT_FALSE(IsOpen(fd));
}

TEST(OwnDescriptorsTest, ANumberThatTheProgramTookIsNotTouched) {
  OwnDescriptor* descriptor = OwnDescriptor::Adopt(NewSocket());
  ASSERT_NE(descriptor, nullptr);
  const int fd = descriptor->number();
  const int other = NewSocket();
  ASSERT_EQ(dup2(other, fd), fd);
  EXPECT_FALSE(descriptor->IsIntact());
  EXPECT_FALSE(IsOwnDescriptor(fd));
  OwnDescriptor::Close(descriptor);
  EXPECT_TRUE(IsOpen(fd));
  close(fd);
  close(other);
}

TEST(OwnDescriptorsTest, FoldersAreKnownToo) {
  OwnDescriptor* descriptor =
      OwnDescriptor::Adopt(open("/tmp", O_PATH | O_DIRECTORY));
  ASSERT_NE(descriptor, nullptr);
  EXPECT_TRUE(descriptor->IsIntact());
  const int other = open("/", O_PATH | O_DIRECTORY);
  ASSERT_EQ(dup2(other, descriptor->number()), descriptor->number());
  EXPECT_FALSE(descriptor->IsIntact());
  close(descriptor->number());
  close(other);
  OwnDescriptor::Close(descriptor);
  EXPECT_EQ(OwnDescriptor::Adopt(-1), nullptr);
}

TEST(OwnDescriptorsTest, AreFoundInRanges) {
  OwnDescriptor* first = OwnDescriptor::Adopt(NewSocket());
  OwnDescriptor* second = OwnDescriptor::Adopt(NewSocket());
  ASSERT_NE(second, nullptr);
  const int low = std::min(first->number(), second->number());
  const int high = std::max(first->number(), second->number());
  EXPECT_EQ(FirstOwnDescriptor(0, UINT_MAX), low);
  EXPECT_EQ(FirstOwnDescriptor(static_cast<unsigned>(low) + 1, UINT_MAX), high);
  EXPECT_EQ(FirstOwnDescriptor(static_cast<unsigned>(high) + 1, UINT_MAX), -1);
  EXPECT_EQ(FirstOwnDescriptor(0, static_cast<unsigned>(low) - 1), -1);
  EXPECT_TRUE(IsOwnDescriptor(high));
  EXPECT_FALSE(IsOwnDescriptor(-1));
  EXPECT_FALSE(IsOwnDescriptor(INT_MAX));
  // One that is gone is nobody's.
  close(low);
  EXPECT_EQ(FirstOwnDescriptor(0, UINT_MAX), high);
  OwnDescriptor::Close(first);
  OwnDescriptor::Close(second);
}

TEST(OwnDescriptorsTest, MakeWayForTheProgram) {
  OwnDescriptor* descriptor = OwnDescriptor::Adopt(NewSocket());
  ASSERT_NE(descriptor, nullptr);
  const int before = descriptor->number();
  MakeWay(before);
  const int other = NewSocket();
  ASSERT_EQ(dup2(other, before), before);
  EXPECT_NE(descriptor->number(), before);
  EXPECT_TRUE(descriptor->IsIntact());
  EXPECT_EQ(fcntl(descriptor->number(), F_GETFD), FD_CLOEXEC);
  OwnDescriptor::Close(descriptor);
  close(before);
  close(other);
}

TEST(OwnDescriptorsTest, AreLostWhereThereIsNoOtherNumber) {
  OwnDescriptor* descriptor = OwnDescriptor::Adopt(NewSocket());
  ASSERT_NE(descriptor, nullptr);
  const int fd = descriptor->number();
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit low = {3, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  MakeWay(fd);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(descriptor->number(), -1);
  EXPECT_FALSE(descriptor->IsIntact());
  EXPECT_FALSE(IsOwnDescriptor(fd));
  OwnDescriptor::Close(descriptor);
  close(fd);
}

TEST(OwnDescriptorsTest, ThereIsABound) {
  std::vector<OwnDescriptor*> descriptors;
  for (int i = 0; i < 32; ++i) {
    descriptors.push_back(OwnDescriptor::Adopt(NewSocket()));
    EXPECT_NE(descriptors.back(), nullptr);
  }
  const int fd = NewSocket();
  EXPECT_EQ(OwnDescriptor::Adopt(fd), nullptr);
  EXPECT_FALSE(IsOpen(fd));
  for (OwnDescriptor* descriptor : descriptors) {
    OwnDescriptor::Close(descriptor);
  }
  OwnDescriptor* descriptor = OwnDescriptor::Adopt(NewSocket());
  EXPECT_NE(descriptor, nullptr);
  OwnDescriptor::Close(descriptor);
}

TEST(OwnDescriptorsTest, AForkedChildClosesTheCopiesThatStillAreOnes) {
  OwnDescriptor* kept = OwnDescriptor::Adopt(open("/", O_PATH | O_DIRECTORY));
  OwnDescriptor* closed = OwnDescriptor::Adopt(NewSocket());
  OwnDescriptor* taken = OwnDescriptor::Adopt(NewSocket());
  ASSERT_NE(taken, nullptr);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // Not the child's own until it says so: it may close them.
    if (IsOwnDescriptor(closed->number())) _exit(1);
    const int closed_fd = closed->number();
    const int taken_fd = taken->number();
    if (dup2(STDIN_FILENO, taken_fd) != taken_fd) _exit(2);
    CloseOwnDescriptorsAfterFork(kept);
    if (IsOpen(closed_fd)) _exit(3);
    if (!IsOpen(taken_fd)) _exit(4);
    if (!kept->IsIntact() || !IsOwnDescriptor(kept->number())) _exit(5);
    _exit(0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(closed->IsIntact());
  OwnDescriptor::Close(kept);
  OwnDescriptor::Close(closed);
  OwnDescriptor::Close(taken);
}

}  // namespace
}  // namespace wsp
