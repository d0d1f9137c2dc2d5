#include "daemon/winsock/winsock_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "daemon/socket/socket_observer.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

constexpr uint64_t kSocket = 7;
constexpr uint32_t kFionbio = 0x8004667e;

// Stands for an attachment: keeps results and sockets.
class FakeCallSink : public CallSink {
 public:
  void Finish(uint64_t call_id, CallResult result) override {
    absl::MutexLock lock(&mu_);
    results_.emplace(call_id, std::move(result));
  }
  void ReportPending(uint64_t) override {}
  void FlushResults() override {}
  int AddSocket(uint64_t socket_id,
                std::shared_ptr<SocketDescriptor> socket) override {
    absl::MutexLock lock(&mu_);
    sockets_.emplace(socket_id, std::move(socket));
    return 0;
  }
  int ReserveSocket() override {
    if (reserved_ >= 2) return EMFILE;
    ++reserved_;
    return 0;
  }
  void ReleaseSockets(uint32_t count) override { reserved_ -= count; }
  std::shared_ptr<void> ReserveChangeRequest() override {
    return std::make_shared<int>();
  }
  std::shared_ptr<SocketDescriptor> FindSocket(
      uint64_t socket_id) const override {
    absl::MutexLock lock(&mu_);
    auto found = sockets_.find(socket_id);
    return found == sockets_.end() ? nullptr : found->second;
  }
  void QueueNetworkEvents(uint64_t) override { ++queued_events_; }
  void RemoveSocket(uint64_t socket_id) override {
    absl::MutexLock lock(&mu_);
    sockets_.erase(socket_id);
  }
  bool MayReceive() const override { return true; }
  Lingerer::Owner OwnerOf(uint64_t socket_id) const override {
    return {1, 2, 3, socket_id};
  }

  bool Has(uint64_t call_id) {
    absl::MutexLock lock(&mu_);
    return results_.count(call_id) > 0;
  }
  int queued_events() const { return queued_events_; }
  // Accepted connections that aren't sockets; at most 2.
  uint32_t reserved() const { return reserved_; }
  CallResult Await(uint64_t call_id) {
    absl::MutexLock lock(&mu_);
    auto there = [this, call_id]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return results_.count(call_id) > 0;
    };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&there), absl::Minutes(1)))
        << "call " << call_id << " never ended";
    return results_[call_id];
  }
  void AbortAll() {
    std::map<uint64_t, std::shared_ptr<SocketDescriptor>> sockets;
    {
      absl::MutexLock lock(&mu_);
      sockets.swap(sockets_);
    }
    for (auto& [id, socket] : sockets) socket->Abort();
  }

 private:
  std::atomic<uint32_t> reserved_{0};
  std::atomic<int> queued_events_{0};
  mutable absl::Mutex mu_;
  std::map<uint64_t, CallResult> results_ ABSL_GUARDED_BY(mu_);
  std::map<uint64_t, std::shared_ptr<SocketDescriptor>> sockets_
      ABSL_GUARDED_BY(mu_);
};

class WinsockSocketTest : public testing::Test {
 protected:
  ~WinsockSocketTest() override {
    sink_->AbortAll();
    lingerer_.ResetAll();
  }

  // A socket that the client has under `socket_id`.
  std::shared_ptr<SocketDescriptor> Make(uint64_t socket_id,
                                         int type = SOCK_STREAM) {
    std::shared_ptr<WinsockSocket> socket;
    EXPECT_EQ(WinsockSocket::Create(AF_INET, type, loop_.get(), &environment_,
                                    &socket),
              0);
    auto descriptor =
        std::make_shared<SocketDescriptor>(std::move(socket), sink_, socket_id);
    sink_->AddSocket(socket_id, descriptor);
    return descriptor;
  }

  // Begins `call` on `socket`; returns the call's id.
  uint64_t Begin(SocketDescriptor* socket, const wsp::v1::Call& request) {
    wsp::v1::Call message = request;
    message.set_call_id(next_call_++);
    auto bytes = std::make_shared<std::string>(message.SerializeAsString());
    Call call;
    call.call_id = message.call_id();
    call.overlapped = message.overlapped();
    call.timeout_ms = message.timeout_ms();
    call.request = message.request_case();
    const std::vector<iovec> pieces = {{&(*bytes)[0], bytes->size()}};
    WireReader reader(pieces);
    while (reader.Next()) {
      if (reader.field() == call.request) {
        call.body = reader.ReadBytes();
      } else {
        reader.Skip();
      }
    }
    call.frame_bytes = bytes->size();
    call.frame = std::move(bytes);
    socket->Handle(call);
    return call.call_id;
  }
  CallResult Run(SocketDescriptor* socket, const wsp::v1::Call& request) {
    return sink_->Await(Begin(socket, request));
  }

