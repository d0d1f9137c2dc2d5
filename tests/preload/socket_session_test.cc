// What the preloaded library's conversation with the daemon makes of each order
// of events, against a scripted daemon.
#include "client_stub/preload/socket_session.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "client_stub/preload/credentials.h"
#include "client_stub/preload/datagram_requests.h"
#include "client_stub/preload/relayed_calls.h"
#include "client_stub/preload/settings.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/provider.pb.h"
#include "tests/testing/owned_fd.h"
#include "tests/testing/scripted_daemon.h"
#include "tests/testing/temp_dir.h"

namespace wspd::testing {
namespace {

constexpr uint64_t kCookie = 4711;

class SocketSessionTest : public ::testing::Test {
 protected:
  SocketSessionTest() {
    setenv("WSPD_SOCKET", dir_.File("s").c_str(), 1);
    wsp::ReadProcessSettings();
    Listen();
  }
  ~SocketSessionTest() override {
    // The next test's is another daemon.
    wsp::CountCredentialsChange();
  }

  void Listen() { daemon_ = std::make_unique<ScriptedDaemon>(dir_.File("s")); }

  static std::future<int> Ask(int family = AF_INET, int type = SOCK_STREAM,
                              int protocol = 0,
                              wsp::Plane plane = wsp::Plane::kLent) {
    return std::async(std::launch::async, [=] {
      bool relayed;
      const int fd = wsp::MakeSocket(family, type, protocol, plane, &relayed);
      EXPECT_EQ(relayed && fd >= 0, fd >= 0 && plane == wsp::Plane::kRelayed);
      return fd;
    });
  }

  // A state call about the socket `number`, as `fd`.
  static std::future<int> AskState(int fd, uint64_t number,
                                   wsp::RelayedState* state) {
    return std::async(std::launch::async, [=] {
      wsp::relay::Name name;
      name.number = number;
      return wsp::StateOfRelayed(fd, name, state);
    });
  }

  wsp::v1::Call NextStateCall() {
    const auto call = daemon_->NextCall();
    EXPECT_TRUE(call.has_value() && call->linux_call().has_state());
    return call.value_or(wsp::v1::Call());
  }

  void AnswerState(const wsp::v1::Call& call, int linux_errno,
                   int pending = 0) {
    wsp::v1::ServerFrame frame;
    wsp::v1::Completion* const result =
        daemon_->AddResult(&frame, call.call_id());
    if (linux_errno == 0) {
      auto* const state = result->mutable_linux_call()->mutable_state();
      state->set_state(wsp::v1::LinuxStateResult::STATE_ENDED);
      state->set_error(pending);
    } else {
      result->set_linux_errno(static_cast<uint32_t>(linux_errno));
      result->set_wsa_error(10000);
    }
    daemon_->Send(frame);
  }

  // Attaches by a lent socket.
  void Begin() {
    auto first = Ask();
    Attach();
    Lend(NextCall());
    const OwnedFd lent(first.get());
  }

  // Both connections, of a new session.
  void Attach() {
    const auto hello = daemon_->Accept();
    ASSERT_TRUE(hello.has_value());
    EXPECT_EQ(hello->personality(), wsp::v1::PERSONALITY_LINUX);
    EXPECT_EQ(hello->resume_token(), "");
    daemon_->Welcome(false, 0);
    ASSERT_EQ(daemon_->AcceptDescriptors(),
              std::string("WSPDFD1\n") + ScriptedDaemon::kToken);
    daemon_->SendDescriptor(0, 0, -1);
  }

  wsp::v1::Call NextCall() {
    const auto call = daemon_->NextCall();
    EXPECT_TRUE(call.has_value() && call->has_linux_socket());
    return call.value_or(wsp::v1::Call());
  }

  void Answer(const wsp::v1::Call& call, int linux_errno = 0) {
    wsp::v1::ServerFrame frame;
    wsp::v1::Completion* const result =
        daemon_->AddResult(&frame, call.call_id());
    if (linux_errno == 0) {
      result->mutable_linux_socket()->set_cookie(kCookie);
    } else {
      result->set_linux_errno(static_cast<uint32_t>(linux_errno));
      result->set_wsa_error(10000);
    }
    daemon_->Send(frame);
  }

