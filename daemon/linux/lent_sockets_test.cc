#include "daemon/linux/lent_sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/linux/lent_sockets_fixture.h"
#include "daemon/linux/socket_destruction.h"
#include "daemon/testing/tcp_pair.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

void Bind(int fd, int family) {
  sockaddr_in6 address{};
  address.sin6_family = static_cast<sa_family_t>(family);
  const socklen_t size =
      family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
}

TEST_F(LentSocketsTest, TheEndOfATcpConnectionComesWithItsCounts) {
  Start();
  OwnedFd peer;
  Lent lent = Connect(&peer);
  const std::string sent(1000, 'x');
  ASSERT_EQ(send(lent.fd.get(), sent.data(), sent.size(), 0), 1000);
  ASSERT_EQ(send(peer.get(), sent.data(), 300, 0), 300);
  char buffer[1000];
  ASSERT_EQ(recv(peer.get(), buffer, sizeof(buffer), MSG_WAITALL), 1000);
  ASSERT_EQ(recv(lent.fd.get(), buffer, 300, MSG_WAITALL), 300);
  EXPECT_EQ(table_->size(), 1u);
  EXPECT_EQ(owner_->sockets, 1u);
  // Whose end is first doesn't matter: it has gone when both have.
  lent.fd.Reset();
  peer.Reset();
  EXPECT_TRUE(AwaitSize(0));
  EXPECT_EQ(owner_->sockets, 0u);
  EXPECT_EQ(table_->bytes_sent(), 1000u);
  EXPECT_GE(table_->bytes_received(), 300u);
  EXPECT_LE(table_->bytes_received(), 301u);
}

TEST_F(LentSocketsTest, TheEndOfEveryKindIsTold) {
  // No check comes to help.
  LentSockets::Options options;
  options.check_time = options.lost_time = absl::Hours(1);
  Start(options);
  for (const auto family : {Request::FAMILY_IPV4, Request::FAMILY_IPV6}) {
    for (const auto type : {Request::TYPE_STREAM, Request::TYPE_DATAGRAM}) {
      for (const bool bound : {false, true}) {
        Lent lent = Lend(family, type);
        if (bound) Bind(lent.fd.get(), lent.entry.family);
        EXPECT_EQ(table_->size(), 1u);
        lent.fd.Reset();
        EXPECT_TRUE(AwaitSize(0))
            << family << " " << type << " bound: " << bound;
      }
    }
  }
}

TEST_F(LentSocketsTest, LivesAsLongAsAnybodyHasIt) {
  Start();
  Lent lent = Lend(Request::FAMILY_IPV4, Request::TYPE_DATAGRAM);
  OwnedFd other(fcntl(lent.fd.get(), F_DUPFD_CLOEXEC, 0));
  lent.fd.Reset();
  Lent later = Lend(Request::FAMILY_IPV4, Request::TYPE_DATAGRAM);
  later.fd.Reset();
  EXPECT_TRUE(AwaitSize(1));
  EXPECT_EQ(table_->List()[0].cookie, lent.entry.cookie);
  other.Reset();
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(LentSocketsTest, EndsThatTheKernelDoesNotTellAreLookedFor) {
  LentSockets::Options options;
  options.check_time = absl::Milliseconds(10);
  Start(options);
  int kinds = 0;
  for (const auto& [type, protocol] :
       {std::make_pair(Request::TYPE_STREAM, static_cast<int>(IPPROTO_MPTCP)),
        std::make_pair(Request::TYPE_DATAGRAM,
                       static_cast<int>(IPPROTO_UDPLITE)),
        std::make_pair(Request::TYPE_DATAGRAM,
                       static_cast<int>(IPPROTO_ICMP))}) {
    Lent lent = Make(Request::FAMILY_IPV4, type, protocol);
    // Not every kernel has each, or for everybody.
    if (error_ != 0) continue;
    ++kinds;
    Add(lent);
    Lent kept = Lend(Request::FAMILY_IPV4, type, protocol);
    lent.fd.Reset();
    EXPECT_TRUE(AwaitSize(1)) << protocol;
    EXPECT_EQ(table_->List()[0].cookie, kept.entry.cookie);
    EXPECT_TRUE(Find(kept).bytes_unknown());
    kept.fd.Reset();
    EXPECT_TRUE(AwaitSize(0)) << protocol;
  }
  if (kinds == 0) GTEST_SKIP() << "no such protocol here";
}

// No descriptor is to be had as long as it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &old_);
    const rlimit none = {0, old_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &old_); }

 private:
  rlimit old_;
};

