#include "daemon/relay/datagram_relay.h"

#include <netinet/udp.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "daemon/relay/datagram_relay_fixture.h"

namespace wspd {
namespace {

// ------------------------------------------------------------- both ways

class BothFamiliesTest : public DatagramRelayTest,
                         public testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Families, BothFamiliesTest,
                         testing::Values(AF_INET, AF_INET6));

TEST_P(BothFamiliesTest, DatagramsHaveTheirAddresses) {
  Start(GetParam());
  ASSERT_TRUE(SendTo(peer_address_, "question"));
  NetAddress from;
  EXPECT_EQ(Receive(&from), "question");
  EXPECT_TRUE(from.SameEndpoint(local_));
  Answer("answer");
  const RelayedMessage answer = Read();
  ASSERT_TRUE(answer.valid);
  EXPECT_EQ(answer.payload, "answer");
  EXPECT_TRUE(answer.from.SameEndpoint(peer_address_));
  EXPECT_EQ(answer.header.kind, wsp::relay::kDatagram);
  EXPECT_EQ(answer.header.control_bytes, 0);
  EXPECT_EQ(answer.header.flags, 0);
  EXPECT_EQ(driver_->counts().bytes_sent, 8u);
  EXPECT_EQ(driver_->counts().bytes_received, 6u);
}

TEST_P(BothFamiliesTest, EverySizeKeepsItsBounds) {
  Start(GetParam());
  SetReal(SOL_SOCKET, SO_RCVBUF, 1 << 20);
  const size_t most = GetParam() == AF_INET ? 65507 : 65527;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1472}, size_t{9000},
                            size_t{65500}, most}) {
    const std::string payload(size, 'x');
    ASSERT_TRUE(SendTo(peer_address_, payload));
    ASSERT_EQ(Receive(), payload) << size;
    Answer(payload);
    const RelayedMessage message = Read();
    ASSERT_TRUE(message.valid) << size;
    ASSERT_EQ(message.payload, payload) << size;
  }
  EXPECT_EQ(driver_->counts().dropped, 0u);
}

TEST_F(DatagramRelayTest, ManyComeInOrder) {
  Start();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(SendTo(peer_address_, absl::StrCat("down ", i)));
    ASSERT_EQ(Receive(), absl::StrCat("down ", i));
    Answer(absl::StrCat("up ", i));
    ASSERT_EQ(ReadPayload(), absl::StrCat("up ", i));
  }
  // In bursts, longer than a batch.
  for (int i = 0; i < 50; ++i) Answer(absl::StrCat("burst ", i));
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(ReadPayload(), absl::StrCat("burst ", i));
  }
}

TEST_F(DatagramRelayTest, MoreMakesOneDatagram) {
  Start();
  ASSERT_TRUE(SendTo(peer_address_, "one ", "", MSG_MORE));
  ASSERT_TRUE(SendTo(peer_address_, "datagram"));
  ASSERT_TRUE(SendTo(peer_address_, "another"));
  EXPECT_EQ(Receive(), "one datagram");
  EXPECT_EQ(Receive(), "another");
}

// ------------------------------------------------------------- what goes along

TEST_F(DatagramRelayTest, WhatTheProgramSaysOfADatagramGoesAlong) {
  StartWith(Udp());
  peer_ = Udp();
  peer_address_ = BindToLoopback(peer_.get(), AF_INET);
  Limit(peer_.get());
  const int on = 1;
  for (const int name : {IP_RECVTTL, IP_RECVTOS}) {
    ASSERT_EQ(setsockopt(peer_.get(), IPPROTO_IP, name, &on, sizeof(on)), 0);
  }
  in_pktinfo source{};
  source.ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK + 4);
  ASSERT_TRUE(SendTo(peer_address_, "down",
                     ControlItem(IPPROTO_IP, IP_TTL, int{7}) +
                         ControlItem(IPPROTO_IP, IP_TOS, int{0x28}) +
                         ControlItem(IPPROTO_IP, IP_PKTINFO, source)));
  NetAddress from;
  char byte[4];
  iovec piece = {byte, sizeof(byte)};
  alignas(cmsghdr) char control[256];
  msghdr message{};
  message.msg_name = from.Buffer();
  message.msg_namelen = NetAddress::kMostBytes;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ASSERT_EQ(recvmsg(peer_.get(), &message, 0), 4);
  RelayedMessage came;
  came.control.assign(control, message.msg_controllen);
  bool found;
  EXPECT_EQ(came.Item<int>(IPPROTO_IP, IP_TTL, &found), 7);
  EXPECT_EQ(came.Item<char>(IPPROTO_IP, IP_TOS, &found), 0x28);
  EXPECT_EQ(from.v4().sin_addr.s_addr, source.ipi_spec_dst.s_addr);
}