  // A socket, as a daemon gives it. It is a Unix one: its family is its sign.
  void Lend(const wsp::v1::Call& call) {
    const OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    daemon_->SendDescriptor(call.call_id(), kCookie, fd.get());
    Answer(call);
  }

  static bool IsLent(int fd) {
    int domain = 0;
    socklen_t size = sizeof domain;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
           domain == AF_UNIX;
  }

  const TempDir dir_;
  std::unique_ptr<ScriptedDaemon> daemon_;
};

TEST_F(SocketSessionTest, AsksForWhatTheProgramAsksFor) {
  auto first = Ask(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDPLITE);
  Attach();
  wsp::v1::Call call = NextCall();
  EXPECT_EQ(call.linux_socket().plane(), wsp::v1::PLANE_LENT);
  EXPECT_EQ(call.linux_socket().family(),
            wsp::v1::LinuxSocketRequest::FAMILY_IPV6);
  EXPECT_EQ(call.linux_socket().type(),
            wsp::v1::LinuxSocketRequest::TYPE_DATAGRAM);
  EXPECT_EQ(call.linux_socket().protocol(), IPPROTO_UDPLITE);
  EXPECT_TRUE(call.linux_socket().nonblocking());
  const uint64_t socket_id = call.socket_id();
  EXPECT_NE(socket_id, 0u);
  Lend(call);
  const OwnedFd open(first.get());
  EXPECT_TRUE(IsLent(open.get()));
  EXPECT_EQ(fcntl(open.get(), F_GETFD), 0);

  auto second = Ask(AF_INET, SOCK_STREAM | SOCK_CLOEXEC);
  call = NextCall();
  EXPECT_EQ(call.linux_socket().family(),
            wsp::v1::LinuxSocketRequest::FAMILY_IPV4);
  EXPECT_EQ(call.linux_socket().type(),
            wsp::v1::LinuxSocketRequest::TYPE_STREAM);
  EXPECT_FALSE(call.linux_socket().nonblocking());
  EXPECT_NE(call.socket_id(), socket_id);
  Lend(call);
  const OwnedFd closing(second.get());
  EXPECT_EQ(fcntl(closing.get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(SocketSessionTest, RefusalsAreTheCalls) {
  auto refused = Ask();
  Attach();
  Answer(NextCall(), EPROTONOSUPPORT);
  EXPECT_EQ(refused.get(), -EPROTONOSUPPORT);
  // The session goes on.
  auto limited = Ask();
  Answer(NextCall(), EMFILE);
  EXPECT_EQ(limited.get(), -EMFILE);
}

TEST_F(SocketSessionTest, DescriptorsThatNobodyWaitsForAreClosed) {
  auto asked = Ask();
  Attach();
  const wsp::v1::Call call = NextCall();
  OwnedFd stale[2];
  {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    stale[0] = OwnedFd(ends[0]);
    stale[1] = OwnedFd(ends[1]);
  }
  daemon_->SendDescriptor(call.call_id() - 1, 1, stale[1].get());
  stale[1].Reset(-1);
  Lend(call);
  const OwnedFd lent(asked.get());
  EXPECT_TRUE(IsLent(lent.get()));
  // The library's was the last copy.
  char byte;
  EXPECT_EQ(recv(stale[0].get(), &byte, 1, 0), 0);
}

TEST_F(SocketSessionTest, WithoutANumberItIsEmfile) {
  auto asked = Ask();
  Attach();
  const wsp::v1::Call call = NextCall();
  const OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none = {3, limit.rlim_max};
  daemon_->SendDescriptor(call.call_id(), kCookie, fd.get());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  Answer(call);
  EXPECT_EQ(asked.get(), -EMFILE);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  // And the one after it is.
  auto next = Ask();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(next.get()).get()));
}

TEST_F(SocketSessionTest, ALostStreamIsMadeAnew) {
  auto first = Ask();
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(first.get()).get()));
  daemon_->Break();
  daemon_->BreakDescriptors();
  auto second = Ask();
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(second.get()).get()));
}