TEST_F(LentSocketsTest, WithoutTheKernelsWordItIsLookedWhatLives) {
  LentSockets::Options options;
  options.check_time = absl::Milliseconds(10);
  Start(options);
  const Lent unbound = Make(Request::FAMILY_IPV4, Request::TYPE_STREAM);
  const Lent unmarked = Make(Request::FAMILY_IPV6, Request::TYPE_STREAM);
  Bind(unmarked.fd.get(), AF_INET6);
  // Kernels before 6.8 don't list what is only bound.
  ASSERT_EQ(listen(unmarked.fd.get(), 1), 0);
  ASSERT_EQ(flock(unmarked.fd.get(), LOCK_UN), 0);
  Lent closed = Make(Request::FAMILY_IPV4, Request::TYPE_STREAM);
  {
    const NoDescriptors nobody_listens;
    Add(unbound);
    Add(unmarked);
    Add(closed);
  }
  closed.fd.Reset();
  EXPECT_TRUE(AwaitSize(2));
  EXPECT_EQ(Listing(false).count(closed.entry.socket_id), 0u);
  EXPECT_EQ(owner_->sockets, 2u);
}

TEST_F(LentSocketsTest, WhatWasLostIsLookedFor) {
  LentSockets::Options options;
  options.lost_time = absl::Milliseconds(10);
  options.check_time = absl::Hours(1);
  Start(options);
  const Lent unbound = Make(Request::FAMILY_IPV4, Request::TYPE_DATAGRAM);
  Lent closed = Make(Request::FAMILY_IPV4, Request::TYPE_DATAGRAM);
  {
    const NoDescriptors nobody_listens;
    Add(unbound);
    Add(closed);
  }
  closed.fd.Reset();
  table_->OnEndsLost();
  EXPECT_TRUE(AwaitSize(1));
  EXPECT_EQ(table_->List()[0].cookie, unbound.entry.cookie);
}