  static wsp::v1::Call ConnectCall(int port) {
    wsp::v1::Call call;
    auto* address = call.mutable_connect()->mutable_address()->mutable_ipv4();
    address->set_address(INADDR_LOOPBACK);
    address->set_port(port);
    return call;
  }
  static wsp::v1::Call ReceiveCall(uint32_t max_bytes) {
    wsp::v1::Call call;
    call.mutable_recv()->set_max_bytes(max_bytes);
    return call;
  }

  // Connects a new socket under kSocket; the peer's end in `*peer`.
  std::shared_ptr<SocketDescriptor> Connect(OwnedFd* peer) {
    const TcpListener listener = ListenOnLoopback();
    auto socket = Make(kSocket);
    EXPECT_EQ(Run(socket.get(), ConnectCall(listener.port)).wsa_error, 0);
    peer->Reset(accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return socket;
  }

  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create("test");
  Lingerer lingerer_{{}};
  const WinsockSocket::Environment environment_{&lingerer_};
  const std::shared_ptr<FakeCallSink> sink_ = std::make_shared<FakeCallSink>();
  std::atomic<uint64_t> next_call_{1000};
};

TEST_F(WinsockSocketTest, EachReceiveSaysWhereItsBytesWere) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  // The stream says at every eighth byte where that is.
  constexpr uint64_t kEach = sizeof(uint64_t), kRecords = 4000, kThreads = 4;
  std::string stream;
  for (uint64_t at = 0; at < kRecords * kEach; at += kEach) {
    stream.append(reinterpret_cast<const char*>(&at), kEach);
  }
  ASSERT_EQ(write(peer.get(), stream.data(), stream.size()), stream.size());
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (uint64_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (uint64_t n = 0; n < kRecords / kThreads; ++n) {
        const CallResult result = Run(socket.get(), ReceiveCall(kEach));
        wsp::v1::RecvResult message;
        message.ParseFromString(result.body);
        uint64_t at = UINT64_MAX;
        memcpy(&at, result.payload->data(), kEach);
        if (at != message.stream_offset()) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(environment_.bytes_received, stream.size());
  wsp::v1::Socket listed;
  socket->Describe(&listed);
  EXPECT_EQ(listed.bytes_received(), stream.size());
}

TEST_F(WinsockSocketTest, AConnectWhoseTimeIsOverGoesOn) {
  // A full queue answers nobody.
  const TcpListener listener = ListenOnLoopback();
  ASSERT_EQ(listen(listener.fd.get(), 0), 0);
  const OwnedFd first = ConnectToLoopback(listener.port);
  auto socket = Make(kSocket);
  wsp::v1::Call connect = ConnectCall(listener.port);
  connect.set_timeout_ms(20);
  const CallResult result = Run(socket.get(), connect);
  EXPECT_EQ(result.wsa_error, kWsaTimedOut);
  EXPECT_EQ(result.linux_errno, ETIMEDOUT);
  EXPECT_EQ(Run(socket.get(), ConnectCall(listener.port)).wsa_error,
            kWsaAlready);
  // Once there is room the attempt comes through.
  const OwnedFd room(accept(listener.fd.get(), nullptr, nullptr));
  wsp::v1::Socket listed;
  while (listed.state() != wsp::v1::SOCKET_STATE_CONNECTED) {
    listed.Clear();
    socket->Describe(&listed);
    std::this_thread::yield();
  }
}

TEST_F(WinsockSocketTest, ErrorsCarryLinuxsErrno) {
  auto socket = Make(kSocket);
  CallResult result = Run(socket.get(), ReceiveCall(1));
  EXPECT_EQ(result.wsa_error, kWsaNotConn);
  EXPECT_EQ(result.linux_errno, ENOTCONN);
  wsp::v1::Call connect;
  auto* address = connect.mutable_connect()->mutable_address();
  address->mutable_ipv6()->set_address(std::string(16, '1'));
  result = Run(socket.get(), connect);
  EXPECT_EQ(result.wsa_error, kWsaAfNoSupport);
  EXPECT_EQ(result.linux_errno, EAFNOSUPPORT);
  // IPV6_V6ONLY, which the kernel refuses on an IPv4 socket.
  wsp::v1::Call option;
  option.mutable_set_sock_opt()->set_level(41);
  option.mutable_set_sock_opt()->set_option(27);
  option.mutable_set_sock_opt()->mutable_value()->set_number(1);
  result = Run(socket.get(), option);
  int error = 0;
  {
    const int on = 1;
    const OwnedFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_NE(setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)),
              0);
    error = errno;
  }
  EXPECT_NE(error, EINVAL);
  EXPECT_EQ(result.wsa_error, WsaFromErrno(error));
  EXPECT_EQ(result.linux_errno, error);
}

// A connection that a second client has a descriptor of, too.
class SharedSocketTest : public WinsockSocketTest {
 protected:
  SharedSocketTest()
      : first_(Connect(&peer_)),
        second_(std::make_shared<SocketDescriptor>(first_->socket(), other_,
                                                   kSocket)) {
    other_->AddSocket(kSocket, second_);
  }
  ~SharedSocketTest() override { other_->AbortAll(); }

