#include "daemon/socket/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "daemon/socket/reset.h"
#include "daemon/testing/tcp_pair.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

// Keeps outcomes until they are asked for.
class RecordingSink : public OperationSink {
 public:
  struct Record {
    int error;
    std::string data;
    size_t sent;
    bool accepted;
    uint64_t stream_offset;
    // Of the accepted connection.
    NetAddress peer;
  };

  void OnOutcome(std::unique_ptr<Operation> operation,
                 Outcome outcome) override {
    absl::MutexLock lock(&mu_);
    Record record{outcome.error,         "",
                  operation->sent,       outcome.accepted.fd.valid(),
                  outcome.stream_offset, outcome.accepted.peer};
    if (outcome.data != nullptr) {
      record.data.assign(outcome.data->data(), outcome.data->size());
      received_.fetch_add(outcome.data->size());
    }
    records_.emplace(operation->id, std::move(record));
    order_.push_back(operation->id);
    accepted_ = std::move(outcome.accepted);
  }
  void OnParked(uint64_t id) override {
    absl::MutexLock lock(&mu_);
    parked_.push_back(id);
  }
  void Flush() override {
    absl::MutexLock lock(&mu_);
    ++flushes_;
  }
  bool closed() const override {
    return closed_.load(std::memory_order_relaxed);
  }
  bool MayReceive() const override {
    return may_receive_.load(std::memory_order_relaxed) &&
           received_.load(std::memory_order_relaxed) <
               most_received_.load(std::memory_order_relaxed);
  }

  bool Has(uint64_t id) {
    absl::MutexLock lock(&mu_);
    return records_.count(id) > 0;
  }
  Record Await(uint64_t id) {
    absl::MutexLock lock(&mu_);
    auto there = [this, id]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return records_.count(id) > 0;
    };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&there), absl::Minutes(1)))
        << "operation " << id << " never ended";
    return records_[id];
  }
  std::vector<uint64_t> parked() {
    absl::MutexLock lock(&mu_);
    return parked_;
  }
  AcceptedConnection TakeAccepted() {
    absl::MutexLock lock(&mu_);
    return std::move(accepted_);
  }
  void AllowReceive(bool allow) { may_receive_ = allow; }
  void AllowReceiveUpTo(size_t bytes) { most_received_ = bytes; }
  void Close() { closed_ = true; }
  size_t received() const { return received_; }

 private:
  absl::Mutex mu_;
  std::map<uint64_t, Record> records_ ABSL_GUARDED_BY(mu_);
  std::vector<uint64_t> order_ ABSL_GUARDED_BY(mu_);
  std::vector<uint64_t> parked_ ABSL_GUARDED_BY(mu_);
  AcceptedConnection accepted_ ABSL_GUARDED_BY(mu_);
  int flushes_ ABSL_GUARDED_BY(mu_) = 0;
  std::atomic<bool> closed_{false};
  std::atomic<bool> may_receive_{true};
  std::atomic<size_t> most_received_{SIZE_MAX};
  std::atomic<size_t> received_{0};
};

class SocketTest : public testing::Test {
 protected:
  SocketTest() {
    auto loop = EventLoop::Create("test");
    EXPECT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
    TcpPair pair = MakeTcpPair();
    peer_ = std::move(pair.peer);
    socket_ = Socket::Adopt(std::move(pair.ours), loop_.get());
  }
  ~SocketTest() override { socket_->Abandon(); }

  std::unique_ptr<Operation> Make(Operation::Kind kind, uint64_t id) {
    auto operation = std::make_unique<Operation>();
    operation->kind = kind;
    operation->id = id;
    operation->sink = sink_;
    return operation;
  }
  void Receive(uint64_t id, size_t max_bytes, bool wait = true) {
    auto operation = Make(Operation::Kind::kReceive, id);
    operation->max_bytes = max_bytes;
    operation->wait = wait;
    operation->report_parked = true;
    socket_->Submit(std::move(operation));
  }
  void Send(uint64_t id, std::shared_ptr<const std::string> data,
            bool wait = true) {
    auto operation = Make(Operation::Kind::kSend, id);
    operation->pieces.push_back(
        {const_cast<char*>(data->data()), data->size()});
    operation->left = data->size();
    operation->owner_bytes = data->size();
    operation->owner = data;
    operation->wait = wait;
    socket_->Submit(std::move(operation));
  }