TEST_F(LentSocketsTest, MoreEndsThanTheKernelKeepsLoseNothing) {
  LentSockets::Options options;
  options.lost_time = absl::Milliseconds(10);
  Start(options);
  const Lent unbound = Lend(Request::FAMILY_IPV4, Request::TYPE_STREAM);
  absl::Mutex gate;
  gate.Lock();
  loop_->Post([&gate] { absl::MutexLock wait(&gate); });
  // Each end is a message of over a kilobyte, where 8 MiB are kept at most.
  for (int i = 0; i < 10000; ++i) {
    close(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  }
  for (int i = 0; i < 100; ++i) {
    Lend(Request::FAMILY_IPV4, Request::TYPE_DATAGRAM);
  }
  EXPECT_EQ(table_->size(), 101u);
  gate.Unlock();
  EXPECT_TRUE(AwaitSize(1));
  EXPECT_EQ(owner_->sockets, 1u);
}

size_t OpenDescriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

TEST_F(LentSocketsTest, NobodyListensWhenNothingIsLent) {
  LentSockets::Options options;
  options.idle_time = absl::ZeroDuration();
  Start(options);
  const size_t before = OpenDescriptors();
  for (int i = 0; i < 3; ++i) {
    Lent lent = Lend(Request::FAMILY_IPV4, Request::TYPE_STREAM);
    EXPECT_EQ(OpenDescriptors(), before + 2);
    lent.fd.Reset();
    EXPECT_TRUE(AwaitSize(0));
    EXPECT_TRUE(Await([&] { return OpenDescriptors() == before; }));
  }
}

TEST_F(LentSocketsTest, AnOwnerIsTheSameAsLongAsItHasSockets) {
  Start();
  owner_ = OwnerOf(43);
  Lent lent = Lend(Request::FAMILY_IPV4, Request::TYPE_STREAM);
  owner_.reset();
  EXPECT_EQ(OwnerOf(43)->sockets, 1u);
  EXPECT_EQ(OwnerOf(44)->sockets, 0u);
  lent.entry.owner.reset();
  lent.fd.Reset();
  EXPECT_TRUE(AwaitSize(0));
  EXPECT_EQ(OwnerOf(43)->sockets, 0u);
}

// --------------------------------------------------------------- listing

TEST_F(LentSocketsTest, TheListingSaysWhatTheKernelDoes) {
  Start();
  owner_->client_id = 7;
  const Lent lent = Lend(Request::FAMILY_IPV4, Request::TYPE_STREAM);
  wsp::v1::Socket socket = Find(lent);
  EXPECT_EQ(socket.client_id(), 7u);
  EXPECT_EQ(socket.pid(), 42);
  EXPECT_EQ(socket.uid(), geteuid());
  EXPECT_EQ(socket.plane(), wsp::v1::PLANE_LENT);
  EXPECT_EQ(socket.cookie(), lent.entry.cookie);
  EXPECT_EQ(socket.protocol(), IPPROTO_TCP);
  EXPECT_GT(socket.opened_at_ns(), 0);
  EXPECT_EQ(socket.state(), wsp::v1::SOCKET_STATE_OPEN);
  EXPECT_FALSE(socket.has_local());
  EXPECT_TRUE(socket.bytes_unknown());
  Bind(lent.fd.get(), AF_INET);
  // Kernels before 6.8 don't list it, and say OPEN.
  socket = Find(lent);
  if (socket.state() != wsp::v1::SOCKET_STATE_OPEN) {
    EXPECT_EQ(socket.state(), wsp::v1::SOCKET_STATE_BOUND);
    EXPECT_NE(socket.local().ipv4().port(), 0u);
  }
  ASSERT_EQ(listen(lent.fd.get(), 1), 0);
  socket = Find(lent);
  EXPECT_EQ(socket.state(), wsp::v1::SOCKET_STATE_LISTENING);
  EXPECT_NE(socket.local().ipv4().port(), 0u);
  EXPECT_FALSE(socket.has_peer());
}

TEST_F(LentSocketsTest, TheListingCountsTcpsBytes) {
  Start();
  OwnedFd peer;
  const Lent lent = Connect(&peer);
  char buffer[100] = {};
  ASSERT_EQ(send(lent.fd.get(), buffer, 100, 0), 100);
  ASSERT_EQ(send(peer.get(), buffer, 50, 0), 50);
  ASSERT_EQ(recv(lent.fd.get(), buffer, 50, MSG_WAITALL), 50);
  wsp::v1::Socket socket = Find(lent);
  EXPECT_EQ(socket.state(), wsp::v1::SOCKET_STATE_CONNECTED);
  EXPECT_FALSE(socket.bytes_unknown());
  EXPECT_EQ(socket.bytes_sent(), 100u);
  EXPECT_EQ(socket.bytes_received(), 50u);
  EXPECT_TRUE(socket.operations_unknown());
  EXPECT_GT(socket.active_at_ns(), socket.opened_at_ns() - 1'000'000'000);
  EXPECT_LE(socket.active_at_ns(), absl::GetCurrentTimeNanos());
  EXPECT_FALSE(socket.has_tcp());
  EXPECT_GT(Find(lent, true).tcp().congestion_window(), 0u);
  EXPECT_EQ(socket.local().ipv4().address(), INADDR_LOOPBACK);
  EXPECT_EQ(socket.peer().ipv4().address(), INADDR_LOOPBACK);
  EXPECT_NE(socket.peer().ipv4().port(), 0u);
  ASSERT_EQ(shutdown(lent.fd.get(), SHUT_WR), 0);
  EXPECT_EQ(Find(lent).state(), wsp::v1::SOCKET_STATE_CLOSING);
}

TEST_F(LentSocketsTest, AClosedOneThatStillSendsIsListedAsLingering) {
  Start();
  OwnedFd peer;
  Lent lent = Connect(&peer);
  ASSERT_EQ(fcntl(lent.fd.get(), F_SETFL, O_NONBLOCK), 0);
  const std::string much(1 << 20, 'x');
  while (send(lent.fd.get(), much.data(), much.size(), 0) > 0) {
  }
  lent.fd.Reset();
  EXPECT_EQ(Find(lent).state(), wsp::v1::SOCKET_STATE_LINGERING);
  EXPECT_EQ(table_->size(), 1u);
  // With unread data: a reset.
  peer.Reset();
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(LentSocketsTest, TheListingOfUdpHasAddressesAndNoCounts) {
  Start();
  const Lent lent = Lend(Request::FAMILY_IPV6, Request::TYPE_DATAGRAM);
  Bind(lent.fd.get(), AF_INET6);
  wsp::v1::Socket socket = Find(lent);
  EXPECT_EQ(socket.state(), wsp::v1::SOCKET_STATE_BOUND);
  EXPECT_EQ(socket.protocol(), IPPROTO_UDP);
  EXPECT_NE(socket.local().ipv6().port(), 0u);
  EXPECT_TRUE(socket.bytes_unknown());
  sockaddr_in6 loopback{};
  loopback.sin6_family = AF_INET6;
  loopback.sin6_addr = in6addr_loopback;
  loopback.sin6_port = htons(9);
  ASSERT_EQ(connect(lent.fd.get(), reinterpret_cast<sockaddr*>(&loopback),
                    sizeof(loopback)),
            0);
  socket = Find(lent);
  EXPECT_EQ(socket.state(), wsp::v1::SOCKET_STATE_CONNECTED);
  EXPECT_EQ(socket.peer().ipv6().port(), 9u);
}

TEST_F(LentSocketsTest, TheListingLeavesOthersOut) {
  Start();
  const Lent mine = Lend(Request::FAMILY_IPV4, Request::TYPE_STREAM);
  owner_ = OwnerOf(43);
  const Lent other = Lend(Request::FAMILY_IPV4, Request::TYPE_STREAM);
  InventoryFilter filter;
  filter.pid = 43;
  std::vector<wsp::v1::Socket> sockets;
  DescribeLentSockets(*table_, filter, &sockets);
  ASSERT_EQ(sockets.size(), 1u);
  EXPECT_EQ(sockets[0].socket_id(), other.entry.socket_id);
}

// ------------------------------------------------------------------ reset

TEST_F(LentSocketsTest, IsResetOnlyWhereTheConfigurationSaysSo) {
  Start();
  OwnedFd peer;
  const Lent lent = Connect(&peer);
  const absl::Status status =
      table_->End(ForcedEnd::kReset, AF_INET, IPPROTO_TCP, lent.entry.cookie);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("reset_lent"), std::string::npos);
  char byte;
  EXPECT_EQ(recv(peer.get(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_F(LentSocketsTest, TheEndOfOneThatWasResetComesWithItsCounts) {
  if (const absl::Status can = TryDestruction(); !can.ok()) {
    GTEST_SKIP() << can;
  }
  LentSockets::Options options;
  options.resets = true;
  Start(options);
  OwnedFd peer;
  Lent lent = Connect(&peer);
  char buffer[100] = {};
  ASSERT_EQ(send(lent.fd.get(), buffer, 100, 0), 100);
  ASSERT_EQ(recv(peer.get(), buffer, 100, MSG_WAITALL), 100);
  EXPECT_EQ(
      table_->End(ForcedEnd::kReset, AF_INET, IPPROTO_TCP, lent.entry.cookie),
      absl::OkStatus());
  EXPECT_EQ(recv(peer.get(), buffer, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  // It is its program's as long as that has it.
  EXPECT_EQ(table_->size(), 1u);
  EXPECT_EQ(Find(lent).state(), wsp::v1::SOCKET_STATE_OPEN);
  lent.fd.Reset();
  EXPECT_TRUE(AwaitSize(0));
  EXPECT_EQ(table_->bytes_sent(), 100u);
}

// ------------------------------------------------------- socket creation

TEST_F(LentSocketsTest, WhatIsNotLentSaysSo) {
  Start();
  Make(Request::FAMILY_IPV4, Request::TYPE_RAW, IPPROTO_ICMP);
  EXPECT_EQ(error_, EPERM);
  Make(Request::FAMILY_UNSPECIFIED, Request::TYPE_STREAM);
  EXPECT_EQ(error_, EAFNOSUPPORT);
  Make(Request::FAMILY_IPV4, Request::TYPE_UNSPECIFIED);
  EXPECT_EQ(error_, ESOCKTNOSUPPORT);
  // The kernel would load what it has for these.
  for (const int protocol : {132, 115, 256, -1}) {
    Make(Request::FAMILY_IPV4, Request::TYPE_STREAM, protocol);
    EXPECT_EQ(error_, EPROTONOSUPPORT) << protocol;
  }
  Make(Request::FAMILY_IPV4, Request::TYPE_STREAM, IPPROTO_UDP);
  EXPECT_EQ(error_, EPROTONOSUPPORT) << "the kernel's own word";
}

TEST_F(LentSocketsTest, ASocketIsItsUsers) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  Start();
  PeerIdentity identity = Process(44);
  identity.uid = 65534;
  owner_ = owners_->Of(ProcessKey::Of(identity, ""), identity);
  const auto bind_shared = [](int fd, uint16_t port) {
    const int on = 1;
    EXPECT_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = port;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  };
  const Lent first = Lend(Request::FAMILY_IPV4, Request::TYPE_DATAGRAM);
  ASSERT_EQ(bind_shared(first.fd.get(), 0), 0);
  const uint16_t port = NetAddress::LocalOf(first.fd.get()).v4().sin_port;
  const Lent second = Lend(Request::FAMILY_IPV4, Request::TYPE_DATAGRAM);
  EXPECT_EQ(bind_shared(second.fd.get(), port), 0);
  owner_ = OwnerOf(45);
  const Lent of_another = Lend(Request::FAMILY_IPV4, Request::TYPE_DATAGRAM);
  EXPECT_EQ(bind_shared(of_another.fd.get(), port), -1);
  EXPECT_EQ(errno, EADDRINUSE);
}

}  // namespace
}  // namespace wspd
