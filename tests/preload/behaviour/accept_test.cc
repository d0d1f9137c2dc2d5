// listen() and accept(): queues, names, what is inherited, and how they end.
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <atomic>
#include <set>
#include <vector>

#include "tests/preload/behaviour/child.h"
#include "tests/preload/behaviour/fixture.h"
#include "tests/testing/thread_group.h"

namespace wspd::preload {
namespace {

using testing::ThreadGroup;

class AcceptTest : public FamilyTest {
 protected:
  void SetUp() override {
    listener_ = OurListener(family());
    address_ = SocketAddress::LocalOf(listener_.get());
    ASSERT_FALSE(HasFailure());
  }

  OwnedFd Peer() const {
    OwnedFd peer = PeerSocket(family(), SOCK_STREAM);
    EXPECT_SUCCESS(connect(peer.get(), address_.data(), address_.size()));
    return peer;
  }
  int listener() const { return listener_.get(); }

  OwnedFd listener_;
  SocketAddress address_;
};
INSTANTIATE_FOR_FAMILIES(AcceptTest);

TEST_P(AcceptTest, SaysWhoConnected) {
  const OwnedFd peer = Peer();
  SocketAddress from;
  const OwnedFd accepted(accept(listener(), from.buffer(), from.room()));
  ASSERT_TRUE(accepted.is_open());
  EXPECT_EQ(from, SocketAddress::LocalOf(peer.get()));
  EXPECT_EQ(from, SocketAddress::RemoteOf(accepted.get()));
  EXPECT_EQ(SocketAddress::LocalOf(accepted.get()), address_);
  EXPECT_TRUE(Talk(accepted.get(), peer.get()));
}

TEST_P(AcceptTest, CutsTheAddressToItsRoom) {
  const OwnedFd peer = Peer();
  SocketAddress from;
  socklen_t room = 4;
  const OwnedFd accepted(accept(listener(), from.buffer(), &room));
  ASSERT_TRUE(accepted.is_open());
  EXPECT_EQ(room, address_.size());
  EXPECT_EQ(from.data()->sa_family, family());
}

TEST_P(AcceptTest, SetsNoFlagsUnlessAsked) {
  SetNonBlocking(listener());
  const OwnedFd peer = Peer();
  ASSERT_NE(WaitFor(listener(), POLLIN), 0);
  const OwnedFd accepted(accept(listener(), nullptr, nullptr));
  ASSERT_TRUE(accepted.is_open());
  // Linux doesn't inherit O_NONBLOCK.
  EXPECT_EQ(Call(fcntl(accepted.get(), F_GETFL)), Gives(O_RDWR));
  EXPECT_EQ(Call(fcntl(accepted.get(), F_GETFD)), Gives(0));
}

TEST_P(AcceptTest, SetsTheFlagsThatAreAsked) {
  const OwnedFd peer = Peer();
  const OwnedFd accepted(
      accept4(listener(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  ASSERT_TRUE(accepted.is_open());
  EXPECT_EQ(Call(fcntl(accepted.get(), F_GETFL)), Gives(O_RDWR | O_NONBLOCK));
  EXPECT_EQ(Call(fcntl(accepted.get(), F_GETFD)), Gives(FD_CLOEXEC));
}

TEST_P(AcceptTest, RefusesUnknownFlags) {
  EXPECT_EQ(Call(accept4(listener(), nullptr, nullptr, 1)), Fails(EINVAL));
}

TEST_P(AcceptTest, TakesTheLowestNumber) {
  const OwnedFd peer = Peer();
  OwnedFd lowest(dup(STDERR_FILENO));
  const int number = lowest.get();
  lowest.Reset(-1);
  const OwnedFd accepted = AcceptFrom(listener_);
  EXPECT_EQ(accepted.get(), number);
}

TEST_P(AcceptTest, NonBlockingHasNothingYet) {
  SetNonBlocking(listener());
  EXPECT_EQ(Call(accept(listener(), nullptr, nullptr)), Fails(EAGAIN));
  EXPECT_EQ(Readiness(listener(), POLLIN | POLLOUT), 0);
  const OwnedFd peer = Peer();
  EXPECT_EQ(WaitFor(listener(), POLLIN), POLLIN);
  const OwnedFd accepted(accept(listener(), nullptr, nullptr));
  EXPECT_TRUE(accepted.is_open());
  EXPECT_EQ(Readiness(listener(), POLLIN), 0);
  EXPECT_EQ(Call(accept(listener(), nullptr, nullptr)), Fails(EAGAIN));
}

TEST_P(AcceptTest, BlockingWaitsForAConnection) {
  ThreadGroup threads;
  OwnedFd accepted;
  threads.Start("accept", [&] {
    accepted = OwnedFd(accept(listener(), nullptr, nullptr));
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  const OwnedFd peer = Peer();
  threads.JoinAll();
  EXPECT_TRUE(Talk(accepted.get(), peer.get()));
}

TEST_P(AcceptTest, BlockingHasATimeout) {
  const timeval limit = {0, 50000};
  ASSERT_SUCCESS(
      setsockopt(listener(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
  EXPECT_EQ(Call(accept(listener(), nullptr, nullptr)), Fails(EAGAIN));
}

TEST_P(AcceptTest, GivesEachConnectionOnce) {
  constexpr int kConnections = 40;
  std::vector<OwnedFd> peers;
  std::vector<OwnedFd> accepted;
  std::set<int> ports;
  std::set<int> wanted;
  for (int i = 0; i < kConnections; ++i) {
    peers.push_back(Peer());
    wanted.insert(SocketAddress::LocalOf(peers.back().get()).port());
  }
  for (int i = 0; i < kConnections; ++i) {
    accepted.push_back(AcceptFrom(listener_));
    ports.insert(SocketAddress::RemoteOf(accepted.back().get()).port());
  }
  EXPECT_EQ(ports, wanted);
}

// In the order in which they came.
TEST_P(AcceptTest, GivesThemInOrder) {
  std::vector<OwnedFd> peers;
  for (int i = 0; i < 5; ++i) peers.push_back(Peer());
  for (const OwnedFd& peer : peers) {
    EXPECT_EQ(SocketAddress::RemoteOf(AcceptFrom(listener_).get()),
              SocketAddress::LocalOf(peer.get()));
  }
}

TEST_P(AcceptTest, ThreadsShareAListener) {
  constexpr int kThreads = 4;
  constexpr int kEach = 10;
  ThreadGroup threads;
  std::atomic<int> served{0};
  for (int i = 0; i < kThreads; ++i) {
    threads.Start("accept", [&] {
      for (int j = 0; j < kEach; ++j) {
        const OwnedFd accepted(accept(listener(), nullptr, nullptr));
        if (accepted.is_open() && send(accepted.get(), "x", 1, 0) == 1) {
          ++served;
        }
      }
    });
  }
  for (int i = 0; i < kThreads * kEach; ++i) {
    const OwnedFd peer = Peer();
    EXPECT_EQ(Receive(peer.get(), 1), "x");
  }
  threads.JoinAll();
  EXPECT_EQ(served, kThreads * kEach);
}

// What was sent before the accept is there after it.
TEST_P(AcceptTest, DataMayComeBefore) {
  const OwnedFd peer = Peer();
  EXPECT_TRUE(SendAll(peer.get(), "early"));
  const OwnedFd accepted = AcceptFrom(listener_);
  EXPECT_EQ(Receive(accepted.get(), 5), "early");
}

TEST_P(AcceptTest, EndMayComeBefore) {
  OwnedFd peer = Peer();
  EXPECT_TRUE(SendAll(peer.get(), "early"));
  peer.Reset(-1);
  const OwnedFd accepted = AcceptFrom(listener_);
  EXPECT_EQ(ReceiveToEnd(accepted.get()), "early");
}

// Linux hands the connection out, and reading it says what became of it.
TEST_P(AcceptTest, ResetMayComeBefore) {
  OwnedFd peer = Peer();
  Reset(&peer);
  const OwnedFd accepted = AcceptFrom(listener_);
  EXPECT_TRUE(IsReset(accepted.get()));
}

// Of a full queue the peer notices nothing but that it has to wait.
TEST_P(AcceptTest, BacklogIsALimit) {
  const OwnedFd small = OurListener(family(), 0);
  const SocketAddress address = SocketAddress::LocalOf(small.get());
  const OwnedFd first = PeerSocket(family(), SOCK_STREAM);
  ASSERT_SUCCESS(connect(first.get(), address.data(), address.size()));
  ASSERT_NE(WaitFor(small.get(), POLLIN), 0);
  const OwnedFd second = PeerSocket(family(), SOCK_STREAM | SOCK_NONBLOCK);
  EXPECT_EQ(Call(connect(second.get(), address.data(), address.size())),
            Fails(EINPROGRESS));
  EXPECT_EQ(Readiness(second.get(), POLLOUT), 0);
  AcceptFrom(small);
  EXPECT_EQ(WaitFor(second.get(), POLLOUT), POLLOUT);
}

// listen() again changes the backlog.
TEST_P(AcceptTest, BacklogMayChange) {
  const OwnedFd small = OurListener(family(), 0);
  EXPECT_SUCCESS(listen(small.get(), 10));
  const SocketAddress address = SocketAddress::LocalOf(small.get());
  std::vector<OwnedFd> peers;
  for (int i = 0; i < 5; ++i) {
    peers.push_back(PeerSocket(family(), SOCK_STREAM | SOCK_NONBLOCK));
    EXPECT_EQ(Call(connect(peers.back().get(), address.data(), address.size())),
              Fails(EINPROGRESS));
    EXPECT_EQ(WaitFor(peers.back().get(), POLLOUT), POLLOUT);
  }
}

TEST_P(AcceptTest, ListenerWithoutAnAddressGetsOne) {
  const OwnedFd unbound = OurSocket(family(), SOCK_STREAM);
  ASSERT_SUCCESS(listen(unbound.get(), 5));
  const uint16_t port = SocketAddress::LocalOf(unbound.get()).port();
  ASSERT_NE(port, 0);
  const SocketAddress address = SocketAddress::Loopback(family(), port);
  const OwnedFd peer = PeerSocket(family(), SOCK_STREAM);
  ASSERT_SUCCESS(connect(peer.get(), address.data(), address.size()));
  EXPECT_TRUE(Talk(peer.get(), AcceptFrom(unbound).get()));
}

TEST_P(AcceptTest, SocketSaysWhetherItListens) {
  EXPECT_EQ(GetOption(listener(), SOL_SOCKET, SO_ACCEPTCONN), 1);
  EXPECT_EQ(GetOption(OurSocket(family(), SOCK_STREAM).get(), SOL_SOCKET,
                      SO_ACCEPTCONN),
            0);
}

TEST_P(AcceptTest, NeedsAListener) {
  const OwnedFd made = OurSocket(family(), SOCK_STREAM);
  EXPECT_EQ(Call(accept(made.get(), nullptr, nullptr)), Fails(EINVAL));
  const OwnedFd datagrams = OurSocket(family(), SOCK_DGRAM);
  EXPECT_EQ(Call(accept(datagrams.get(), nullptr, nullptr)), Fails(EOPNOTSUPP));
  EXPECT_EQ(Call(listen(datagrams.get(), 5)), Fails(EOPNOTSUPP));
}

TEST_P(AcceptTest, ConnectedSocketCannotListen) {
  const OwnedFd peer = Peer();
  const OwnedFd accepted = AcceptFrom(listener_);
  EXPECT_EQ(Call(listen(accepted.get(), 5)), Fails(EINVAL));
  EXPECT_EQ(Call(accept(accepted.get(), nullptr, nullptr)), Fails(EINVAL));
}

TEST_P(AcceptTest, ListenerCarriesNoData) {
  char byte = 0;
  EXPECT_EQ(Call(recv(listener(), &byte, 1, 0)), Fails(ENOTCONN));
  EXPECT_EQ(Call(read(listener(), &byte, 1)), Fails(ENOTCONN));
  EXPECT_EQ(Call(send(listener(), &byte, 1, MSG_NOSIGNAL)), Fails(EPIPE));
  SocketAddress remote;
  EXPECT_EQ(Call(getpeername(listener(), remote.buffer(), remote.room())),
            Fails(ENOTCONN));
}

// Linux: shutdown() of a listener ends waiting calls, and its listening.
TEST_P(AcceptTest, ShutdownEndsWaitingCalls) {
  ThreadGroup threads;
  threads.Start("accept", [&] {
    EXPECT_EQ(Call(accept(listener(), nullptr, nullptr)), Fails(EINVAL));
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_SUCCESS(shutdown(listener(), SHUT_RD));
  threads.JoinAll();
  const OwnedFd peer = PeerSocket(family(), SOCK_STREAM);
  EXPECT_EQ(Call(connect(peer.get(), address_.data(), address_.size())),
            Fails(ECONNREFUSED));
}

TEST_P(AcceptTest, ClosedListenerRefuses) {
  listener_.Reset(-1);
  const OwnedFd peer = PeerSocket(family(), SOCK_STREAM);
  EXPECT_EQ(Call(connect(peer.get(), address_.data(), address_.size())),
            Fails(ECONNREFUSED));
}

TEST_P(AcceptTest, ClosedListenerResetsWhatItDidNotAccept) {
  const OwnedFd peer = Peer();
  ASSERT_NE(WaitFor(listener(), POLLIN), 0);
  listener_.Reset(-1);
  EXPECT_TRUE(IsReset(peer.get()));
}

TEST_P(AcceptTest, AcceptedOnesOutliveTheListener) {
  const OwnedFd peer = Peer();
  const OwnedFd accepted = AcceptFrom(listener_);
  listener_.Reset(-1);
  EXPECT_TRUE(Talk(accepted.get(), peer.get()));
}

TEST_P(AcceptTest, OptionsAreInherited) {
  SetOption(listener(), IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(listener(), SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(listener(), IPPROTO_TCP, TCP_KEEPIDLE, 77);
  SetOption(listener(), SOL_SOCKET, SO_OOBINLINE, 1);
  const linger wait = {1, 7};
  ASSERT_SUCCESS(
      setsockopt(listener(), SOL_SOCKET, SO_LINGER, &wait, sizeof(wait)));
  const OwnedFd peer = Peer();
  const OwnedFd accepted = AcceptFrom(listener_);
  EXPECT_EQ(GetOption(accepted.get(), IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(GetOption(accepted.get(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(GetOption(accepted.get(), IPPROTO_TCP, TCP_KEEPIDLE), 77);
  EXPECT_EQ(GetOption(accepted.get(), SOL_SOCKET, SO_OOBINLINE), 1);
  EXPECT_EQ(GetOption(accepted.get(), SOL_SOCKET, SO_ACCEPTCONN), 0);
  linger inherited = {};
  socklen_t size = sizeof(inherited);
  ASSERT_SUCCESS(
      getsockopt(accepted.get(), SOL_SOCKET, SO_LINGER, &inherited, &size));
  EXPECT_EQ(inherited.l_onoff, 1);
  EXPECT_EQ(inherited.l_linger, 7);
}

TEST_P(AcceptTest, TimeoutIsInherited) {
  const timeval limit = {0, 52000};
  ASSERT_SUCCESS(
      setsockopt(listener(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
  const OwnedFd peer = Peer();
  const OwnedFd accepted = AcceptFrom(listener_);
  timeval inherited = {};
  socklen_t size = sizeof(inherited);
  ASSERT_SUCCESS(
      getsockopt(accepted.get(), SOL_SOCKET, SO_RCVTIMEO, &inherited, &size));
  EXPECT_EQ(inherited.tv_usec, 52000);
  char byte;
  EXPECT_EQ(Call(recv(accepted.get(), &byte, 1, 0)), Fails(EAGAIN));
}

// A connection for which there is no descriptor stays in the queue.
TEST_P(AcceptTest, FullTableOfDescriptorsLosesNothing) {
  const OwnedFd peer = Peer();
  ASSERT_NE(WaitFor(listener(), POLLIN), 0);
  const OwnedFd highest(dup(STDERR_FILENO));
  rlimit before = {};
  ASSERT_SUCCESS(getrlimit(RLIMIT_NOFILE, &before));
  const rlimit reached = {static_cast<rlim_t>(highest.get()) + 1,
                          before.rlim_max};
  ASSERT_SUCCESS(setrlimit(RLIMIT_NOFILE, &reached));
  const Outcome beyond = Call(accept(listener(), nullptr, nullptr));
  ASSERT_SUCCESS(setrlimit(RLIMIT_NOFILE, &before));
  EXPECT_EQ(beyond, Fails(EMFILE));
  const OwnedFd accepted = AcceptFrom(listener_);
  EXPECT_TRUE(Talk(accepted.get(), peer.get()));
}

// Workers sharing a listener, as nginx has them.
TEST_P(AcceptTest, ForkedWorkersShareAListener) {
  constexpr int kWorkers = 3;
  constexpr int kEach = 5;
  std::vector<std::unique_ptr<Child>> workers;
  for (int i = 0; i < kWorkers; ++i) {
    workers.push_back(std::make_unique<Child>([&] {
      for (int j = 0; j < kEach; ++j) {
        const OwnedFd accepted(accept(listener(), nullptr, nullptr));
        ASSERT_TRUE(accepted.is_open());
        EXPECT_TRUE(SendAll(accepted.get(), Receive(accepted.get(), 4)));
      }
    }));
  }
  for (int i = 0; i < kWorkers * kEach; ++i) {
    const OwnedFd peer = Peer();
    EXPECT_TRUE(SendAll(peer.get(), "ping"));
    EXPECT_EQ(ReceiveToEnd(peer.get()), "ping");
  }
  for (const auto& worker : workers) EXPECT_TRUE(worker->Succeeds());
}

// One worker's end or close takes nothing from the others.
TEST_P(AcceptTest, WorkersEndLeavesTheListener) {
  Child worker([&] { EXPECT_SUCCESS(close(listener())); });
  EXPECT_TRUE(worker.Succeeds());
  const OwnedFd peer = Peer();
  EXPECT_TRUE(Talk(AcceptFrom(listener_).get(), peer.get()));
}

TEST_P(AcceptTest, LastWorkerHoldsTheListener) {
  Gate parent_closed;
  Child worker([&] {
    ASSERT_TRUE(parent_closed.Wait());
    EXPECT_TRUE(SendAll(AcceptFrom(listener_).get(), "hello"));
  });
  listener_.Reset(-1);
  parent_closed.Open();
  const OwnedFd peer = Peer();
  EXPECT_EQ(ReceiveToEnd(peer.get()), "hello");
  EXPECT_TRUE(worker.Succeeds());
  const OwnedFd late = PeerSocket(family(), SOCK_STREAM);
  EXPECT_EQ(Call(connect(late.get(), address_.data(), address_.size())),
            Fails(ECONNREFUSED));
}

// After exec a listener is one as before.
TEST_P(AcceptTest, ExecutedProgramAccepts) {
  const RoleCommand serve("serve", {std::to_string(listener())});
  Child server([&] { ExecRole(serve); });
  OwnedFd peer = Peer();
  EXPECT_TRUE(SendAll(peer.get(), "ping"));
  EXPECT_EQ(Receive(peer.get(), 4), "ping");
  peer.Reset(-1);
  EXPECT_TRUE(server.Succeeds());
}

// SO_REUSEPORT: each listener gets some, and none is lost.
TEST_P(AcceptTest, ListenersOfOnePortShareConnections) {
  std::vector<OwnedFd> listeners;
  SocketAddress address = SocketAddress::Loopback(family());
  for (int i = 0; i < 2; ++i) {
    listeners.push_back(OurSocket(family(), SOCK_STREAM));
    const int fd = listeners.back().get();
    SetOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    ASSERT_SUCCESS(bind(fd, address.data(), address.size()));
    address = SocketAddress::LocalOf(fd);
    ASSERT_SUCCESS(listen(fd, 64));
  }
  std::vector<OwnedFd> peers;
  for (int i = 0; i < 40; ++i) {
    peers.push_back(PeerSocket(family(), SOCK_STREAM));
    ASSERT_SUCCESS(connect(peers.back().get(), address.data(), address.size()));
  }
  std::vector<int> counts(2);
  const auto take_all = [&] {
    for (size_t i = 0; i < listeners.size(); ++i) {
      for (; Readiness(listeners[i].get(), POLLIN) != 0; ++counts[i]) {
        AcceptFrom(listeners[i]);
      }
    }
    return counts[0] + counts[1] >= 40;
  };
  EXPECT_TRUE(WaitUntil(take_all));
  EXPECT_EQ(counts[0] + counts[1], 40);
  EXPECT_GT(counts[0], 0);
  EXPECT_GT(counts[1], 0);
}

// Both families on one socket.
TEST(DualStackAcceptTest, IPv4PeersAreMapped) {
  const OwnedFd listener = OurSocket(AF_INET6, SOCK_STREAM);
  SetOption(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  const SocketAddress any = SocketAddress::Wildcard(AF_INET6);
  ASSERT_SUCCESS(bind(listener.get(), any.data(), any.size()));
  ASSERT_SUCCESS(listen(listener.get(), 5));
  const uint16_t port = SocketAddress::LocalOf(listener.get()).port();
  const SocketAddress address = SocketAddress::Loopback(AF_INET, port);
  const OwnedFd peer = PeerSocket(AF_INET, SOCK_STREAM);
  ASSERT_SUCCESS(connect(peer.get(), address.data(), address.size()));
  SocketAddress from;
  const OwnedFd accepted(accept(listener.get(), from.buffer(), from.room()));
  EXPECT_EQ(from, SocketAddress::MappedLoopback(
                      SocketAddress::LocalOf(peer.get()).port()));
  EXPECT_TRUE(Talk(accepted.get(), peer.get()));
}

}  // namespace
}  // namespace wspd::preload
