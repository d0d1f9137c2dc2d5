#include "daemon/socket/lingerer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/synchronization/notification.h"
#include "daemon/socket/reset.h"
#include "daemon/testing/tcp_pair.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

constexpr absl::Duration kDeadline = absl::Minutes(1);

// Fills the connection's buffers; returns how much the kernel took.
size_t Fill(int fd) {
  const std::string block(1 << 16, 'x');
  size_t total = 0;
  for (;;) {
    const ssize_t sent =
        send(fd, block.data(), block.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return total;
    total += sent;
  }
}

constexpr Lingerer::Owner kOwner = {1, 0, 0, 2};

class LingererTest : public testing::Test {
 protected:
  LingererTest() : loop_(*EventLoop::Create("test")) {}

  void AwaitEmpty(Lingerer* lingerer) {
    absl::Notification empty;
    lingerer->WhenEmpty([&empty] { empty.Notify(); });
    EXPECT_TRUE(empty.WaitForNotificationWithTimeout(kDeadline));
  }

  std::unique_ptr<EventLoop> loop_;
};

TEST_F(LingererTest, EverythingArrivesAlthoughDataOfThePeerIsUnread) {
  Lingerer lingerer({});
  TcpPair pair = MakeTcpPair();
  ASSERT_EQ(write(pair.peer.get(), "unread", 6), 6);
  const size_t sent = Fill(pair.ours.get());
  lingerer.Linger(std::move(pair.ours), loop_.get(), kOwner);
  EXPECT_EQ(lingerer.size(), 1);
  // The peer goes on sending, too, and reads late.
  ASSERT_EQ(write(pair.peer.get(), "more", 4), 4);
  int error = 0;
  EXPECT_EQ(ReadBytes(pair.peer.get(), sent + 1, &error).size(), sent);
  EXPECT_EQ(error, 0);
  pair.peer.Reset();
  AwaitEmpty(&lingerer);
}

TEST_F(LingererTest, OneIsResetByItsNumber) {
  Lingerer lingerer({});
  TcpPair pair = MakeTcpPair();
  TcpPair other = MakeTcpPair();
  Fill(pair.ours.get());
  lingerer.Linger(std::move(pair.ours), loop_.get(), kOwner);
  lingerer.Linger(std::move(other.ours), loop_.get(), {1, 0, 0, 3});
  EXPECT_FALSE(lingerer.Reset(2, kOwner.socket_id));
  EXPECT_TRUE(lingerer.Reset(kOwner.client_id, kOwner.socket_id));
  EXPECT_EQ(lingerer.size(), 1);
  char byte;
  while (recv(pair.peer.get(), &byte, 1, 0) > 0) {
  }
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_FALSE(lingerer.Reset(kOwner.client_id, kOwner.socket_id));
}

TEST_F(LingererTest, TheTimeLimitEndsIt) {
  Lingerer::Options options;
  options.linger_time = absl::Milliseconds(1);
  Lingerer lingerer(options);
  TcpPair pair = MakeTcpPair();
  lingerer.Linger(std::move(pair.ours), loop_.get(), kOwner);
  AwaitEmpty(&lingerer);
}

TEST_F(LingererTest, AboveTheLimitTheOldestGoes) {
  Lingerer::Options options;
  options.max_per_process = 2;
  Lingerer lingerer(options);
  std::vector<OwnedFd> peers;
  for (uint64_t socket = 1; socket <= 3; ++socket) {
    TcpPair pair = MakeTcpPair();
    peers.push_back(std::move(pair.peer));
    // Each of another registration of one process.
    lingerer.Linger(std::move(pair.ours), loop_.get(), {socket, 7, 0, socket});
  }
  ASSERT_EQ(lingerer.size(), 2);
  EXPECT_EQ(lingerer.List()[0].owner.socket_id, 2);
  EXPECT_EQ(lingerer.List()[1].owner.socket_id, 3);
}

TEST_F(LingererTest, TheProcessesOfAUserShareALimit) {
  Lingerer::Options options;
  options.max_per_uid = 2;
  Lingerer lingerer(options);
  std::vector<OwnedFd> peers;
  for (pid_t pid = 1; pid <= 4; ++pid) {
    TcpPair pair = MakeTcpPair();
    peers.push_back(std::move(pair.peer));
    // The first is another user's.
    const uid_t uid = pid == 1 ? 100 : 200;
    lingerer.Linger(std::move(pair.ours), loop_.get(), {1, pid, uid, 1});
  }
  ASSERT_EQ(lingerer.size(), 3);
  EXPECT_EQ(lingerer.List()[0].owner.pid, 1);
  EXPECT_EQ(lingerer.List()[1].owner.pid, 3);
  EXPECT_EQ(lingerer.List()[2].owner.pid, 4);
}

TEST_F(LingererTest, ALowerLimitEndsNoneUntilTheNextTakesItsPlace) {
  Lingerer lingerer({});
  std::vector<OwnedFd> peers;
  const auto linger = [&](uint64_t socket) {
    TcpPair pair = MakeTcpPair();
    peers.push_back(std::move(pair.peer));
    lingerer.Linger(std::move(pair.ours), loop_.get(), {1, 7, 0, socket});
  };
  for (uint64_t socket = 1; socket <= 3; ++socket) linger(socket);
  lingerer.SetMost(2, 100);
  EXPECT_EQ(lingerer.size(), 3);
  linger(4);
  EXPECT_EQ(lingerer.size(), 3);
  EXPECT_EQ(lingerer.List()[0].owner.socket_id, 2);
  lingerer.SetMost(100, 3);
  linger(5);
  EXPECT_EQ(lingerer.size(), 3);
  lingerer.SetMost(100, 100);
  linger(6);
  EXPECT_EQ(lingerer.size(), 4);
}

TEST_F(LingererTest, ALingerTimeThatIsOverResetsAndTells) {
  Lingerer lingerer({});
  TcpPair pair = MakeTcpPair();
  Fill(pair.ours.get());
  absl::Notification done;
  lingerer.LingerAtMost(std::move(pair.ours), loop_.get(), kOwner,
                        absl::Milliseconds(20), [&done] { done.Notify(); });
  ASSERT_TRUE(done.WaitForNotificationWithTimeout(kDeadline));
  int error = 0;
  ReadBytes(pair.peer.get(), 64 << 20, &error);
  EXPECT_EQ(error, ECONNRESET);
}

TEST_F(LingererTest, ALingerTimeTellsWhenThePeerHasEverything) {
  Lingerer lingerer({});
  TcpPair pair = MakeTcpPair();
  ASSERT_EQ(write(pair.ours.get(), "all", 3), 3);
  absl::Notification done;
  lingerer.LingerAtMost(std::move(pair.ours), loop_.get(), kOwner,
                        absl::Minutes(10), [&done] { done.Notify(); });
  EXPECT_TRUE(done.WaitForNotificationWithTimeout(kDeadline));
  EXPECT_EQ(ReadBytes(pair.peer.get(), 10), "all");
}

TEST_F(LingererTest, EverythingArrivesAfterThePeersEnd) {
  Lingerer lingerer({});
  TcpPair pair = MakeTcpPair();
  ASSERT_EQ(write(pair.peer.get(), "unread", 6), 6);
  ASSERT_EQ(shutdown(pair.peer.get(), SHUT_WR), 0);
  const size_t sent = Fill(pair.ours.get());
  lingerer.Linger(std::move(pair.ours), loop_.get(), kOwner);
  AwaitEmpty(&lingerer);
  int error = 0;
  EXPECT_EQ(ReadBytes(pair.peer.get(), sent + 1, &error).size(), sent);
  EXPECT_EQ(error, 0);
}

TEST_F(LingererTest, ALingerTimeGoesOnAfterThePeersEnd) {
  Lingerer lingerer({});
  TcpPair pair = MakeTcpPair();
  ASSERT_EQ(shutdown(pair.peer.get(), SHUT_WR), 0);
  const size_t sent = Fill(pair.ours.get());
  absl::Notification done;
  lingerer.LingerAtMost(std::move(pair.ours), loop_.get(), kOwner,
                        absl::Minutes(10), [&done] { done.Notify(); });
  EXPECT_FALSE(done.HasBeenNotified());
  int error = 0;
  EXPECT_EQ(ReadBytes(pair.peer.get(), sent + 1, &error).size(), sent);
  EXPECT_EQ(error, 0);
  EXPECT_TRUE(done.WaitForNotificationWithTimeout(kDeadline));
  AwaitEmpty(&lingerer);
}

TEST_F(LingererTest, ALingerTimeThatIsOverResetsAfterThePeersEndToo) {
  Lingerer lingerer({});
  TcpPair pair = MakeTcpPair();
  ASSERT_EQ(shutdown(pair.peer.get(), SHUT_WR), 0);
  Fill(pair.ours.get());
  absl::Notification done;
  lingerer.LingerAtMost(std::move(pair.ours), loop_.get(), kOwner,
                        absl::Milliseconds(20), [&done] { done.Notify(); });
  ASSERT_TRUE(done.WaitForNotificationWithTimeout(kDeadline));
  int error = 0;
  ReadBytes(pair.peer.get(), 64 << 20, &error);
  EXPECT_EQ(error, ECONNRESET);
}

TEST_F(LingererTest, AResetAfterThePeersEndEndsALingerTime) {
  Lingerer lingerer({});
  TcpPair pair = MakeTcpPair();
  ASSERT_EQ(shutdown(pair.peer.get(), SHUT_WR), 0);
  Fill(pair.ours.get());
  absl::Notification done;
  lingerer.LingerAtMost(std::move(pair.ours), loop_.get(), kOwner,
                        absl::Minutes(10), [&done] { done.Notify(); });
  EXPECT_FALSE(done.HasBeenNotified());
  ResetAndClose(std::move(pair.peer));
  EXPECT_TRUE(done.WaitForNotificationWithTimeout(kDeadline));
}

TEST_F(LingererTest, ALingerTimeIsNotLongerThanOthersLinger) {
  Lingerer::Options options;
  options.linger_time = absl::Milliseconds(20);
  Lingerer lingerer(options);
  TcpPair pair = MakeTcpPair();
  Fill(pair.ours.get());
  absl::Notification done;
  lingerer.LingerAtMost(std::move(pair.ours), loop_.get(), kOwner,
                        absl::Hours(18), [&done] { done.Notify(); });
  EXPECT_TRUE(done.WaitForNotificationWithTimeout(kDeadline));
}

TEST_F(LingererTest, ALingerTimeThatWasEnoughResetsNothing) {
  Lingerer lingerer({});
  TcpPair pair = MakeTcpPair();
  ASSERT_EQ(write(pair.ours.get(), "all", 3), 3);
  absl::Notification done, later;
  lingerer.LingerAtMost(std::move(pair.ours), loop_.get(), kOwner,
                        absl::Milliseconds(300), [&done] { done.Notify(); });
  ASSERT_TRUE(done.WaitForNotificationWithTimeout(kDeadline));
  loop_->RunAfter(absl::Milliseconds(350), [&later] { later.Notify(); });
  ASSERT_TRUE(later.WaitForNotificationWithTimeout(kDeadline));
  EXPECT_EQ(lingerer.size(), 1);
}

TEST_F(LingererTest, WhoStopsWaitingIsNotTold) {
  Lingerer lingerer({});
  TcpPair pair = MakeTcpPair();
  const size_t sent = Fill(pair.ours.get());
  bool told = false;
  const Lingerer::Key key =
      lingerer.LingerAtMost(std::move(pair.ours), loop_.get(), kOwner,
                            absl::Minutes(10), [&told] { told = true; });
  EXPECT_TRUE(lingerer.List().empty());
  EXPECT_TRUE(lingerer.StopWaiting(key));
  EXPECT_FALSE(lingerer.StopWaiting(key));
  EXPECT_EQ(lingerer.List().size(), 1);
  int error = 0;
  EXPECT_EQ(ReadBytes(pair.peer.get(), sent + 1, &error).size(), sent);
  EXPECT_EQ(error, 0);
  pair.peer.Reset();
  AwaitEmpty(&lingerer);
  EXPECT_FALSE(told);
}

TEST_F(LingererTest, ResetAllResets) {
  Lingerer lingerer({});
  TcpPair pair = MakeTcpPair();
  lingerer.Linger(std::move(pair.ours), loop_.get(), kOwner);
  ASSERT_EQ(ReadBytes(pair.peer.get(), 1), "");
  lingerer.ResetAll();
  EXPECT_EQ(lingerer.size(), 0);
  EXPECT_EQ(send(pair.peer.get(), "x", 1, MSG_NOSIGNAL), -1);
}

}  // namespace
}  // namespace wspd
