// What only epoll has: sets that last, edges, one shot, removal.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <atomic>
#include <vector>

#include "tests/preload/behaviour/child.h"
#include "tests/preload/behaviour/fixture.h"
#include "tests/testing/thread_group.h"

namespace wspd::preload {
namespace {

using testing::ThreadGroup;

class EpollTest : public ConnectionTest {
 protected:
  void SetUp() override {
    ConnectionTest::SetUp();
    set_ = OwnedFd(epoll_create1(EPOLL_CLOEXEC));
    ASSERT_TRUE(set_.is_open());
  }
  Outcome Control(int operation, int fd, uint32_t events, uint64_t data = 0) {
    epoll_event event = {};
    event.events = events;
    event.data.u64 = data;
    return Call(epoll_ctl(set_.get(), operation, fd, &event));
  }
  void Add(int fd, uint32_t events, uint64_t data = 0) {
    EXPECT_EQ(Control(EPOLL_CTL_ADD, fd, events, data), Gives(0));
  }
  // The events of the one descriptor that is ready; 0 if none is.
  uint32_t Wait(milliseconds timeout = kDeadline) {
    epoll_event events[4] = {};
    const int count =
        epoll_wait(set_.get(), events, 4, static_cast<int>(timeout.count()));
    EXPECT_GE(count, 0);
    EXPECT_LE(count, 1);
    return count == 1 ? events[0].events : 0;
  }
  uint32_t Now() { return Wait(milliseconds(0)); }
  // Long enough for an event that shouldn't be.
  uint32_t Never() { return Wait(milliseconds(20)); }