  static wsp::v1::Call CloseCall() {
    wsp::v1::Call call;
    call.mutable_close_socket();
    return call;
  }
  void ExpectAlive() {
    ASSERT_EQ(write(peer_.get(), "ab", 2), 2);
    const uint64_t call = Begin(second_.get(), ReceiveCall(2));
    const CallResult result = other_->Await(call);
    EXPECT_EQ(result.wsa_error, 0);
    ASSERT_NE(result.payload, nullptr);
    EXPECT_EQ(result.payload->size(), 2);
  }

  const std::shared_ptr<FakeCallSink> other_ = std::make_shared<FakeCallSink>();
  OwnedFd peer_;
  std::shared_ptr<SocketDescriptor> first_, second_;
};

TEST_F(SharedSocketTest, CloseEndsTheDescriptorsOwnCallsAlone) {
  const uint64_t own = Begin(first_.get(), ReceiveCall(2));
  const uint64_t others = Begin(second_.get(), ReceiveCall(2));
  EXPECT_EQ(Run(first_.get(), CloseCall()).wsa_error, 0);
  EXPECT_EQ(sink_->Await(own).wsa_error, kWsaIntr);
  EXPECT_EQ(sink_->FindSocket(kSocket), nullptr);
  EXPECT_FALSE(other_->Has(others));
  ASSERT_EQ(write(peer_.get(), "ab", 2), 2);
  EXPECT_EQ(other_->Await(others).payload->size(), 2);
  // Closed is closed.
  EXPECT_EQ(Run(first_.get(), CloseCall()).wsa_error, kWsaNotSock);
}

TEST_F(SharedSocketTest, CleanupOfOneLeavesTheOtherItsConnection) {
  const uint64_t own = Begin(first_.get(), ReceiveCall(2));
  first_->Abort();
  EXPECT_FALSE(sink_->Has(own));
  ExpectAlive();
}

TEST_F(SharedSocketTest, TheLastDescriptorsCleanupResets) {
  first_->Abort();
  second_->Abort();
  int error = 0;
  ReadBytes(peer_.get(), 1, &error);
  EXPECT_EQ(error, ECONNRESET);
}

TEST_F(SharedSocketTest, TheLastDescriptorsCloseIsOrderly) {
  EXPECT_EQ(Run(first_.get(), CloseCall()).wsa_error, 0);
  const uint64_t close = Begin(second_.get(), CloseCall());
  EXPECT_EQ(other_->Await(close).wsa_error, 0);
  int error = 0;
  EXPECT_EQ(ReadBytes(peer_.get(), 1, &error), "");
  EXPECT_EQ(error, 0);
  peer_.Reset();
}

TEST_F(SharedSocketTest, ACallIsCancelledByItsOwnDescriptorOnly) {
  const uint64_t call = Begin(first_.get(), ReceiveCall(2));
  second_->Cancel(call);
  EXPECT_FALSE(sink_->Has(call));
  first_->Cancel(call);
  EXPECT_EQ(sink_->Await(call).wsa_error, kWsaIntr);
}

TEST_F(SharedSocketTest, TheOtherSendsOnWhenADisconnectGoesWithItsCaller) {
  wsp::v1::Call send;
  send.mutable_send()->set_data(std::string(kChunkBytes, 'x'));
  while (sink_->Has(Begin(first_.get(), send))) {
  }
  // More than the kernel may make room for meanwhile.
  for (int i = 0; i < 64; ++i) Begin(first_.get(), send);
  wsp::v1::Call disconnect;
  disconnect.set_overlapped(true);
  disconnect.mutable_disconnect_ex();
  const uint64_t waiting = Begin(first_.get(), disconnect);
  send.mutable_send()->set_data("y");
  EXPECT_EQ(other_->Await(Begin(second_.get(), send)).wsa_error, kWsaShutdown);
  first_->Abort();
  EXPECT_FALSE(sink_->Has(waiting));
  const uint64_t sent = Begin(second_.get(), send);
  std::string read(kChunkBytes, 0);
  while (!other_->Has(sent)) {
    (void)recv(peer_.get(), &read[0], read.size(), MSG_DONTWAIT);
    std::this_thread::yield();
  }
  EXPECT_EQ(other_->Await(sent).wsa_error, 0);
}

// A socket that two clients share, with a connect of the first that waits.
class SharedConnectTest : public WinsockSocketTest {
 protected:
  SharedConnectTest()
      : first_(Make(kSocket)),
        second_(std::make_shared<SocketDescriptor>(first_->socket(), other_,
                                                   kSocket)) {
    other_->AddSocket(kSocket, second_);
    // A full queue answers nobody.
    EXPECT_EQ(listen(listener_.fd.get(), 0), 0);
    fills_ = ConnectToLoopback(listener_.port);
    connect_ = Begin(first_.get(), ConnectCall(listener_.port));
    EXPECT_FALSE(sink_->Has(connect_));
  }
  ~SharedConnectTest() override { other_->AbortAll(); }

