// What sockets are ready for, by each of the ways to wait.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <functional>

#include "tests/preload/behaviour/fixture.h"
#include "tests/preload/behaviour/waiter.h"
#include "tests/testing/thread_group.h"

namespace wspd::preload {
namespace {

using testing::ThreadGroup;

template <typename Parameter>
class WaitingTest : public ::testing::TestWithParam<Parameter> {
 protected:
  static int family() { return std::get<0>(WaitingTest::GetParam()); }
  static const Waiter& waiter() {
    return std::get<Waiter>(WaitingTest::GetParam());
  }
  static bool IsEpoll() {
    return std::string(waiter().name).find("Epoll") != std::string::npos;
  }
  static bool IsPoll() {
    const std::string name = waiter().name;
    return name == "Poll" || name == "Ppoll";
  }
  static int Wait(std::vector<Watched>& watched, milliseconds timeout) {
    return waiter().wait(watched, timeout);
  }
  static Ready WaitOne(int fd, const Ready& interest, milliseconds timeout) {
    std::vector<Watched> watched = {{fd, interest}};
    EXPECT_GE(Wait(watched, timeout), 0) << Call(-1);
    return watched[0].ready;
  }
  static Ready Now(int fd, const Ready& interest) {
    return WaitOne(fd, interest, milliseconds(0));
  }
  static Ready Soon(int fd, const Ready& interest) {
    return WaitOne(fd, interest, kDeadline);
  }
};

using ReadinessParameter = std::tuple<int, Origin, Waiter>;

// Of a connection.
class ReadinessTest : public WaitingTest<ReadinessParameter> {
 protected:
  void SetUp() override {
    connection_ = MakeConnection(family(), std::get<Origin>(GetParam()));
    ASSERT_FALSE(HasFailure());
  }
  int ours() const { return connection_.ours.get(); }
  int peer() const { return connection_.peer.get(); }
  void CloseOurs() { connection_.ours.Reset(-1); }
  void ClosePeer() { connection_.peer.Reset(-1); }

