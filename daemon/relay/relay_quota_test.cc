// A client's quota of bytes: what is more waits, and nothing is lost.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/relay/relay_address.h"
#include "daemon/relay/relay_fixture.h"
#include "proto/relay_wire.h"

namespace wspd {
namespace {

constexpr uint32_t kPerSecond = 10 << 20;
constexpr size_t kBurst = kPerSecond / 10;
constexpr size_t kBytes = 8 << 20;
constexpr uint64_t kMany = 100000;
// What kBytes take at least: at first there is a burst, and a turn may be owed.
constexpr absl::Duration kLeast =
    absl::Milliseconds((kBytes - 3 * kBurst) * 1000 / kPerSecond);

class RelayQuotaTest : public RelayFixture {
 protected:
  RelayQuotaTest() { Start(); }

  static std::shared_ptr<SocketOwner> LimitedOwner(SocketOwners* owners) {
    PeerIdentity identity;
    identity.pid = 43;
    identity.uid = geteuid();
    identity.start_time_ticks = 1;
    return owners->Of(ProcessKey::Of(identity, ""), identity);
  }

  // From now on there is one connection a second, of a user who owes so many
  // that the next one waits for very long, until OweNoConnections().
  void OweConnections() {
    user_ = std::make_shared<RateBuckets>(Rates{0, 1});
    user_->connections.TakeUsed(kMany, RateQuota::NowNs());
    limited_ = std::make_shared<SocketOwner>(
        43, geteuid(), std::make_shared<SocketUser>(nullptr),
        RateQuota::Create({}, user_));
  }
  void OweNoConnections() { user_->connections.GiveBack(kMany); }

  // From now on a client has so many connections a second, and no quota of
  // bytes.
  void LimitConnections(uint64_t per_second) {
    limited_owners_ = SocketOwners::Create({}, {0, per_second});
    limited_ = LimitedOwner(limited_owners_.get());
  }

  Relayed MakeLimited(int type = SOCK_STREAM) {
    wsp::v1::LinuxSocketRequest request;
    request.set_family(wsp::v1::LinuxSocketRequest::FAMILY_IPV4);
    request.set_type(type == SOCK_STREAM
                         ? wsp::v1::LinuxSocketRequest::TYPE_STREAM
                         : wsp::v1::LinuxSocketRequest::TYPE_DATAGRAM);
    EXPECT_EQ(limited_->Count(UINT32_MAX, 0), 0);
    Relayed relayed;
    EXPECT_EQ(
        table_->Make(request, 7, limited_, &relayed.program, &relayed.socket),
        0);
    SetDeadline(relayed.program.get());
    return relayed;
  }

  Relayed MakeLimitedConnection(OwnedFd* peer) {
    const TcpListener listener = ListenOnLoopback();
    Relayed relayed = MakeLimited();
    EXPECT_EQ(Connect(relayed, listener.port), 0);
    *peer = AcceptFrom(listener);
    return relayed;
  }

