// One socket of one client.
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
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
  socket->Describe(false, &listed);
  EXPECT_EQ(listed.bytes_received(), stream.size());
}

TEST_F(WinsockSocketTest, ListingsSayWhatItHasDoneAndHowTcpDoes) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  ASSERT_EQ(write(peer.get(), "abcd", 4), 4);
  for (int i = 0; i < 2; ++i) Run(socket.get(), ReceiveCall(2));
  wsp::v1::Socket listed;
  socket->Describe(true, &listed);
  EXPECT_EQ(listed.receives(), 2u);
  EXPECT_EQ(listed.sends(), 0u);
  EXPECT_FALSE(listed.operations_unknown());
  EXPECT_EQ(listed.last_errno(), 0);
  EXPECT_GT(listed.tcp().congestion_window(), 0u);
  EXPECT_GT(listed.tcp().send_segment_bytes(), 0u);
  ResetAndClose(std::move(peer));
  EXPECT_NE(Run(socket.get(), ReceiveCall(2)).wsa_error, 0u);
  listed.Clear();
  socket->Describe(true, &listed);
  EXPECT_EQ(listed.last_errno(), ECONNRESET);
  EXPECT_EQ(listed.receives(), 2u);
  EXPECT_FALSE(listed.has_tcp());
}

TEST_F(WinsockSocketTest, ListingsKnowWhenItWasUsedWithoutAskingTcp) {
  const int64_t begin = absl::GetCurrentTimeNanos();
  OwnedFd peer;
  auto socket = Connect(&peer);
  wsp::v1::Socket listed;
  socket->Describe(false, &listed);
  EXPECT_FALSE(listed.has_tcp());
  const int64_t connected = listed.active_at_ns();
  EXPECT_GE(connected, begin);
  EXPECT_LE(connected, absl::GetCurrentTimeNanos());
  // The clock of the uses goes by ticks.
  while (listed.active_at_ns() == connected) {
    ASSERT_EQ(write(peer.get(), "ab", 2), 2);
    Run(socket.get(), ReceiveCall(2));
    listed.Clear();
    socket->Describe(false, &listed);
  }
  EXPECT_GT(listed.active_at_ns(), connected);
  EXPECT_LE(listed.active_at_ns(), absl::GetCurrentTimeNanos());
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
    socket->Describe(false, &listed);
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
  // The loop, which looks at the socket once, may find it not told yet.
  EXPECT_GE(sink_->queued_events(), 1);
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
  AwaitLoop();
  const int queued = sink_->queued_events();
  socket->socket()->RecordNetworkEvent(kFdAddressListChange, 0);
  EXPECT_EQ(sink_->queued_events(), queued);
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