  CallResult RunOnSecond(const wsp::v1::Call& call) {
    return other_->Await(Begin(second_.get(), call));
  }
  // Once there is room the attempt comes through, for the second.
  void ExpectConnects() {
    EXPECT_EQ(RunOnSecond(ConnectCall(listener_.port)).wsa_error, kWsaAlready);
    wsp::v1::Call select;
    select.mutable_event_select()->set_network_events(kFdConnect);
    EXPECT_EQ(RunOnSecond(select).wsa_error, 0);
    const OwnedFd room(accept(listener_.fd.get(), nullptr, nullptr));
    const absl::Time deadline = absl::Now() + absl::Minutes(1);
    while (other_->queued_events() == 0 && absl::Now() < deadline) {
      std::this_thread::yield();
    }
    EXPECT_GT(other_->queued_events(), 0);
    EXPECT_EQ(RunOnSecond(ConnectCall(listener_.port)).wsa_error, kWsaIsConn);
  }

  const TcpListener listener_ = ListenOnLoopback();
  const std::shared_ptr<FakeCallSink> other_ = std::make_shared<FakeCallSink>();
  OwnedFd fills_;
  std::shared_ptr<SocketDescriptor> first_, second_;
  uint64_t connect_ = 0;
};

TEST_F(SharedConnectTest, AConnectGoesOnWhenWhoWaitsForItCloses) {
  wsp::v1::Call close;
  close.mutable_close_socket();
  EXPECT_EQ(Run(first_.get(), close).wsa_error, 0);
  EXPECT_EQ(sink_->Await(connect_).wsa_error, kWsaIntr);
  ExpectConnects();
}

TEST_F(SharedConnectTest, AConnectGoesOnWhenWhoWaitsForItDies) {
  first_->Abort();
  EXPECT_FALSE(sink_->Has(connect_));
  ExpectConnects();
}

// A listener whose accepts are conditional.
class OfferTest : public WinsockSocketTest {
 protected:
  OfferTest() : socket_(Make(kSocket)) {
    wsp::v1::Call bind;
    bind.mutable_bind()->mutable_address()->mutable_ipv4()->set_address(
        INADDR_LOOPBACK);
    wsp::v1::BindResult bound;
    bound.ParseFromString(Run(socket_.get(), bind).body);
    port_ = bound.local().ipv4().port();
    wsp::v1::Call listen;
    listen.mutable_listen()->set_backlog(16);
    EXPECT_EQ(Run(socket_.get(), listen).wsa_error, 0);
  }

  CallResult Accept(uint64_t accepted_id, bool conditional, uint64_t* offer) {
    wsp::v1::Call accept;
    accept.mutable_accept()->set_accepted_socket_id(accepted_id);
    accept.mutable_accept()->set_conditional(conditional);
    CallResult result = Run(socket_.get(), accept);
    wsp::v1::AcceptResult message;
    message.ParseFromString(result.body);
    *offer = message.offer_id();
    return result;
  }
  void Decide(uint64_t offer,
              wsp::v1::AcceptDecisionRequest::Decision decision) {
    wsp::v1::Call call;
    call.mutable_accept_decision()->set_offer_id(offer);
    call.mutable_accept_decision()->set_decision(decision);
    call.mutable_accept_decision()->set_accepted_socket_id(100 + offer);
    EXPECT_EQ(Run(socket_.get(), call).wsa_error, 0);
  }
  static void ExpectReset(const OwnedFd& peer) {
    int error = 0;
    ReadBytes(peer.get(), 1, &error);
    EXPECT_EQ(error, ECONNRESET);
  }

  std::shared_ptr<SocketDescriptor> socket_;
  int port_ = 0;
};

TEST_F(OfferTest, OffersAndDeferredConnectionsCountAsSockets) {
  const OwnedFd peers[] = {ConnectToLoopback(port_), ConnectToLoopback(port_),
                           ConnectToLoopback(port_)};
  uint64_t first, second, third;
  EXPECT_EQ(Accept(50, true, &first).wsa_error, 0);
  EXPECT_EQ(Accept(51, true, &second).wsa_error, 0);
  EXPECT_EQ(Accept(52, true, &third).wsa_error, kWsaMfile);
  ExpectReset(peers[2]);
  Decide(first, wsp::v1::AcceptDecisionRequest::DECISION_DEFER);
  EXPECT_EQ(sink_->reserved(), 2);
  Decide(second, wsp::v1::AcceptDecisionRequest::DECISION_REJECT);
  EXPECT_EQ(sink_->reserved(), 1);
  ExpectReset(peers[1]);
  // Offered again, it is still one; as a socket it counts there.
  EXPECT_EQ(Accept(53, true, &first).wsa_error, 0);
  EXPECT_EQ(sink_->reserved(), 1);
  Decide(first, wsp::v1::AcceptDecisionRequest::DECISION_DEFER);
  EXPECT_EQ(Accept(54, false, &first).wsa_error, 0);
  EXPECT_EQ(sink_->reserved(), 0);
  EXPECT_NE(sink_->FindSocket(54), nullptr);
}

