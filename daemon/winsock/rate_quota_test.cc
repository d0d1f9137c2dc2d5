// Sockets whose client is held to rates: what is more waits, and nothing is
// lost.
#include "daemon/quota/rate_quota.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/socket/reset.h"
#include "daemon/socket/socket_observer.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/network_event_recorder.h"
#include "daemon/winsock/winsock_socket_fixture.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

constexpr size_t kChunk = 64 << 10;
constexpr uint64_t kPerSecond = 10 << 20;
constexpr size_t kBytes = 6 << 20;
// What kBytes take at least: at first there is a burst, and the last chunk of
// it may be owed.
constexpr absl::Duration kLeast =
    absl::Milliseconds((kBytes - kPerSecond / 10 - kChunk) * 1000 / kPerSecond);
// So that the next one waits for very long.
constexpr uint64_t kMuch = 1 << 30;
constexpr uint64_t kMany = 100000;
constexpr absl::Duration kDeadline = absl::Seconds(30);

std::string Pattern(size_t size) {
  std::string bytes(size, 0);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 / 251);
  return bytes;
}

// Waits for changes of a socket that it observes.
class Changes : public SocketObserver {
 public:
  void OnStateChange() override {
    absl::MutexLock lock(&mu_);
    ++changes_;
  }
  template <typename F>
  bool Await(F&& has_come) {
    const absl::Time end = absl::Now() + kDeadline;
    for (int seen = 0; !has_come(); ++seen) {
      absl::MutexLock lock(&mu_);
      auto more = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return changes_ > seen;
      };
      if (!mu_.AwaitWithDeadline(absl::Condition(&more), end)) return false;
    }
    return true;
  }

 private:
  absl::Mutex mu_;
  int changes_ ABSL_GUARDED_BY(mu_) = 0;
};

class WinsockQuotaTest : public WinsockSocketTest {
 protected:
  void Limit(const Rates& rates) {
    quota_ = RateQuota::Create(rates, nullptr, waits_);
  }

  // The same of a user, who can be made to owe so much that the next one waits
  // for very long, until what he owes is taken back.
  void LimitUser(const Rates& rates) {
    user_ = std::make_shared<RateBuckets>(rates);
    quota_ = RateQuota::Create({}, user_, waits_);
  }
  void OweBytes() {
    user_->sent.TakeUsed(kMuch, RateQuota::NowNs());
    user_->received.TakeUsed(kMuch, RateQuota::NowNs());
  }
  void OweNoBytes() {
    user_->sent.GiveBack(kMuch);
    user_->received.GiveBack(kMuch);
  }
  void OweConnections() {
    user_->connections.TakeUsed(kMany, RateQuota::NowNs());
  }
  void OweNoConnections() { user_->connections.GiveBack(kMany); }

  static wsp::v1::Call SendCall(const std::string& data) {
    wsp::v1::Call call;
    call.mutable_send()->set_data(data);
    return call;
  }
  static wsp::v1::Call AcceptCall(uint64_t accepted) {
    wsp::v1::Call call;
    call.mutable_accept()->set_accepted_socket_id(accepted);
    return call;
  }
  void SetNonblocking(SocketDescriptor* socket) {
    wsp::v1::Call call;
    call.mutable_ioctl()->set_code(kFionbio);
    call.mutable_ioctl()->set_number(1);
    EXPECT_EQ(Run(socket, call).wsa_error, 0);
  }
  std::shared_ptr<SocketDescriptor> Listen(int* port) {
    auto listener = Make(kSocket);
    wsp::v1::Call bind;
    auto* address = bind.mutable_bind()->mutable_address()->mutable_ipv4();
    address->set_address(INADDR_LOOPBACK);
    EXPECT_EQ(Run(listener.get(), bind).wsa_error, 0);
    wsp::v1::Call listen;
    listen.mutable_listen()->set_backlog(10);
    EXPECT_EQ(Run(listener.get(), listen).wsa_error, 0);
    wsp::v1::Call name;
    name.mutable_get_sock_name();
    wsp::v1::GetSockNameResult result;
    EXPECT_TRUE(result.ParseFromString(Run(listener.get(), name).body));
    *port = static_cast<int>(result.address().ipv4().port());
    return listener;
  }

