// Duplicates of a descriptor: the same socket by another number, here or in
// another process.
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/preload/behaviour/child.h"
#include "tests/preload/behaviour/descriptor_passing.h"
#include "tests/preload/behaviour/fixture.h"

namespace wspd::preload {
namespace {

// Makes another descriptor of the same socket.
struct Duplication {
  const char* name;
  OwnedFd (*make)(int fd);
};

const Duplication kDuplications[] = {
    {"Dup", [](int fd) { return OwnedFd(dup(fd)); }},
    {"Dup2", [](int fd) { return OwnedFd(dup2(fd, 321)); }},
    {"Dup3", [](int fd) { return OwnedFd(dup3(fd, 321, O_CLOEXEC)); }},
    {"Dupfd", [](int fd) { return OwnedFd(fcntl(fd, F_DUPFD, 300)); }},
    {"DupfdCloexec",
     [](int fd) { return OwnedFd(fcntl(fd, F_DUPFD_CLOEXEC, 300)); }},
    {"RawDup",
     [](int fd) { return OwnedFd(static_cast<int>(syscall(SYS_dup, fd))); }},
    {"RawFcntl",
     [](int fd) {
       return OwnedFd(static_cast<int>(syscall(SYS_fcntl, fd, F_DUPFD, 300)));
     }},
    {"Passed",
     [](int fd) {
       const PassingPair pair;
       pair.Send(fd);
       return pair.Receive();
     }},
    {"OverAFile", [](int fd) { return OwnedFd(dup2(fd, dup(STDERR_FILENO))); }},
    {"OverASocket",
     [](int fd) { return OwnedFd(dup2(fd, socket(AF_INET, SOCK_DGRAM, 0))); }},
};

using DuplicateParameter = std::tuple<int, Origin, Duplication>;

class DuplicateTest : public ::testing::TestWithParam<DuplicateParameter> {
 protected:
  void SetUp() override {
    const auto& [family, origin, duplication] = GetParam();
    connection_ = MakeConnection(family, origin);
    duplicate_ = duplication.make(ours());
    ASSERT_TRUE(duplicate_.is_open());
    ASSERT_NE(duplicate_.get(), ours());
  }
  int ours() const { return connection_.ours.get(); }
  int peer() const { return connection_.peer.get(); }
  int duplicate() const { return duplicate_.get(); }

  Connection connection_;
  OwnedFd duplicate_;
};

INSTANTIATE_TEST_SUITE_P(, DuplicateTest,
                         ::testing::ValuesIn(WithBothEnds(kDuplications)),
                         NameOf());

TEST_P(DuplicateTest, CarriesTheSameStream) {
  EXPECT_TRUE(Talk(duplicate(), peer()));
  EXPECT_TRUE(SendAll(ours(), "ab"));
  EXPECT_TRUE(SendAll(duplicate(), "cd"));
  EXPECT_EQ(Receive(peer(), 4), "abcd");
  EXPECT_TRUE(SendAll(peer(), "efgh"));
  EXPECT_EQ(Receive(duplicate(), 2), "ef");
  EXPECT_EQ(Receive(ours(), 2), "gh");
}

TEST_P(DuplicateTest, HasTheSameNamesAndOptions) {
  EXPECT_EQ(SocketAddress::LocalOf(duplicate()),
            SocketAddress::LocalOf(ours()));
  EXPECT_EQ(SocketAddress::RemoteOf(duplicate()),
            SocketAddress::LocalOf(peer()));
  SetOption(duplicate(), IPPROTO_TCP, TCP_KEEPIDLE, 77);
  EXPECT_EQ(GetOption(ours(), IPPROTO_TCP, TCP_KEEPIDLE), 77);
}

// O_NONBLOCK is the description's.
TEST_P(DuplicateTest, HasTheSameStatusFlags) {
  SetNonBlocking(duplicate());
  EXPECT_EQ(Call(fcntl(ours(), F_GETFL)), Gives(O_RDWR | O_NONBLOCK));
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Fails(EAGAIN));
}

// Neither close is the last one's; the peer sees no end before.
TEST_P(DuplicateTest, OutlivesTheOriginal) {
  connection_.ours.Reset(-1);
  EXPECT_TRUE(Talk(duplicate(), peer()));
  duplicate_.Reset(-1);
  EXPECT_TRUE(Ends(peer()));
}

TEST_P(DuplicateTest, MayGoFirst) {
  duplicate_.Reset(-1);
  EXPECT_TRUE(Talk(ours(), peer()));
  connection_.ours.Reset(-1);
  EXPECT_TRUE(Ends(peer()));
}

// shutdown() is the socket's.
TEST_P(DuplicateTest, IsShutDownWithTheOriginal) {
  EXPECT_SUCCESS(shutdown(duplicate(), SHUT_WR));
  EXPECT_TRUE(Ends(peer()));
  EXPECT_EQ(Call(send(ours(), "x", 1, MSG_NOSIGNAL)), Fails(EPIPE));
}

// A reset's error is the socket's too: told to one of them.
TEST_P(DuplicateTest, SharesTheError) {
  Reset(&connection_.peer);
  ASSERT_NE(WaitFor(ours(), POLLIN), 0);
  char byte;
  EXPECT_EQ(Call(recv(duplicate(), &byte, 1, 0)), Fails(ECONNRESET));
  EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Gives(0));
}