  static OwnedFd MakeDatagramPeer() {
    OwnedFd peer(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const NetAddress any = Loopback(0);
    EXPECT_EQ(bind(peer.get(), any.get(), any.size()), 0);
    return peer;
  }

  // A datagram socket that is connected to `peer`.
  Relayed MakeLimitedTo(const OwnedFd& peer) {
    Relayed relayed = MakeLimited(SOCK_DGRAM);
    bool in_progress = false;
    EXPECT_EQ(relayed.socket->Connect(NetAddress::LocalOf(peer.get()), 0,
                                      &in_progress),
              0);
    return relayed;
  }

  // All until the end.
  static std::string ReadAll(int fd) {
    std::string bytes;
    char buffer[65536];
    ssize_t received;
    while ((received = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
      bytes.append(buffer, static_cast<size_t>(received));
    }
    EXPECT_EQ(received, 0) << strerror(errno);
    return bytes;
  }

  // Sends `bytes` from one end, shuts it down, and reads the other's.
  static absl::Duration Move(int from, int to, const std::string& bytes) {
    const absl::Time begin = absl::Now();
    std::thread sender([&] {
      Send(from, bytes);
      shutdown(from, SHUT_WR);
    });
    EXPECT_TRUE(ReadAll(to) == bytes);
    const absl::Duration took = absl::Now() - begin;
    sender.join();
    return took;
  }

  std::shared_ptr<RateBuckets> user_;
  std::shared_ptr<SocketOwners> limited_owners_ =
      SocketOwners::Create({}, {kPerSecond, 0});
  std::shared_ptr<SocketOwner> limited_ = LimitedOwner(limited_owners_.get());
};

TEST_F(RelayQuotaTest, StreamsGoAtTheirRateEachWay) {
  const std::string bytes = Pattern(kBytes);
  OwnedFd peer;
  const Relayed relayed = MakeLimitedConnection(&peer);
  EXPECT_GE(Move(relayed.program.get(), peer.get(), bytes), kLeast);
  EXPECT_GE(Move(peer.get(), relayed.program.get(), bytes), kLeast);
}

// What fills a turn has TCP told that more follows, and is less than a segment.
class FullTurnsTest : public RelayQuotaTest {
 protected:
  static constexpr size_t kTurnBytes = 16 << 10;

  // Sends so many turns' worth, with so many bytes a second.
  Relayed SendTurns(size_t turns, uint64_t per_second) {
    limited_owners_ = SocketOwners::Create({}, {per_second, 0});
    limited_ = LimitedOwner(limited_owners_.get());
    EXPECT_EQ(limited_->quota->turn_bytes(), kTurnBytes);
    Relayed relayed = MakeLimitedConnection(&peer_);
    const int much = 1 << 20;
    EXPECT_EQ(setsockopt(relayed.program.get(), SOL_SOCKET, SO_SNDBUF, &much,
                         sizeof(much)),
              0);
    Send(relayed.program.get(), Pattern(turns * kTurnBytes));
    return relayed;
  }
  // Waits for the end of a turn under way.
  static int Unsent(const Relayed& relayed) {
    int unsent = -1;
    EXPECT_EQ(relayed.socket->UseReal([&unsent](int fd) {
      return ioctl(fd, SIOCOUTQNSD, &unsent) == 0 ? 0 : errno;
    }),
              0);
    return unsent;
  }

  OwnedFd peer_;
};

TEST_F(FullTurnsTest, GoOutBeforeTheRestWaits) {
  const Relayed relayed = SendTurns(8, 1);
  EXPECT_TRUE(Await([&] {
    return limited_->quota->RelayedSendWait() > absl::ZeroDuration();
  }));
  EXPECT_EQ(Unsent(relayed), 0);
  EXPECT_GT(relayed.socket->bytes_sent(), 0u);
}

TEST_F(FullTurnsTest, GoOutWhenNothingFollows) {
  // The kernel lets it go after 200 ms.
  constexpr absl::Duration kSoon = absl::Milliseconds(100);
  bool gone = false;
  for (int i = 0; i < 20 && !gone; ++i) {
    const Relayed relayed = SendTurns(1, 10 * kTurnBytes);
    EXPECT_TRUE(Await([&] { return relayed.socket->bytes_sent() > 0; }));
    const absl::Time end = absl::Now() + kSoon;
    while (!gone && absl::Now() < end) gone = Unsent(relayed) == 0;
  }
  EXPECT_TRUE(gone);
}

// Of a connection that an administrator has ended in order, what comes is
// dropped: that, too, is its client's.
TEST_F(RelayQuotaTest, WhatIsDroppedGoesAtTheRate) {
  const std::string bytes = Pattern(kBytes);
  OwnedFd peer;
  const Relayed relayed = MakeLimitedConnection(&peer);
  ASSERT_EQ(relayed.socket->End(ForcedEnd::kOrderly), 0);
  const absl::Time begin = absl::Now();
  Send(peer.get(), bytes);
  ASSERT_EQ(shutdown(peer.get(), SHUT_WR), 0);
  EXPECT_TRUE(Await(
      [&] { return relayed.socket->End(ForcedEnd::kOrderly) == ENOTCONN; }));
  EXPECT_GE(absl::Now() - begin, kLeast);
  EXPECT_EQ(relayed.socket->bytes_received(), 0u);
}

// As long as it may go on, and no longer.
TEST_F(RelayQuotaTest, WhatIsDroppedEndsInTime) {
  RelayedSockets::Options options = TwoLoops();
  options.linger_time = absl::Milliseconds(50);
  Start(options);
  limited_owners_ = SocketOwners::Create({}, {1, 0});
  limited_ = LimitedOwner(limited_owners_.get());
  OwnedFd peer;
  const Relayed relayed = MakeLimitedConnection(&peer);
  ASSERT_EQ(relayed.socket->End(ForcedEnd::kOrderly), 0);
  // More than there is room for on the way.
  const std::string bytes = Pattern(1 << 20);
  ssize_t sent;
  while ((sent = send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL)) >
         0) {
  }
  // A reset: nobody takes it any more.
  EXPECT_TRUE(errno == ECONNRESET || errno == EPIPE) << strerror(errno);
  EXPECT_EQ(relayed.socket->End(ForcedEnd::kOrderly), ENOTCONN);
}

TEST_F(RelayQuotaTest, AllSocketsOfAClientHaveOneQuota) {
  const std::string bytes = Pattern(kBytes / 2);
  OwnedFd first_peer, second_peer;
  const Relayed first = MakeLimitedConnection(&first_peer);
  const Relayed second = MakeLimitedConnection(&second_peer);
  const absl::Time begin = absl::Now();
  std::thread other(
      [&] { Move(second.program.get(), second_peer.get(), bytes); });
  Move(first.program.get(), first_peer.get(), bytes);
  other.join();
  EXPECT_GE(absl::Now() - begin, kLeast - absl::Milliseconds(200));
}

TEST_F(RelayQuotaTest, WhatAClosedSocketHasSentStillGoes) {
  const std::string bytes = Pattern(kBytes);
  OwnedFd peer;
  Relayed relayed = MakeLimitedConnection(&peer);
  std::thread sender([&] {
    Send(relayed.program.get(), bytes);
    relayed.program.Reset();
  });
  EXPECT_TRUE(ReadAll(peer.get()) == bytes);
  sender.join();
  relayed.socket.reset();
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayQuotaTest, DatagramsWaitAndAreNotDropped) {
  constexpr size_t kSize = 60000;
  constexpr int kCount = kBytes / kSize;
  const OwnedFd peer = MakeDatagramPeer();
  const Relayed relayed = MakeLimited(SOCK_DGRAM);
  wsp::relay::DatagramHeader header{};
  header.address = ToRelayAddress(NetAddress::LocalOf(peer.get()));
  const std::string message =
      std::string(reinterpret_cast<const char*>(&header), sizeof(header)) +
      Pattern(kSize);
  const absl::Time begin = absl::Now();
  for (int i = 0; i < kCount; ++i) Send(relayed.program.get(), message);
  // Nobody reads them: what counts is when they went.
  EXPECT_TRUE(Await([&] {
    return relayed.socket->bytes_sent() == uint64_t{kCount} * kSize;
  }));
  EXPECT_GE(absl::Now() - begin, kLeast - absl::Milliseconds(200));
  EXPECT_EQ(relayed.socket->dropped(), 0u);
}

// They take of the network, too.
TEST_F(RelayQuotaTest, EmptyDatagramsCount) {
  constexpr int kMost = 1000;
  limited_owners_ = SocketOwners::Create({}, {1, 0});
  limited_ = LimitedOwner(limited_owners_.get());
  const OwnedFd peer = MakeDatagramPeer();
  const Relayed relayed = MakeLimitedTo(peer);
  int sent = 0;
  while (sent < kMost) {
    wsp::v1::LinuxSendResult result;
    const int error = relayed.socket->Send(wsp::v1::LinuxSend(), &result);
    if (error == EAGAIN) break;
    ASSERT_EQ(error, 0);
    ++sent;
  }
  EXPECT_LT(sent, kMost);
  // And back.
  EXPECT_EQ(limited_->quota->ReceiveWait(), absl::ZeroDuration());
  const NetAddress real = relayed.socket->Report().local;
  EXPECT_TRUE(Await([&] {
    EXPECT_EQ(sendto(peer.get(), "", 0, 0, real.get(), real.size()), 0);
    return limited_->quota->ReceiveWait() > absl::ZeroDuration();
  }));
}

// One send is many datagrams then, be it by the socket's option or by what is
// said with it.
TEST_F(RelayQuotaTest, SegmentsCountEach) {
  constexpr int kMost = 100;
  const OwnedFd peer = MakeDatagramPeer();
  const uint16_t one = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(one))] = {};
  msghdr header{};
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  cmsghdr* const item = CMSG_FIRSTHDR(&header);
  item->cmsg_level = IPPROTO_UDP;
  item->cmsg_type = UDP_SEGMENT;
  item->cmsg_len = CMSG_LEN(sizeof(one));
  memcpy(CMSG_DATA(item), &one, sizeof(one));
  wsp::v1::LinuxSend request;
  request.set_data(Pattern(60));
  for (const bool by_option : {false, true}) {
    limited_owners_ = SocketOwners::Create({}, {1, 0});
    limited_ = LimitedOwner(limited_owners_.get());
    const Relayed relayed = MakeLimitedTo(peer);
    request.set_control(by_option ? std::string()
                                  : std::string(control, sizeof(control)));
    ASSERT_EQ(relayed.socket->UseReal([&](int fd) {
      const int bytes = by_option ? 1 : 0;
      return setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &bytes, sizeof(bytes));
    }),
              0);
    int sent = 0;
    while (sent < kMost) {
      wsp::v1::LinuxSendResult result;
      const int error = relayed.socket->Send(request, &result);
      if (error == EAGAIN) break;
      ASSERT_EQ(error, 0);
      ++sent;
    }
    EXPECT_LT(sent, kMost) << by_option;
  }
}

