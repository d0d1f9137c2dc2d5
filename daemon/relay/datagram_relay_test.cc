#include "daemon/relay/datagram_relay.h"

#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <unistd.h>
// After what it needs and doesn't include.
#include <linux/errqueue.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "daemon/relay/datagram_backlog.h"
#include "daemon/relay/datagram_relay_fixture.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/address_codec.h"

namespace wspd {
namespace {

using wsp::relay::DatagramHeader;

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

// ------------------------------------------------------------------ errors

NetAddress ClosedPort() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const OwnedFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(
      bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
      0);
  return NetAddress::LocalOf(fd.get());
}

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

// ------------------------------------------------------------ back-pressure

TEST_F(DatagramRelayTest, AProgramThatDoesNotReadLosesWhatTheKernelWould) {
  Start();
  SetReal(SOL_SOCKET, SO_RCVBUF, 32 << 10);
  // More than both ends' buffers have room for.
  const int sent = 4000;
  for (int i = 0; i < sent; ++i) {
    Answer(absl::StrCat(i, std::string(1000, 'x')));
    if (i % 100 == 0) driver_->Synchronize();
  }
  // In order, with a gap where the kernel's buffer was full.
  int received = 0;
  int last = -1;
  int before_gap = 0;
  while (true) {
    const RelayedMessage message = Read(received == 0 ? 0 : MSG_DONTWAIT);
    if (!message.valid) {
      // What the kernel's socket holds comes when there is room.
      driver_->Synchronize();
      const RelayedMessage later = Read(MSG_DONTWAIT);
      if (!later.valid) break;
      EXPECT_GT(std::stoi(later.payload), last);
      last = std::stoi(later.payload);
      ++received;
      continue;
    }
    const int number = std::stoi(message.payload);
    ASSERT_GT(number, last);
    if (before_gap == 0 && number != last + 1) before_gap = received;
    last = number;
    ++received;
  }
  EXPECT_GT(received, 50);
  EXPECT_LT(received, sent / 2);
  EXPECT_EQ(driver_->counts().dropped, 0u);
  // And on it goes.
  Answer("new");
  EXPECT_EQ(ReadPayload(), "new");
}

TEST_F(DatagramRelayTest, WhatTheProgramSendsWaitsForRoom) {
  StartFull();
  std::thread program([this] {
    for (int i = 0; i < 2000; ++i) {
      // Waits when the daemon has enough.
      ASSERT_TRUE(
          SendTo(NetAddress(), absl::StrCat(i, std::string(i % 7 * 100, 'x'))));
    }
  });
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(Receive(), absl::StrCat(i, std::string(i % 7 * 100, 'x')));
  }
  program.join();
  EXPECT_EQ(driver_->counts().dropped, 0u);
}

TEST_F(DatagramRelayTest, AFullSocketSaysSo) {
  StartFull();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(SendTo(NetAddress(), "queued"));
  wsp::v1::LinuxSend request;
  request.set_data("last");
  uint32_t sent = 0;
  EXPECT_EQ(driver_->Send(request, &sent), EAGAIN);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(Receive(), "queued");
  EXPECT_EQ(driver_->Send(request, &sent), 0);
  EXPECT_EQ(sent, 4u);
  EXPECT_EQ(Receive(), "last");
}

TEST_F(DatagramRelayTest, AnErrorThatFindsNoRoomWaits) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  const OwnedFd program(ends[0]);
  const OwnedFd end(ends[1]);
  const OwnedFd real = Udp();
  const NetAddress nobody = ClosedPort();
  ASSERT_EQ(connect(real.get(), nobody.get(), nobody.size()), 0);
  DatagramRelay relay(real.get(), end.get(), &user_bytes_);
  int full = 0;
  while (send(end.get(), "x", 1, MSG_DONTWAIT) == 1) ++full;
  ASSERT_EQ(send(real.get(), "x", 1, 0), 1);
  relay.Run(EPOLLIN | EPOLLERR, 0);
  // Nothing to do before there is room.
  EXPECT_FALSE(relay.has_more());
  EXPECT_TRUE(relay.awaits_end());
  char message[100];
  while (full-- > 0) ASSERT_EQ(recv(program.get(), message, 100, 0), 1);
  relay.Run(0, EPOLLOUT);
  EXPECT_FALSE(relay.has_more());
  EXPECT_FALSE(relay.awaits_end());
  ASSERT_EQ(recv(program.get(), message, 100, MSG_DONTWAIT),
            static_cast<ssize_t>(sizeof(DatagramHeader)));
  EXPECT_EQ(message[0], wsp::relay::kError);
}