TEST_F(OfferTest, DeferredConnectionsAreResetByCleanup) {
  const OwnedFd deferred = ConnectToLoopback(port_);
  const OwnedFd offered = ConnectToLoopback(port_);
  uint64_t first, second;
  EXPECT_EQ(Accept(50, true, &first).wsa_error, 0);
  EXPECT_EQ(Accept(51, true, &second).wsa_error, 0);
  Decide(first, wsp::v1::AcceptDecisionRequest::DECISION_DEFER);
  socket_->Abort();
  ExpectReset(deferred);
  ExpectReset(offered);
  EXPECT_EQ(sink_->reserved(), 0);
}

TEST_F(OfferTest, DeferredConnectionsAreResetByClose) {
  const OwnedFd deferred = ConnectToLoopback(port_);
  uint64_t offer;
  EXPECT_EQ(Accept(50, true, &offer).wsa_error, 0);
  Decide(offer, wsp::v1::AcceptDecisionRequest::DECISION_DEFER);
  wsp::v1::Call close;
  close.mutable_close_socket();
  EXPECT_EQ(Run(socket_.get(), close).wsa_error, 0);
  ExpectReset(deferred);
  EXPECT_EQ(sink_->reserved(), 0);
}

TEST_F(OfferTest, WhatOneDescriptorLeavesUndecidedAnotherAccepts) {
  auto other = std::make_shared<FakeCallSink>();
  auto second =
      std::make_shared<SocketDescriptor>(socket_->socket(), other, kSocket);
  const OwnedFd offered = ConnectToLoopback(port_);
  const OwnedFd deferred = ConnectToLoopback(port_);
  uint64_t first_offer, second_offer;
  EXPECT_EQ(Accept(50, true, &first_offer).wsa_error, 0);
  EXPECT_EQ(Accept(51, true, &second_offer).wsa_error, 0);
  Decide(second_offer, wsp::v1::AcceptDecisionRequest::DECISION_DEFER);
  socket_->Abort();
  EXPECT_EQ(sink_->reserved(), 0);
  for (uint64_t id : {60, 61}) {
    wsp::v1::Call accept;
    accept.mutable_accept()->set_accepted_socket_id(id);
    const uint64_t call = Begin(second.get(), accept);
    EXPECT_EQ(other->Await(call).wsa_error, 0);
    EXPECT_NE(other->FindSocket(id), nullptr);
  }
  EXPECT_EQ(other->reserved(), 0);
  second->Abort();
  other->AbortAll();
}

// A connection with a linger time, whose peer doesn't read.
// AcceptEx into kSocket, of a listener under kListener.
class AcceptExTest : public WinsockSocketTest {
 protected:
  static constexpr uint64_t kListener = 8;

  AcceptExTest() {
    listener_ = Make(kListener);
    wsp::v1::Call bind;
    bind.mutable_bind()->mutable_address()->mutable_ipv4()->set_address(
        INADDR_LOOPBACK);
    wsp::v1::BindResult bound;
    bound.ParseFromString(Run(listener_.get(), bind).body);
    port_ = bound.local().ipv4().port();
    wsp::v1::Call listen;
    listen.mutable_listen()->set_backlog(10);
    EXPECT_EQ(Run(listener_.get(), listen).wsa_error, 0u);
    accepting_ = Make(kSocket);
  }

  uint64_t Start(uint32_t max_bytes) {
    wsp::v1::Call call;
    call.set_overlapped(true);
    call.mutable_accept()->set_accepted_socket_id(kSocket);
    call.mutable_accept()->set_extended(true);
    call.mutable_accept()->set_max_bytes(max_bytes);
    return Begin(listener_.get(), call);
  }
  // Until the connection that waits for its first data is there.
  void AwaitConnection() {
    wsp::v1::Call call;
    call.mutable_get_sock_opt()->set_level(0xffff);
    call.mutable_get_sock_opt()->set_option(0x700c);
    const absl::Time deadline = absl::Now() + absl::Minutes(1);
    while (absl::Now() < deadline) {
      wsp::v1::GetSockOptResult result;
      result.ParseFromString(Run(accepting_.get(), call).body);
      if (result.value().number() != UINT32_MAX) return;
      std::this_thread::yield();
    }
    ADD_FAILURE() << "no connection came";
  }

  std::shared_ptr<SocketDescriptor> listener_;
  std::shared_ptr<SocketDescriptor> accepting_;
  int port_ = 0;
};