TEST_F(RelayQuotaTest, CallsThatSendAreToldToWait) {
  const OwnedFd peer = MakeDatagramPeer();
  const Relayed relayed = MakeLimitedTo(peer);
  wsp::v1::LinuxSend request;
  request.set_data(Pattern(60000));
  int error = 0;
  uint64_t sent = 0;
  while (error == 0 && sent < kBytes) {
    wsp::v1::LinuxSendResult result;
    error = relayed.socket->Send(request, &result);
    if (error == 0) sent += 60000;
  }
  EXPECT_EQ(error, EAGAIN);
}

// However few bytes they have: they are what takes a loop's time.
TEST_F(RelayQuotaTest, PiecesGoAtTheirRateEachWay) {
  constexpr int kPieces = 300;
  constexpr int kPiecesPerSecond = 1000;
  // After a tenth of a second's.
  constexpr absl::Duration kLeastOfPieces =
      absl::Milliseconds(kPieces - kPiecesPerSecond / 10);
  for (const bool back : {false, true}) {
    limited_owners_ = SocketOwners::Create({}, {0, 0, kPiecesPerSecond});
    limited_ = LimitedOwner(limited_owners_.get());
    OwnedFd peer;
    const Relayed relayed = MakeLimitedConnection(&peer);
    const int from = back ? peer.get() : relayed.program.get();
    const int to = back ? relayed.program.get() : peer.get();
    const absl::Time begin = absl::Now();
    for (int i = 0; i < kPieces; ++i) {
      Send(from, "x");
      ASSERT_EQ(ReadBytes(to, 1), "x");
    }
    EXPECT_GE(absl::Now() - begin, kLeastOfPieces) << back;
  }
}

