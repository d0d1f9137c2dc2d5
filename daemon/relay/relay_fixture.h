#ifndef WSPD_DAEMON_RELAY_RELAY_FIXTURE_H_
#define WSPD_DAEMON_RELAY_RELAY_FIXTURE_H_

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/identity/peer_identity.h"
#include "daemon/identity/process_key.h"
#include "daemon/journal/event_journal.h"
#include "daemon/journal/event_reader.h"
#include "daemon/linux/socket_owners.h"
#include "daemon/relay/relayed_sockets.h"
#include "daemon/testing/tcp_pair.h"
#include "gtest/gtest.h"

namespace wspd {

// Relayed sockets with their programs' ends, and peers on loopback.
class RelayFixture : public testing::Test {
 protected:
  static constexpr absl::Duration kDeadline = absl::Seconds(30);
  using LinuxState = wsp::v1::LinuxStateResult;

  struct Relayed {
    // The program's end, which blocks.
    OwnedFd program;
    std::shared_ptr<RelayedSocket> socket;
  };

  static RelayedSockets::Options TwoLoops() {
    RelayedSockets::Options options;
    options.loops = 2;
    return options;
  }

  void Start(RelayedSockets::Options options = TwoLoops()) {
    options.events = &events_;
    table_ = *RelayedSockets::Create(options);
  }

  Relayed Make(int type = SOCK_STREAM) {
    wsp::v1::LinuxSocketRequest request;
    request.set_family(wsp::v1::LinuxSocketRequest::FAMILY_IPV4);
    request.set_type(type == SOCK_STREAM
                         ? wsp::v1::LinuxSocketRequest::TYPE_STREAM
                         : wsp::v1::LinuxSocketRequest::TYPE_DATAGRAM);
    EXPECT_EQ(owner_->Count(UINT32_MAX, 0), 0);
    Relayed relayed;
    EXPECT_EQ(
        table_->Make(request, 7, owner_, &relayed.program, &relayed.socket), 0);
    SetDeadline(relayed.program.get());
    return relayed;
  }

  // No wait in a test is forever.
  static void SetDeadline(int fd) {
    const timeval deadline{30, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
  }

  static NetAddress Loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return NetAddress(address);
  }

  static bool Await(const std::function<bool()>& condition) {
    const absl::Time end = absl::Now() + kDeadline;
    while (!condition()) {
      if (absl::Now() > end) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return true;
  }

  // Connects as a program does that waits; errno.
  int Connect(const Relayed& relayed, int port) {
    bool in_progress = false;
    const int error = relayed.socket->Connect(Loopback(port), 0, &in_progress);
    if (error != 0 || !in_progress) return error;
    LinuxState state;
    Await([&] {
      EXPECT_EQ(relayed.socket->State(0, &state), 0);
      return state.state() != LinuxState::STATE_CONNECTING;
    });
    return state.error();
  }

  // A connection; the peer's end blocks.
  Relayed MakeConnected(OwnedFd* peer) {
    const TcpListener listener = ListenOnLoopback();
    Relayed relayed = Make();
    EXPECT_EQ(Connect(relayed, listener.port), 0);
    *peer = AcceptFrom(listener);
    return relayed;
  }

  static OwnedFd AcceptFrom(const TcpListener& listener) {
    pollfd wait{listener.fd.get(), POLLIN, 0};
    EXPECT_EQ(poll(&wait, 1, 30000), 1);
    OwnedFd peer(accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_TRUE(peer.valid());
    SetDeadline(peer.get());
    return peer;
  }

  // What poll() says once it says any of `events`.
  static int AwaitEvents(int fd, short events) {
    pollfd wait{fd, events, 0};
    EXPECT_EQ(poll(&wait, 1, 30000), 1);
    return wait.revents;
  }

  static int EventsNow(int fd) {
    pollfd wait{fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
    poll(&wait, 1, 0);
    return wait.revents;
  }

  bool AwaitSize(size_t size) {
    return Await([&] { return table_->size() == size; });
  }

  static void Send(int fd, const std::string& bytes) {
    size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t part =
          send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      ASSERT_GT(part, 0) << strerror(errno);
      sent += static_cast<size_t>(part);
    }
  }

  static void SetRoom(int fd, int bytes) {
    EXPECT_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
  }

  // To a peer that doesn't read: more than the kernel takes off the relay, and
  // less than there is room for on the way to it.
  static void SendBeyondTheKernel(const Relayed& relayed) {
    SetRoom(relayed.program.get(), 212992);
    EXPECT_EQ(relayed.socket->UseReal([](int fd) {
      SetRoom(fd, 1);
      return 0;
    }),
              0);
    Send(relayed.program.get(), Pattern(192 << 10));
  }

  // Bytes that differ from each other's neighbours, so that order shows.
  static std::string Pattern(size_t size) {
    std::string bytes(size, '\0');
    uint32_t value = 12345;
    for (char& byte : bytes) {
      value = value * 1664525 + 1013904223;
      byte = static_cast<char>(value >> 24);
    }
    return bytes;
  }

  EventJournal events_;
  EventReader reader_{&events_};
  const std::shared_ptr<SocketOwners> owners_ = SocketOwners::Create();
  const std::shared_ptr<SocketOwner> owner_ = MakeOwner();
  std::unique_ptr<RelayedSockets> table_;

 private:
  std::shared_ptr<SocketOwner> MakeOwner() {
    PeerIdentity identity;
    identity.pid = 42;
    identity.uid = geteuid();
    identity.start_time_ticks = 1;
    return owners_->Of(ProcessKey::Of(identity, ""), identity);
  }
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_RELAY_FIXTURE_H_