class DescriptorTest : public ConnectionTest {};
INSTANTIATE_FOR_CONNECTIONS(DescriptorTest);

TEST_P(DescriptorTest, DupTakesTheLowestNumber) {
  OwnedFd lowest(dup(STDERR_FILENO));
  const int number = lowest.get();
  lowest.Reset(-1);
  const OwnedFd duplicate(dup(ours()));
  EXPECT_EQ(duplicate.get(), number);
}

TEST_P(DescriptorTest, DupfdTakesTheLowestFromThere) {
  const OwnedFd first(fcntl(ours(), F_DUPFD, 400));
  const OwnedFd second(fcntl(ours(), F_DUPFD, 400));
  EXPECT_EQ(first.get(), 400);
  EXPECT_EQ(second.get(), 401);
}

TEST_P(DescriptorTest, DuplicatesHaveFlagsOfTheirOwn) {
  ASSERT_SUCCESS(fcntl(ours(), F_SETFD, FD_CLOEXEC));
  const OwnedFd plain(dup(ours()));
  EXPECT_EQ(Call(fcntl(plain.get(), F_GETFD)), Gives(0));
  const OwnedFd closed(fcntl(ours(), F_DUPFD_CLOEXEC, 0));
  EXPECT_EQ(Call(fcntl(closed.get(), F_GETFD)), Gives(FD_CLOEXEC));
  const OwnedFd third(dup3(ours(), 321, O_CLOEXEC));
  EXPECT_EQ(Call(fcntl(third.get(), F_GETFD)), Gives(FD_CLOEXEC));
  const OwnedFd second(dup2(ours(), 322));
  EXPECT_EQ(Call(fcntl(second.get(), F_GETFD)), Gives(0));
}

TEST_P(DescriptorTest, Dup2OntoItselfChangesNothing) {
  ASSERT_SUCCESS(fcntl(ours(), F_SETFD, FD_CLOEXEC));
  EXPECT_EQ(Call(dup2(ours(), ours())), Gives(ours()));
  EXPECT_EQ(Call(fcntl(ours(), F_GETFD)), Gives(FD_CLOEXEC));
  EXPECT_EQ(Call(dup3(ours(), ours(), 0)), Fails(EINVAL));
  EXPECT_TRUE(Talk(ours(), peer()));
}

TEST_P(DescriptorTest, Dup2OfNothingClosesNothing) {
  EXPECT_EQ(Call(dup2(-1, ours())), Fails(EBADF));
  EXPECT_EQ(Call(dup2(555, ours())), Fails(EBADF));
  EXPECT_TRUE(Talk(ours(), peer()));
}

// One socket over another: the latter ends, its number is the former's.
TEST_P(DescriptorTest, Dup2ReplacesASocket) {
  Connection other = MakeConnection(family(), origin());
  EXPECT_EQ(Call(dup2(ours(), other.ours.get())), Gives(other.ours.get()));
  EXPECT_TRUE(Ends(other.peer.get()));
  EXPECT_TRUE(Talk(other.ours.get(), peer()));
  EXPECT_EQ(SocketAddress::RemoteOf(other.ours.get()),
            SocketAddress::LocalOf(peer()));
}