TEST_F(RelayQuotaTest, DatagramsAreOperationsEach) {
  limited_owners_ = SocketOwners::Create({}, {0, 0, 1});
  limited_ = LimitedOwner(limited_owners_.get());
  const OwnedFd peer = MakeDatagramPeer();
  const Relayed relayed = MakeLimitedTo(peer);
  const NetAddress real = relayed.socket->Report().local;
  constexpr int kCount = 100;
  for (int i = 0; i < kCount; ++i) {
    ASSERT_EQ(sendto(peer.get(), "x", 1, 0, real.get(), real.size()), 1);
  }
  // The first may have come alone, and is what there was at once.
  EXPECT_TRUE(Await([&] {
    return limited_->quota->RelayedReceiveWait() > absl::ZeroDuration();
  }));
  EXPECT_EQ(limited_->quota->RelayedSendWait(), absl::ZeroDuration());
  int sent = 0;
  for (int error = 0; error == 0 && sent < kCount; ++sent) {
    wsp::v1::LinuxSendResult result;
    error = relayed.socket->Send(wsp::v1::LinuxSend(), &result);
    EXPECT_TRUE(error == 0 || error == EAGAIN) << error;
  }
  EXPECT_LT(sent, kCount);
}

// What can't be sent takes the time all the same.
TEST_F(RelayQuotaTest, DatagramsThatAreDroppedAreOperations) {
  limited_owners_ = SocketOwners::Create({}, {0, 0, 1});
  limited_ = LimitedOwner(limited_owners_.get());
  const Relayed relayed = MakeLimited(SOCK_DGRAM);
  // Without a header, and more than what there is at once.
  for (int i = 0; i < 10; ++i) Send(relayed.program.get(), "x");
  EXPECT_TRUE(Await([&] {
    return limited_->quota->RelayedSendWait() > absl::ZeroDuration();
  }));
}

