// The errors of relayed datagrams, and what is asked of their sockets by calls.
#include <time.h>
// After what it needs and doesn't include.
#include <linux/errqueue.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "daemon/relay/datagram_relay.h"
#include "daemon/relay/datagram_relay_fixture.h"
#include "daemon/winsock/address_codec.h"

namespace wspd {
namespace {

// ------------------------------------------------------------------ errors

TEST_F(DatagramRelayTest, AnIcmpErrorComesAsAnError) {
  Start();
  ASSERT_EQ(driver_->Connect(ClosedPort()), 0);
  ASSERT_TRUE(SendTo(NetAddress(), "nobody"));
  const RelayedMessage error = Read();
  ASSERT_TRUE(error.valid);
  EXPECT_EQ(error.header.kind, wsp::relay::kError);
  EXPECT_EQ(error.header.flags, ECONNREFUSED);
  EXPECT_TRUE(error.from.empty());
  EXPECT_EQ(error.payload, "");
  // It was of those before, and no reason to drop what comes after.
  ASSERT_EQ(driver_->Connect(peer_address_), 0);
  ASSERT_TRUE(SendTo(NetAddress(), "somebody"));
  EXPECT_EQ(Receive(), "somebody");
  EXPECT_EQ(driver_->counts().dropped, 0u);
}

TEST_F(DatagramRelayTest, AnErrorOfThoseBeforeDropsNothing) {
  Start();
  ASSERT_EQ(driver_->Connect(ClosedPort()), 0);
  // The loop has it all at once, the second is refused for the first.
  const auto go = HoldLoop();
  ASSERT_TRUE(SendTo(NetAddress(), "nobody"));
  ASSERT_TRUE(SendTo(peer_address_, "somebody"));
  go->Notify();
  EXPECT_EQ(Receive(), "somebody");
  const RelayedMessage error = Read();
  EXPECT_EQ(error.header.kind, wsp::relay::kError);
  EXPECT_EQ(error.header.flags, ECONNREFUSED);
  EXPECT_EQ(driver_->counts().dropped, 0u);
}

TEST_F(DatagramRelayTest, WhatTheKernelRefusesIsDroppedAlone) {
  Start();
  sockaddr_in broadcast{};
  broadcast.sin_family = AF_INET;
  broadcast.sin_port = htons(9);
  broadcast.sin_addr.s_addr = INADDR_BROADCAST;
  const NetAddress nowhere[] = {
      NetAddress(broadcast),  // EACCES
      Loopback(AF_INET6, 9),  // EAFNOSUPPORT
      NetAddress(),           // EDESTADDRREQ
      Loopback(AF_INET),      // EINVAL: port 0
  };
  for (const NetAddress& to : nowhere) ASSERT_TRUE(SendTo(to, "lost"));
  ASSERT_TRUE(SendTo(peer_address_, std::string(65508, 'x')));
  ASSERT_TRUE(SendTo(peer_address_, "good"));
  EXPECT_EQ(Receive(), "good");
  EXPECT_EQ(driver_->counts().dropped, 5u);
  EXPECT_EQ(driver_->counts().bytes_sent, 4u);
  // Of the one without an address alone its sender hears.
  EXPECT_EQ(Read().header.flags, EDESTADDRREQ);
  Answer("answer");
  EXPECT_EQ(ReadPayload(), "answer");
}

TEST_F(DatagramRelayTest, TheErrorQueueIsRead) {
  Start();
  SetReal(IPPROTO_IP, IP_RECVERR, 1);
  wsp::v1::LinuxReceiveError request;
  request.set_data_length(100);
  request.set_control_length(512);
  wsp::v1::LinuxReceiveErrorResult result;
  EXPECT_EQ(driver_->ReceiveError(request, &result), EAGAIN);
  const NetAddress nobody = ClosedPort();
  ASSERT_TRUE(SendTo(nobody, "nobody"));
  EXPECT_EQ(Read().header.flags, ECONNREFUSED);
  ASSERT_EQ(driver_->ReceiveError(request, &result), 0);
  EXPECT_EQ(result.data(), "nobody");
  EXPECT_EQ(result.flags() & MSG_ERRQUEUE, MSG_ERRQUEUE);
  EXPECT_EQ(result.from().ipv4().port(), nobody.port());
  RelayedMessage message;
  message.control = result.control();
  bool found;
  const auto error =
      message.Item<sock_extended_err>(IPPROTO_IP, IP_RECVERR, &found);
  EXPECT_TRUE(found);
  EXPECT_EQ(error.ee_errno, static_cast<uint32_t>(ECONNREFUSED));
  EXPECT_EQ(error.ee_origin, SO_EE_ORIGIN_ICMP);
  EXPECT_EQ(driver_->ReceiveError(request, &result), EAGAIN);
  request.set_data_length(65537);
  EXPECT_EQ(driver_->ReceiveError(request, &result), EINVAL);
}

// ------------------------------------------------------------------- calls

wsp::v1::LinuxSend SendRequest(const std::string& data,
                               const NetAddress& to = NetAddress()) {
  wsp::v1::LinuxSend request;
  request.set_data(data);
  if (!to.empty()) EncodeAddress(to, request.mutable_to());
  return request;
}

TEST_F(DatagramRelayTest, ASendThatIsACallSaysItsError) {
  Start();
  uint32_t sent = 0;
  EXPECT_EQ(driver_->Send(SendRequest("to nobody"), &sent), EDESTADDRREQ);
  EXPECT_EQ(driver_->Send(SendRequest("x", Loopback(AF_INET6, 9)), &sent),
            EAFNOSUPPORT);
  EXPECT_EQ(driver_->Send(SendRequest("x", Loopback(AF_INET)), &sent), EINVAL);
  EXPECT_EQ(
      driver_->Send(SendRequest(std::string(65508, 'x'), peer_address_), &sent),
      EMSGSIZE);
  EXPECT_EQ(
      driver_->Send(SendRequest(std::string(65536, 'x'), peer_address_), &sent),
      EMSGSIZE);
  auto request = SendRequest("x", peer_address_);
  request.set_flags(MSG_OOB);
  EXPECT_EQ(driver_->Send(request, &sent), EINVAL);
  request.set_flags(MSG_CONFIRM);
  request.set_control(ControlItem(SOL_SOCKET, SO_MARK, int{1}));
  EXPECT_EQ(driver_->Send(request, &sent), EPERM);
  request.set_control(std::string(1025, '\0'));
  EXPECT_EQ(driver_->Send(request, &sent), ENOBUFS);
  request.mutable_to()->mutable_ipv4()->set_port(65536);
  request.clear_control();
  EXPECT_EQ(driver_->Send(request, &sent), EINVAL);
  // No error is told of twice, and none was dropped.
  request = SendRequest("good", peer_address_);
  request.set_control(ControlItem(IPPROTO_IP, IP_TTL, int{3}));
  EXPECT_EQ(driver_->Send(request, &sent), 0);
  EXPECT_EQ(sent, 4u);
  EXPECT_EQ(Receive(), "good");
  EXPECT_EQ(driver_->Send(SendRequest("", peer_address_), &sent), 0);
  EXPECT_EQ(sent, 0u);
  EXPECT_EQ(Receive(), "");
  EXPECT_EQ(driver_->counts().dropped, 0u);
  EXPECT_EQ(driver_->counts().bytes_sent, 4u);
  EXPECT_FALSE(Read(MSG_DONTWAIT).valid);
}

TEST_F(DatagramRelayTest, ACallComesAfterWhatWasSentBefore) {
  Start();
  const auto go = HoldLoop();
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(SendTo(peer_address_, "before"));
  uint32_t sent = 0;
  EXPECT_EQ(driver_->Send(SendRequest("then", peer_address_), &sent), 0);
  go->Notify();
  for (int i = 0; i < 40; ++i) ASSERT_EQ(Receive(), "before");
  EXPECT_EQ(Receive(), "then");
}

TEST_F(DatagramRelayTest, ACallComesAfterMuch) {
  Start();
  const auto go = HoldLoop();
  const int bytes = 1 << 20;
  ASSERT_EQ(
      setsockopt(program_.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)),
      0);
  // More than the relay has in a turn, if the system lets it.
  uint64_t queued = 0;
  const std::string payload(60000, 'x');
  const std::string large = Message(peer_address_, payload);
  while (send(program_.get(), large.data(), large.size(), MSG_DONTWAIT) > 0) {
    queued += payload.size();
  }
  uint32_t sent = 0;
  EXPECT_EQ(driver_->Send(SendRequest("then", peer_address_), &sent), 0);
  EXPECT_EQ(driver_->counts().bytes_sent, queued + 4);
  go->Notify();
}

TEST_F(DatagramRelayTest, ConnectedAndNotAnyMore) {
  Start();
  OwnedFd stranger = Udp();
  BindToLoopback(stranger.get(), AF_INET);
  ASSERT_EQ(driver_->Connect(peer_address_), 0);
  ASSERT_TRUE(SendTo(NetAddress(), "to the peer"));
  EXPECT_EQ(Receive(), "to the peer");
  // Only the peer is heard.
  ASSERT_EQ(
      sendto(stranger.get(), "stranger", 8, 0, local_.get(), local_.size()), 8);
  Answer("peer");
  EXPECT_EQ(ReadPayload(), "peer");
  // What was sent to the peer goes there, whoever is the peer now.
  const auto go = HoldLoop();
  ASSERT_TRUE(SendTo(NetAddress(), "still to the peer"));
  ASSERT_EQ(driver_->Connect(NetAddress::LocalOf(stranger.get())), 0);
  go->Notify();
  EXPECT_EQ(Receive(), "still to the peer");
  ASSERT_EQ(driver_->Connect(NetAddress()), 0);
  uint32_t sent = 0;
  EXPECT_EQ(driver_->Send(SendRequest("nobody"), &sent), EDESTADDRREQ);
  EXPECT_EQ(driver_->Connect(Loopback(AF_INET6, 9)), EAFNOSUPPORT);
}

TEST_F(DatagramRelayTest, ThePendingErrorIsTakenOnce) {
  Start();
  EXPECT_EQ(driver_->TakeError(), 0);
  const auto go = HoldLoop();
  ASSERT_EQ(driver_->Connect(ClosedPort()), 0);
  uint32_t sent = 0;
  ASSERT_EQ(driver_->Send(SendRequest("nobody"), &sent), 0);
  EXPECT_EQ(driver_->TakeError(), ECONNREFUSED);
  EXPECT_EQ(driver_->TakeError(), 0);
  go->Notify();
  driver_->Synchronize();
  EXPECT_FALSE(Read(MSG_DONTWAIT).valid);
}

TEST_F(DatagramRelayTest, CallsAndDatagramsFromManyThreads) {
  Start();
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([this, &stop, i] {
      while (!stop) {
        uint32_t sent = 0;
        (void)driver_->Send(SendRequest("call", peer_address_), &sent);
        if (i == 0) (void)driver_->Connect(peer_address_);
        if (i == 1) (void)driver_->TakeError();
        driver_->Synchronize();
      }
    });
  }
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(SendTo(peer_address_, absl::StrCat(i)));
    Answer(absl::StrCat(i));
    while (true) {
      const RelayedMessage message = Read();
      ASSERT_TRUE(message.valid);
      if (message.payload == absl::StrCat(i)) break;
    }
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace wspd