TEST(DatagramBacklogTest, HasALimit) {
  std::atomic<size_t> user_bytes{0};
  DatagramBacklog backlog(&user_bytes);
  std::string message(1000, 'x');
  const iovec piece = {&message[0], message.size()};
  size_t count = 0;
  while (backlog.Push(&piece, 1)) ++count;
  EXPECT_EQ(count, DatagramBacklog::kMostBytes / 1000);
  EXPECT_EQ(backlog.front(), message);
  backlog.Pop();
  EXPECT_TRUE(backlog.Push(&piece, 1));
  while (!backlog.empty()) backlog.Pop();
  EXPECT_TRUE(backlog.Push(&piece, 1));
}

// Backlogs of one user, full ones but the last, which has no room left.
struct FullBacklogs {
  explicit FullBacklogs(std::atomic<size_t>* user_bytes) {
    std::string message(DatagramBacklog::kMostBytes, 'x');
    const iovec piece = {&message[0], message.size()};
    do {
      all.push_back(std::make_unique<DatagramBacklog>(user_bytes));
    } while (all.back()->Push(&piece, 1));
  }

  size_t full() const { return all.size() - 1; }

  std::vector<std::unique_ptr<DatagramBacklog>> all;
};

TEST(DatagramBacklogTest, AUserMayHaveWhatIsLeftForOthers) {
  constexpr size_t kMost =
      DatagramBacklog::kMostBytesTogether / DatagramBacklog::kMostBytes;
  std::atomic<size_t> users[3] = {};
  FullBacklogs one(&users[0]);
  EXPECT_EQ(one.full(), kMost / 2);
  EXPECT_TRUE(one.all.back()->IsScarce());
  FullBacklogs two(&users[1]);
  EXPECT_EQ(two.full(), (kMost - one.full()) / 2);
  DatagramBacklog three(&users[2]);
  EXPECT_FALSE(three.IsScarce());
  std::string message(DatagramBacklog::kMostBytes, 'x');
  const iovec piece = {&message[0], message.size()};
  EXPECT_TRUE(three.Push(&piece, 1));
  one.all.erase(one.all.begin());
  EXPECT_FALSE(one.all.back()->Push(&piece, 1));
  two.all.clear();
  three.Clear();
  EXPECT_TRUE(one.all.back()->Push(&piece, 1));
  one.all.erase(one.all.begin(), one.all.end() - 1);
  EXPECT_FALSE(one.all.back()->IsScarce());
  one.all.clear();
  for (const auto& bytes : users) EXPECT_EQ(bytes, 0u);
}

