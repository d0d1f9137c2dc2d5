#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "daemon/socket/socket.h"
#include "daemon/testing/tcp_pair.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

class CountingObserver : public SocketObserver {
 public:
  void OnStateChange() override {
    absl::MutexLock lock(&mu_);
    ++calls_;
  }
  int calls() const {
    absl::MutexLock lock(&mu_);
    return calls_;
  }
  // Until there were more than `calls`.
  void AwaitMoreThan(int calls) const {
    absl::MutexLock lock(&mu_);
    auto there = [this, calls]()
                     ABSL_NO_THREAD_SAFETY_ANALYSIS { return calls_ > calls; };
    EXPECT_TRUE(
        mu_.AwaitWithTimeout(absl::Condition(&there), absl::Minutes(1)));
  }

 private:
  mutable absl::Mutex mu_;
  int calls_ ABSL_GUARDED_BY(mu_) = 0;
};

// Counts outcomes, and how often the observer had been called before.
class CountingSink : public OperationSink {
 public:
  explicit CountingSink(const CountingObserver* observer)
      : observer_(observer) {}

  void OnOutcome(std::unique_ptr<Operation> /*operation*/,
                 Outcome outcome) override {
    absl::MutexLock lock(&mu_);
    ++outcomes_;
    error_ = outcome.error;
    observed_before_ = observer_->calls();
  }
  bool MayReceive() const override { return true; }
  bool closed() const override { return false; }
  void OnParked(uint64_t /*operation_id*/) override {}
  void Flush() override {}

  void AwaitOutcomes(int outcomes) const {
    absl::MutexLock lock(&mu_);
    auto there = [this, outcomes]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return outcomes_ >= outcomes;
    };
    EXPECT_TRUE(
        mu_.AwaitWithTimeout(absl::Condition(&there), absl::Minutes(1)));
  }
  int observed_before() const {
    absl::MutexLock lock(&mu_);
    return observed_before_;
  }
  int error() const {
    absl::MutexLock lock(&mu_);
    return error_;
  }

 private:
  const CountingObserver* const observer_;
  mutable absl::Mutex mu_;
  int outcomes_ ABSL_GUARDED_BY(mu_) = 0;
  int error_ ABSL_GUARDED_BY(mu_) = 0;
  int observed_before_ ABSL_GUARDED_BY(mu_) = 0;
};

class SocketObserversTest : public testing::Test {
 protected:
  SocketObserversTest() {
    auto loop = EventLoop::Create("test");
    EXPECT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
    TcpPair pair = MakeTcpPair();
    peer_ = std::move(pair.peer);
    socket_ = Socket::Adopt(std::move(pair.ours), loop_.get());
  }
  ~SocketObserversTest() override { socket_->Abandon(); }

  void PeerSends(const std::string& data, int flags = 0) const {
    ASSERT_EQ(send(peer_.get(), data.data(), data.size(), flags),
              static_cast<ssize_t>(data.size()));
  }
  // What the loop was told before has been worked on.
  void DrainLoop() const {
    absl::Notification done;
    loop_->Post([&done] { done.Notify(); });
    done.WaitForNotification();
  }
  std::unique_ptr<Operation> Receive() const {
    auto operation = std::make_unique<Operation>();
    operation->kind = Operation::Kind::kReceive;
    operation->sink = sink_;
    operation->max_bytes = 100;
    return operation;
  }

  std::unique_ptr<EventLoop> loop_;
  OwnedFd peer_;
  std::shared_ptr<Socket> socket_;
  const std::shared_ptr<CountingObserver> observer_ =
      std::make_shared<CountingObserver>();
  const std::shared_ptr<CountingSink> sink_ =
      std::make_shared<CountingSink>(observer_.get());
};

TEST_F(SocketObserversTest, EachArrivalIsTold) {
  socket_->SetObserver(observer_, EPOLLIN);
  for (int i = 0; i < 3; ++i) {
    const int before = observer_->calls();
    PeerSends("x");
    observer_->AwaitMoreThan(before);
    EXPECT_TRUE(socket_->Look().readable);
  }
}

TEST_F(SocketObserversTest, ASocketSaysWhatIsTheCase) {
  SocketState state = socket_->Look();
  EXPECT_TRUE(state.open);
  EXPECT_TRUE(state.writable);
  EXPECT_FALSE(state.readable || state.urgent || state.read_ended ||
               state.hung_up || state.failed);
  socket_->SetObserver(observer_, EPOLLPRI);
  PeerSends("!", MSG_OOB);
  observer_->AwaitMoreThan(0);
  EXPECT_TRUE(socket_->Look().urgent);
  int calls = observer_->calls();
  socket_->SetObserver(observer_, EPOLLRDHUP);
  shutdown(peer_.get(), SHUT_WR);
  observer_->AwaitMoreThan(calls);
  EXPECT_TRUE(socket_->Look().read_ended);
  EXPECT_FALSE(socket_->Look().hung_up);
}

