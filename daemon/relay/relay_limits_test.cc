// What one user may have of what is for all.
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "daemon/relay/relay_fixture.h"

namespace wspd {
namespace {

class RelayLimitsTest : public RelayFixture {
 protected:
  std::shared_ptr<SocketOwner> OwnerOf(pid_t pid, uid_t uid) {
    PeerIdentity identity;
    identity.pid = pid;
    identity.uid = uid;
    identity.start_time_ticks = 1;
    return owners_->Of(ProcessKey::Of(identity, ""), identity);
  }

  // errno.
  int MakeFor(const std::shared_ptr<SocketOwner>& owner) {
    wsp::v1::LinuxSocketRequest request;
    request.set_family(wsp::v1::LinuxSocketRequest::FAMILY_IPV4);
    request.set_type(wsp::v1::LinuxSocketRequest::TYPE_STREAM);
    EXPECT_EQ(owner->Count(100, 0), 0);
    OwnedFd program;
    std::shared_ptr<RelayedSocket> made;
    const int error = table_->Make(request, 7, owner, &program, &made);
    programs_.push_back(std::move(program));
    return error;
  }

  // To a peer that reads nothing; its end takes little.
  Relayed MakeFlooding(OwnedFd* peer) {
    const int little = 4096;
    const TcpListener listener = ListenOnLoopback();
    setsockopt(listener.fd.get(), SOL_SOCKET, SO_RCVBUF, &little,
               sizeof(little));
    Relayed relayed = Make();
    EXPECT_EQ(Connect(relayed, listener.port), 0);
    *peer = AcceptFrom(listener);
    const int much = 1 << 20;
    setsockopt(relayed.program.get(), SOL_SOCKET, SO_SNDBUF, &much,
               sizeof(much));
    const std::string bytes = Pattern(64 << 10);
    // Until nobody has any room.
    while (AwaitRoom(relayed.program.get())) {
      if (send(relayed.program.get(), bytes.data(), bytes.size(),
               MSG_DONTWAIT) < 0) {
        break;
      }
    }
    return relayed;
  }

  static bool AwaitRoom(int fd) {
    pollfd wait{fd, POLLOUT, 0};
    return poll(&wait, 1, 200) == 1;
  }

  size_t kept() const { return owner_->user->stream_bytes; }

  std::vector<OwnedFd> programs_;
};

TEST_F(RelayLimitsTest, AUserMayHaveHalfOfAllSockets) {
  auto options = TwoLoops();
  options.most_sockets = 6;
  Start(options);
  const uid_t user = geteuid() + 4711;
  const auto one = OwnerOf(1, user);
  const auto other = OwnerOf(2, user);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(MakeFor(i == 0 ? one : other), 0);
  EXPECT_EQ(MakeFor(one), ENFILE);
  EXPECT_EQ(one->sockets, 1u);
  EXPECT_EQ(one->user->relayed, 3u);
  // Root may have what there is.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(MakeFor(owner_), 0);
  EXPECT_EQ(MakeFor(owner_), ENFILE);
  programs_.clear();
  EXPECT_TRUE(AwaitSize(0));
  EXPECT_EQ(one->user->relayed, 0u);
  EXPECT_EQ(one->user->sockets, 0u);
  EXPECT_EQ(MakeFor(one), 0);
}

TEST_F(RelayLimitsTest, WhatStreamsKeepIsCounted) {
  Start();
  OwnedFd peer;
  Relayed relayed = MakeFlooding(&peer);
  EXPECT_GT(kept(), 4096u);
  EXPECT_LE(kept(), RelayLoop::kBufferBytes);
  peer.Reset();
  EXPECT_TRUE(Await([&] { return kept() == 0; }));
}

TEST_F(RelayLimitsTest, StreamsOfAUserWithMuchKeepLittle) {
  Start();
  owner_->user->stream_bytes = 33 << 20;
  OwnedFd peer;
  Relayed relayed = MakeFlooding(&peer);
  EXPECT_GT(kept(), size_t{33} << 20);
  EXPECT_LE(kept(), (size_t{33} << 20) + 4096);
  relayed.program.Reset();
  peer.Reset();
  EXPECT_TRUE(AwaitSize(0));
  relayed.socket = nullptr;
  EXPECT_TRUE(Await([&] { return kept() == size_t{33} << 20; }));
}

TEST_F(RelayLimitsTest, NoMoreFillerIsExpectedThanThereCanBe) {
  Start();
  const TcpListener listener = ListenOnLoopback();
  const Relayed relayed = Make();
  bool in_progress = false;
  LinuxState state;
  const uint32_t most = 2 << 20;
  EXPECT_EQ(
      relayed.socket->Connect(Loopback(listener.port), most + 1, &in_progress),
      EINVAL);
  EXPECT_EQ(relayed.socket->State(INT32_MIN, &state), EINVAL);
  EXPECT_EQ(relayed.socket->State(static_cast<int>(most) + 1, &state), EINVAL);
  EXPECT_EQ(
      relayed.socket->Connect(Loopback(listener.port), most, &in_progress), 0);
}

}  // namespace
}  // namespace wspd
