#include "daemon/server/connection_sorter.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(30);
const auto& kToken = *new std::string("0123456789abcdef");
const auto& kFirst = *new std::string("WSPDFD1\n" + kToken);

class ConnectionSorterTest : public testing::Test {
 protected:
  struct Sorted {
    OwnedFd fd;
    // Empty for gRPC.
    std::string token;
  };

  ConnectionSorterTest() {
    sorter_ = std::make_unique<ConnectionSorter>(
        loop_.get(), &table_,
        [this](int fd) {
          Put({OwnedFd(fd), ""});
        },
        [this](OwnedFd fd, std::shared_ptr<Connection> connection,
               std::string token) {
          EXPECT_NE(connection, nullptr);
          Put({std::move(fd), std::move(token)});
        });
  }

  // The client's end of a connection that has `bytes` in it already.
  OwnedFd Connect(const std::string& bytes = "",
                  absl::Duration timeout = absl::InfiniteDuration()) {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    OwnedFd client(pair[0]);
    Send(client, bytes);
    const int flags = fcntl(pair[1], F_GETFL);
    EXPECT_EQ(fcntl(pair[1], F_SETFL, flags | O_NONBLOCK), 0);
    Peer peer;
    peer.identity.pid = getpid();
    absl::Notification added;
    loop_->Post([&] {
      EXPECT_TRUE(table_.Add(pair[1], std::move(peer), timeout).ok());
      sorter_->Add(pair[1]);
      added.Notify();
    });
    added.WaitForNotification();
    return client;
  }

  static void Send(const OwnedFd& client, const std::string& bytes) {
    EXPECT_EQ(send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  static bool IsEnded(const OwnedFd& client) {
    char byte;
    return recv(client.get(), &byte, 1, 0) <= 0;
  }

  // The next one that was handed on.
  Sorted Take() {
    absl::MutexLock lock(&mu_);
    const auto there = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return !sorted_.empty();
    };
    if (!mu_.AwaitWithTimeout(absl::Condition(&there), kDeadline)) abort();
    Sorted first = std::move(sorted_.front());
    sorted_.erase(sorted_.begin());
    return first;
  }

  // What was handed on so far, and isn't taken.
  size_t Count() {
    absl::Notification done;
    loop_->Post([&] { done.Notify(); });
    done.WaitForNotification();
    absl::MutexLock lock(&mu_);
    return sorted_.size();
  }

  static std::string Unread(const Sorted& sorted) {
    char bytes[100];
    const ssize_t size =
        recv(sorted.fd.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
    return size < 0 ? "" : std::string(bytes, size);
  }

  const std::unique_ptr<EventLoop> loop_ = *EventLoop::Create("sorter");
  ConnectionTable table_{loop_.get()};
  std::unique_ptr<ConnectionSorter> sorter_;

 private:
  void Put(Sorted sorted) {
    absl::MutexLock lock(&mu_);
    sorted_.push_back(std::move(sorted));
  }

  absl::Mutex mu_;
  std::vector<Sorted> sorted_ ABSL_GUARDED_BY(mu_);
};

TEST_F(ConnectionSorterTest, Http2GoesOnUnread) {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const OwnedFd at_once = Connect(preface);
  EXPECT_EQ(Count(), 1u);
  EXPECT_EQ(Unread(Take()), preface);
  const OwnedFd later = Connect();
  EXPECT_EQ(Count(), 0u);
  Send(later, preface);
  const Sorted sorted = Take();
  EXPECT_EQ(sorted.token, "");
  EXPECT_EQ(Unread(sorted), preface);
}

TEST_F(ConnectionSorterTest, OneByteIsEnoughForGrpc) {
  const OwnedFd client = Connect("P");
  EXPECT_EQ(Unread(Take()), "P");
  // Its own business, too.
  const OwnedFd garbage = Connect("garbage");
  EXPECT_EQ(Unread(Take()), "garbage");
}

TEST_F(ConnectionSorterTest, DescriptorConnectionsGoWithTheirToken) {
  const OwnedFd client = Connect(kFirst);
  EXPECT_EQ(Take().token, kToken);
}

TEST_F(ConnectionSorterTest, FirstBytesMayComeOneByOne) {
  const OwnedFd client = Connect(kFirst.substr(0, 1));
  for (size_t i = 1; i < kFirst.size(); ++i) {
    EXPECT_EQ(Count(), 0u) << i;
    Send(client, kFirst.substr(i, 1));
  }
  EXPECT_EQ(Take().token, kToken);
}

TEST_F(ConnectionSorterTest, WhatComesBehindTheTokenIsLeft) {
  const OwnedFd client = Connect(kFirst + "more");
  EXPECT_EQ(Unread(Take()), "more");
}

TEST_F(ConnectionSorterTest, AWrongMagicEndsTheConnection) {
  const std::string wrong[] = {"WSPDFD2\n" + kToken, "WSPDFD1\r" + kToken, "Wx",
                               "WSPDFD1 " + kToken};
  for (const std::string& bytes : wrong) {
    const OwnedFd client = Connect(bytes);
    EXPECT_TRUE(IsEnded(client)) << bytes;
  }
  EXPECT_EQ(Count(), 0u);
}

TEST_F(ConnectionSorterTest, WhoWaitsDelaysNobody) {
  std::vector<OwnedFd> silent;
  for (int i = 0; i < 100; ++i) {
    silent.push_back(Connect(kFirst.substr(0, i % kFirst.size())));
  }
  const OwnedFd client = Connect(kFirst);
  EXPECT_EQ(Take().token, kToken);
  EXPECT_EQ(Count(), 0u);
  for (int i = 0; i < 100; ++i) {
    Send(silent[i], kFirst.substr(i % kFirst.size()));
    EXPECT_EQ(Take().token, kToken) << i;
  }
}

TEST_F(ConnectionSorterTest, WhoEndsInTheMidstIsForgotten) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{23}}) {
    OwnedFd client = Connect(kFirst.substr(0, size));
    EXPECT_EQ(table_.size(), 1u);
    client.Reset();
    const absl::Time end = absl::Now() + kDeadline;
    while (table_.size() > 0 && absl::Now() < end) Count();
    EXPECT_EQ(table_.size(), 0u) << size;
  }
}

TEST_F(ConnectionSorterTest, TheTimeToAttachIsTheTables) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{23}}) {
    const OwnedFd client =
        Connect(kFirst.substr(0, size), absl::Milliseconds(10));
    EXPECT_TRUE(IsEnded(client)) << size;
  }
  EXPECT_EQ(Count(), 0u);
}

TEST_F(ConnectionSorterTest, StoppedItEndsWhatWaits) {
  const OwnedFd silent = Connect();
  const OwnedFd begun = Connect(kFirst.substr(0, 5));
  sorter_->Stop();
  EXPECT_TRUE(IsEnded(silent));
  EXPECT_TRUE(IsEnded(begun));
}

}  // namespace
}  // namespace wspd