TEST_F(RelayQuotaTest, OthersHaveNone) {
  OwnedFd limited_peer, peer;
  const Relayed limited = MakeLimitedConnection(&limited_peer);
  const Relayed free = MakeConnected(&peer);
  // For hours.
  limited_->quota->CountSent(uint64_t{1} << 40);
  Send(limited.program.get(), "abc");
  Move(free.program.get(), peer.get(), Pattern(kBytes));
  EXPECT_EQ(limited.socket->bytes_sent(), 0u);
}

TEST_F(RelayQuotaTest, ConnectsWaitTheirTurn) {
  OweConnections();
  const TcpListener listener = ListenOnLoopback();
  const Relayed relayed = MakeLimited();
  bool in_progress = false;
  ASSERT_EQ(relayed.socket->Connect(Loopback(listener.port), 0, &in_progress),
            0);
  EXPECT_TRUE(in_progress);
  EXPECT_EQ(relayed.socket->Report().state,
            wsp::v1::LinuxStateResult::STATE_CONNECTING);
  EXPECT_EQ(relayed.socket->Connect(Loopback(listener.port), 0, &in_progress),
            EALREADY);
  OweNoConnections();
  EXPECT_TRUE(Await([&] {
    return relayed.socket->Report().state ==
           wsp::v1::LinuxStateResult::STATE_CONNECTED;
  }));
  const OwnedFd peer = AcceptFrom(listener);
  Send(relayed.program.get(), "abc");
  EXPECT_EQ(ReadBytes(peer.get(), 3), "abc");
}

TEST_F(RelayQuotaTest, ARefusalIsToldWhenTheTurnHasCome) {
  OweConnections();
  int port = 0;
  {
    const TcpListener listener = ListenOnLoopback();
    port = listener.port;
  }
  const Relayed relayed = MakeLimited();
  bool in_progress = false;
  ASSERT_EQ(relayed.socket->Connect(Loopback(port), 0, &in_progress), 0);
  EXPECT_TRUE(in_progress);
  OweNoConnections();
  EXPECT_TRUE(Await([&] {
    return relayed.socket->Report().state ==
           wsp::v1::LinuxStateResult::STATE_UNCONNECTED;
  }));
  int error = 0;
  EXPECT_EQ(relayed.socket->TakeError(&error), 0);
  EXPECT_EQ(error, ECONNREFUSED);
}