TEST_F(SocketSessionTest, AStreamThatIsLostInACallIsMadeAnewOnce) {
  auto first = Ask();
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(first.get()).get()));
  auto second = Ask();
  NextCall();
  daemon_->Break();
  Attach();
  NextCall();
  daemon_->Break();
  EXPECT_EQ(second.get(), -ENETDOWN);
}

TEST_F(SocketSessionTest, ALostDescriptorConnectionIsMadeAnew) {
  auto first = Ask();
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(first.get()).get()));
  // The daemon noticed.
  auto second = Ask();
  Answer(NextCall(), ENOTCONN);
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(second.get()).get()));
  // It didn't: the result comes without the descriptor.
  auto third = Ask();
  Answer(NextCall());
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(third.get()).get()));
}

TEST_F(SocketSessionTest, NewCredentialsAreShownToTheDaemon) {
  auto first = Ask();
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(first.get()).get()));
  wsp::CountCredentialsChange();
  auto second = Ask();
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(second.get()).get()));
}

TEST_F(SocketSessionTest, ThePlaneIsTheOneThatIsWanted) {
  auto asked = Ask(AF_INET, SOCK_STREAM, 0, wsp::Plane::kRelayed);
  Attach();
  const wsp::v1::Call call = NextCall();
  EXPECT_EQ(call.linux_socket().plane(), wsp::v1::PLANE_RELAYED);
  Lend(call);
  EXPECT_GE(OwnedFd(asked.get()).get(), 0);
}

// The welcome of the scripted daemon has no lent sockets.
TEST_F(SocketSessionTest, WithoutLentSocketsTheyAreRelayed) {
  auto asked = std::async(std::launch::async, [] {
    bool relayed = false;
    const int fd =
        wsp::MakeSocket(AF_INET, SOCK_STREAM, 0, wsp::Plane::kAuto, &relayed);
    EXPECT_TRUE(relayed);
    return fd;
  });
  Attach();
  const wsp::v1::Call call = NextCall();
  EXPECT_EQ(call.linux_socket().plane(), wsp::v1::PLANE_RELAYED);
  Lend(call);
  EXPECT_GE(OwnedFd(asked.get()).get(), 0);
}

TEST_F(SocketSessionTest, ACallNamesItsSocket) {
  Begin();
  wsp::RelayedState state;
  auto asked = AskState(0, 4711, &state);
  const wsp::v1::Call call = NextStateCall();
  EXPECT_EQ(call.socket_id(), 4711u);
  AnswerState(call, 0, ECONNRESET);
  EXPECT_EQ(asked.get(), 0);
  EXPECT_EQ(state.state,
            static_cast<uint32_t>(wsp::v1::LinuxStateResult::STATE_ENDED));
  EXPECT_EQ(state.error, ECONNRESET);
  auto failing = AskState(0, 4711, &state);
  AnswerState(NextStateCall(), ENOMEM);
  EXPECT_EQ(failing.get(), -ENOMEM);
}

