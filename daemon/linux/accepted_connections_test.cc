// Connections that the kernel makes for lent listeners.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "daemon/linux/lent_sockets_fixture.h"
#include "daemon/socket/net_address.h"
#include "daemon/testing/tcp_pair.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

// A lent listener at the address, which may be shared.
class AcceptedConnectionsTest : public LentSocketsTest {
 protected:
  AcceptedConnectionsTest() { Start(); }

  static sockaddr_in At(uint32_t address, int port = 0) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<uint16_t>(port));
    at.sin_addr.s_addr = htonl(address);
    return at;
  }
  static void ListenAt(int fd, const sockaddr_in& at) {
    const int on = 1;
    EXPECT_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
    EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
    EXPECT_EQ(listen(fd, 16), 0);
  }
  Lent LendListener(const sockaddr_in& at) {
    Lent lent = Lend(Request::FAMILY_IPV4, Request::TYPE_STREAM);
    ListenAt(lent.fd.get(), at);
    return lent;
  }
  static int PortOf(const Lent& listener) {
    return NetAddress::LocalOf(listener.fd.get()).port();
  }
  static uint64_t CookieOf(int fd) {
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    EXPECT_EQ(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
    return cookie;
  }
  static OwnedFd Accept(const Lent& listener) {
    return OwnedFd(accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

  // Those that were accepted, by their cookies.
  std::map<uint64_t, wsp::v1::Socket> Accepted(
      const InventoryFilter& filter = {}) {
    std::vector<wsp::v1::Socket> sockets;
    DescribeLentSockets(*table_, filter, &sockets);
    std::map<uint64_t, wsp::v1::Socket> accepted;
    for (auto& socket : sockets) {
      if (socket.listener_cookie() != 0) accepted[socket.cookie()] = socket;
    }
    return accepted;
  }
};

TEST_F(AcceptedConnectionsTest, AreListedAsTheirListeners) {
  owner_->client_id = 7;
  const Lent listener = LendListener(At(INADDR_ANY));
  const OwnedFd peer = ConnectToLoopback(PortOf(listener));
  // Nobody has it yet.
  EXPECT_TRUE(Accepted().empty());
  OwnedFd ours = Accept(listener);
  char buffer[100] = {};
  ASSERT_EQ(send(ours.get(), buffer, 100, 0), 100);
  ASSERT_EQ(recv(peer.get(), buffer, 100, MSG_WAITALL), 100);
  ASSERT_EQ(send(peer.get(), buffer, 50, 0), 50);
  ASSERT_EQ(recv(ours.get(), buffer, 50, MSG_WAITALL), 50);
  auto accepted = Accepted();
  ASSERT_EQ(accepted.size(), 1u);
  const wsp::v1::Socket& socket = accepted[CookieOf(ours.get())];
  EXPECT_EQ(socket.client_id(), 7u);
  EXPECT_EQ(socket.pid(), 42);
  EXPECT_EQ(socket.uid(), geteuid());
  EXPECT_EQ(socket.socket_id(), 0u);
  EXPECT_EQ(socket.listener_cookie(), listener.entry.cookie);
  EXPECT_EQ(socket.plane(), wsp::v1::PLANE_LENT);
  EXPECT_EQ(socket.protocol(), IPPROTO_TCP);
  EXPECT_EQ(socket.state(), wsp::v1::SOCKET_STATE_CONNECTED);
  EXPECT_EQ(socket.bytes_sent(), 100u);
  EXPECT_EQ(socket.bytes_received(), 50u);
  EXPECT_EQ(socket.opened_at_ns(), 0);
  EXPECT_EQ(socket.local().ipv4().port(),
            static_cast<uint32_t>(PortOf(listener)));
  EXPECT_EQ(socket.peer().ipv4().port(),
            NetAddress::LocalOf(peer.get()).port());
  EXPECT_GT(socket.active_at_ns(), 0);
  EXPECT_FALSE(socket.has_tcp());
  InventoryFilter with_tcp;
  with_tcp.with_tcp = true;
  EXPECT_TRUE(Accepted(with_tcp)[CookieOf(ours.get())].has_tcp());
  // They count for nobody.
  EXPECT_EQ(owner_->sockets, 1u);
  ours.Reset();
  EXPECT_TRUE(Await([&] {
    const auto left = Accepted();
    return left.empty() ||
           left.begin()->second.state() == wsp::v1::SOCKET_STATE_LINGERING;
  }));
}

// A Winsock client's connection, which the daemon lists itself.
TEST_F(AcceptedConnectionsTest, AreNotListedWhereTheyAreAlready) {
  const Lent listener = LendListener(At(INADDR_ANY));
  const OwnedFd peer = ConnectToLoopback(PortOf(listener));
  const OwnedFd ours = Accept(listener);
  ASSERT_EQ(Accepted().count(CookieOf(ours.get())), 1u);
  std::vector<wsp::v1::Socket> sockets(1);
  sockets[0].set_cookie(CookieOf(ours.get()));
  DescribeLentSockets(*table_, {}, &sockets);
  // That one, and the listener.
  ASSERT_EQ(sockets.size(), 2u);
  EXPECT_EQ(sockets[1].cookie(), listener.entry.cookie);
}

TEST_F(AcceptedConnectionsTest, AreCountedWhenTheyEnd) {
  LentSockets::Options options;
  options.settle_time = absl::Milliseconds(20);
  Start(options);
  Lent listener = LendListener(At(INADDR_LOOPBACK));
  constexpr int kConnections = 20;
  char buffer[100] = {};
  for (int i = 0; i < kConnections; ++i) {
    const OwnedFd peer = ConnectToLoopback(PortOf(listener));
    const OwnedFd ours = Accept(listener);
    ASSERT_EQ(send(ours.get(), buffer, 100, 0), 100);
    ASSERT_EQ(recv(peer.get(), buffer, 100, MSG_WAITALL), 100);
    ASSERT_EQ(send(peer.get(), buffer, 50, 0), 50);
    ASSERT_EQ(recv(ours.get(), buffer, 50, MSG_WAITALL), 50);
  }
  EXPECT_TRUE(
      Await([&] { return table_->bytes_sent() == kConnections * 100u; }));
  // The peers' ends may be counted as one more each.
  EXPECT_GE(table_->bytes_received(), kConnections * 50u);
  EXPECT_LE(table_->bytes_received(), kConnections * 51u);
}

TEST_F(AcceptedConnectionsTest, OthersAreNotCounted) {
  LentSockets::Options options;
  options.settle_time = absl::Milliseconds(1);
  Start(options);
  const Lent listener = LendListener(At(INADDR_LOOPBACK));
  {
    TcpPair pair = MakeTcpPair();
    ASSERT_EQ(send(pair.peer.get(), "x", 1, 0), 1);
  }
  // What comes later has come when this has.
  {
    const OwnedFd peer = ConnectToLoopback(PortOf(listener));
    const OwnedFd ours = Accept(listener);
    char byte;
    ASSERT_EQ(send(ours.get(), "four", 4, 0), 4);
    ASSERT_EQ(recv(peer.get(), &byte, 1, 0), 1);
  }
  EXPECT_TRUE(Await([&] { return table_->bytes_sent() != 0; }));
  EXPECT_EQ(table_->bytes_sent(), 4u);
}

TEST_F(AcceptedConnectionsTest, OfBothFamiliesAtOneListener) {
  Lent listener = Lend(Request::FAMILY_IPV6, Request::TYPE_STREAM);
  ASSERT_EQ(listen(listener.fd.get(), 1), 0);
  const OwnedFd peer = ConnectToLoopback(PortOf(listener));
  const OwnedFd ours = Accept(listener);
  EXPECT_EQ(Accepted().count(CookieOf(ours.get())), 1u);
}

TEST_F(AcceptedConnectionsTest, AreNotOfAListenerThatIsBoundLessClosely) {
  const Lent any = LendListener(At(INADDR_ANY));
  const OwnedFd foreign(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ListenAt(foreign.get(), At(INADDR_LOOPBACK, PortOf(any)));
  const OwnedFd to_foreign = ConnectToLoopback(PortOf(any));
  const OwnedFd of_foreign(
      accept4(foreign.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(of_foreign.valid());
  EXPECT_TRUE(Accepted().empty());

  owner_ = OwnerOf(43);
  const Lent close = LendListener(At(INADDR_LOOPBACK + 1, PortOf(any)));
  const OwnedFd peer(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in at = At(INADDR_LOOPBACK + 1, PortOf(any));
  ASSERT_EQ(
      connect(peer.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)),
      0);
  const OwnedFd ours = Accept(close);
  auto accepted = Accepted();
  ASSERT_EQ(accepted.size(), 1u);
  EXPECT_EQ(accepted[CookieOf(ours.get())].pid(), 43);
  InventoryFilter filter;
  filter.pid = 42;
  EXPECT_TRUE(Accepted(filter).empty());
  filter.pid = 43;
  EXPECT_EQ(Accepted(filter).size(), 1u);
}

TEST_F(AcceptedConnectionsTest, OfAlikeListenersTheOldestHasThem) {
  std::vector<Lent> workers;
  workers.push_back(LendListener(At(INADDR_LOOPBACK)));
  const int port = PortOf(workers[0]);
  owner_ = OwnerOf(43);
  while (workers.size() < 4) {
    workers.push_back(LendListener(At(INADDR_LOOPBACK, port)));
  }
  std::vector<OwnedFd> peers;
  for (int i = 0; i < 16; ++i) peers.push_back(ConnectToLoopback(port));
  std::vector<OwnedFd> ours;
  for (const Lent& worker : workers) {
    ASSERT_EQ(fcntl(worker.fd.get(), F_SETFL, O_NONBLOCK), 0);
    for (OwnedFd one = Accept(worker); one.valid(); one = Accept(worker)) {
      ours.push_back(std::move(one));
    }
  }
  ASSERT_EQ(ours.size(), peers.size());
  auto accepted = Accepted();
  EXPECT_EQ(accepted.size(), ours.size());
  for (const auto& [cookie, socket] : accepted) EXPECT_EQ(socket.pid(), 42);
  // Nobody can tell them from those of a program that isn't ours.
  const OwnedFd foreign(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const uid_t user = geteuid();
  (void)fchown(foreign.get(), user, static_cast<gid_t>(-1));
  ListenAt(foreign.get(), At(INADDR_LOOPBACK, port));
  EXPECT_TRUE(Accepted().empty());
}

TEST_F(AcceptedConnectionsTest, OwnConnectionsAreNotAmongThem) {
  const Lent listener = LendListener(At(INADDR_LOOPBACK));
  OwnedFd peer;
  const Lent connected = Connect(&peer);
  EXPECT_TRUE(Accepted().empty());
}

}  // namespace
}  // namespace wspd