// A file over a socket: nothing of the socket is left at the number.
TEST_P(DescriptorTest, Dup2ReplacesASocketByAFile) {
  int ends[2];
  ASSERT_SUCCESS(pipe(ends));
  const OwnedFd out(ends[0]), in(ends[1]);
  EXPECT_EQ(Call(dup2(in.get(), ours())), Gives(ours()));
  EXPECT_TRUE(Ends(peer()));
  EXPECT_EQ(Call(write(ours(), "pipe", 4)), Gives(4));
  EXPECT_EQ(Call(send(ours(), "pipe", 4, 0)), Fails(ENOTSOCK));
  char buffer[8];
  EXPECT_EQ(Call(read(out.get(), buffer, sizeof(buffer))), Gives(4));
}

// Several times one socket: each message makes a descriptor.
TEST_P(DescriptorTest, IsPassedAgainAndAgain) {
  const PassingPair pair;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(pair.Send(ours()));
    connection_.ours = pair.Receive();
    ASSERT_TRUE(Talk(ours(), peer()));
  }
  EXPECT_EQ(SocketAddress::RemoteOf(ours()), SocketAddress::LocalOf(peer()));
}

TEST_P(DescriptorTest, IsPassedCloseOnExec) {
  const PassingPair pair;
  ASSERT_TRUE(pair.Send(ours()));
  const OwnedFd passed = pair.Receive(MSG_CMSG_CLOEXEC);
  EXPECT_EQ(Call(fcntl(passed.get(), F_GETFD)), Gives(FD_CLOEXEC));
  EXPECT_EQ(Call(fcntl(ours(), F_GETFD)), Gives(0));
}

// To a process that has no sockets yet, and keeps it when ours is closed.
TEST_P(DescriptorTest, IsPassedToAnotherProcess) {
  const PassingPair pair;
  const int before = fcntl(ours(), F_DUPFD, 500);
  Gate closed;
  Child child([&] {
    close(before);
    CloseOurs();
    const OwnedFd passed = pair.Receive();
    ASSERT_TRUE(closed.Wait());
    EXPECT_EQ(SocketAddress::RemoteOf(passed.get()),
              SocketAddress::LocalOf(peer()));
    EXPECT_TRUE(SendAll(passed.get(), Receive(passed.get(), 4)));
  });
  ASSERT_TRUE(pair.Send(ours()));
  CloseOurs();
  close(before);
  closed.Open();
  EXPECT_TRUE(SendAll(peer(), "ping"));
  EXPECT_EQ(ReceiveToEnd(peer()), "ping");
  EXPECT_TRUE(child.Succeeds());
}

// A connection made in a child serves the parent.
TEST_P(DescriptorTest, IsPassedFromAChild) {
  const PassingPair pair;
  Child child([&] {
    const Connection made = MakeConnection(family(), origin());
    ASSERT_TRUE(pair.Send(made.ours.get()));
    EXPECT_EQ(Receive(made.peer.get(), 5), "hello");
  });
  const OwnedFd passed = pair.Receive();
  EXPECT_TRUE(SendAll(passed.get(), "hello"));
  EXPECT_TRUE(child.Succeeds());
}

// A listener too: its connections come to whoever accepts.
TEST_P(DescriptorTest, ListenerIsPassed) {
  const PassingPair pair;
  OwnedFd listener = OurListener(family());
  const SocketAddress address = SocketAddress::LocalOf(listener.get());
  ASSERT_TRUE(pair.Send(listener.get()));
  listener.Reset(-1);
  const OwnedFd passed = pair.Receive();
  const OwnedFd peer = PeerSocket(family(), SOCK_STREAM);
  ASSERT_SUCCESS(connect(peer.get(), address.data(), address.size()));
  EXPECT_TRUE(Talk(AcceptFrom(passed).get(), peer.get()));
}

TEST_P(DescriptorTest, IsTakenFromAnotherProcess) {
  Gate taken;
  Child child([&] {
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    taken.Wait();
  });
  const OwnedFd process(
      static_cast<int>(syscall(SYS_pidfd_open, child.pid(), 0)));
  ASSERT_TRUE(process.is_open());
  const int theirs = ours();
  CloseOurs();
  const Outcome got = Call(syscall(SYS_pidfd_getfd, process.get(), theirs, 0));
  taken.Open();
  if (got.error == EPERM) GTEST_SKIP() << "pidfd_getfd isn't allowed here";
  ASSERT_TRUE(Succeeds(got));
  const OwnedFd mine(static_cast<int>(got.value));
  EXPECT_TRUE(child.Succeeds());
  EXPECT_TRUE(Talk(mine.get(), peer()));
  EXPECT_EQ(SocketAddress::RemoteOf(mine.get()),
            SocketAddress::LocalOf(peer()));
}

}  // namespace
}  // namespace wspd::preload
