// In a network namespace of its own, where a TCP socket may have a filter
// whatever the kernel.
#include "daemon/winsock/kernel_options.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>

#include <cstring>

#include "daemon/base/owned_fd.h"
#include "daemon/winsock/socket_options.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

// The loopback interface is the first of every namespace.
constexpr int kLoopback = 1;

class KernelOptionsTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(unshare(CLONE_NEWNET) == 0 ||
                unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)
        << strerror(errno);
    from_ = NewSocket();
    to_ = NewSocket();
  }

  static OwnedFd NewSocket() {
    OwnedFd fd(socket(GetParam(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_TRUE(fd.valid()) << strerror(errno);
    return fd;
  }
  static void Set(const OwnedFd& fd, int level, int option, int value) {
    EXPECT_EQ(setsockopt(fd.get(), level, option, &value, sizeof(value)), 0)
        << strerror(errno);
  }
  static int Get(const OwnedFd& fd, int level, int option) {
    int value = -1;
    socklen_t size = sizeof(value);
    EXPECT_EQ(getsockopt(fd.get(), level, option, &value, &size), 0)
        << strerror(errno);
    return value;
  }
  // How many instructions the filter has; 0: there is none.
  static socklen_t FilterLength(const OwnedFd& fd) {
    socklen_t length = 0;
    EXPECT_EQ(getsockopt(fd.get(), SOL_SOCKET, SO_GET_FILTER, nullptr, &length),
              0)
        << strerror(errno);
    return length;
  }
  int Apply() {
    return KernelOptions::Of(from_.get()).ApplyTo(to_.get(), options_);
  }

  OwnedFd from_, to_;
  SocketOptions options_;
};

TEST_P(KernelOptionsTest, TheOtherSocketHasTheOptions) {
  Set(from_, IPPROTO_TCP, TCP_NODELAY, 1);
  Set(from_, SOL_SOCKET, SO_KEEPALIVE, 1);
  options_.receive_buffer = 20000;
  EXPECT_EQ(Apply(), 0);
  EXPECT_EQ(Get(to_, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(Get(to_, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(Get(to_, SOL_SOCKET, SO_RCVBUF), 40000);
}

TEST_P(KernelOptionsTest, TheOtherSocketSendsByTheSameInterface) {
  const int level = GetParam() == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
  const int option = GetParam() == AF_INET ? IP_UNICAST_IF : IPV6_UNICAST_IF;
  const int index = static_cast<int>(htonl(kLoopback));
  Set(from_, level, option, index);
  EXPECT_EQ(Apply(), 0);
  EXPECT_EQ(Get(to_, level, option), index);
}

TEST_P(KernelOptionsTest, TheOtherSocketKeepsToTheSameInterfaces) {
  options_.interfaces = {kLoopback};
  EXPECT_EQ(Apply(), 0);
  EXPECT_EQ(FilterLength(to_), 0u);
  options_.keeps_to_interfaces = true;
  EXPECT_EQ(Apply(), 0);
  EXPECT_EQ(FilterLength(to_), 4u);
  options_.keeps_to_interfaces = false;
  EXPECT_EQ(Apply(), 0);
  EXPECT_EQ(FilterLength(to_), 0u);
}

TEST_P(KernelOptionsTest, InterfacesThatCannotBeKeptToAreAnError) {
  options_.keeps_to_interfaces = true;
  EXPECT_EQ(KernelOptions::Of(from_.get()).ApplyTo(-1, options_), EBADF);
}

INSTANTIATE_TEST_SUITE_P(Families, KernelOptionsTest,
                         testing::Values(AF_INET, AF_INET6));

}  // namespace
}  // namespace wspd