  static OwnedFd Accept(const TcpListener& listener) {
    return OwnedFd(accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

  std::shared_ptr<RateBuckets> user_;
  // Of all that waits.
  const std::shared_ptr<WaitSpreader> waits_ = std::make_shared<WaitSpreader>();

  // Sends `bytes` by `socket` in chunks, several at a time, and takes how long
  // it is until `peer` has them.
  absl::Duration SendAll(SocketDescriptor* socket, int peer,
                         const std::string& bytes) {
    const absl::Time begin = absl::Now();
    std::vector<uint64_t> calls;
    for (size_t at = 0; at < bytes.size(); at += kChunk) {
      calls.push_back(Begin(socket, SendCall(bytes.substr(at, kChunk))));
    }
    EXPECT_TRUE(ReadBytes(peer, bytes.size()) == bytes);
    for (const uint64_t call : calls) {
      EXPECT_EQ(sink_->Await(call).wsa_error, 0);
    }
    return absl::Now() - begin;
  }
};

TEST_F(WinsockQuotaTest, SendsWaitInTheirOrder) {
  Limit({kPerSecond, 0});
  OwnedFd peer;
  const auto socket = Connect(&peer);
  EXPECT_GE(SendAll(socket.get(), peer.get(), Pattern(kBytes)), kLeast);
}

TEST_F(WinsockQuotaTest, ReceivesWait) {
  Limit({kPerSecond, 0});
  OwnedFd peer;
  const auto socket = Connect(&peer);
  const std::string bytes = Pattern(kBytes);
  const absl::Time begin = absl::Now();
  std::thread sender([&] {
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t sent =
          send(peer.get(), bytes.data() + at, bytes.size() - at, 0);
      ASSERT_GT(sent, 0);
      at += static_cast<size_t>(sent);
    }
    shutdown(peer.get(), SHUT_WR);
  });
  std::string received;
  for (;;) {
    const CallResult result = Run(socket.get(), ReceiveCall(kChunk));
    ASSERT_EQ(result.wsa_error, 0);
    if (result.payload == nullptr) break;
    received.append(result.payload->data(), result.payload->size());
  }
  sender.join();
  EXPECT_TRUE(received == bytes);
  EXPECT_GE(absl::Now() - begin, kLeast);
}

TEST_F(WinsockQuotaTest, AllSocketsOfAClientHaveOneQuota) {
  Limit({kPerSecond, 0});
  OwnedFd first_peer, second_peer;
  const auto first = Connect(&first_peer);
  const auto second = Connect(&second_peer);
  const std::string half = Pattern(kBytes / 2);
  const absl::Time begin = absl::Now();
  std::thread other([&] { SendAll(second.get(), second_peer.get(), half); });
  SendAll(first.get(), first_peer.get(), half);
  other.join();
  EXPECT_GE(absl::Now() - begin, kLeast - absl::Milliseconds(10));
}

TEST_F(WinsockQuotaTest, OthersDontWait) {
  Limit({1, 0});
  OwnedFd limited_peer, peer;
  const auto limited = Connect(&limited_peer);
  quota_->CountSent(kMuch);
  const uint64_t waiting = Begin(limited.get(), SendCall("x"));
  quota_ = nullptr;
  const auto free = Connect(&peer);
  SendAll(free.get(), peer.get(), Pattern(kBytes));
  EXPECT_FALSE(sink_->Has(waiting));
}

TEST_F(WinsockQuotaTest, WhoDoesntWaitIsToldToAndHearsWhenHeMay) {
  LimitUser({kPerSecond, 0});
  OwnedFd peer;
  const auto socket = Connect(&peer);
  SetNonblocking(socket.get());
  ASSERT_EQ(write(peer.get(), "ab", 2), 2);
  const auto changes = std::make_shared<Changes>();
  socket->socket()->SetObserver(changes, EPOLLIN | EPOLLOUT);
  ASSERT_TRUE(changes->Await([&] { return socket->Readiness().readable; }));
  OweBytes();
  EXPECT_FALSE(socket->Readiness().readable);
  EXPECT_FALSE(socket->Readiness().writable);
  EXPECT_EQ(Run(socket.get(), SendCall("x")).wsa_error, kWsaWouldBlock);
  EXPECT_EQ(Run(socket.get(), ReceiveCall(2)).wsa_error, kWsaWouldBlock);
  OweNoBytes();
  EXPECT_TRUE(changes->Await([&] { return socket->Readiness().readable; }));
  EXPECT_TRUE(changes->Await([&] { return socket->Readiness().writable; }));
  EXPECT_EQ(Run(socket.get(), SendCall("x")).wsa_error, 0);
  EXPECT_EQ(Run(socket.get(), ReceiveCall(2)).payload->size(), 2u);
}

TEST_F(WinsockQuotaTest, NetworkEventsComeWhenTheQuotaLets) {
  LimitUser({kPerSecond, 0});
  OwnedFd peer;
  const auto socket = Connect(&peer);
  wsp::v1::Call select;
  select.mutable_event_select()->set_network_events(kFdRead | kFdWrite);
  select.mutable_event_select()->set_registration(1);
  EXPECT_EQ(Run(socket.get(), select).wsa_error, 0);
  const auto events = [&] {
    std::vector<NetworkNotice> notices;
    socket->TakeNotices(&notices);
    return notices.empty() ? 0 : notices.back().network_events;
  };
  EXPECT_EQ(events(), uint32_t{kFdWrite});
  OweBytes();
  ASSERT_EQ(write(peer.get(), "ab", 2), 2);
  const auto changes = std::make_shared<Changes>();
  socket->socket()->SetObserver(changes, EPOLLIN);
  EXPECT_GT(quota_->ReceiveWait(), absl::ZeroDuration());
  OweNoBytes();
  EXPECT_TRUE(changes->Await([&] { return (events() & kFdRead) != 0; }));
  EXPECT_EQ(Run(socket.get(), ReceiveCall(2)).payload->size(), 2u);
}

TEST_F(WinsockQuotaTest, APeekTakesNothing) {
  Limit({1, 0});
  OwnedFd peer;
  const auto socket = Connect(&peer);
  quota_->CountReceived(kMuch);
  ASSERT_EQ(write(peer.get(), "ab", 2), 2);
  wsp::v1::Call peek = ReceiveCall(2);
  peek.mutable_recv()->set_flags(2);  // MSG_PEEK
  EXPECT_EQ(Run(socket.get(), peek).payload->size(), 2u);
}

TEST_F(WinsockQuotaTest, WhatWaitsHasItsTimeAndEndsWithTheSocket) {
  Limit({1, 0});
  OwnedFd peer;
  const auto socket = Connect(&peer);
  quota_->CountSent(kMuch);
  wsp::v1::Call send = SendCall("x");
  send.set_timeout_ms(10);
  EXPECT_EQ(Run(socket.get(), send).wsa_error, kWsaTimedOut);
  const uint64_t cancelled = Begin(socket.get(), SendCall("x"));
  socket->Cancel(cancelled);
  EXPECT_EQ(sink_->Await(cancelled).wsa_error, kWsaIntr);
  const uint64_t aborted = Begin(socket.get(), SendCall("x"));
  wsp::v1::Call close;
  close.mutable_close_socket();
  EXPECT_EQ(Run(socket.get(), close).wsa_error, 0);
  EXPECT_EQ(sink_->Await(aborted).wsa_error, kWsaIntr);
}

// They take of the network, too.
TEST_F(WinsockQuotaTest, EmptyDatagramsCount) {
  // What goes at once is used up, and owed a thousand seconds long.
  Limit({1, 0});
  constexpr uint64_t kMost = 1000;
  const auto receiver = Make(1, SOCK_DGRAM);
  wsp::v1::Call bind;
  bind.mutable_bind()->mutable_address()->mutable_ipv4()->set_address(
      INADDR_LOOPBACK);
  ASSERT_EQ(Run(receiver.get(), bind).wsa_error, 0);
  wsp::v1::Call name;
  name.mutable_get_sock_name();
  wsp::v1::GetSockNameResult result;
  ASSERT_TRUE(result.ParseFromString(Run(receiver.get(), name).body));
  const auto sender = Make(2, SOCK_DGRAM);
  SetNonblocking(sender.get());
  SetNonblocking(receiver.get());
  wsp::v1::Call send;
  *send.mutable_send_to()->mutable_to() = result.address();
  wsp::v1::Call receive;
  receive.mutable_recv_from()->set_max_bytes(10);
  uint64_t sent = 0;
  while (sent < kMost && quota_->SendWait() == absl::ZeroDuration()) {
    ASSERT_EQ(Run(sender.get(), send).wsa_error, 0);
    ++sent;
    ASSERT_EQ(Run(receiver.get(), receive).wsa_error, 0);
  }
  EXPECT_LT(sent, kMost);
  EXPECT_EQ(Run(sender.get(), send).wsa_error, kWsaWouldBlock);
  EXPECT_GT(quota_->ReceiveWait(), absl::ZeroDuration());
}

// One send is many datagrams then.
TEST_F(WinsockQuotaTest, SegmentsCountEach) {
  Limit({1, 0});
  constexpr int kMost = 100;
  const auto sender = Make(2, SOCK_DGRAM);
  SetNonblocking(sender.get());
  wsp::v1::Call option;
  option.mutable_set_sock_opt()->set_level(IPPROTO_UDP);
  option.mutable_set_sock_opt()->set_option(2);  // UDP_SEND_MSG_SIZE
  option.mutable_set_sock_opt()->mutable_value()->set_number(1);
  ASSERT_EQ(Run(sender.get(), option).wsa_error, 0);
  const OwnedFd receiver(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const at = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(receiver.get(), at, size), 0);
  ASSERT_EQ(getsockname(receiver.get(), at, &size), 0);
  wsp::v1::Call send;
  send.mutable_send_to()->set_data(std::string(60, 'a'));
  auto* const to = send.mutable_send_to()->mutable_to()->mutable_ipv4();
  to->set_address(INADDR_LOOPBACK);
  to->set_port(ntohs(address.sin_port));
  int sent = 0;
  while (sent < kMost && quota_->SendWait() == absl::ZeroDuration()) {
    ASSERT_EQ(Run(sender.get(), send).wsa_error, 0);
    ++sent;
  }
  EXPECT_LT(sent, kMost);
}

// An end takes nothing of the network, however long the rest has to wait.
TEST_F(WinsockQuotaTest, WhatWaitsHearsThatItsPeerIsGone) {
  Limit({1, 0});
  const TcpListener listener = ListenOnLoopback();
  const auto reset = [&](const std::shared_ptr<SocketDescriptor>& socket,
                         const wsp::v1::Call& call) {
    EXPECT_EQ(Run(socket.get(), ConnectCall(listener.port)).wsa_error, 0);
    OwnedFd peer = Accept(listener);
    const uint64_t waiting = Begin(socket.get(), call);
    EXPECT_FALSE(sink_->Has(waiting));
    ResetAndClose(std::move(peer));
    return sink_->Await(waiting).wsa_error;
  };
  quota_->CountSent(kMuch);
  quota_->CountReceived(kMuch);
  EXPECT_EQ(reset(Make(1), SendCall("x")), kWsaConnReset);
  EXPECT_EQ(reset(Make(2), ReceiveCall(2)), kWsaConnReset);
  const auto observed = Make(3);
  EXPECT_EQ(Run(observed.get(), ConnectCall(listener.port)).wsa_error, 0);
  const auto changes = std::make_shared<Changes>();
  observed->socket()->SetObserver(changes, EPOLLIN);
  ResetAndClose(Accept(listener));
  EXPECT_TRUE(changes->Await([&] { return observed->Readiness().hung_up; }));
}

TEST_F(WinsockQuotaTest, NothingSpinsWhileItWaits) {
  Limit({1, 0});
  OwnedFd peer;
  const auto socket = Connect(&peer);
  quota_->CountSent(kMuch);
  quota_->CountReceived(kMuch);
  ASSERT_EQ(write(peer.get(), "ab", 2), 2);
  Begin(socket.get(), SendCall("x"));
  Begin(socket.get(), ReceiveCall(2));
  AwaitLoop();
  timespec before{}, after{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  absl::SleepFor(absl::Milliseconds(300));
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  EXPECT_LT(
      absl::DurationFromTimespec(after) - absl::DurationFromTimespec(before),
      absl::Milliseconds(100));
}

// All of them wait for the same moment, when few can go on.
TEST_F(WinsockQuotaTest, ManyThatWaitDontKeepTheLoopBusy) {
  constexpr uint64_t kSockets = 2000;
  // One goes on each millisecond, once the burst is used up.
  Limit({1000, 0});
  quota_->CountSent(16 << 10);
  for (uint64_t id = 1; id <= kSockets; ++id) {
    wsp::v1::Call send;
    auto* to = send.mutable_send_to()->mutable_to()->mutable_ipv4();
    to->set_address(INADDR_LOOPBACK);
    to->set_port(9);
    send.mutable_send_to()->set_data("x");
    send.set_overlapped(true);
    Begin(Make(id, SOCK_DGRAM).get(), send);
  }
  AwaitLoop();
  const absl::Time begin = absl::Now();
  const uint64_t before = waits_->entered();
  absl::SleepFor(absl::Milliseconds(500));
  const uint64_t looks = waits_->entered() - before;
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  // Each waits for 60 ms on average, not for 10; and once more for what comes
  // late.
  EXPECT_LT(static_cast<double>(looks), kSockets + seconds * kSockets / 0.04);
}

// Only what somebody waits for is looked for.
TEST_F(WinsockQuotaTest, NobodyLooksForWhatNobodyAwaits) {
  Limit({1, 0});
  OwnedFd peer;
  const auto socket = Connect(&peer);
  quota_->CountSent(kMuch);
  quota_->CountReceived(kMuch);
  ASSERT_EQ(write(peer.get(), "ab", 2), 2);
  wsp::v1::Call peek = ReceiveCall(2);
  peek.mutable_recv()->set_flags(2);  // MSG_PEEK
  EXPECT_EQ(Run(socket.get(), peek).payload->size(), 2u);
  EXPECT_FALSE(socket->Readiness().writable);
  EXPECT_EQ(waits_->entered(), 0u);
  const auto changes = std::make_shared<Changes>();
  socket->socket()->SetObserver(changes, EPOLLIN);
  EXPECT_FALSE(socket->Readiness().readable);
  EXPECT_EQ(waits_->entered(), 1u);
  socket->socket()->SetObserver(changes, EPOLLIN | EPOLLOUT);
  EXPECT_FALSE(socket->Readiness().writable);
  EXPECT_GE(waits_->entered(), 2u);
}

// ----------------------------------------------------------- connections

TEST_F(WinsockQuotaTest, ConnectsWaitTheirTurn) {
  Limit({0, 4});
  const TcpListener listener = ListenOnLoopback();
  const absl::Time begin = absl::Now();
  for (uint64_t id = 1; id <= 7; ++id) {
    EXPECT_EQ(Run(Make(id).get(), ConnectCall(listener.port)).wsa_error, 0);
  }
  // Four at once, and three that took a quarter of a second each.
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(700));
}

TEST_F(WinsockQuotaTest, AConnectThatNobodyWaitsForGoesOn) {
  LimitUser({0, 1});
  OweConnections();
  const TcpListener listener = ListenOnLoopback();
  const auto unfinished = [&](const std::shared_ptr<SocketDescriptor>& socket,
                              uint32_t error) {
    const auto changes = std::make_shared<Changes>();
    socket->socket()->SetObserver(changes, EPOLLOUT);
    EXPECT_EQ(Run(socket.get(), ConnectCall(listener.port)).wsa_error,
              kWsaAlready);
    OweNoConnections();
    EXPECT_TRUE(changes->Await([&] { return socket->Readiness().writable; }))
        << error;
    EXPECT_EQ(Run(socket.get(), SendCall("x")).wsa_error, 0);
    OweConnections();
  };
  const auto nonblocking = Make(1);
  SetNonblocking(nonblocking.get());
  EXPECT_EQ(Run(nonblocking.get(), ConnectCall(listener.port)).wsa_error,
            kWsaWouldBlock);
  unfinished(nonblocking, kWsaWouldBlock);
  const auto cancelled = Make(2);
  const uint64_t call = Begin(cancelled.get(), ConnectCall(listener.port));
  cancelled->Cancel(call);
  EXPECT_EQ(sink_->Await(call).wsa_error, kWsaIntr);
  unfinished(cancelled, kWsaIntr);
  const auto timed_out = Make(3);
  wsp::v1::Call connect = ConnectCall(listener.port);
  connect.set_timeout_ms(1);
  EXPECT_EQ(Run(timed_out.get(), connect).wsa_error, kWsaTimedOut);
  unfinished(timed_out, kWsaTimedOut);
}

TEST_F(WinsockQuotaTest, ARefusalIsToldWhenTheTurnHasCome) {
  LimitUser({0, 1});
  OweConnections();
  int port = 0;
  {
    const TcpListener listener = ListenOnLoopback();
    port = listener.port;
  }
  const auto socket = Make(1);
  const uint64_t call = Begin(socket.get(), ConnectCall(port));
  EXPECT_FALSE(sink_->Has(call));
  OweNoConnections();
  EXPECT_EQ(sink_->Await(call).wsa_error, kWsaConnRefused);
}

TEST_F(WinsockQuotaTest, ConnectionsWaitToBeAccepted) {
  Limit({0, 4});
  int port = 0;
  const auto listener = Listen(&port);
  std::vector<OwnedFd> peers;
  for (int i = 0; i < 7; ++i) peers.push_back(ConnectToLoopback(port));
  const absl::Time begin = absl::Now();
  for (uint64_t i = 0; i < 7; ++i) {
    EXPECT_EQ(Run(listener.get(), AcceptCall(100 + i)).wsa_error, 0);
  }
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(700));
}