  Connection connection_;
};

INSTANTIATE_TEST_SUITE_P(, ReadinessTest,
                         ::testing::ValuesIn(WithBothEnds(AllWaiters())),
                         NameOf());

using SocketReadinessParameter = std::tuple<int, Waiter>;

// Of other sockets and sets.
class SocketReadinessTest : public WaitingTest<SocketReadinessParameter> {};

INSTANTIATE_TEST_SUITE_P(, SocketReadinessTest,
                         ::testing::Combine(::testing::Values(AF_INET,
                                                              AF_INET6),
                                            ::testing::ValuesIn(AllWaiters())),
                         NameOf());

TEST_P(ReadinessTest, IdleConnectionIsWritableOnly) {
  EXPECT_EQ(Now(ours(), kReadableAndWritable), kWritable);
  EXPECT_EQ(Now(ours(), kReadable), kNotReady);
  EXPECT_EQ(Now(ours(), kPriority), kNotReady);
}

TEST_P(ReadinessTest, DataIsReadable) {
  EXPECT_TRUE(SendAll(peer(), "x"));
  EXPECT_EQ(Soon(ours(), kReadable), kReadable);
  EXPECT_EQ(Receive(ours(), 1), "x");
  EXPECT_EQ(Now(ours(), kReadable), kNotReady);
}

TEST_P(ReadinessTest, DataWakesTheWaiting) {
  ThreadGroup threads;
  threads.Start("wait", [&] { EXPECT_EQ(Soon(ours(), kReadable), kReadable); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(threads.ended(), 0);
  EXPECT_TRUE(SendAll(peer(), "x"));
}

TEST_P(ReadinessTest, EndIsReadable) {
  ClosePeer();
  EXPECT_EQ(Soon(ours(), kReadable), kReadable);
  EXPECT_TRUE(Ends(ours()));
  EXPECT_EQ(Now(ours(), kReadableAndWritable), kReadableAndWritable);
}

TEST_P(ReadinessTest, EndWakesTheWaiting) {
  ThreadGroup threads;
  threads.Start("wait", [&] { EXPECT_EQ(Soon(ours(), kReadable), kReadable); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ClosePeer();
}

TEST_P(ReadinessTest, ResetIsReadableAndWritable) {
  Reset(&connection_.peer);
  EXPECT_EQ(Soon(ours(), kReadable), kReadable);
  EXPECT_EQ(Now(ours(), kReadableAndWritable), kReadableAndWritable);
  EXPECT_TRUE(IsReset(ours()));
}

TEST_P(ReadinessTest, ResetWakesWhoWaitsToWrite) {
  Fill(ours(), peer());
  ThreadGroup threads;
  threads.Start("wait", [&] { EXPECT_EQ(Soon(ours(), kWritable), kWritable); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  Reset(&connection_.peer);
}

TEST_P(ReadinessTest, FullConnectionIsNotWritable) {
  const size_t filled = Fill(ours(), peer());
  EXPECT_EQ(Now(ours(), kWritable), kNotReady);
  ThreadGroup threads;
  threads.Start("wait", [&] { EXPECT_EQ(Soon(ours(), kWritable), kWritable); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(threads.ended(), 0);
  Receive(peer(), filled);
}

TEST_P(ReadinessTest, OurShutdownIsReadable) {
  EXPECT_SUCCESS(shutdown(ours(), SHUT_RD));
  EXPECT_EQ(Now(ours(), kReadable), kReadable);
}

TEST_P(ReadinessTest, OurShutdownWakesTheWaiting) {
  ThreadGroup threads;
  threads.Start("wait", [&] { EXPECT_EQ(Soon(ours(), kReadable), kReadable); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_SUCCESS(shutdown(ours(), SHUT_RDWR));
}

TEST_P(ReadinessTest, UrgentDataIsOfPriority) {
  EXPECT_EQ(Call(send(peer(), "!", 1, MSG_OOB)), Gives(1));
  EXPECT_EQ(Soon(ours(), kPriority), kPriority);
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, MSG_OOB)), Gives(1));
  EXPECT_EQ(byte, '!');
}

TEST_P(ReadinessTest, UrgentDataWakesTheWaiting) {
  ThreadGroup threads;
  threads.Start("wait", [&] { EXPECT_EQ(Soon(ours(), kPriority), kPriority); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(Call(send(peer(), "!", 1, MSG_OOB)), Gives(1));
}

TEST_P(ReadinessTest, TimeoutPasses) {
  const auto begin = Clock::now();
  EXPECT_EQ(WaitOne(ours(), kReadable, milliseconds(30)), kNotReady);
  EXPECT_GE(Clock::now() - begin, milliseconds(30));
}

TEST_P(SocketReadinessTest, ListenerIsReadableByAConnection) {
  const OwnedFd listener = OurListener(family());
  EXPECT_EQ(Now(listener.get(), kReadableAndWritable), kNotReady);
  ThreadGroup threads;
  threads.Start("wait",
                [&] { EXPECT_EQ(Soon(listener.get(), kReadable), kReadable); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  const SocketAddress address = SocketAddress::LocalOf(listener.get());
  const OwnedFd connecting = PeerSocket(family(), SOCK_STREAM);
  ASSERT_SUCCESS(connect(connecting.get(), address.data(), address.size()));
  threads.JoinAll();
  AcceptFrom(listener);
  EXPECT_EQ(Now(listener.get(), kReadable), kNotReady);
}

TEST_P(SocketReadinessTest, ConnectIsWritableOnceDone) {
  const OwnedFd listener = PeerListener(family());
  const SocketAddress address = SocketAddress::LocalOf(listener.get());
  const OwnedFd connecting = OurSocket(family(), SOCK_STREAM | SOCK_NONBLOCK);
  EXPECT_EQ(Call(connect(connecting.get(), address.data(), address.size())),
            Fails(EINPROGRESS));
  EXPECT_EQ(Soon(connecting.get(), kReadableAndWritable), kWritable);
  EXPECT_EQ(GetOption(connecting.get(), SOL_SOCKET, SO_ERROR), 0);
}

TEST_P(SocketReadinessTest, PendingConnectIsNotReady) {
  const OwnedFd listener = PeerListener(family(), 0);
  const SocketAddress address = SocketAddress::LocalOf(listener.get());
  const OwnedFd first = PeerSocket(family(), SOCK_STREAM);
  ASSERT_SUCCESS(connect(first.get(), address.data(), address.size()));
  ASSERT_NE(WaitFor(listener.get(), POLLIN), 0);
  const OwnedFd connecting = OurSocket(family(), SOCK_STREAM | SOCK_NONBLOCK);
  EXPECT_EQ(Call(connect(connecting.get(), address.data(), address.size())),
            Fails(EINPROGRESS));
  EXPECT_EQ(WaitOne(connecting.get(), kReadableAndWritable, milliseconds(30)),
            kNotReady);
}

TEST_P(SocketReadinessTest, RefusedConnectIsReadableAndWritable) {
  const OwnedFd holder = PeerSocket(family(), SOCK_STREAM);
  const SocketAddress any = SocketAddress::Loopback(family());
  ASSERT_SUCCESS(bind(holder.get(), any.data(), any.size()));
  const SocketAddress address = SocketAddress::LocalOf(holder.get());
  const OwnedFd connecting = OurSocket(family(), SOCK_STREAM | SOCK_NONBLOCK);
  EXPECT_EQ(Call(connect(connecting.get(), address.data(), address.size())),
            Fails(EINPROGRESS));
  EXPECT_EQ(Soon(connecting.get(), kReadableAndWritable), kReadableAndWritable);
  EXPECT_EQ(GetOption(connecting.get(), SOL_SOCKET, SO_ERROR), ECONNREFUSED);
}

TEST_P(SocketReadinessTest, DatagramIsReadable) {
  const OwnedFd datagrams = OurDatagramSocket(family());
  const SocketAddress address = SocketAddress::LocalOf(datagrams.get());
  EXPECT_EQ(Now(datagrams.get(), kReadableAndWritable), kWritable);
  ThreadGroup threads;
  threads.Start(
      "wait", [&] { EXPECT_EQ(Soon(datagrams.get(), kReadable), kReadable); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  const OwnedFd sender = PeerSocket(family(), SOCK_DGRAM);
  // An empty one too.
  EXPECT_EQ(
      Call(sendto(sender.get(), "", 0, 0, address.data(), address.size())),
      Gives(0));
}

// A set of all kinds of descriptors: each by itself.
TEST_P(SocketReadinessTest, MixedSet) {
  int ends[2];
  ASSERT_SUCCESS(pipe(ends));
  const OwnedFd pipe_out(ends[0]), pipe_in(ends[1]);
  const OwnedFd counter(eventfd(0, 0));
  const OwnedFd timer(timerfd_create(CLOCK_MONOTONIC, 0));
  int pair[2];
  ASSERT_SUCCESS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  const OwnedFd unix_a(pair[0]), unix_b(pair[1]);
  const Connection first = MakeConnection(family(), Origin::kConnected);
  const Connection second = MakeConnection(family(), Origin::kAccepted);
  const OwnedFd datagrams = OurDatagramSocket(family());
  std::vector<Watched> watched = {
      {pipe_out.get(), kReadable},    {first.ours.get(), kReadable},
      {counter.get(), kReadable},     {timer.get(), kReadable},
      {second.ours.get(), kReadable}, {unix_a.get(), kReadable},
      {datagrams.get(), kReadable},   {first.peer.get(), kReadable},
  };
  EXPECT_EQ(Wait(watched, milliseconds(0)), 0);
  const uint64_t one = 1;
  const itimerspec soon = {{0, 0}, {0, 1}};
  const SocketAddress address = SocketAddress::LocalOf(datagrams.get());
  const OwnedFd sender = PeerSocket(family(), SOCK_DGRAM);
  const std::function<void()> actions[] = {
      [&] { EXPECT_SUCCESS(write(pipe_in.get(), "x", 1)); },
      [&] { SendAll(first.peer.get(), "x"); },
      [&] { EXPECT_SUCCESS(write(counter.get(), &one, sizeof(one))); },
      [&] { EXPECT_SUCCESS(timerfd_settime(timer.get(), 0, &soon, nullptr)); },
      [&] { SendAll(second.peer.get(), "x"); },
      [&] { SendAll(unix_b.get(), "x"); },
      [&] {
        EXPECT_SUCCESS(
            sendto(sender.get(), "x", 1, 0, address.data(), address.size()));
      },
      [&] { SendAll(first.ours.get(), "x"); },
  };
  std::vector<Ready> wanted(watched.size(), kNotReady);
  for (size_t i = 0; i < watched.size(); ++i) {
    actions[i]();
    wanted[i] = kReadable;
    EXPECT_TRUE(WaitUntil([&] {
      return Wait(watched, kDeadline) == static_cast<int>(i) + 1;
    })) << i;
    for (size_t j = 0; j < watched.size(); ++j) {
      EXPECT_EQ(watched[j].ready, wanted[j]) << j << " after " << i;
    }
  }
}

// Regular files are always ready; epoll refuses them.
TEST_P(SocketReadinessTest, RegularFile) {
  const OwnedFd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const OwnedFd datagrams = OurDatagramSocket(family());
  std::vector<Watched> watched = {{file.get(), kReadable},
                                  {datagrams.get(), kReadable}};
  const Outcome outcome = Call(Wait(watched, milliseconds(0)));
  if (IsEpoll()) {
    EXPECT_EQ(outcome, Fails(EPERM));
  } else {
    EXPECT_EQ(outcome, Gives(1));
    EXPECT_EQ(watched[0].ready, kReadable);
    EXPECT_EQ(watched[1].ready, kNotReady);
  }
}

// Numbers above those of the other descriptors.
TEST_P(ReadinessTest, HighNumbers) {
  const OwnedFd high(fcntl(ours(), F_DUPFD, 900));
  ASSERT_TRUE(high.is_open());
  EXPECT_EQ(Now(high.get(), kReadableAndWritable), kWritable);
  EXPECT_TRUE(SendAll(peer(), "x"));
  EXPECT_EQ(Soon(high.get(), kReadable), kReadable);
}

// A closed descriptor isn't waited for.
TEST_P(ReadinessTest, ClosedDescriptor) {
  // One that the set itself won't get.
  const int number = dup2(ours(), 300);
  close(number);
  std::vector<Watched> watched = {{number, kReadable}};
  const Outcome outcome = Call(Wait(watched, kDeadline));
  EXPECT_EQ(outcome, IsPoll() ? Gives(1) : Fails(EBADF));  // Gives POLLNVAL
}

}  // namespace
}  // namespace wspd::preload