TEST_F(DatagramRelayTest, WhatTheKernelSaysOfADatagramComesUp) {
  Start();
  SetReal(IPPROTO_IP, IP_RECVTTL, 1);
  SetReal(IPPROTO_IP, IP_RECVTOS, 1);
  SetReal(IPPROTO_IP, IP_PKTINFO, 1);
  SetReal(IPPROTO_IP, IP_RECVORIGDSTADDR, 1);
  SetReal(SOL_SOCKET, SO_TIMESTAMPNS, 1);
  const int ttl = 9;
  ASSERT_EQ(setsockopt(peer_.get(), IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)), 0);
  Answer("up");
  const RelayedMessage up = Read();
  EXPECT_EQ(up.payload, "up");
  bool found;
  EXPECT_EQ(up.Item<int>(IPPROTO_IP, IP_TTL, &found), 9);
  EXPECT_TRUE(found);
  EXPECT_EQ(up.Item<in_pktinfo>(IPPROTO_IP, IP_PKTINFO, &found).ipi_addr.s_addr,
            htonl(INADDR_LOOPBACK));
  EXPECT_TRUE(found);
  EXPECT_EQ(up.Item<sockaddr_in>(IPPROTO_IP, IP_ORIGDSTADDR, &found).sin_port,
            local_.v4().sin_port);
  EXPECT_TRUE(found);
  (void)up.Item<char>(IPPROTO_IP, IP_TOS, &found);
  EXPECT_TRUE(found);
  EXPECT_GT(up.Item<timespec>(SOL_SOCKET, SCM_TIMESTAMPNS, &found).tv_sec, 0);
  EXPECT_TRUE(found);
}

