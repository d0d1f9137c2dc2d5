// Urgent bytes of a stream, apart from it, with a peer of the kernel's.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/socket/socket.h"
#include "daemon/testing/tcp_pair.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

// Keeps the outcome of the last operation.
class LastOutcome : public OperationSink {
 public:
  void OnOutcome(std::unique_ptr<Operation> /*operation*/,
                 Outcome outcome) override {
    absl::MutexLock lock(&mu_);
    outcome_ = std::move(outcome);
  }
  void OnParked(uint64_t /*operation_id*/) override {}
  void Flush() override {}
  bool closed() const override { return false; }
  bool MayReceive() const override { return true; }

  Outcome Take() {
    absl::MutexLock lock(&mu_);
    return std::move(outcome_);
  }

 private:
  absl::Mutex mu_;
  Outcome outcome_ ABSL_GUARDED_BY(mu_);
};

class SocketUrgentTest : public testing::Test {
 protected:
  SocketUrgentTest() {
    auto loop = EventLoop::Create("test");
    EXPECT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
    TcpPair pair = MakeTcpPair();
    peer_ = std::move(pair.peer);
    // Else one byte waits for the acknowledgement of the one before.
    const int on = 1;
    setsockopt(peer_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    socket_ = Socket::Adopt(std::move(pair.ours), loop_.get());
  }
  ~SocketUrgentTest() override { socket_->Abandon(); }

  // Over loopback it is there when this returns.
  void PeerSends(const std::string& data, int flags = 0) const {
    ASSERT_EQ(send(peer_.get(), data.data(), data.size(), flags),
              static_cast<ssize_t>(data.size()));
  }
  // The last byte is urgent, and off the kernel's hands.
  void PeerSendsUrgent(const std::string& data) const {
    const uint64_t before = socket_->CountUrgent();
    PeerSends(data, MSG_OOB);
    const absl::Time end = absl::Now() + absl::Minutes(1);
    while (socket_->CountUrgent() == before && absl::Now() < end) {
      std::this_thread::yield();
    }
    EXPECT_EQ(socket_->CountUrgent(), before + 1);
  }
  // What one receive gives that doesn't wait; "-" for nothing.
  std::string Receive(size_t max_bytes, int flags = 0) {
    auto operation = std::make_unique<Operation>();
    operation->kind = Operation::Kind::kReceive;
    operation->sink = sink_;
    operation->max_bytes = max_bytes;
    operation->flags = flags;
    operation->wait = false;
    socket_->Submit(std::move(operation));
    const Outcome outcome = sink_->Take();
    if (outcome.error != 0) return "-";
    if (outcome.data == nullptr) return "";
    return std::string(outcome.data->data(), outcome.data->size());
  }
  // What receives of so many bytes give, one after the other.
  std::string ReceiveAll(size_t max_bytes) {
    std::string all;
    for (;;) {
      const std::string data = Receive(max_bytes);
      if (data == "-" || data.empty()) return all + data;
      all += data;
    }
  }
  // All urgent bytes that there are.
  std::string ReceiveUrgent() {
    std::string all;
    for (;;) {
      const std::string byte = Receive(10, MSG_OOB);
      if (byte == "-") return all;
      all += byte;
    }
  }

  std::unique_ptr<EventLoop> loop_;
  OwnedFd peer_;
  std::shared_ptr<Socket> socket_;
  const std::shared_ptr<LastOutcome> sink_ = std::make_shared<LastOutcome>();
};

TEST_F(SocketUrgentTest, EachIsCountedOnce) {
  EXPECT_EQ(socket_->CountUrgent(), 0);
  EXPECT_EQ(socket_->Look().urgent_bytes, 0);
  PeerSendsUrgent("1");
  EXPECT_EQ(socket_->CountUrgent(), 1);
  EXPECT_TRUE(socket_->Look().urgent);
  PeerSendsUrgent("2");
  EXPECT_EQ(socket_->CountUrgent(), 2);
  EXPECT_EQ(ReceiveUrgent(), "12");
  EXPECT_FALSE(socket_->Look().urgent);
  EXPECT_EQ(socket_->CountUrgent(), 2);
  EXPECT_EQ(socket_->Look().urgent_bytes, 2);
}

TEST_F(SocketUrgentTest, OrdinaryDataIsNotCounted) {
  PeerSends("abc");
  EXPECT_EQ(socket_->CountUrgent(), 0);
  EXPECT_EQ(ReceiveAll(10), "abc-");
}

TEST_F(SocketUrgentTest, InLineThereAreNone) {
  socket_->WithFd([](int fd) {
    const int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
  });
  PeerSends("ab", MSG_OOB);
  EXPECT_EQ(socket_->CountUrgent(), 0);
  EXPECT_EQ(ReceiveAll(10), "ab-");
}

// Taken, and given by the kernel all the same once the mark has moved on.
class SizedReceivesTest : public SocketUrgentTest,
                          public testing::WithParamInterface<size_t> {};
INSTANTIATE_TEST_SUITE_P(, SizedReceivesTest, testing::Values(1, 2, 3, 100));

TEST_P(SizedReceivesTest, UnreadUrgentBytesAreNoneOfTheStream) {
  PeerSends("ab");
  PeerSendsUrgent("1");
  PeerSends("cd");
  PeerSendsUrgent("2");
  PeerSendsUrgent("3");
  PeerSends("e");
  PeerSendsUrgent("f4");
  PeerSends("g");
  EXPECT_EQ(ReceiveAll(GetParam()), "abcdefg-");
  EXPECT_EQ(socket_->received(), 7);
  EXPECT_EQ(ReceiveUrgent(), "1234");
  // And it goes on.
  PeerSends("hi");
  EXPECT_EQ(ReceiveAll(GetParam()), "hi-");
}

TEST_P(SizedReceivesTest, AmongReceives) {
  std::string stream;
  for (const char* urgent : {"1", "2", "3", "4", "5"}) {
    PeerSends("abc");
    PeerSendsUrgent(urgent);
    stream += Receive(GetParam());
  }
  EXPECT_EQ(stream + ReceiveAll(GetParam()), "abcabcabcabcabc-");
  EXPECT_EQ(ReceiveUrgent(), "12345");
}

TEST_P(SizedReceivesTest, TheReaderIsAtTheMark) {
  PeerSends("ab");
  PeerSendsUrgent("1");
  EXPECT_EQ(Receive(2), "ab");
  // The next mark leaves the reader's place.
  PeerSendsUrgent("2");
  PeerSends("c");
  PeerSendsUrgent("3");
  PeerSends("d");
  EXPECT_EQ(ReceiveAll(GetParam()), "cd-");
  EXPECT_EQ(ReceiveUrgent(), "123");
}

TEST_P(SizedReceivesTest, APeekChangesNothing) {
  PeerSends("ab");
  PeerSendsUrgent("1");
  PeerSends("c");
  PeerSendsUrgent("2");
  EXPECT_EQ(Receive(100, MSG_PEEK), "abc");
  EXPECT_EQ(Receive(100, MSG_PEEK), "abc");
  EXPECT_EQ(ReceiveAll(GetParam()), "abc-");
}

TEST_F(SocketUrgentTest, WhatIsLeftOutIsNotReadable) {
  PeerSends("a");
  PeerSendsUrgent("1");
  PeerSendsUrgent("2");
  EXPECT_EQ(socket_->CountUrgentAmong(2), 1);
  EXPECT_EQ(socket_->CountUrgentAmong(1), 0);
  EXPECT_EQ(Receive(1), "a");
  EXPECT_FALSE(socket_->Look().readable);
  EXPECT_EQ(socket_->CountUrgentAmong(2), 0);
}

TEST_F(SocketUrgentTest, TheEndComesBehindThem) {
  PeerSends("a");
  PeerSendsUrgent("1");
  PeerSendsUrgent("2");
  shutdown(peer_.get(), SHUT_WR);
  EXPECT_EQ(ReceiveAll(10), "a");
  EXPECT_EQ(ReceiveUrgent(), "12");
}

// More than are remembered: the newest are dropped, the stream isn't harmed.
TEST_F(SocketUrgentTest, ManyThatNobodyReceives) {
  std::string stream;
  for (int i = 0; i < 100; ++i) {
    PeerSendsUrgent("!");
    PeerSends("x");
    stream += Receive(1);
  }
  EXPECT_EQ(stream, std::string(100, 'x'));
  EXPECT_EQ(ReceiveUrgent(), std::string(64, '!'));
  EXPECT_EQ(socket_->CountUrgent(), 100);
}

}  // namespace
}  // namespace wspd