  const std::shared_ptr<RecordingSink> sink_ =
      std::make_shared<RecordingSink>();
  std::unique_ptr<EventLoop> loop_;
  std::shared_ptr<Socket> socket_;
  OwnedFd peer_;
};

TEST_F(SocketTest, WhatCanEndAtOnceEndsWithinSubmit) {
  ASSERT_EQ(write(peer_.get(), "abc", 3), 3);
  Receive(1, 10);
  EXPECT_EQ(sink_->Await(1).data, "abc");
  Send(2, std::make_shared<std::string>("xyz"));
  ASSERT_TRUE(sink_->Has(2));
  EXPECT_EQ(sink_->Await(2).sent, 3);
  EXPECT_EQ(ReadBytes(peer_.get(), 3), "xyz");
}

TEST_F(SocketTest, WaitingReceivesAreFilledInTheirOrder) {
  for (uint64_t id = 1; id <= 3; ++id) Receive(id, 2);
  EXPECT_EQ(sink_->parked(), (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(socket_->waiting(), 3);
  ASSERT_EQ(write(peer_.get(), "aabbcc", 6), 6);
  EXPECT_EQ(sink_->Await(1).data, "aa");
  EXPECT_EQ(sink_->Await(2).data, "bb");
  EXPECT_EQ(sink_->Await(3).data, "cc");
}

TEST_F(SocketTest, WithdrawingTakesOneSinksOperationsAlone) {
  auto other = std::make_shared<RecordingSink>();
  Receive(1, 2);
  auto shared = Make(Operation::Kind::kReceive, 1);
  shared->sink = other;
  shared->max_bytes = 2;
  socket_->Submit(std::move(shared));
  Receive(2, 2);
  sink_->Close();
  auto withdrawn = socket_->Withdraw(sink_.get());
  ASSERT_EQ(withdrawn.size(), 2);
  EXPECT_EQ(withdrawn[0]->id, 1);
  EXPECT_EQ(withdrawn[1]->id, 2);
  EXPECT_FALSE(sink_->Has(1));
  ASSERT_EQ(write(peer_.get(), "aabb", 4), 4);
  EXPECT_EQ(other->Await(1).data, "aa");
  // Nothing begins for it any more, and takes what is others'.
  Receive(3, 2);
  EXPECT_EQ(sink_->Await(3).error, EBADF);
  EXPECT_EQ(socket_->received(), 2);
}

TEST_F(SocketTest, WithdrawingLetsGoOnWhatAHeldReceiveHeldUp) {
  auto other = std::make_shared<RecordingSink>();
  sink_->AllowReceive(false);
  Receive(1, 2);
  auto shared = Make(Operation::Kind::kReceive, 1);
  shared->sink = other;
  shared->max_bytes = 2;
  socket_->Submit(std::move(shared));
  ASSERT_EQ(write(peer_.get(), "aa", 2), 2);
  sink_->Close();
  EXPECT_EQ(socket_->Withdraw(sink_.get()).size(), 1);
  EXPECT_EQ(other->Await(1).data, "aa");
}

TEST_F(SocketTest, OutcomesSayWhereInTheStreamTheirBytesAre) {
  ASSERT_EQ(write(peer_.get(), "aabb", 4), 4);
  Receive(1, 2);
  auto peek = Make(Operation::Kind::kReceive, 2);
  peek->max_bytes = 2;
  peek->flags = MSG_PEEK;
  socket_->Submit(std::move(peek));
  Receive(3, 2);
  EXPECT_EQ(sink_->Await(1).stream_offset, 0);
  EXPECT_EQ(sink_->Await(2).data, "bb");
  EXPECT_EQ(sink_->Await(3).stream_offset, 2);
  EXPECT_EQ(socket_->received(), 4);
}

TEST_F(SocketTest, AResetEndsAllThatWaitWithItsError) {
  const auto data = std::make_shared<const std::string>(16 << 20, 'x');
  Send(1, data);
  Receive(2, 10);
  Receive(3, 10);
  const linger hard{1, 0};
  setsockopt(peer_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  peer_.Reset();
  for (uint64_t id : {2, 3}) {
    EXPECT_EQ(sink_->Await(id).error, ECONNRESET) << id;
  }
  EXPECT_NE(sink_->Await(1).error, 0);
  Receive(4, 10);
  EXPECT_EQ(sink_->Await(4).error, ECONNRESET);
}

TEST_F(SocketTest, WithoutWaitingEagainIsTheOutcome) {
  Receive(1, 10, /*wait=*/false);
  ASSERT_TRUE(sink_->Has(1));
  EXPECT_EQ(sink_->Await(1).error, EAGAIN);
  // Also behind one that waits, which it must not overtake.
  Receive(2, 10);
  ASSERT_EQ(write(peer_.get(), "a", 1), 1);
  EXPECT_EQ(sink_->Await(2).data, "a");
}

TEST_F(SocketTest, AZeroByteReceiveWaitsForDataAndTakesNone) {
  Receive(1, 0);
  EXPECT_FALSE(sink_->Has(1));
  ASSERT_EQ(write(peer_.get(), "abc", 3), 3);
  EXPECT_EQ(sink_->Await(1).data, "");
  Receive(2, 10);
  EXPECT_EQ(sink_->Await(2).data, "abc");
}

TEST_F(SocketTest, ASendThatWaitsLosesNothingAndKeepsItsOrder) {
  const size_t kEach = 1 << 20;
  const int kSends = 12;
  for (int i = 0; i < kSends; ++i) {
    Send(i + 1, std::make_shared<std::string>(kEach, 'a' + i));
  }
  EXPECT_GT(socket_->waiting(), 0);
  const std::string all = ReadBytes(peer_.get(), kEach * kSends);
  ASSERT_EQ(all.size(), kEach * kSends);
  for (int i = 0; i < kSends; ++i) {
    EXPECT_EQ(all[i * kEach], 'a' + i);
    EXPECT_EQ(all[(i + 1) * kEach - 1], 'a' + i);
    EXPECT_EQ(sink_->Await(i + 1).sent, kEach);
  }
}

TEST_F(SocketTest, ASendThatMustNotWaitSaysWhatItGotRidOf) {
  const auto data = std::make_shared<std::string>(64 << 20, 'x');
  Send(1, data, /*wait=*/false);
  ASSERT_TRUE(sink_->Has(1));
  EXPECT_EQ(sink_->Await(1).error, 0);
  EXPECT_GT(sink_->Await(1).sent, 0);
  EXPECT_LT(sink_->Await(1).sent, data->size());
  Send(2, data, /*wait=*/false);
  EXPECT_EQ(sink_->Await(2).error, EAGAIN);
}

TEST_F(SocketTest, CancelEndsOnlyWhatWaits) {
  Receive(1, 10);
  EXPECT_FALSE(socket_->Cancel(sink_.get(), 7, ECANCELED));
  EXPECT_TRUE(socket_->Cancel(sink_.get(), 1, ECANCELED));
  EXPECT_EQ(sink_->Await(1).error, ECANCELED);
  EXPECT_FALSE(socket_->Cancel(sink_.get(), 1, ECANCELED));
  // What arrives later is the next one's.
  ASSERT_EQ(write(peer_.get(), "abc", 3), 3);
  Receive(2, 10);
  EXPECT_EQ(sink_->Await(2).data, "abc");
}

TEST_F(SocketTest, ATimeLimitEndsAWaitWithEagain) {
  auto operation = Make(Operation::Kind::kReceive, 1);
  operation->max_bytes = 10;
  operation->timeout_ms = 1;
  socket_->Submit(std::move(operation));
  EXPECT_EQ(sink_->Await(1).error, EAGAIN);
}

TEST_F(SocketTest, ShutdownSendComesAfterTheSendsThatWait) {
  const size_t kSize = 16 << 20;
  Send(1, std::make_shared<std::string>(kSize, 'x'));
  ASSERT_GT(socket_->waiting(), 0);
  EXPECT_EQ(socket_->ShutdownSend(), 0);
  // Everything, and then the end of the stream.
  EXPECT_EQ(ReadBytes(peer_.get(), kSize + 1).size(), kSize);
}

TEST_F(SocketTest, AShutdownThatIsAnOperationWaitsItsTurn) {
  auto data = std::make_shared<std::string>(16 << 20, 'x');
  Send(1, data);
  socket_->Submit(Make(Operation::Kind::kShutdownSend, 2));
  EXPECT_FALSE(sink_->Has(1));
  EXPECT_FALSE(sink_->Has(2));
  std::vector<char> buffer(1 << 20);
  size_t received = 0;
  while (received < data->size()) {
    const ssize_t got = recv(peer_.get(), buffer.data(), buffer.size(), 0);
    ASSERT_GT(got, 0);
    received += got;
  }
  EXPECT_EQ(sink_->Await(1).error, 0);
  EXPECT_EQ(sink_->Await(2).error, 0);
  EXPECT_EQ(recv(peer_.get(), buffer.data(), buffer.size(), 0), 0);
}

TEST_F(SocketTest, AnExchangeGivesBackWhatWaitsAndGoesOnWithTheOther) {
  Receive(1, 10);
  TcpPair second = MakeTcpPair();
  auto [old, waiting] = socket_->Exchange(std::move(second.ours), 100);
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_EQ(waiting[0]->id, 1u);
  EXPECT_EQ(socket_->waiting(), 0);
  // What came on the old one doesn't matter any more.
  ASSERT_EQ(send(peer_.get(), "old", 3, 0), 3);
  Receive(2, 10);
  ASSERT_EQ(send(second.peer.get(), "new", 3, 0), 3);
  const auto record = sink_->Await(2);
  EXPECT_EQ(record.data, "new");
  EXPECT_EQ(record.stream_offset, 100u);
  socket_->Abandon();
  auto [refused, nothing] = socket_->Exchange(std::move(old), 0);
  EXPECT_TRUE(refused.valid());
  EXPECT_TRUE(nothing.empty());
}

TEST_F(SocketTest, AwaitingAConnectionLeavesItToBeAccepted) {
  TcpListener listener = ListenOnLoopback();
  fcntl(listener.fd.get(), F_SETFL, O_NONBLOCK);
  auto listening = Socket::Adopt(std::move(listener.fd), loop_.get());
  listening->Submit(Make(Operation::Kind::kAwaitConnection, 1));
  listening->Submit(Make(Operation::Kind::kAwaitConnection, 2));
  EXPECT_FALSE(sink_->Has(1));
  const OwnedFd client = ConnectToLoopback(listener.port);
  EXPECT_EQ(sink_->Await(1).error, 0);
  EXPECT_EQ(sink_->Await(2).error, 0);
  listening->Submit(Make(Operation::Kind::kAccept, 3));
  EXPECT_TRUE(sink_->Await(3).accepted);
  // So does one that was put back.
  listening->ReturnAccepted(sink_->TakeAccepted());
  listening->Submit(Make(Operation::Kind::kAwaitConnection, 4));
  EXPECT_EQ(sink_->Await(4).error, 0);
  listening->Abandon();
}

// The second send takes the error that the first one drew, before the loop has
// looked.
TEST_F(SocketTest, AnUnreachablePortThatASendFindsEndsAReceiveThatWaits) {
  const auto bound = [](OwnedFd* fd) {
    fd->Reset(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd->get(), reinterpret_cast<const sockaddr*>(&address),
                   sizeof(address)),
              0);
    return NetAddress::LocalOf(fd->get());
  };
  OwnedFd ours, closed, live;
  bound(&ours);
  const NetAddress to[] = {bound(&closed), bound(&live)};
  closed.Reset();
  const int on = 1;
  ASSERT_EQ(setsockopt(ours.get(), IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
  auto socket = Socket::Adopt(std::move(ours), loop_.get());
  socket->SetReportsUnreachable(true);
  auto receive = Make(Operation::Kind::kReceiveDatagram, 1);
  receive->max_bytes = 10;
  socket->Submit(std::move(receive));
  absl::Notification halted, go_on;
  loop_->Post([&] {
    halted.Notify();
    go_on.WaitForNotification();
  });
  halted.WaitForNotification();
  for (int i = 0; i < 2; ++i) {
    auto send = Make(Operation::Kind::kSendDatagram, 2 + i);
    send->address = to[i];
    socket->Submit(std::move(send));
    EXPECT_EQ(sink_->Await(2 + i).error, 0);
  }
  go_on.Notify();
  EXPECT_EQ(sink_->Await(1).error, ECONNREFUSED);
  socket->Abandon();
}

TEST_F(SocketTest, AResetEndsWhatWaits) {
  Receive(1, 10);
  const linger abort{1, 0};
  setsockopt(peer_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  peer_.Reset();
  EXPECT_EQ(sink_->Await(1).error, ECONNRESET);
}

TEST_F(SocketTest, AConclusionLetsSendsThatWaitGoOnAndReceivesNothing) {
  const size_t kSize = 16 << 20;
  Receive(1, 10);
  Send(2, std::make_shared<std::string>(kSize, 'x'));
  ASSERT_FALSE(sink_->Has(2));
  int error = 0;
  Socket::Fail(socket_->Conclude(absl::Minutes(1), &error), ECONNABORTED);
  ASSERT_EQ(error, 0);
  EXPECT_EQ(sink_->Await(1).error, ECONNABORTED);
  // As one does that was on its way here: there is something to receive.
  ASSERT_EQ(send(peer_.get(), "late", 4, 0), 4);
  Receive(3, 10);
  EXPECT_EQ(sink_->Await(3).error, ECONNABORTED);
  EXPECT_EQ(ReadBytes(peer_.get(), kSize + 1).size(), kSize);
  EXPECT_EQ(sink_->Await(2).error, 0);
}

TEST_F(SocketTest, AbandonGivesBackWhatWaitsWithoutAnOutcome) {
  Receive(1, 10);
  Send(2, std::make_shared<std::string>(64 << 20, 'x'));
  auto [fd, operations] = socket_->Abandon();
  EXPECT_TRUE(fd.valid());
  EXPECT_EQ(operations.size(), 2);
  EXPECT_FALSE(sink_->Has(1));
  Receive(3, 10);
  EXPECT_EQ(sink_->Await(3).error, EBADF);
}

TEST_F(SocketTest, AHeldBackReceiveGoesOnWhenPoked) {
  sink_->AllowReceive(false);
  ASSERT_EQ(write(peer_.get(), "abc", 3), 3);
  Receive(1, 10);
  EXPECT_FALSE(sink_->Has(1));
  sink_->AllowReceive(true);
  socket_->Poke();
  EXPECT_EQ(sink_->Await(1).data, "abc");
}

TEST_F(SocketTest, AReceiveThatMustNotWaitIsHeldBackToo) {
  sink_->AllowReceive(false);
  ASSERT_EQ(write(peer_.get(), "abc", 3), 3);
  Receive(1, 10, /*wait=*/false);
  ASSERT_TRUE(sink_->Has(1));
  EXPECT_EQ(sink_->Await(1).error, EAGAIN);
  EXPECT_TRUE(sink_->parked().empty());
  // It took nothing, and holds nobody up.
  sink_->AllowReceive(true);
  Receive(2, 10, /*wait=*/false);
  EXPECT_EQ(sink_->Await(2).data, "abc");
}

TEST_F(SocketTest, WhatTheKernelHasDoesNotComeAtOnceBeyondTheLimit) {
  constexpr size_t kLimit = 64 << 10, kEach = 16 << 10, kReceives = 64;
  const int size = 1 << 20;
  ASSERT_EQ(socket_->WithFd([&](int fd) {
    return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
  }),
            0);
  sink_->AllowReceive(false);
  for (uint64_t id = 1; id <= kReceives; ++id) Receive(id, kEach);
  const std::string block(kEach, 'x');
  size_t written = 0;
  for (ssize_t part = 0; part >= 0; written += part) {
    part = send(peer_.get(), block.data(), block.size(), MSG_DONTWAIT);
    if (part < 0) break;
  }
  const size_t expected = std::min(written, kEach * kReceives);
  ASSERT_GT(expected, 3 * kLimit);
  sink_->AllowReceiveUpTo(kLimit);
  sink_->AllowReceive(true);
  socket_->Poke();
  EXPECT_GE(sink_->received(), kLimit);
  EXPECT_LE(sink_->received(), 2 * kLimit);
  // And the rest follows.
  sink_->AllowReceiveUpTo(SIZE_MAX);
  socket_->Poke();
  size_t total = 0;
  for (uint64_t id = 1; total < expected; ++id) {
    total += sink_->Await(id).data.size();
  }
}

// Which getpeername() doesn't know any more.
TEST_F(SocketTest, AcceptTellsWhoseAConnectionWasThatIsReset) {
  TcpListener listener = ListenOnLoopback();
  auto socket = Socket::Adopt(std::move(listener.fd), loop_.get());
  NetAddress client;
  {
    OwnedFd connection = ConnectToLoopback(listener.port);
    client = NetAddress::LocalOf(connection.get());
    ResetAndClose(std::move(connection));
  }
  socket->Submit(Make(Operation::Kind::kAccept, 1));
  const auto record = sink_->Await(1);
  ASSERT_TRUE(record.accepted);
  EXPECT_TRUE(record.peer.SameEndpoint(client));
  socket->Abandon();
}

TEST_F(SocketTest, AReturnedConnectionIsAcceptedBeforeNewerOnes) {
  TcpListener listener = ListenOnLoopback();
  auto socket = Socket::Adopt(std::move(listener.fd), loop_.get());
  const OwnedFd first = ConnectToLoopback(listener.port);
  socket->Submit(Make(Operation::Kind::kAccept, 1));
  ASSERT_TRUE(sink_->Await(1).accepted);
  AcceptedConnection connection = sink_->TakeAccepted();
  const NetAddress peer = NetAddress::PeerOf(connection.fd.get());
  const OwnedFd second = ConnectToLoopback(listener.port);
  socket->ReturnAccepted(std::move(connection));
  socket->Submit(Make(Operation::Kind::kAccept, 2));
  ASSERT_TRUE(sink_->Await(2).accepted);
  EXPECT_EQ(NetAddress::PeerOf(sink_->TakeAccepted().fd.get()).port(),
            peer.port());
  socket->Abandon();
}

TEST_F(SocketTest, AcceptTellsWhoseAReturnedConnectionWasThatIsReset) {
  TcpListener listener = ListenOnLoopback();
  auto socket = Socket::Adopt(std::move(listener.fd), loop_.get());
  OwnedFd client = ConnectToLoopback(listener.port);
  const NetAddress address = NetAddress::LocalOf(client.get());
  socket->Submit(Make(Operation::Kind::kAccept, 1));
  ASSERT_TRUE(sink_->Await(1).accepted);
  socket->ReturnAccepted(sink_->TakeAccepted());
  ResetAndClose(std::move(client));
  socket->Submit(Make(Operation::Kind::kAccept, 2));
  const auto record = sink_->Await(2);
  ASSERT_TRUE(record.accepted);
  EXPECT_TRUE(record.peer.SameEndpoint(address));
  socket->Abandon();
}

TEST_F(SocketTest, AReturnedConnectionIsResetWithItsListener) {
  TcpListener listener = ListenOnLoopback();
  auto socket = Socket::Adopt(std::move(listener.fd), loop_.get());
  const OwnedFd peers[] = {ConnectToLoopback(listener.port),
                           ConnectToLoopback(listener.port)};
  AcceptedConnection connections[2];
  for (int i = 0; i < 2; ++i) {
    socket->Submit(Make(Operation::Kind::kAccept, i));
    ASSERT_TRUE(sink_->Await(i).accepted);
    connections[i] = sink_->TakeAccepted();
  }
  socket->ReturnAccepted(std::move(connections[0]));
  socket->Abandon();
  socket->ReturnAccepted(std::move(connections[1]));
  for (const OwnedFd& peer : peers) {
    int error = 0;
    ReadBytes(peer.get(), 1, &error);
    EXPECT_EQ(error, ECONNRESET);
  }
}

TEST_F(SocketTest, ARefusedConnectSaysSo) {
  int port;
  { port = ListenOnLoopback().port; }
  OwnedFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  auto socket = Socket::Adopt(std::move(fd), loop_.get());
  auto operation = Make(Operation::Kind::kConnect, 1);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  operation->address = NetAddress(address);
  socket->Submit(std::move(operation));
  EXPECT_EQ(sink_->Await(1).error, ECONNREFUSED);
  socket->Abandon();
}

}  // namespace
}  // namespace wspd
