#ifndef WSPD_DAEMON_SOCKET_SOCKET_URGENT_FIXTURE_H_
#define WSPD_DAEMON_SOCKET_SOCKET_URGENT_FIXTURE_H_

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

// The engine's socket, and a peer of the kernel's that sends urgent bytes.
class SocketUrgentTest : public testing::Test {
 protected:
  SocketUrgentTest() {
    auto loop = EventLoop::Create("test");
    EXPECT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
    Connect();
  }
  ~SocketUrgentTest() override { socket_->Abandon(); }

  // Another pair, in the place of the one before.
  void Connect() {
    if (socket_ != nullptr) socket_->Abandon();
    TcpPair pair = MakeTcpPair();
    peer_ = std::move(pair.peer);
    // Else one byte waits for the acknowledgement of the one before.
    const int on = 1;
    setsockopt(peer_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    socket_ = Socket::Adopt(std::move(pair.ours), loop_.get());
  }

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
  void SetInLine(int on) const {
    EXPECT_EQ(socket_->WithFd([on](int fd) {
      return setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
    }),
              0);
  }
  uint64_t CountUnread() const {
    uint64_t bytes = 0;
    EXPECT_EQ(socket_->CountUnread(&bytes), 0);
    return bytes;
  }
  void AwaitUnread(uint64_t bytes) const {
    const absl::Time end = absl::Now() + absl::Minutes(1);
    while (CountUnread() != bytes && absl::Now() < end) {
      std::this_thread::yield();
    }
    EXPECT_EQ(CountUnread(), bytes);
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

}  // namespace wspd

#endif  // WSPD_DAEMON_SOCKET_SOCKET_URGENT_FIXTURE_H_