TEST_F(RelayQuotaTest, AConnectThatWaitsCanBeTakenBack) {
  OweConnections();
  const TcpListener listener = ListenOnLoopback();
  Relayed relayed = MakeLimited();
  bool in_progress = false;
  ASSERT_EQ(relayed.socket->Connect(Loopback(listener.port), 0, &in_progress),
            0);
  ASSERT_EQ(relayed.socket->Connect(NetAddress(), 0, &in_progress), 0);
  EXPECT_EQ(relayed.socket->Report().state,
            wsp::v1::LinuxStateResult::STATE_UNCONNECTED);
  ASSERT_EQ(relayed.socket->Connect(Loopback(listener.port), 0, &in_progress),
            0);
  ASSERT_EQ(relayed.socket->Shutdown(SHUT_RDWR), 0);
  EXPECT_EQ(relayed.socket->Report().state,
            wsp::v1::LinuxStateResult::STATE_UNCONNECTED);
  // The first connect() after an attempt says how that has ended.
  EXPECT_EQ(relayed.socket->Connect(Loopback(listener.port), 0, &in_progress),
            ECONNRESET);
  ASSERT_EQ(relayed.socket->Connect(Loopback(listener.port), 0, &in_progress),
            0);
  // Or be left by its program.
  relayed.program.Reset();
  relayed.socket.reset();
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayQuotaTest, ConnectionsWaitToBeAccepted) {
  LimitConnections(4);
  const Relayed listener = MakeLimited();
  ASSERT_EQ(listener.socket->Bind(Loopback(0)), 0);
  ASSERT_EQ(listener.socket->Listen(10), 0);
  const int port = listener.socket->port();
  const absl::Time begin = absl::Now();
  std::vector<OwnedFd> peers;
  for (int i = 0; i < 7; ++i) peers.push_back(ConnectToLoopback(port));
  EXPECT_TRUE(AwaitSize(8));
  // Four at once, and three that took a quarter of a second each.
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(700));
}

// ------------------------------------------------- rates that are replaced

class RelayRatesTest : public RelayQuotaTest {
 protected:
  RelayRatesTest() {
    limited_owners_ = SocketOwners::Create();
    limited_ = LimitedOwner(limited_owners_.get());
  }
};

TEST_F(RelayRatesTest, HoldForSocketsThatAreThere) {
  const std::string bytes = Pattern(kBytes);
  OwnedFd peer;
  const Relayed relayed = MakeLimitedConnection(&peer);
  Move(relayed.program.get(), peer.get(), Pattern(1000));
  limited_owners_->SetLimits({}, {kPerSecond, 0});
  EXPECT_GE(Move(peer.get(), relayed.program.get(), bytes), kLeast);
}

TEST_F(RelayRatesTest, LetGoWhatWaits) {
  OwnedFd peer;
  const Relayed relayed = MakeLimitedConnection(&peer);
  limited_owners_->SetLimits({}, {kPerSecond, 0});
  limited_->quota->CountSent(uint64_t{1} << 40);
  Send(relayed.program.get(), "x");
  EXPECT_GT(limited_->quota->SendWait(), absl::Seconds(1));
  limited_owners_->SetLimits({}, {});
  EXPECT_EQ(ReadBytes(peer.get(), 1), "x");
}

TEST_F(RelayRatesTest, LetConnectsGoThatWait) {
  OweConnections();
  const TcpListener listener = ListenOnLoopback();
  const Relayed relayed = MakeLimited();
  bool in_progress = false;
  ASSERT_EQ(relayed.socket->Connect(Loopback(listener.port), 0, &in_progress),
            0);
  ASSERT_TRUE(in_progress);
  user_->Set({}, RateQuota::NowNs());
  EXPECT_TRUE(Await([&] {
    return relayed.socket->Report().state ==
           wsp::v1::LinuxStateResult::STATE_CONNECTED;
  }));
}

}  // namespace
}  // namespace wspd