TEST_F(AcceptExTest, CancellingPutsBackAConnectionThatWaitsForItsFirstData) {
  const uint64_t cancelled = Start(10);
  const OwnedFd client = ConnectToLoopback(port_);
  AwaitConnection();
  listener_->Cancel(cancelled);
  EXPECT_EQ(sink_->Await(cancelled).wsa_error, kWsaOperationAborted);
  // The next one gets it, with all that was sent.
  ASSERT_EQ(write(client.get(), "data", 4), 4);
  const CallResult result = sink_->Await(Start(10));
  EXPECT_EQ(result.wsa_error, 0u);
  ASSERT_NE(result.payload, nullptr);
  EXPECT_EQ(std::string(result.payload->data(), result.payload->size()),
            "data");
}

TEST_F(AcceptExTest, CancellingBeforeAConnectionTakesNone) {
  const uint64_t cancelled = Start(0);
  listener_->Cancel(cancelled);
  EXPECT_EQ(sink_->Await(cancelled).wsa_error, kWsaOperationAborted);
  const OwnedFd client = ConnectToLoopback(port_);
  EXPECT_EQ(sink_->Await(Start(0)).wsa_error, 0u);
}

TEST_F(AcceptExTest, OneOfManyEndsEachRace) {
  for (int i = 0; i < 200; ++i) {
    const uint64_t id = Start(i % 2 == 0 ? 0 : 10);
    OwnedFd client;
    std::thread connects([&] {
      client = ConnectToLoopback(port_);
      (void)!write(client.get(), "x", 1);
    });
    listener_->Cancel(id);
    const uint32_t error = sink_->Await(id).wsa_error;
    connects.join();
    if (error == 0) {
      // The socket has a connection: another for the next round.
      sink_->RemoveSocket(kSocket);
      accepting_->Abort();
      accepting_ = Make(kSocket);
      continue;
    }
    ASSERT_EQ(error, kWsaOperationAborted);
    // The connection is still to be had.
    const CallResult result = sink_->Await(Start(10));
    ASSERT_EQ(result.wsa_error, 0u);
    ASSERT_NE(result.payload, nullptr);
    EXPECT_EQ(result.payload->size(), 1u);
    sink_->RemoveSocket(kSocket);
    accepting_->Abort();
    accepting_ = Make(kSocket);
  }
}

TEST_F(AcceptExTest, ARefusedOneLeavesNothing) {
  const std::weak_ptr<WinsockSocket> listening = listener_->socket();
  const std::weak_ptr<WinsockSocket> reserved = accepting_->socket();
  const uint64_t waiting = Start(0);
  EXPECT_EQ(sink_->Await(Start(0)).wsa_error, kWsaInval);
  listener_->Cancel(waiting);
  // Closed, but not yet gone from the client's list.
  accepting_->Abort();
  EXPECT_EQ(sink_->Await(Start(0)).wsa_error, kWsaNotSock);
  sink_->AbortAll();
  accepting_.reset();
  listener_.reset();
  EXPECT_TRUE(listening.expired());
  EXPECT_TRUE(reserved.expired());
}

TEST_F(AcceptExTest, IntoASocketThatIsBeingClosedLeavesNothing) {
  const std::weak_ptr<WinsockSocket> listening = listener_->socket();
  for (int i = 0; i < 200; ++i) {
    const std::weak_ptr<WinsockSocket> reserved = accepting_->socket();
    std::thread closes([&] { accepting_->Abort(); });
    const uint32_t error = sink_->Await(Start(0)).wsa_error;
    closes.join();
    EXPECT_TRUE(error == kWsaNotSock || error == kWsaOperationAborted) << error;
    sink_->RemoveSocket(kSocket);
    accepting_ = nullptr;
    EXPECT_TRUE(reserved.expired());
    accepting_ = Make(kSocket);
  }
  sink_->AbortAll();
  accepting_.reset();
  listener_.reset();
  EXPECT_TRUE(listening.expired());
}

class LingeringCloseTest : public WinsockSocketTest {
 protected:
  LingeringCloseTest() : socket_(Connect(&peer_)) {
    wsp::v1::Call linger;
    linger.mutable_set_sock_opt()->set_level(0xffff);
    linger.mutable_set_sock_opt()->set_option(0x80);
    auto* value =
        linger.mutable_set_sock_opt()->mutable_value()->mutable_linger();
    value->set_on(true);
    value->set_seconds(100);
    EXPECT_EQ(Run(socket_.get(), linger).wsa_error, 0);
    SetNonBlocking(true);
    wsp::v1::Call send;
    send.mutable_send()->set_data(std::string(kChunkBytes, 'x'));
    for (;;) {
      const CallResult result = Run(socket_.get(), send);
      if (result.wsa_error != 0) break;
      wsp::v1::SendResult message;
      message.ParseFromString(result.body);
      sent_ += message.bytes_sent();
    }
    SetNonBlocking(false);
    wsp::v1::Call close;
    close.mutable_close_socket();
    close_ = Begin(socket_.get(), close);
  }

