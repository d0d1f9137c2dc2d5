// Sockets that the preloaded library asks for before the program wants them,
// against a scripted daemon.
#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <utility>

#include "client_stub/preload/credentials.h"
#include "client_stub/preload/relayed_calls.h"
#include "gtest/gtest.h"
#include "tests/preload/socket_session_fixture.h"

namespace wspd::testing {
namespace {

// A session that has made sockets in quick succession, and asked for more.
class SocketsAheadTest : public SocketSessionTest {
 protected:
  using Clock = std::chrono::steady_clock;
  // Of sockets in succession; less than the session says, since what is
  // measured here is longer.
  static constexpr auto kSoon = std::chrono::milliseconds(50);

  SocketsAheadTest() { Burst(wsp::Plane::kLent); }

  // In a session of its own.
  void Burst(wsp::Plane plane) {
    do wsp::CountCredentialsChange();
    while (!Succeed(plane));
    for (int i = 0; i < 2; ++i) ahead_[i] = NextCall();
  }

  // Three sockets of one kind. False: this machine was too slow to say whether
  // they came in quick succession.
  bool Succeed(wsp::Plane plane) {
    bool soon = true;
    for (int i = 0; i < 3; ++i) {
      const Clock::time_point begin = std::exchange(last_, Clock::now());
      auto asked = Ask(AF_INET, SOCK_STREAM, 0, plane);
      if (i == 0) Attach();
      const wsp::v1::Call call = NextCall();
      if (i > 0 && Clock::now() - begin > kSoon) soon = false;
      Lend(call);
      EXPECT_TRUE(IsLent(OwnedFd(asked.get()).get()));
    }
    return soon;
  }

  // A socket for the call; its other end stays here.
  OwnedFd LendPair(const wsp::v1::Call& call) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const OwnedFd given(ends[1]);
    daemon_->SendDescriptor(call.call_id(), kCookie, given.get());
    Answer(call);
    return OwnedFd(ends[0]);
  }

  static bool ArePair(const OwnedFd& one, int fd) {
    char byte = 0;
    return write(fd, "x", 1) == 1 && recv(one.get(), &byte, 1, 0) == 1;
  }