  OwnedFd set_;
};
INSTANTIATE_FOR_CONNECTIONS(EpollTest);

TEST_P(EpollTest, LevelGoesOnUntilRead) {
  Add(ours(), EPOLLIN);
  EXPECT_TRUE(SendAll(peer(), "ab"));
  EXPECT_EQ(Wait(), EPOLLIN);
  EXPECT_EQ(Wait(), EPOLLIN);
  EXPECT_EQ(Receive(ours(), 1), "a");
  EXPECT_EQ(Wait(), EPOLLIN);
  EXPECT_EQ(Receive(ours(), 1), "b");
  EXPECT_EQ(Now(), 0u);
}

TEST_P(EpollTest, EdgeIsToldOnce) {
  Add(ours(), EPOLLIN | EPOLLET);
  EXPECT_TRUE(SendAll(peer(), "a"));
  EXPECT_EQ(Wait(), EPOLLIN);
  EXPECT_EQ(Never(), 0u);
}

// Also if the earlier bytes weren't read.
TEST_P(EpollTest, EdgeComesWithMoreData) {
  Add(ours(), EPOLLIN | EPOLLET);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(SendAll(peer(), "a"));
    EXPECT_EQ(Wait(), EPOLLIN);
    EXPECT_EQ(Now(), 0u);
  }
  EXPECT_EQ(Receive(ours(), 3), "aaa");
}

TEST_P(EpollTest, EdgeIsToldOfWhatWasReadyBefore) {
  EXPECT_TRUE(SendAll(peer(), "a"));
  ASSERT_NE(WaitFor(ours(), POLLIN), 0);
  Add(ours(), EPOLLIN | EPOLLET);
  EXPECT_EQ(Wait(), EPOLLIN);
}

TEST_P(EpollTest, EdgeIsRearmedByModify) {
  Add(ours(), EPOLLIN | EPOLLET);
  EXPECT_TRUE(SendAll(peer(), "a"));
  EXPECT_EQ(Wait(), EPOLLIN);
  EXPECT_EQ(Now(), 0u);
  EXPECT_EQ(Control(EPOLL_CTL_MOD, ours(), EPOLLIN | EPOLLET), Gives(0));
  EXPECT_EQ(Wait(), EPOLLIN);
}

// The pattern of every event-driven server: write until EAGAIN, wait for the
// edge, go on.
TEST_P(EpollTest, EdgeWhenWritableAgain) {
  Add(ours(), EPOLLOUT | EPOLLET);
  EXPECT_EQ(Wait(), EPOLLOUT);
  const size_t filled = Fill(ours(), peer());
  while (Now() != 0) {
  }
  Receive(peer(), filled);
  EXPECT_EQ(Wait(), EPOLLOUT);
}

TEST_P(EpollTest, EdgeOfTheEnd) {
  Add(ours(), EPOLLIN | EPOLLRDHUP | EPOLLET);
  ClosePeer();
  EXPECT_EQ(Wait(), uint32_t{EPOLLIN | EPOLLRDHUP});
  EXPECT_EQ(Never(), 0u);
}

// All bytes by edges only, read until EAGAIN each time.
TEST_P(EpollTest, EdgesLoseNoBytes) {
  SetNonBlocking(ours());
  Add(ours(), EPOLLIN | EPOLLRDHUP | EPOLLET);
  ThreadGroup threads;
  threads.Start("peer sends", [&] {
    for (int i = 0; i < 2000; ++i)
      SendAll(peer(), std::string(i % 700 + 1, 'x'));
    shutdown(peer(), SHUT_WR);
  });
  size_t wanted = 0;
  for (int i = 0; i < 2000; ++i) wanted += i % 700 + 1;
  size_t got = 0;
  for (bool ended = false; !ended;) {
    ASSERT_NE(Wait(), 0u) << "after " << got << " of " << wanted;
    char buffer[3000];
    ssize_t count;
    while ((count = recv(ours(), buffer, sizeof(buffer), 0)) > 0) got += count;
    ended = count == 0;
  }
  EXPECT_EQ(got, wanted);
}

TEST_P(EpollTest, OneShotIsToldOnce) {
  Add(ours(), EPOLLIN | EPOLLONESHOT);
  EXPECT_TRUE(SendAll(peer(), "a"));
  EXPECT_EQ(Wait(), EPOLLIN);
  EXPECT_TRUE(SendAll(peer(), "b"));
  EXPECT_EQ(Never(), 0u);
  EXPECT_EQ(Control(EPOLL_CTL_MOD, ours(), EPOLLIN | EPOLLONESHOT), Gives(0));
  EXPECT_EQ(Wait(), EPOLLIN);
  EXPECT_EQ(Now(), 0u);
}

TEST_P(EpollTest, EndIsToldAsRdhup) {
  Add(ours(), EPOLLRDHUP);
  EXPECT_EQ(Now(), 0u);
  ASSERT_SUCCESS(shutdown(peer(), SHUT_WR));
  EXPECT_EQ(Wait(), EPOLLRDHUP);
}

// An error and a hang-up are told unasked.
TEST_P(EpollTest, ResetIsToldUnasked) {
  Add(ours(), 0);
  EXPECT_EQ(Now(), 0u);
  Reset(&connection_.peer);
  EXPECT_EQ(Wait(), uint32_t{EPOLLERR | EPOLLHUP});
}

TEST_P(EpollTest, ResetIsToldWithAllThatIsAsked) {
  Add(ours(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  EXPECT_EQ(Wait(), EPOLLOUT);
  Reset(&connection_.peer);
  EXPECT_EQ(Wait(),
            uint32_t{EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLERR | EPOLLHUP});
}

TEST_P(EpollTest, ModifyChangesTheInterest) {
  Add(ours(), EPOLLIN);
  EXPECT_EQ(Now(), 0u);
  EXPECT_EQ(Control(EPOLL_CTL_MOD, ours(), EPOLLOUT), Gives(0));
  EXPECT_EQ(Now(), EPOLLOUT);
}

TEST_P(EpollTest, DataIsGivenBack) {
  Add(ours(), EPOLLOUT, 0x123456789abcdef0);
  epoll_event event = {};
  ASSERT_EQ(epoll_wait(set_.get(), &event, 1, 0), 1);
  EXPECT_EQ(event.data.u64, 0x123456789abcdef0u);
}

TEST_P(EpollTest, RemovedIsNotToldOf) {
  Add(ours(), EPOLLIN);
  EXPECT_TRUE(SendAll(peer(), "a"));
  EXPECT_EQ(Wait(), EPOLLIN);
  EXPECT_EQ(Control(EPOLL_CTL_DEL, ours(), 0), Gives(0));
  EXPECT_EQ(Now(), 0u);
}

TEST_P(EpollTest, WrongControl) {
  EXPECT_EQ(Control(EPOLL_CTL_MOD, ours(), EPOLLIN), Fails(ENOENT));
  EXPECT_EQ(Control(EPOLL_CTL_DEL, ours(), EPOLLIN), Fails(ENOENT));
  Add(ours(), EPOLLIN);
  EXPECT_EQ(Control(EPOLL_CTL_ADD, ours(), EPOLLIN), Fails(EEXIST));
  EXPECT_EQ(Control(99, ours(), EPOLLIN), Fails(EINVAL));
  epoll_event event = {};
  EXPECT_EQ(Call(epoll_ctl(ours(), EPOLL_CTL_ADD, peer(), &event)),
            Fails(EINVAL));
  EXPECT_EQ(Call(epoll_wait(ours(), &event, 1, 0)), Fails(EINVAL));
}

// The last close takes a socket from its sets: no event of the dead.
TEST_P(EpollTest, ClosedIsNotToldOf) {
  Add(ours(), EPOLLIN | EPOLLOUT);
  EXPECT_EQ(Now(), EPOLLOUT);
  CloseOurs();
  EXPECT_EQ(Now(), 0u);
}

// Its number is another socket's then, to be added anew.
TEST_P(EpollTest, NumberOfAClosedOneIsAddedAnew) {
  Add(ours(), EPOLLIN, 1);
  const int number = ours();
  CloseOurs();
  Connection next = MakeConnection(family(), origin());
  if (next.ours.get() != number) {
    ASSERT_EQ(dup2(next.ours.get(), number), number);
    next.ours.Reset(number);
  }
  EXPECT_TRUE(SendAll(next.peer.get(), "x"));
  ASSERT_NE(WaitFor(number, POLLIN), 0);
  EXPECT_EQ(Now(), 0u) << "the set knows the old socket";
  Add(number, EPOLLIN, 2);
  epoll_event event = {};
  ASSERT_EQ(epoll_wait(set_.get(), &event, 1, 0), 1);
  EXPECT_EQ(event.data.u64, 2u);
}

// Linux: it is the description that is watched.
TEST_P(EpollTest, DuplicateKeepsTheRegistration) {
  Add(ours(), EPOLLIN);
  const OwnedFd duplicate(dup(ours()));
  CloseOurs();
  EXPECT_TRUE(SendAll(peer(), "x"));
  EXPECT_EQ(Wait(), EPOLLIN);
}

TEST_P(EpollTest, DuplicateIsAddedByItself) {
  Add(ours(), EPOLLOUT);
  const OwnedFd duplicate(dup(ours()));
  Add(duplicate.get(), EPOLLOUT);
  epoll_event events[4];
  EXPECT_EQ(epoll_wait(set_.get(), events, 4, 0), 2);
}

TEST_P(EpollTest, SetInASetInASet) {
  const OwnedFd outer(epoll_create1(EPOLL_CLOEXEC));
  Add(ours(), EPOLLIN);
  epoll_event event = {};
  event.events = EPOLLIN;
  ASSERT_SUCCESS(epoll_ctl(outer.get(), EPOLL_CTL_ADD, set_.get(), &event));
  EXPECT_EQ(epoll_wait(outer.get(), &event, 1, 0), 0);
  EXPECT_TRUE(SendAll(peer(), "x"));
  EXPECT_EQ(epoll_wait(outer.get(), &event, 1, 30'000), 1);
  EXPECT_EQ(Receive(ours(), 1), "x");
  EXPECT_EQ(epoll_wait(outer.get(), &event, 1, 0), 0);
}

// More are ready than there is room for: each gets its turn.
TEST_P(EpollTest, TurnsAreTaken) {
  std::vector<Connection> connections;
  for (uint64_t i = 0; i < 6; ++i) {
    connections.push_back(MakeConnection(family(), origin()));
    Add(connections.back().ours.get(), EPOLLOUT, i);
  }
  std::vector<bool> seen(connections.size());
  for (int i = 0; i < 3; ++i) {
    epoll_event events[2];
    ASSERT_EQ(epoll_wait(set_.get(), events, 2, 0), 2);
    for (const epoll_event& event : events) seen[event.data.u64] = true;
  }
  EXPECT_EQ(seen, std::vector<bool>(connections.size(), true));
}

// One event wakes one of the waiting.
TEST_P(EpollTest, EdgeWakesOneThread) {
  Add(ours(), EPOLLIN | EPOLLET);
  std::atomic<int> woken{0};
  ThreadGroup threads;
  for (int i = 0; i < 3; ++i) {
    threads.Start("wait", [&] {
      if (Wait() != 0) ++woken;
    });
  }
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_TRUE(SendAll(peer(), "x"));
  EXPECT_TRUE(WaitUntil([&] { return threads.ended() == 1; }));
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(woken, 1);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(SendAll(peer(), "x"));
    EXPECT_TRUE(WaitUntil([&] { return threads.ended() == 2 + i; }));
  }
}

TEST_P(EpollTest, AddedWhileAnotherWaits) {
  ThreadGroup threads;
  threads.Start("wait", [&] { EXPECT_EQ(Wait(), EPOLLIN); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_TRUE(SendAll(peer(), "x"));
  ASSERT_NE(WaitFor(ours(), POLLIN), 0);
  Add(ours(), EPOLLIN);
}

// A set is inherited, with what is in it.
TEST_P(EpollTest, ChildUsesTheSet) {
  Add(ours(), EPOLLIN);
  Child child([&] {
    EXPECT_EQ(Wait(), EPOLLIN);
    EXPECT_EQ(Receive(ours(), 1), "x");
    EXPECT_TRUE(SendAll(ours(), "y"));
  });
  EXPECT_TRUE(SendAll(peer(), "x"));
  EXPECT_EQ(Receive(peer(), 1), "y");
  EXPECT_TRUE(child.Succeeds());
}

// A new set in a child, as event loops make one after fork.
TEST_P(EpollTest, ChildMakesItsOwnSet) {
  Add(ours(), EPOLLIN);
  Child child([&] {
    set_ = OwnedFd(epoll_create1(EPOLL_CLOEXEC));
    Add(ours(), EPOLLIN);
    EXPECT_EQ(Wait(), EPOLLIN);
  });
  EXPECT_TRUE(SendAll(peer(), "x"));
  EXPECT_TRUE(child.Succeeds());
  EXPECT_EQ(Now(), EPOLLIN);
}

TEST_P(EpollTest, ExclusiveListener) {
  const OwnedFd listener = OurListener(family());
  Add(listener.get(), EPOLLIN | EPOLLEXCLUSIVE);
  const SocketAddress address = SocketAddress::LocalOf(listener.get());
  const OwnedFd connecting = PeerSocket(family(), SOCK_STREAM);
  ASSERT_SUCCESS(connect(connecting.get(), address.data(), address.size()));
  EXPECT_EQ(Wait(), EPOLLIN);
}

TEST_P(EpollTest, EdgesOfAListener) {
  const OwnedFd listener = OurListener(family());
  Add(listener.get(), EPOLLIN | EPOLLET);
  const SocketAddress address = SocketAddress::LocalOf(listener.get());
  std::vector<OwnedFd> connecting;
  for (int i = 0; i < 3; ++i) {
    connecting.push_back(PeerSocket(family(), SOCK_STREAM));
    ASSERT_SUCCESS(
        connect(connecting.back().get(), address.data(), address.size()));
    EXPECT_EQ(Wait(), EPOLLIN);
    EXPECT_EQ(Now(), 0u);
  }
}

// Added before it is connected, as libevent and others do.
TEST_P(EpollTest, SocketIsAddedBeforeItConnects) {
  const OwnedFd listener = PeerListener(family());
  const OwnedFd connecting = OurSocket(family(), SOCK_STREAM | SOCK_NONBLOCK);
  Add(connecting.get(), EPOLLIN | EPOLLOUT | EPOLLET);
  EXPECT_EQ(Wait(), uint32_t{EPOLLOUT | EPOLLHUP});
  const SocketAddress address = SocketAddress::LocalOf(listener.get());
  EXPECT_EQ(Call(connect(connecting.get(), address.data(), address.size())),
            Fails(EINPROGRESS));
  EXPECT_EQ(Wait(), EPOLLOUT);
  const OwnedFd peer = AcceptFrom(listener);
  EXPECT_TRUE(SendAll(peer.get(), "x"));
  EXPECT_EQ(Wait(), uint32_t{EPOLLIN | EPOLLOUT});
}

// The same with a listener: added before listen().
TEST_P(EpollTest, SocketIsAddedBeforeItListens) {
  const OwnedFd listener = OurSocket(family(), SOCK_STREAM);
  Add(listener.get(), EPOLLIN);
  EXPECT_EQ(Now(), EPOLLHUP);
  const SocketAddress any = SocketAddress::Loopback(family());
  ASSERT_SUCCESS(bind(listener.get(), any.data(), any.size()));
  ASSERT_SUCCESS(listen(listener.get(), 5));
  EXPECT_EQ(Now(), 0u);
  const SocketAddress address = SocketAddress::LocalOf(listener.get());
  const OwnedFd connecting = PeerSocket(family(), SOCK_STREAM);
  ASSERT_SUCCESS(connect(connecting.get(), address.data(), address.size()));
  EXPECT_EQ(Wait(), EPOLLIN);
}

}  // namespace
}  // namespace wspd::preload