TEST_F(WinsockQuotaTest, AnAcceptThatFindsNothingCostsNothing) {
  Limit({0, 2});
  int port = 0;
  const auto listener = Listen(&port);
  SetNonblocking(listener.get());
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Run(listener.get(), AcceptCall(100)).wsa_error, kWsaWouldBlock);
  }
  const OwnedFd peer = ConnectToLoopback(port);
  EXPECT_TRUE(listener->Readiness().readable);
  EXPECT_EQ(Run(listener.get(), AcceptCall(100)).wsa_error, 0);
}

TEST_F(WinsockQuotaTest, AListenerIsReadyWhenTheNextMayBeAccepted) {
  LimitUser({0, 1});
  OweConnections();
  int port = 0;
  const auto listener = Listen(&port);
  SetNonblocking(listener.get());
  const auto changes = std::make_shared<Changes>();
  listener->socket()->SetObserver(changes, EPOLLIN);
  const OwnedFd peer = ConnectToLoopback(port);
  EXPECT_FALSE(listener->Readiness().readable);
  EXPECT_EQ(Run(listener.get(), AcceptCall(100)).wsa_error, kWsaWouldBlock);
  OweNoConnections();
  EXPECT_TRUE(changes->Await([&] { return listener->Readiness().readable; }));
  EXPECT_EQ(Run(listener.get(), AcceptCall(100)).wsa_error, 0);
}