// What the kernel never refuses isn't waited for, where the daemon knows the
// socket; nobody hears of its result.
TEST_F(SocketSessionTest, SwitchesAreSetWithoutAWait) {
  constexpr uint64_t kNumber = 4711;
  auto asked = Ask(AF_INET, SOCK_STREAM, 0, wsp::Plane::kRelayed);
  Attach();
  const wsp::v1::Call made = NextCall();
  const OwnedFd pair(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  daemon_->SendDescriptor(made.call_id(), kCookie, pair.get());
  wsp::v1::ServerFrame frame;
  daemon_->AddResult(&frame, made.call_id())
      ->mutable_linux_socket()
      ->set_number(kNumber);
  daemon_->Send(frame);
  const OwnedFd fd(asked.get());

  wsp::relay::Name name;
  name.number = kNumber;
  const int on = 1;
  EXPECT_EQ(wsp::SetRelayedOption(fd.get(), name, IPPROTO_TCP, TCP_NODELAY, &on,
                                  sizeof on),
            0);
  wsp::RelayedState state;
  auto next = AskState(fd.get(), kNumber, &state);
  const auto set = daemon_->NextCall();
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(set->socket_id(), kNumber);
  EXPECT_EQ(set->linux_call().set_option().name(), TCP_NODELAY);
  const wsp::v1::Call call = NextStateCall();
  AnswerState(*set, ENOMEM);
  AnswerState(call, 0);
  EXPECT_EQ(next.get(), 0);
}

TEST_F(SocketSessionTest, SwitchesOfUnknownSocketsWaitForTheirAnswer) {
  Begin();
  const OwnedFd held(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto asked = std::async(std::launch::async, [&] {
    wsp::relay::Name name;
    name.number = 4712;
    const int on = 1;
    return wsp::SetRelayedOption(held.get(), name, IPPROTO_TCP, TCP_NODELAY,
                                 &on, sizeof on);
  });
  AnswerState(daemon_->NextCall().value_or(wsp::v1::Call()), EBADF);
  OwnedFd shown;
  EXPECT_EQ(daemon_->TakeShown(&shown), 4712u);
  daemon_->AnswerShown(4712, 0);
  AnswerState(daemon_->NextCall().value_or(wsp::v1::Call()), ENOMEM);
  EXPECT_EQ(asked.get(), -ENOMEM);
}

// As after fork and exec: the attachment has no right to the socket yet.
TEST_F(SocketSessionTest, ASocketThatTheDaemonHasNotSeenIsShown) {
  Begin();
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const OwnedFd held(ends[0]);
  const OwnedFd other(ends[1]);
  wsp::RelayedState state;
  auto asked = AskState(held.get(), 4711, &state);
  AnswerState(NextStateCall(), EBADF);
  OwnedFd shown;
  EXPECT_EQ(daemon_->TakeShown(&shown), 4711u);
  // It is the same one.
  EXPECT_EQ(write(other.get(), "x", 1), 1);
  char byte;
  EXPECT_EQ(read(shown.get(), &byte, 1), 1);
  daemon_->AnswerShown(4711, 0);
  AnswerState(NextStateCall(), 0);
  EXPECT_EQ(asked.get(), 0);
}

// Another daemon's, which is gone.
TEST_F(SocketSessionTest, ASocketThatTheDaemonDoesNotKnowIsEnetdown) {
  Begin();
  const OwnedFd held(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  wsp::RelayedState state;
  auto asked = AskState(held.get(), 4711, &state);
  AnswerState(NextStateCall(), EBADF);
  OwnedFd shown;
  EXPECT_EQ(daemon_->TakeShown(&shown), 4711u);
  daemon_->AnswerShown(4711, EBADF);
  EXPECT_EQ(asked.get(), -ENETDOWN);
  // The session goes on.
  auto next = Ask();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(next.get()).get()));
}

// Numbers are a daemon's own: another one, from before a restart, may have had
// the same for another socket.
TEST_F(SocketSessionTest, SocketsOfAnotherDaemonAreNotAskedAbout) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const OwnedFd program(ends[0]);
  const OwnedFd daemon(ends[1]);
  wsp::relay::Name name;
  name.instance = static_cast<uint64_t>(getpid());
  name.number = 4711;
  name.protocol = IPPROTO_TCP;
  const sockaddr_un address = wsp::relay::FormatName(name);
  ASSERT_EQ(bind(daemon.get(), reinterpret_cast<const sockaddr*>(&address),
                 wsp::relay::kNameAddressBytes),
            0);
  auto asked = Ask(AF_INET, SOCK_STREAM, 0, wsp::Plane::kRelayed);
  Attach();
  const wsp::v1::Call made = NextCall();
  daemon_->SendDescriptor(made.call_id(), kCookie, program.get());
  Answer(made);
  const OwnedFd fd(asked.get());
  wsp::relay::Name other = name;
  ++other.instance;
  wsp::RelayedState state;
  EXPECT_EQ(wsp::StateOfRelayed(fd.get(), other, &state), -ENETDOWN);
  // Its own is.
  auto own = std::async(std::launch::async, [&] {
    return wsp::StateOfRelayed(fd.get(), name, &state);
  });
  const wsp::v1::Call call = NextStateCall();
  EXPECT_EQ(call.socket_id(), 4711u);
  AnswerState(call, 0);
  EXPECT_EQ(own.get(), 0);
}

