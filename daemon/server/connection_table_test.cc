#include "daemon/server/connection_table.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

class ConnectionTableTest : public ::testing::Test {
 protected:
  ConnectionTableTest()
      : loop_(EventLoop::Create("test").value()), table_(loop_.get()) {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    server_.Reset(fds[0]);
    client_.Reset(fds[1]);
  }

  std::shared_ptr<Connection> Add(
      absl::Duration timeout = absl::InfiniteDuration()) {
    Peer peer;
    peer.identity.pid = 42;
    peer.identity.uid = 1000;
    return table_.Add(server_.get(), std::move(peer), timeout).value();
  }

  // Waits for the loop to have handled what is ready, then for `gone`.
  void WaitUntilEmpty() {
    while (table_.size() != 0) RunLoopOnce();
  }

  void RunLoopOnce() {
    absl::Notification done;
    loop_->Post([&] { done.Notify(); });
    done.WaitForNotification();
  }

  static bool AtEnd(const OwnedFd& fd) {
    char byte;
    return recv(fd.get(), &byte, 1, 0) == 0;
  }

  std::unique_ptr<EventLoop> loop_;
  ConnectionTable table_;
  OwnedFd server_;
  OwnedFd client_;
};

TEST_F(ConnectionTableTest, FindsByTheNameThatGrpcGives) {
  const auto added = Add();
  const std::string name = absl::StrCat("fd:", server_.get());
  EXPECT_EQ(added->name(), name);
  EXPECT_EQ(table_.Find(name), added);
  EXPECT_EQ(added->identity().pid, 42);
  for (const char* other : {"", "fd:", "fd:-1", "fd:99999", "unix:", "fd:7x"}) {
    EXPECT_EQ(table_.Find(other), nullptr) << other;
  }
}

TEST_F(ConnectionTableTest, PeersEndRemoves) {
  Add();
  EXPECT_EQ(table_.size(), 1u);
  EXPECT_EQ(table_.CountOf(1000), 1u);
  client_.Reset();
  WaitUntilEmpty();
  EXPECT_EQ(table_.CountOf(1000), 0u);
}

TEST_F(ConnectionTableTest, OwnShutdownRemovesAndThePeerSeesIt) {
  const auto connection = Add();
  connection->Shutdown();
  EXPECT_TRUE(AtEnd(client_));
  WaitUntilEmpty();
  connection->Shutdown();
}

TEST_F(ConnectionTableTest, AClosedDescriptorLikeGrpcsRemoves) {
  Add();
  // gRPC shuts down before it closes.
  shutdown(server_.get(), SHUT_RDWR);
  server_.Reset();
  WaitUntilEmpty();
  EXPECT_TRUE(AtEnd(client_));
}

TEST_F(ConnectionTableTest, RemoveForgetsWithoutEnding) {
  const auto connection = Add();
  table_.Remove(connection->name());
  EXPECT_EQ(table_.size(), 0u);
  EXPECT_EQ(send(server_.get(), "x", 1, 0), 1);
}

TEST_F(ConnectionTableTest, AReusedNumberIsTheNewConnection) {
  const auto old = Add();
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  const OwnedFd new_client(fds[1]);
  // The old one's end is unheard of when its number is used again.
  absl::Notification started, go_on;
  loop_->Post([&] {
    started.Notify();
    go_on.WaitForNotification();
  });
  started.WaitForNotification();
  client_.Reset();
  dup2(fds[0], server_.get());
  close(fds[0]);
  const auto fresh = Add();
  go_on.Notify();
  RunLoopOnce();
  RunLoopOnce();
  EXPECT_NE(fresh, old);
  EXPECT_EQ(table_.Find(fresh->name()), fresh);
  EXPECT_EQ(table_.size(), 1u);
  EXPECT_EQ(table_.CountOf(1000), 1u);
}

TEST_F(ConnectionTableTest, WithoutAttachItIsShutDown) {
  Add(absl::Milliseconds(10));
  EXPECT_TRUE(AtEnd(client_));
  WaitUntilEmpty();
}

TEST_F(ConnectionTableTest, AttachedStays) {
  const auto connection = Add(absl::Milliseconds(1));
  table_.OnAttachBegun(connection.get());
  // A later timer has run, so the connection's has.
  absl::Notification later;
  loop_->RunAfter(absl::Milliseconds(20), [&] { later.Notify(); });
  later.WaitForNotification();
  EXPECT_EQ(table_.Find(connection->name()), connection);
  pollfd entry = {client_.get(), POLLIN, 0};
  EXPECT_EQ(poll(&entry, 1, 0), 0);
}

TEST_F(ConnectionTableTest, AfterItsLastAttachItIsShutDown) {
  const auto connection = Add(absl::Milliseconds(10));
  table_.OnAttachBegun(connection.get());
  table_.OnAttachBegun(connection.get());
  table_.OnAttachEnded(connection.get());
  absl::Notification later;
  loop_->RunAfter(absl::Milliseconds(50), [&] { later.Notify(); });
  later.WaitForNotification();
  EXPECT_EQ(table_.Find(connection->name()), connection);
  table_.OnAttachEnded(connection.get());
  EXPECT_TRUE(AtEnd(client_));
  WaitUntilEmpty();
}

TEST_F(ConnectionTableTest, ShutdownAllEndsAll) {
  Add();
  table_.ShutdownAll();
  EXPECT_TRUE(AtEnd(client_));
  WaitUntilEmpty();
}

TEST_F(ConnectionTableTest, ConnectionMayOutliveTheTable) {
  auto table = std::make_unique<ConnectionTable>(loop_.get());
  const auto connection =
      table->Add(server_.get(), Peer(), absl::Milliseconds(1)).value();
  table.reset();
  connection->Shutdown();
  EXPECT_TRUE(AtEnd(client_));
}

}  // namespace
}  // namespace wspd