  void SetNonBlocking(bool on) {
    wsp::v1::Call ioctl;
    ioctl.mutable_ioctl()->set_code(kFionbio);
    ioctl.mutable_ioctl()->set_number(on);
    EXPECT_EQ(Run(socket_.get(), ioctl).wsa_error, 0);
  }
  void ExpectAllArrives() {
    int error = 0;
    EXPECT_EQ(ReadBytes(peer_.get(), sent_ + 1, &error).size(), sent_);
    EXPECT_EQ(error, 0);
  }

  OwnedFd peer_;
  std::shared_ptr<SocketDescriptor> socket_;
  size_t sent_ = 0;
  uint64_t close_ = 0;
};

TEST_F(LingeringCloseTest, EndsWhenAllHasArrived) {
  EXPECT_FALSE(sink_->Has(close_));
  EXPECT_EQ(sink_->FindSocket(kSocket), socket_);
  wsp::v1::Socket listed;
  socket_->Describe(&listed);
  EXPECT_EQ(listed.state(), wsp::v1::SOCKET_STATE_LINGERING);
  EXPECT_NE(listed.local().ipv4().port(), 0);
  ExpectAllArrives();
  EXPECT_EQ(sink_->Await(close_).wsa_error, 0);
  EXPECT_EQ(sink_->FindSocket(kSocket), nullptr);
}

TEST_F(LingeringCloseTest, CancelEndsTheWaitAlone) {
  ASSERT_FALSE(sink_->Has(close_));
  socket_->Cancel(close_);
  ASSERT_TRUE(sink_->Has(close_));
  const CallResult result = sink_->Await(close_);
  EXPECT_EQ(result.wsa_error, kWsaIntr);
  EXPECT_EQ(result.linux_errno, ECANCELED);
  EXPECT_EQ(sink_->FindSocket(kSocket), nullptr);
  EXPECT_EQ(lingerer_.List().size(), 1);
  ExpectAllArrives();
}

TEST_F(LingeringCloseTest, CleanupLetsItSendTheRest) {
  sink_->AbortAll();
  EXPECT_FALSE(sink_->Has(close_));
  EXPECT_EQ(lingerer_.List().size(), 1);
  ExpectAllArrives();
  peer_.Reset();
}

// ----------------------------------------------------------------- datagrams

class ArrivalObserver : public SocketObserver {
 public:
  void OnStateChange() override {
    if (!told_.exchange(true)) arrival_.Notify();
  }
  bool Await() {
    return arrival_.WaitForNotificationWithTimeout(absl::Minutes(1));
  }

 private:
  std::atomic<bool> told_{false};
  absl::Notification arrival_;
};

TEST_F(WinsockSocketTest, ABroadcastThatIsNotReceivedMakesNothingReadable) {
  auto socket = Make(kSocket, SOCK_DGRAM);
  wsp::v1::Call bind;
  bind.mutable_bind()->mutable_address()->mutable_ipv4()->set_address(
      INADDR_ANY);
  wsp::v1::BindResult bound;
  bound.ParseFromString(Run(socket.get(), bind).body);
  // IP_RECEIVE_BROADCAST.
  wsp::v1::Call option;
  option.mutable_set_sock_opt()->set_level(0);
  option.mutable_set_sock_opt()->set_option(22);
  option.mutable_set_sock_opt()->mutable_value()->set_number(0);
  ASSERT_EQ(Run(socket.get(), option).wsa_error, 0);
  const OwnedFd peer(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ASSERT_EQ(setsockopt(peer.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)),
            0);
  const auto send = [&](uint32_t address) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(address);
    to.sin_port = htons(static_cast<uint16_t>(bound.local().ipv4().port()));
    return sendto(peer.get(), "abc", 3, 0,
                  reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  };
  const auto arrival = std::make_shared<ArrivalObserver>();
  socket->socket()->SetObserver(arrival, EPOLLIN);
  ASSERT_EQ(send(0x7fffffff), 3);
  ASSERT_TRUE(arrival->Await());
  EXPECT_FALSE(socket->Readiness().readable);
  // One for this machine alone is received, also from behind such a one.
  ASSERT_EQ(send(0x7fffffff), 3);
  ASSERT_EQ(send(INADDR_LOOPBACK), 3);
  wsp::v1::Call peek = ReceiveCall(10);
  peek.mutable_recv()->set_flags(2);
  EXPECT_EQ(Run(socket.get(), peek).wsa_error, 0);
  EXPECT_TRUE(socket->Readiness().readable);
  EXPECT_EQ(Run(socket.get(), ReceiveCall(10)).wsa_error, 0);
  EXPECT_FALSE(socket->Readiness().readable);
}

// -------------------------------------------------------- network's changes