TEST_F(DatagramRelayTest, ControlMessagesOfIpv6GoBothWays) {
  Start(AF_INET6);
  SetReal(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
  SetReal(IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
  SetReal(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  in6_pktinfo source{};
  source.ipi6_addr = in6addr_loopback;
  // Sent to itself.
  ASSERT_TRUE(SendTo(local_, "to itself",
                     ControlItem(IPPROTO_IPV6, IPV6_HOPLIMIT, int{7}) +
                         ControlItem(IPPROTO_IPV6, IPV6_TCLASS, int{0x28}) +
                         ControlItem(IPPROTO_IPV6, IPV6_PKTINFO, source)));
  const RelayedMessage up = Read();
  EXPECT_EQ(up.payload, "to itself");
  bool found;
  EXPECT_EQ(up.Item<int>(IPPROTO_IPV6, IPV6_HOPLIMIT, &found), 7);
  EXPECT_EQ(up.Item<int>(IPPROTO_IPV6, IPV6_TCLASS, &found), 0x28);
  const auto info = up.Item<in6_pktinfo>(IPPROTO_IPV6, IPV6_PKTINFO, &found);
  EXPECT_TRUE(found);
  EXPECT_TRUE(IN6_IS_ADDR_LOOPBACK(&info.ipi6_addr));
}

TEST_F(DatagramRelayTest, SegmentsAreTakenApartAndPutTogether) {
  Start();
  const std::string three(3000, 'x');
  ASSERT_TRUE(SendTo(peer_address_, three,
                     ControlItem(IPPROTO_UDP, UDP_SEGMENT, uint16_t{1200})));
  EXPECT_EQ(Receive().size(), 1200u);
  EXPECT_EQ(Receive().size(), 1200u);
  EXPECT_EQ(Receive().size(), 600u);
  SetReal(IPPROTO_UDP, UDP_GRO, 1);
  ASSERT_TRUE(SendTo(local_, three,
                     ControlItem(IPPROTO_UDP, UDP_SEGMENT, uint16_t{1200})));
  const RelayedMessage together = Read();
  bool found;
  EXPECT_EQ(together.payload.size(), 3000u);
  EXPECT_EQ(together.Item<int>(IPPROTO_UDP, UDP_GRO, &found), 1200);
  EXPECT_TRUE(found);
}

// -------------------------------------------------------------------- ends

TEST_F(DatagramRelayTest, WhatWasSentBeforeTheCloseIsSent) {
  Start();
  const auto go = HoldLoop();
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(SendTo(peer_address_, "last"));
  program_.Reset();
  go->Notify();
  for (int i = 0; i < 40; ++i) ASSERT_EQ(Receive(), "last");
  EXPECT_TRUE(driver_->AwaitEnd());
}

TEST_F(DatagramRelayTest, AlsoIfSomethingWasUnread) {
  Start();
  Answer("unread");
  pollfd readable = {program_.get(), POLLIN, 0};
  ASSERT_EQ(poll(&readable, 1, 30000), 1);
  const auto go = HoldLoop();
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(SendTo(peer_address_, "last"));
  program_.Reset();
  go->Notify();
  for (int i = 0; i < 40; ++i) ASSERT_EQ(Receive(), "last");
  EXPECT_TRUE(driver_->AwaitEnd());
}

TEST_F(DatagramRelayTest, ShuttingDownIsNotTheEnd) {
  Start();
  ASSERT_TRUE(SendTo(peer_address_, "last"));
  ASSERT_EQ(shutdown(program_.get(), SHUT_WR), 0);
  EXPECT_EQ(Receive(), "last");
  for (int i = 0; i < 100; ++i) {
    Answer("still there");
    ASSERT_EQ(ReadPayload(), "still there");
  }
  EXPECT_FALSE(driver_->ended());
  EXPECT_EQ(driver_->counts().dropped, 0u);
  program_.Reset();
  EXPECT_TRUE(driver_->AwaitEnd());
}

TEST_F(DatagramRelayTest, WhoDoesNotWantToReceiveStillSends) {
  Start();
  ASSERT_EQ(shutdown(program_.get(), SHUT_RD), 0);
  Answer("unwanted");
  EXPECT_EQ(AwaitDropped(1), 1u);
  ASSERT_TRUE(SendTo(peer_address_, "sent"));
  EXPECT_EQ(Receive(), "sent");
  program_.Reset();
  EXPECT_TRUE(driver_->AwaitEnd());
}

TEST_F(DatagramRelayTest, ShutdownIsTheKernels) {
  Start();
  EXPECT_EQ(driver_->Shutdown(SHUT_WR), ENOTCONN);
  EXPECT_EQ(driver_->Shutdown(3), EINVAL);
  ASSERT_EQ(driver_->Connect(peer_address_), 0);
  ASSERT_TRUE(SendTo(NetAddress(), "before"));
  EXPECT_EQ(driver_->Shutdown(SHUT_WR), 0);
  wsp::v1::LinuxSend request;
  request.set_data("after");
  uint32_t sent;
  EXPECT_EQ(driver_->Send(request, &sent), EPIPE);
}

// ---------------------------------------------------------- other protocols

TEST_F(DatagramRelayTest, EchoesOfIcmp) {
  OwnedFd real(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP));
  if (!real.valid()) GTEST_SKIP() << "ping_group_range: " << strerror(errno);
  StartWith(std::move(real));
  std::string echo("\x08\x00\x00\x00\x00\x00\x00\x07hello", 13);
  ASSERT_TRUE(SendTo(Loopback(AF_INET), echo));
  const RelayedMessage reply = Read();
  ASSERT_EQ(reply.payload.size(), echo.size());
  EXPECT_EQ(reply.payload[0], 0) << "ICMP_ECHOREPLY";
  EXPECT_EQ(reply.payload.substr(8), "hello");
  EXPECT_EQ(reply.from.v4().sin_addr.s_addr, htonl(INADDR_LOOPBACK));
}

TEST_F(DatagramRelayTest, UdpLite) {
  OwnedFd real(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDPLITE));
  if (!real.valid()) GTEST_SKIP() << "this kernel has none";
  local_ = BindToLoopback(real.get(), AF_INET);
  peer_ = Udp(AF_INET, IPPROTO_UDPLITE);
  peer_address_ = BindToLoopback(peer_.get(), AF_INET);
  Limit(peer_.get());
  StartWith(std::move(real));
  ASSERT_TRUE(SendTo(peer_address_, "down"));
  EXPECT_EQ(Receive(), "down");
  Answer("up");
  EXPECT_EQ(ReadPayload(), "up");
}

}  // namespace
}  // namespace wspd