TEST_F(SocketObserversTest, AResetIsToldWhateverWasAskedFor) {
  socket_->SetObserver(observer_, EPOLLPRI);
  const linger hard{1, 0};
  setsockopt(peer_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  peer_.Reset();
  observer_->AwaitMoreThan(0);
  EXPECT_TRUE(socket_->Look().hung_up);
  EXPECT_TRUE(socket_->Look().failed);
}

TEST_F(SocketObserversTest, RoomAfterAFullBufferIsTold) {
  const std::string chunk(64 << 10, 'x');
  auto send_some = [&] {
    return socket_->WithFd([&](int fd) {
      return send(fd, chunk.data(), chunk.size(), MSG_DONTWAIT);
    });
  };
  while (send_some() > 0) {
  }
  socket_->SetObserver(observer_, EPOLLOUT);
  std::string received(1 << 20, 0);
  while (!socket_->Look().writable) {
    recv(peer_.get(), &received[0], received.size(), MSG_DONTWAIT);
  }
  observer_->AwaitMoreThan(0);
}

TEST_F(SocketObserversTest, WhatWaitsIsServedFirst) {
  socket_->SetObserver(observer_, EPOLLIN);
  DrainLoop();
  socket_->Submit(Receive());
  PeerSends("x");
  sink_->AwaitOutcomes(1);
  observer_->AwaitMoreThan(sink_->observed_before());
  // It was taken.
  EXPECT_FALSE(socket_->Look().readable);
}

TEST_F(SocketObserversTest, AnOperationThatWaitsGoesOnWhenOneComesAndGoes) {
  socket_->Submit(Receive());
  socket_->SetObserver(observer_, EPOLLIN);
  PeerSends("x");
  sink_->AwaitOutcomes(1);
  socket_->Submit(Receive());
  socket_->SetObserver(observer_, 0);
  PeerSends("x");
  sink_->AwaitOutcomes(2);
  // Nobody is left: the watch ends, and begins again for the next operation.
  PeerSends("x");
  DrainLoop();
  socket_->Submit(Receive());
  sink_->AwaitOutcomes(3);
  socket_->Submit(Receive());
  DrainLoop();
  PeerSends("x");
  sink_->AwaitOutcomes(4);
}

TEST_F(SocketObserversTest, OneThatWasTakenOffHearsNothingMore) {
  const auto other = std::make_shared<CountingObserver>();
  socket_->SetObserver(observer_, EPOLLIN);
  socket_->SetObserver(other, EPOLLIN);
  DrainLoop();
  socket_->SetObserver(observer_, 0);
  const int calls = observer_->calls();
  const int others = other->calls();
  PeerSends("x");
  other->AwaitMoreThan(others);
  EXPECT_EQ(observer_->calls(), calls);
}

TEST_F(SocketObserversTest, OneThatIsGoneDoesNoHarm) {
  auto gone = std::make_shared<CountingObserver>();
  socket_->SetObserver(gone, EPOLLIN);
  gone.reset();
  socket_->SetObserver(observer_, EPOLLIN);
  PeerSends("x");
  observer_->AwaitMoreThan(0);
}

TEST_F(SocketObserversTest, TheEndOfTheSocketIsTold) {
  socket_->SetObserver(observer_, EPOLLIN);
  DrainLoop();
  const int calls = observer_->calls();
  OwnedFd fd = socket_->Abandon().first;
  EXPECT_GT(observer_->calls(), calls);
  EXPECT_FALSE(socket_->Look().open);
  // And nothing after it.
  const int last = observer_->calls();
  PeerSends("x");
  socket_->SetObserver(observer_, EPOLLIN);
  socket_->NotifyObservers();
  DrainLoop();
  EXPECT_EQ(observer_->calls(), last);
}

TEST_F(SocketObserversTest, AConnectionThatIsPutBackIsTold) {
  TcpListener listener = ListenOnLoopback();
  auto socket = Socket::Adopt(std::move(listener.fd), loop_.get());
  socket->SetObserver(observer_, EPOLLIN);
  DrainLoop();
  EXPECT_FALSE(socket->Look().readable);
  const int calls = observer_->calls();
  TcpPair pair = MakeTcpPair();
  socket->ReturnAccepted({std::move(pair.ours), NetAddress()});
  EXPECT_GT(observer_->calls(), calls);
  EXPECT_TRUE(socket->Look().readable);
  socket->Abandon();
}

}  // namespace
}  // namespace wspd