TEST_F(WinsockSocketTest, OnlySoManyCallsWaitForTheNetworkToChange) {
  auto socket = Make(kSocket);
  // SIO_ADDRESS_LIST_CHANGE.
  wsp::v1::Call change;
  change.mutable_ioctl()->set_code(0x28000017);
  change.set_overlapped(true);
  std::vector<uint64_t> calls;
  for (int i = 0; i < 16; ++i) calls.push_back(Begin(socket.get(), change));
  for (uint64_t call : calls) EXPECT_FALSE(sink_->Has(call));
  EXPECT_EQ(Run(socket.get(), change).wsa_error, kWsaNoBufs);
  // Another has room of its own, and so have requests that become events.
  const uint64_t elsewhere = Begin(Make(kSocket + 1).get(), change);
  EXPECT_FALSE(sink_->Has(elsewhere));
  wsp::v1::Call nonblocking;
  nonblocking.mutable_ioctl()->set_code(kFionbio);
  nonblocking.mutable_ioctl()->set_number(1);
  EXPECT_EQ(Run(socket.get(), nonblocking).wsa_error, 0);
  wsp::v1::Call event = change;
  event.set_overlapped(false);
  EXPECT_EQ(Run(socket.get(), event).wsa_error, kWsaWouldBlock);
  // The end of one makes room.
  socket->Cancel(calls[0]);
  EXPECT_EQ(sink_->Await(calls[0]).wsa_error, kWsaOperationAborted);
  EXPECT_FALSE(sink_->Has(Begin(socket.get(), change)));
}

// ----------------------------------------------------------- network events

TEST_F(WinsockSocketTest, WhatHappensElsewhereIsToldToWhoRegistered) {
  std::shared_ptr<SocketDescriptor> socket = Make(kSocket);
  socket->socket()->RecordNetworkEvent(kFdAddressListChange, 0);
  EXPECT_EQ(sink_->queued_events(), 0);
  wsp::v1::Call select;
  select.mutable_event_select()->set_network_events(kFdAddressListChange);
  select.mutable_event_select()->set_registration(3);
  EXPECT_EQ(Run(socket.get(), select).wsa_error, 0);
  // One of the same client that has not registered is told nothing.
  SocketDescriptor other(socket->socket(), sink_, kSocket + 1);
  socket->socket()->RecordNetworkEvent(kFdAddressListChange, 0);
  EXPECT_EQ(sink_->queued_events(), 1);
  std::vector<NetworkNotice> notices;
  other.TakeNotices(&notices);
  EXPECT_TRUE(notices.empty());
  socket->TakeNotices(&notices);
  ASSERT_EQ(notices.size(), 1);
  EXPECT_EQ(notices[0].network_events, kFdAddressListChange);
  EXPECT_EQ(notices[0].registration, 3);
  // What is recorded of a socket is gone with the registration's descriptor.
  wsp::v1::Call close;
  close.mutable_close_socket();
  EXPECT_EQ(Run(socket.get(), close).wsa_error, 0);
  socket->socket()->RecordNetworkEvent(kFdAddressListChange, 0);
  EXPECT_EQ(sink_->queued_events(), 1);
  other.Abort();
}

TEST_F(WinsockSocketTest, AnotherConnectionLeavesWhatTheNetworkDidRecorded) {
  OwnedFd peer;
  std::shared_ptr<SocketDescriptor> socket = Connect(&peer);
  wsp::v1::Call call;
  call.mutable_event_select()->set_network_events(kFdAddressListChange);
  EXPECT_EQ(Run(socket.get(), call).wsa_error, 0);
  socket->socket()->RecordNetworkEvent(kFdAddressListChange, 0);
  call.Clear();
  call.mutable_disconnect_ex()->set_reuse(true);
  EXPECT_EQ(Run(socket.get(), call).wsa_error, 0);
  call.Clear();
  call.mutable_enum_network_events();
  wsp::v1::EnumNetworkEventsResult recorded;
  recorded.ParseFromString(Run(socket.get(), call).body);
  EXPECT_EQ(recorded.network_events(), kFdAddressListChange);
}

TEST_F(WinsockSocketTest, ASelectByAnotherDescriptorTakesTheEventsOver) {
  std::shared_ptr<SocketDescriptor> socket = Make(kSocket);
  auto other =
      std::make_shared<SocketDescriptor>(socket->socket(), sink_, kSocket + 1);
  wsp::v1::Call select;
  select.mutable_event_select()->set_network_events(kFdAddressListChange);
  EXPECT_EQ(Run(socket.get(), select).wsa_error, 0);
  EXPECT_EQ(Run(other.get(), select).wsa_error, 0);
  socket->socket()->RecordNetworkEvent(kFdAddressListChange, 0);
  std::vector<NetworkNotice> notices;
  socket->TakeNotices(&notices);
  EXPECT_TRUE(notices.empty());
  other->TakeNotices(&notices);
  EXPECT_EQ(notices.size(), 1);
  other->Abort();
}

}  // namespace
}  // namespace wspd