// The call is made on the next one.
TEST_F(SocketSessionTest, AnAttachmentIsMadeAnewForACall) {
  Begin();
  wsp::RelayedState state;
  auto asked = AskState(0, 4711, &state);
  NextStateCall();
  daemon_->Break();
  Attach();
  AnswerState(NextStateCall(), 0);
  EXPECT_EQ(asked.get(), 0);
}

// It may have gone.
TEST_F(SocketSessionTest, ADatagramIsNotSentOnTheNext) {
  Begin();
  auto asked = std::async(std::launch::async, [] {
    wsp::relay::Name name;
    name.number = 4711;
    wsp::relay::DatagramHeader header = {};
    char data[] = "once";
    const iovec part = {data, 4};
    return wsp::AskToSendDatagram(0, name, {&header, nullptr, &part, 1, 4});
  });
  const auto call = daemon_->NextCall();
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(call->linux_call().send().data(), "once");
  daemon_->Break();
  EXPECT_EQ(asked.get(), -ENETDOWN);
  wsp::RelayedState state;
  auto next = AskState(0, 4711, &state);
  Attach();
  AnswerState(NextStateCall(), 0);
  EXPECT_EQ(next.get(), 0);
}

// Not a fault with the session's lock held.
TEST_F(SocketSessionTest, AQueuedErrorIntoNowhereIsEfault) {
  Begin();
  for (const bool nowhere : {true, false}) {
    auto asked = std::async(std::launch::async, [nowhere] {
      wsp::relay::Name name;
      name.number = 4711;
      char data[8] = {};
      iovec part = {nowhere ? reinterpret_cast<void*>(16) : data, sizeof data};
      msghdr message = {};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      const long size = wsp::AskForQueuedError(0, name, &message);
      EXPECT_EQ(std::string(data), nowhere ? "" : "lost");
      EXPECT_EQ(message.msg_flags, nowhere ? 0 : MSG_ERRQUEUE);
      return size;
    });
    const auto call = daemon_->NextCall();
    ASSERT_TRUE(call.has_value());
    EXPECT_EQ(call->linux_call().receive_error().data_length(), 8u);
    wsp::v1::ServerFrame frame;
    auto* const error = daemon_->AddResult(&frame, call->call_id())
                            ->mutable_linux_call()
                            ->mutable_receive_error();
    error->set_data("lost");
    error->set_flags(MSG_ERRQUEUE);
    daemon_->Send(frame);
    EXPECT_EQ(asked.get(), nowhere ? -EFAULT : 4);
  }
}

// ---- sockets asked for ahead

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

TEST_F(SocketSessionTest, WhatIsNoDaemonIsEnetdown) {
  // It refuses the stream.
  auto refused = Ask();
  ASSERT_TRUE(daemon_->Accept().has_value());
  daemon_->Break();
  EXPECT_EQ(refused.get(), -ENETDOWN);
  // Or the descriptor connection.
  auto without = Ask();
  ASSERT_TRUE(daemon_->Accept().has_value());
  daemon_->Welcome(false, 0);
  EXPECT_EQ(daemon_->AcceptDescriptors().size(), 24u);
  daemon_->BreakDescriptors();
  EXPECT_EQ(without.get(), -ENETDOWN);
  // Or welcomes it with something else.
  auto wrong = Ask();
  ASSERT_TRUE(daemon_->Accept().has_value());
  daemon_->Welcome(false, 0);
  EXPECT_EQ(daemon_->AcceptDescriptors().size(), 24u);
  daemon_->SendDescriptor(1, 0, -1);
  EXPECT_EQ(wrong.get(), -ENETDOWN);
  // Or isn't there.
  daemon_.reset();
  EXPECT_EQ(Ask().get(), -ENETDOWN);
}

}  // namespace
}  // namespace wspd::testing
