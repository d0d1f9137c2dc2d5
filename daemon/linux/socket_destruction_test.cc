#include "daemon/linux/socket_destruction.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "daemon/base/owned_fd.h"
#include "daemon/socket/net_address.h"
#include "daemon/testing/tcp_pair.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

uint64_t CookieOf(const OwnedFd& fd) {
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  EXPECT_EQ(getsockopt(fd.get(), SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
  return cookie;
}

int ErrorOf(const OwnedFd& fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  EXPECT_EQ(getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size), 0);
  return error;
}

int ReceiveError(const OwnedFd& fd) {
  char byte;
  return recv(fd.get(), &byte, 1, 0) < 0 ? errno : 0;
}

sockaddr_in6 Loopback6() {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  return address;
}

// On the family's loopback address.
OwnedFd Bound(int family, int type, int port = 0, bool share = false) {
  OwnedFd fd(socket(family, type | SOCK_CLOEXEC, 0));
  const int on = share ? 1 : 0;
  EXPECT_EQ(setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const NetAddress address =
      family == AF_INET ? NetAddress(v4) : NetAddress(Loopback6());
  const NetAddress with_port = address.WithPort(static_cast<uint16_t>(port));
  EXPECT_EQ(bind(fd.get(), with_port.get(), with_port.size()), 0);
  return fd;
}

OwnedFd ConnectTo(const OwnedFd& listener) {
  const NetAddress address = NetAddress::LocalOf(listener.get());
  OwnedFd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(fd.get(), address.get(), address.size()), 0);
  return fd;
}

OwnedFd Accept(const OwnedFd& listener) {
  return OwnedFd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

class SocketDestructionTest : public testing::Test {
 protected:
  void SetUp() override {
    const absl::Status status = TryDestruction();
    if (!status.ok()) GTEST_SKIP() << status;
  }
};

TEST_F(SocketDestructionTest, AConnectionIsReset) {
  for (const int family : {AF_INET, AF_INET6}) {
    const OwnedFd listener = Bound(family, SOCK_STREAM);
    ASSERT_EQ(listen(listener.get(), 1), 0);
    const OwnedFd ours = ConnectTo(listener);
    const OwnedFd peer = Accept(listener);
    const OwnedFd other = ConnectTo(listener);
    EXPECT_EQ(DestroySocket(family, IPPROTO_TCP, CookieOf(ours)),
              absl::OkStatus());
    EXPECT_EQ(ReceiveError(ours), ECONNABORTED);
    EXPECT_EQ(ReceiveError(peer), ECONNRESET);
    EXPECT_EQ(ErrorOf(other), 0);
    const absl::Status again =
        DestroySocket(family, IPPROTO_TCP, CookieOf(ours));
    EXPECT_EQ(again.code(), absl::StatusCode::kNotFound) << again;
  }
}

TEST_F(SocketDestructionTest, AnAcceptedConnectionOfADualStackIsReset) {
  OwnedFd listener(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(listen(listener.get(), 1), 0);
  const uint16_t port = NetAddress::LocalOf(listener.get()).port();
  const OwnedFd peer = ConnectToLoopback(port);
  const OwnedFd ours = Accept(listener);
  EXPECT_EQ(DestroySocket(AF_INET6, IPPROTO_TCP, CookieOf(ours)),
            absl::OkStatus());
  EXPECT_EQ(ReceiveError(peer), ECONNRESET);
}

// As of an attempt that has become one since somebody listed it.
TEST_F(SocketDestructionTest, InOrderAConnectionIsSpared) {
  const OwnedFd listener = Bound(AF_INET, SOCK_STREAM);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  const OwnedFd ours = ConnectTo(listener);
  const OwnedFd peer = Accept(listener);
  const absl::Status status =
      DestroySocket(AF_INET, IPPROTO_TCP, CookieOf(ours), ForcedEnd::kOrderly);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_NE(status.message().find("by a reset alone"), std::string::npos);
  EXPECT_EQ(ErrorOf(ours), 0);
  EXPECT_EQ(ErrorOf(peer), 0);
  EXPECT_EQ(DestroySocket(AF_INET, IPPROTO_TCP, CookieOf(listener),
                          ForcedEnd::kOrderly),
            absl::OkStatus());
}

TEST_F(SocketDestructionTest, AListenerListensNoMore) {
  const OwnedFd listener = Bound(AF_INET, SOCK_STREAM);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  const OwnedFd waiting = ConnectTo(listener);
  EXPECT_EQ(DestroySocket(AF_INET, IPPROTO_TCP, CookieOf(listener)),
            absl::OkStatus());
  EXPECT_FALSE(Accept(listener).valid());
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(ErrorOf(listener), ECONNABORTED);
  EXPECT_EQ(ReceiveError(waiting), ECONNRESET);
}

TEST_F(SocketDestructionTest, AnAttemptToConnectIsAborted) {
  // A full backlog answers no more.
  const OwnedFd listener = Bound(AF_INET, SOCK_STREAM);
  ASSERT_EQ(listen(listener.get(), 0), 0);
  const NetAddress address = NetAddress::LocalOf(listener.get());
  std::vector<OwnedFd> attempts;
  OwnedFd last;
  for (int i = 0; i < 16 && !last.valid(); ++i) {
    OwnedFd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    EXPECT_EQ(connect(fd.get(), address.get(), address.size()), -1);
    pollfd connected{fd.get(), POLLOUT, 0};
    if (poll(&connected, 1, 20) == 0) {
      last = std::move(fd);
    } else {
      attempts.push_back(std::move(fd));
    }
  }
  ASSERT_TRUE(last.valid());
  EXPECT_EQ(
      DestroySocket(AF_INET, IPPROTO_TCP, CookieOf(last), ForcedEnd::kOrderly),
      absl::OkStatus());
  EXPECT_EQ(ErrorOf(last), ECONNABORTED);
}

TEST_F(SocketDestructionTest, DatagramSocketsLoseTheirPeer) {
  for (const int family : {AF_INET, AF_INET6}) {
    const OwnedFd bound = Bound(family, SOCK_DGRAM);
    const NetAddress address = NetAddress::LocalOf(bound.get());
    const OwnedFd connected(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(connect(connected.get(), address.get(), address.size()), 0);
    EXPECT_EQ(DestroySocket(family, IPPROTO_UDP, CookieOf(connected)),
              absl::OkStatus());
    EXPECT_EQ(ReceiveError(connected), ECONNABORTED);
    EXPECT_TRUE(NetAddress::PeerOf(connected.get()).empty());
    EXPECT_EQ(DestroySocket(family, IPPROTO_UDP, CookieOf(bound)),
              absl::OkStatus());
    EXPECT_EQ(ReceiveError(bound), ECONNABORTED);
  }
}

TEST_F(SocketDestructionTest, OfThoseThatShareAPortOnlyTheOneThatIsMeant) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    std::vector<OwnedFd> workers;
    workers.push_back(Bound(AF_INET, type, 0, true));
    const int port = NetAddress::LocalOf(workers[0].get()).port();
    while (workers.size() < 8) {
      workers.push_back(Bound(AF_INET, type, port, true));
    }
    for (const OwnedFd& worker : workers) {
      if (type != SOCK_STREAM) continue;
      ASSERT_EQ(listen(worker.get(), 1), 0);
    }
    const int protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    EXPECT_EQ(DestroySocket(AF_INET, protocol, CookieOf(workers[5])),
              absl::OkStatus());
    for (size_t i = 0; i < workers.size(); ++i) {
      EXPECT_EQ(ErrorOf(workers[i]), i == 5 ? ECONNABORTED : 0) << i;
    }
  }
}

TEST_F(SocketDestructionTest, WhatIsOnlyBoundSaysSo) {
  const OwnedFd bound = Bound(AF_INET, SOCK_STREAM);
  const absl::Status status =
      DestroySocket(AF_INET, IPPROTO_TCP, CookieOf(bound));
  // Kernels before 6.8 don't list it.
  if (!absl::IsNotFound(status)) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_NE(status.message().find("nothing to reset"), std::string::npos);
  }
}

TEST_F(SocketDestructionTest, ProtocolsThatTheKernelCannotResetSaySo) {
  const absl::Status status = DestroySocket(AF_INET, IPPROTO_MPTCP, 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
}

// The calling thread has no CAP_NET_ADMIN as long as it lives.
class WithoutNetAdmin {
 public:
  WithoutNetAdmin() {
    EXPECT_EQ(syscall(SYS_capget, &header_, old_), 0);
    __user_cap_data_struct less[2] = {old_[0], old_[1]};
    less[0].effective &= ~(1u << CAP_NET_ADMIN);
    EXPECT_EQ(syscall(SYS_capset, &header_, less), 0);
  }
  ~WithoutNetAdmin() { syscall(SYS_capset, &header_, old_); }

 private:
  __user_cap_header_struct header_ = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct old_[2] = {};
};

TEST_F(SocketDestructionTest, WithoutTheCapabilityItSaysWhatIsMissing) {
  const TcpPair pair = MakeTcpPair();
  const WithoutNetAdmin without;
  const absl::Status status =
      DestroySocket(AF_INET, IPPROTO_TCP, CookieOf(pair.peer));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("CAP_NET_ADMIN"), std::string::npos);
  EXPECT_EQ(TryDestruction().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorOf(pair.peer), 0);
}

}  // namespace
}  // namespace wspd