// Much is kept for the user's others: this one does with no memory.
TEST_F(DatagramRelayTest, NothingIsLostWhenMemoryIsScarce) {
  const FullBacklogs others(&user_bytes_);
  StartFull();
  std::thread program([this] {
    for (int i = 0; i < 500; ++i) {
      ASSERT_TRUE(SendTo(NetAddress(), absl::StrCat(i)));
    }
  });
  for (int i = 0; i < 500; ++i) ASSERT_EQ(Receive(), absl::StrCat(i));
  program.join();
  // And up.
  for (int i = 0; i < 500; ++i) {
    const std::string text = absl::StrCat(i);
    ASSERT_EQ(send(peer_.get(), text.data(), text.size(), 0),
              static_cast<ssize_t>(text.size()));
    if (i % 100 == 50) driver_->Synchronize();
    if (i >= 100) {
      ASSERT_EQ(ReadPayload(), absl::StrCat(i - 100));
    }
  }
  EXPECT_EQ(driver_->counts().dropped, 0u);
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

// --------------------------------------------------------- hostile programs

TEST_F(DatagramRelayTest, WhatIsNoDatagramIsDroppedAlone) {
  Start();
  const std::string good = Message(peer_address_, "good");
  DatagramHeader header{};
  std::vector<std::string> bad = {"", "x", good.substr(0, 35)};
  header.kind = wsp::relay::kError;
  bad.emplace_back(reinterpret_cast<const char*>(&header), sizeof(header));
  header.kind = 200;
  bad.emplace_back(reinterpret_cast<const char*>(&header), sizeof(header));
  header = DatagramHeader();
  header.control_bytes = 65535;
  bad.emplace_back(reinterpret_cast<const char*>(&header), sizeof(header));
  header = DatagramHeader();
  header.address.family = 99;
  bad.emplace_back(reinterpret_cast<const char*>(&header), sizeof(header));
  bad.push_back(Message(peer_address_, "x", "", MSG_OOB));
  bad.push_back(Message(peer_address_, "x", "", -1));
  bad.push_back(
      Message(peer_address_, "x", ControlItem(SOL_SOCKET, SCM_RIGHTS, int{0})));
  bad.push_back(
      Message(peer_address_, "x", ControlItem(SOL_SOCKET, SO_MARK, int{1})));
  std::string lies = ControlItem(IPPROTO_IP, IP_TTL, int{1});
  lies[0] = '\xff';
  bad.push_back(Message(peer_address_, "x", lies));
  bad.push_back(std::string(kMostMessageBytes + 1, '\0'));
  bad.push_back(std::string(100000, '\xff'));
  for (const std::string& message : bad) {
    ASSERT_TRUE(Write(message)) << strerror(errno);
    ASSERT_TRUE(Write(good));
    ASSERT_EQ(Receive(), "good");
  }
  EXPECT_EQ(AwaitDropped(bad.size()), bad.size());
  Answer("answer");
  EXPECT_EQ(ReadPayload(), "answer");
}

TEST_F(DatagramRelayTest, EmptyMessagesAreNoEnd) {
  Start();
  const auto go = HoldLoop();
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(Write(""));
  ASSERT_TRUE(SendTo(peer_address_, "good"));
  go->Notify();
  EXPECT_EQ(Receive(), "good");
  EXPECT_EQ(AwaitDropped(64), 64u);
  EXPECT_FALSE(driver_->ended());
}

TEST_F(DatagramRelayTest, DescriptorsThatComeAlongAreClosed) {
  Start();
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  OwnedFd ours(ends[0]);
  OwnedFd theirs(ends[1]);
  Limit(ours.get());
  std::string text = Message(peer_address_, "with a descriptor");
  iovec piece = {&text[0], text.size()};
  std::string control = ControlItem(SOL_SOCKET, SCM_RIGHTS, theirs.get());
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = &control[0];
  message.msg_controllen = control.size();
  ASSERT_EQ(sendmsg(program_.get(), &message, 0),
            static_cast<ssize_t>(text.size()));
  theirs.Reset();
  EXPECT_EQ(Receive(), "with a descriptor");
  char byte;
  EXPECT_EQ(recv(ours.get(), &byte, 1, 0), 0);
}

TEST_F(DatagramRelayTest, DescriptorsWhoseCloseTakesLongHoldUpNobody) {
  Start();
  TcpPair pair = MakeTcpPair();
  const linger minutes{1, 600};
  ASSERT_EQ(setsockopt(pair.ours.get(), SOL_SOCKET, SO_LINGER, &minutes,
                       sizeof(minutes)),
            0);
  const std::string much(1 << 20, 'x');
  while (send(pair.ours.get(), much.data(), much.size(), MSG_DONTWAIT) > 0) {
  }
  std::string text = Message(peer_address_, "with a descriptor");
  iovec piece = {&text[0], text.size()};
  std::string control = ControlItem(SOL_SOCKET, SCM_RIGHTS, pair.ours.get());
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = &control[0];
  message.msg_controllen = control.size();
  const auto go = HoldLoop();
  ASSERT_GT(sendmsg(program_.get(), &message, 0), 0);
  // The message holds it, so that this takes no time.
  pair.ours.Reset();
  go->Notify();
  EXPECT_EQ(Receive(), "with a descriptor");
  ASSERT_TRUE(SendTo(peer_address_, "next"));
  EXPECT_EQ(Receive(), "next");
  pair.peer.Reset();
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
