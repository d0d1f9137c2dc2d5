// What a peer sends to a connection that was ended in order.
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/socket/socket.h"
#include "daemon/testing/tcp_pair.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

constexpr size_t kMegabyte = 1 << 20;

class IdleObserver : public SocketObserver {
 public:
  void OnStateChange() override {}
};

class SocketConclusionTest : public testing::Test {
 protected:
  SocketConclusionTest() {
    auto loop = EventLoop::Create("test");
    EXPECT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
    Make(nullptr);
  }
  ~SocketConclusionTest() override { socket_->Abandon(); }

  void Make(std::shared_ptr<RateQuota> quota) {
    if (socket_ != nullptr) socket_->Abandon();
    TcpPair pair = MakeTcpPair();
    peer_ = std::move(pair.peer);
    // No wait is forever.
    const timeval deadline{60, 0};
    setsockopt(peer_.get(), SOL_SOCKET, SO_SNDTIMEO, &deadline,
               sizeof(deadline));
    SetRoom(pair.ours.get(), SO_RCVBUF);
    SetRoom(peer_.get(), SO_SNDBUF);
    socket_ = Socket::Adopt(std::move(pair.ours), loop_.get(), quota);
  }
  static void SetRoom(int fd, int option) {
    const int bytes = 64 << 10;
    EXPECT_EQ(setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof(bytes)), 0);
  }
  void Conclude(absl::Duration time = absl::Minutes(1)) {
    int error = 0;
    EXPECT_TRUE(socket_->Conclude(time, &error).empty());
    EXPECT_EQ(error, 0);
  }
  void SendFromPeer(size_t bytes) {
    const std::string all(bytes, 'x');
    EXPECT_EQ(send(peer_.get(), all.data(), all.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes))
        << strerror(errno);
  }
  void ExpectTheEnd() {
    int error = 0;
    EXPECT_EQ(ReadBytes(peer_.get(), 1, &error), "");
    EXPECT_EQ(error, 0);
  }

  std::unique_ptr<EventLoop> loop_;
  std::shared_ptr<Socket> socket_;
  OwnedFd peer_;
};

TEST_F(SocketConclusionTest, WhatComesIsDropped) {
  const std::string much(kMegabyte, 'x');
  while (send(peer_.get(), much.data(), much.size(), MSG_DONTWAIT) > 0) {
  }
  Conclude();
  SendFromPeer(32 * kMegabyte);
  ExpectTheEnd();
  EXPECT_EQ(socket_->received(), 0u);
}

// The loop tells of it but once then.
TEST_F(SocketConclusionTest, AlsoWhereSomebodyWatches) {
  const auto observer = std::make_shared<IdleObserver>();
  socket_->SetObserver(observer, EPOLLIN | EPOLLOUT);
  Conclude();
  SendFromPeer(32 * kMegabyte);
  ExpectTheEnd();
}

TEST_F(SocketConclusionTest, AtItsClientsRate) {
  constexpr uint64_t kPerSecond = 4 * kMegabyte;
  Make(RateQuota::Create({kPerSecond}, nullptr));
  Conclude();
  const absl::Time begin = absl::Now();
  SendFromPeer(4 * kMegabyte);
  // But for a burst, and what there is room for on the way.
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(500));
  ExpectTheEnd();
}

TEST_F(SocketConclusionTest, AsLongAsItsTime) {
  Conclude(absl::Milliseconds(20));
  const std::string bytes(kMegabyte, 'x');
  while (send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0) {
  }
  EXPECT_TRUE(errno == ECONNRESET || errno == EPIPE) << strerror(errno);
}

TEST_F(SocketConclusionTest, AnotherSocketInItsPlaceReceives) {
  Conclude(absl::Milliseconds(20));
  TcpPair pair = MakeTcpPair();
  (void)socket_->Exchange(std::move(pair.ours), 0);
  ASSERT_EQ(send(pair.peer.get(), "kept", 4, MSG_NOSIGNAL), 4);
  // Whose time is over after that.
  absl::Notification over;
  loop_->RunAfter(absl::Milliseconds(40), [&over] { over.Notify(); });
  over.WaitForNotification();
  bool unread = false;
  EXPECT_EQ(socket_->PeekForEnd(&unread), 0);
  EXPECT_TRUE(unread);
}

}  // namespace
}  // namespace wspd