TEST_F(WinsockQuotaTest, WhatIsAcceptedHasItsListenersQuota) {
  Limit({kPerSecond, 0});
  int port = 0;
  const auto listener = Listen(&port);
  const OwnedFd peer = ConnectToLoopback(port);
  EXPECT_EQ(Run(listener.get(), AcceptCall(100)).wsa_error, 0);
  const auto accepted = sink_->FindSocket(100);
  EXPECT_GE(SendAll(accepted.get(), peer.get(), Pattern(kBytes)), kLeast);
}

// ------------------------------------------------- rates that are replaced

TEST_F(WinsockQuotaTest, RatesThatComeHoldForSocketsThatAreThere) {
  LimitUser({});
  OwnedFd peer;
  const auto socket = Connect(&peer);
  SendAll(socket.get(), peer.get(), Pattern(1000));
  user_->Set({kPerSecond, 0}, RateQuota::NowNs());
  std::string bytes = Pattern(kBytes);
  const absl::Time begin = absl::Now();
  uint64_t offset = 1000;
  std::vector<uint64_t> calls;
  for (size_t at = 0; at < bytes.size(); at += kChunk) {
    wsp::v1::Call call = SendCall(bytes.substr(at, kChunk));
    call.mutable_send()->set_stream_offset(offset + at);
    calls.push_back(Begin(socket.get(), call));
  }
  EXPECT_TRUE(ReadBytes(peer.get(), bytes.size()) == bytes);
  for (const uint64_t call : calls) EXPECT_EQ(sink_->Await(call).wsa_error, 0);
  EXPECT_GE(absl::Now() - begin, kLeast);
}

TEST_F(WinsockQuotaTest, WithoutRatesWhatWaitedGoesOn) {
  LimitUser({kPerSecond, 1});
  OwnedFd peer;
  const auto socket = Connect(&peer);
  OweBytes();
  const uint64_t send = Begin(socket.get(), SendCall("x"));
  ASSERT_EQ(write(peer.get(), "y", 1), 1);
  wsp::v1::Call call;
  call.mutable_recv()->set_max_bytes(1);
  const uint64_t receive = Begin(socket.get(), call);
  user_->Set({}, RateQuota::NowNs());
  EXPECT_EQ(sink_->Await(send).wsa_error, 0);
  EXPECT_EQ(sink_->Await(receive).wsa_error, 0);
  EXPECT_EQ(ReadBytes(peer.get(), 1), "x");
}

}  // namespace
}  // namespace wspd