  // Whether the other end has been closed, which it isn't told to wait for.
  static bool IsOver(const OwnedFd& one) {
    char byte;
    return recv(one.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }

  wsp::v1::Call ahead_[2];
  // When the last socket was asked for, or before.
  Clock::time_point last_;
};

TEST_F(SocketsAheadTest, AreOfTheKindAndTakenInTheirOrder) {
  for (const wsp::v1::Call& call : ahead_) {
    EXPECT_EQ(call.linux_socket().family(),
              wsp::v1::LinuxSocketRequest::FAMILY_IPV4);
    EXPECT_EQ(call.linux_socket().type(),
              wsp::v1::LinuxSocketRequest::TYPE_STREAM);
    EXPECT_EQ(call.linux_socket().plane(), wsp::v1::PLANE_LENT);
  }
  EXPECT_NE(ahead_[0].socket_id(), ahead_[1].socket_id());
  const OwnedFd first = LendPair(ahead_[0]);
  const OwnedFd second = LendPair(ahead_[1]);
  // Whether it is closed at exec is the caller's affair.
  const OwnedFd one(Ask(AF_INET, SOCK_STREAM | SOCK_CLOEXEC).get());
  EXPECT_TRUE(ArePair(first, one.get()));
  EXPECT_EQ(fcntl(one.get(), F_GETFD), FD_CLOEXEC);
  const OwnedFd two(Ask().get());
  EXPECT_TRUE(ArePair(second, two.get()));
  EXPECT_EQ(fcntl(two.get(), F_GETFD), 0);
}

TEST_F(SocketsAheadTest, OneThatIsTakenIsReplaced) {
  for (;;) {
    const Clock::time_point begin = last_;
    const OwnedFd one = LendPair(ahead_[0]);
    EXPECT_TRUE(ArePair(one, OwnedFd(Ask().get()).get()));
    // Else the succession may have ended.
    if (Clock::now() - begin <= kSoon) break;
    Burst(wsp::Plane::kLent);
  }
  const OwnedFd second = LendPair(ahead_[1]);
  const OwnedFd third = LendPair(NextCall());
  EXPECT_TRUE(ArePair(second, OwnedFd(Ask().get()).get()));
  EXPECT_TRUE(ArePair(third, OwnedFd(Ask().get()).get()));
}

// Whose next call isn't to wait for what nobody waits for.
TEST_F(SocketsAheadTest, ARelayedOneIsReplacedBehindTheNextCall) {
  for (;;) {
    Burst(wsp::Plane::kRelayed);
    const Clock::time_point begin = last_;
    const OwnedFd one = LendPair(ahead_[0]);
    const OwnedFd fd(Ask(AF_INET, SOCK_STREAM, 0, wsp::Plane::kRelayed).get());
    EXPECT_TRUE(ArePair(one, fd.get()));
    wsp::RelayedState state;
    auto asked = AskState(fd.get(), 4711, &state);
    const wsp::v1::Call call = NextStateCall();
    AnswerState(call, 0);
    EXPECT_EQ(asked.get(), 0);
    if (Clock::now() - begin <= kSoon) break;
  }
  EXPECT_EQ(NextCall().linux_socket().plane(), wsp::v1::PLANE_RELAYED);
}

TEST_F(SocketsAheadTest, AreWaitedForIfTheyAreNotThereYet) {
  auto asked = Ask();
  const OwnedFd one = LendPair(ahead_[0]);
  const OwnedFd fd(asked.get());
  EXPECT_TRUE(ArePair(one, fd.get()));
}

TEST_F(SocketsAheadTest, MayComeWhileSomethingElseIsWaitedFor) {
  wsp::RelayedState state;
  auto asked = AskState(0, 4711, &state);
  const wsp::v1::Call call = NextStateCall();
  const OwnedFd first = LendPair(ahead_[0]);
  AnswerState(call, 0);
  EXPECT_EQ(asked.get(), 0);
  const OwnedFd second = LendPair(ahead_[1]);
  EXPECT_TRUE(ArePair(first, OwnedFd(Ask().get()).get()));
  EXPECT_TRUE(ArePair(second, OwnedFd(Ask().get()).get()));
}

// What was true then may be no more.
TEST_F(SocketsAheadTest, ErrorsAreAskedForAnew) {
  Answer(ahead_[0], EMFILE);
  const OwnedFd second = LendPair(ahead_[1]);
  auto asked = Ask();
  wsp::v1::Call call = NextCall();
  // It may be what the limit is about.
  EXPECT_TRUE(IsOver(second));
  Answer(call, EPERM);
  EXPECT_EQ(asked.get(), -EPERM);
  auto next = Ask();
  call = NextCall();
  EXPECT_NE(call.call_id(), ahead_[1].call_id());
  Lend(call);
  EXPECT_TRUE(IsLent(OwnedFd(next.get()).get()));
}

TEST_F(SocketsAheadTest, AreClosedBeforeAnotherKindIsAskedFor) {
  const OwnedFd first = LendPair(ahead_[0]);
  auto asked = Ask(AF_INET6);
  // That one is still under way.
  const OwnedFd second = LendPair(ahead_[1]);
  const wsp::v1::Call call = NextCall();
  EXPECT_EQ(call.linux_socket().family(),
            wsp::v1::LinuxSocketRequest::FAMILY_IPV6);
  EXPECT_TRUE(IsOver(first));
  EXPECT_TRUE(IsOver(second));
  Lend(call);
  EXPECT_TRUE(IsLent(OwnedFd(asked.get()).get()));
}

TEST_F(SocketsAheadTest, AnAdoptionStepsOverThem) {
  const OwnedFd held(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  wsp::RelayedState state;
  auto asked = AskState(held.get(), 4711, &state);
  const wsp::v1::Call call = NextStateCall();
  const OwnedFd first = LendPair(ahead_[0]);
  AnswerState(call, EBADF);
  const OwnedFd second = LendPair(ahead_[1]);
  OwnedFd shown;
  EXPECT_EQ(daemon_->TakeShown(&shown), 4711u);
  EXPECT_TRUE(IsOver(first));
  EXPECT_TRUE(IsOver(second));
  daemon_->AnswerShown(4711, 0);
  AnswerState(NextStateCall(), 0);
  EXPECT_EQ(asked.get(), 0);
  auto next = Ask();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(next.get()).get()));
}

// Until the next call after that.
TEST_F(SocketsAheadTest, AreClosedIfNobodyWantsThemForLong) {
  const OwnedFd first = LendPair(ahead_[0]);
  const OwnedFd second = LendPair(ahead_[1]);
  while (!IsOver(second)) {
    wsp::RelayedState state;
    auto asked = AskState(0, 4711, &state);
    AnswerState(NextStateCall(), 0);
    EXPECT_EQ(asked.get(), 0);
  }
  EXPECT_TRUE(IsOver(first));
  EXPECT_GT(Clock::now() - last_, std::chrono::seconds(1));
}

TEST_F(SocketsAheadTest, EndWithTheirSession) {
  const OwnedFd first = LendPair(ahead_[0]);
  const OwnedFd second = LendPair(ahead_[1]);
  wsp::CountCredentialsChange();
  auto asked = Ask();
  Attach();
  EXPECT_TRUE(IsOver(first));
  EXPECT_TRUE(IsOver(second));
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(asked.get()).get()));
}

// Also those that would work without it.
TEST_F(SocketsAheadTest, EndWithTheirDaemon) {
  const OwnedFd first = LendPair(ahead_[0]);
  const OwnedFd second = LendPair(ahead_[1]);
  daemon_->Break();
  daemon_->BreakDescriptors();
  auto asked = Ask();
  Attach();
  EXPECT_TRUE(IsOver(first));
  EXPECT_TRUE(IsOver(second));
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(asked.get()).get()));
}

TEST_F(SocketsAheadTest, WithoutTheirDescriptorTheSessionIsMadeAnew) {
  Answer(ahead_[0]);
  auto asked = Ask();
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(asked.get()).get()));
}

TEST_F(SocketsAheadTest, WithoutANumberItIsEmfile) {
  const OwnedFd first = LendPair(ahead_[0]);
  const OwnedFd second = LendPair(ahead_[1]);
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none = {3, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_EQ(Ask().get(), -EMFILE);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_TRUE(IsOver(first));
  EXPECT_TRUE(ArePair(second, OwnedFd(Ask().get()).get()));
}

}  // namespace
}  // namespace wspd::testing
