// Attempts to connect that the preloaded library tells the daemon of without
// waiting for its answer, against a scripted daemon.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <utility>
#include <vector>

#include "client_stub/preload/credentials.h"
#include "client_stub/preload/descriptor_hints.h"
#include "client_stub/preload/process.h"
#include "client_stub/preload/relayed_calls.h"
#include "client_stub/preload/unawaited_connects.h"
#include "gtest/gtest.h"
#include "tests/preload/socket_session_fixture.h"

namespace wspd::testing {
namespace {

using Outcome = wsp::UnawaitedConnects::Outcome;

constexpr uint32_t kFiller = 100;

// What a connect came to, and what was answered.
struct Connected {
  int error = 0;
  wsp::ConnectAnswer answer;
};

// A session with a succession of connects that have begun well, of which the
// last wasn't waited for, nor answered.
class UnawaitedConnectsTest : public SocketSessionTest {
 protected:
  using Clock = std::chrono::steady_clock;

  UnawaitedConnectsTest() {
    wsp::EnsureLoaded();
    int left = 1000;
    while (!Succeed() && --left > 0) {
    }
    EXPECT_GT(left, 0) << "each was waited for";
  }

  // False: this machine was too slow for a quick succession.
  bool Succeed() {
    wsp::CountCredentialsChange();
    sockets_.clear();
    for (uint64_t number = 1; number <= 4; ++number) {
      auto asked = Ask(AF_INET, SOCK_STREAM, 0, wsp::Plane::kRelayed);
      if (number == 1) Attach();
      wsp::v1::Call call = NextSocketCall();
      Lend(call, number);
      sockets_.emplace_back(asked.get());
    }
    for (uint64_t number = 1; number <= 2; ++number) {
      auto connected = Connect(number);
      const wsp::v1::Call call = NextConnect();
      EXPECT_FALSE(call.linux_call().connect().unawaited());
      AnswerConnect(call, 0, false);
      EXPECT_EQ(connected.get().error, 0);
    }
    auto connected = Connect(3);
    unanswered_ = NextConnect();
    if (unanswered_.linux_call().connect().unawaited()) {
      const Connected result = connected.get();
      EXPECT_EQ(result.error, 0);
      EXPECT_TRUE(result.answer.unawaited);
      return true;
    }
    AnswerConnect(unanswered_, 0, false);
    connected.get();
    return false;
  }

  static wsp::relay::Name NameOf(uint64_t number) {
    wsp::relay::Name name;
    name.number = number;
    return name;
  }

  // The socket `number`, as the program does that needn't wait.
  std::future<Connected> Connect(uint64_t number) {
    const int fd = sockets_[number - 1].get();
    return std::async(std::launch::async, [fd, number] {
      wsp::Address to;
      to.family = wsp::Address::kIpv4;
      to.port = 80;
      Connected connected;
      connected.error = wsp::ConnectRelayed(fd, NameOf(number), to, kFiller,
                                            true, &connected.answer);
      return connected;
    });
  }

  // Steps over sockets that are asked for ahead, which are refused.
  template <typename IsWanted>
  wsp::v1::Call NextOf(IsWanted is_wanted) {
    for (;;) {
      const auto call = daemon_->NextCall();
      if (!call.has_value()) {
        ADD_FAILURE() << "no call";
        return {};
      }
      if (is_wanted(*call)) return *call;
      Answer(*call, EMFILE);
    }
  }
  // The session asks for more of them, later: there is one that is waited for.
  wsp::v1::Call NextSocketCall() {
    return NextOf([](const auto& call) { return call.has_linux_socket(); });
  }
  wsp::v1::Call NextConnect() {
    return NextOf(
        [](const auto& call) { return call.linux_call().has_connect(); });
  }
  wsp::v1::Call NextState() {
    return NextOf(
        [](const auto& call) { return call.linux_call().has_state(); });
  }

  void AnswerConnect(const wsp::v1::Call& call, int linux_errno,
                     bool in_progress) {
    wsp::v1::ServerFrame frame;
    wsp::v1::Completion* const result =
        daemon_->AddResult(&frame, call.call_id());
    if (linux_errno == 0) {
      result->mutable_linux_call()->mutable_connect()->set_in_progress(
          in_progress);
    } else {
      result->set_linux_errno(static_cast<uint32_t>(linux_errno));
      result->set_wsa_error(10000);
    }
    daemon_->Send(frame);
  }

  // What the scripted daemon gives is connected to nobody: a hang-up alone
  // isn't one.
  bool IsShutDown(uint64_t number) const {
    pollfd end = {sockets_[number - 1].get(), POLLRDHUP, 0};
    return poll(&end, 1, 0) == 1 && (end.revents & POLLRDHUP) != 0;
  }

  // Once the answer has come.
  static Outcome AwaitOutcome(uint64_t number) {
    Outcome outcome;
    do outcome = wsp::OutcomeOfConnect(NameOf(number));
    while (outcome == Outcome::kUnanswered);
    return outcome;
  }

  std::vector<OwnedFd> sockets_;
  wsp::v1::Call unanswered_;
};

TEST_F(UnawaitedConnectsTest, AreHeardOfLater) {
  EXPECT_EQ(unanswered_.linux_call().connect().filler(), kFiller);
  EXPECT_EQ(wsp::OutcomeOfConnect(NameOf(3)), Outcome::kUnanswered);
  AnswerConnect(unanswered_, 0, false);
  EXPECT_EQ(AwaitOutcome(3), Outcome::kConnected);
  EXPECT_EQ(wsp::OutcomeOfConnect(NameOf(3)), Outcome::kUnknown);
}

TEST_F(UnawaitedConnectsTest, MayStillBeUnderWay) {
  AnswerConnect(unanswered_, 0, true);
  EXPECT_EQ(AwaitOutcome(3), Outcome::kNotConnected);
}

TEST_F(UnawaitedConnectsTest, AnErrorHasTheNextOnesWait) {
  AnswerConnect(unanswered_, ENETUNREACH, false);
  EXPECT_EQ(AwaitOutcome(3), Outcome::kNotConnected);
  auto connected = Connect(4);
  const wsp::v1::Call call = NextConnect();
  EXPECT_FALSE(call.linux_call().connect().unawaited());
  AnswerConnect(call, ENETUNREACH, false);
  EXPECT_EQ(connected.get().error, -ENETUNREACH);
}

// What is asked of the same socket comes behind it.
TEST_F(UnawaitedConnectsTest, AreHeardOfWhileSomethingElseIsWaitedFor) {
  wsp::RelayedState state;
  auto asked = AskState(sockets_[2].get(), 3, &state);
  const wsp::v1::Call call = NextState();
  AnswerConnect(unanswered_, 0, false);
  AnswerState(call, 0);
  EXPECT_EQ(asked.get(), 0);
  EXPECT_EQ(wsp::OutcomeOfConnect(NameOf(3)), Outcome::kConnected);
}

TEST_F(UnawaitedConnectsTest, AForkWaitsForThem) {
  std::atomic<bool> answered{false};
  auto forked = std::async(std::launch::async, [&answered] {
    const pid_t child = fork();
    if (child == 0) _exit(answered.load() ? 0 : 1);
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
  });
  // For it to come too early.
  EXPECT_EQ(forked.wait_for(std::chrono::milliseconds(50)),
            std::future_status::timeout);
  answered.store(true);
  AnswerConnect(unanswered_, 0, false);
  EXPECT_EQ(forked.get(), 0);
  EXPECT_EQ(wsp::OutcomeOfConnect(NameOf(3)), Outcome::kConnected);
}

// The daemon may leave unread what comes on a connection that ends.
TEST_F(UnawaitedConnectsTest, AreWaitedForBeforeTheSessionEnds) {
  wsp::CountCredentialsChange();
  auto asked = Ask(AF_INET, SOCK_STREAM, 0, wsp::Plane::kRelayed);
  AnswerConnect(unanswered_, 0, false);
  Attach();
  // It didn't end before.
  EXPECT_FALSE(IsShutDown(3));
  Lend(NextSocketCall(), 9);
  EXPECT_GE(OwnedFd(asked.get()).get(), 0);
}

TEST_F(UnawaitedConnectsTest, WithoutTheDaemonNothingIsKnown) {
  daemon_->Break();
  daemon_->BreakDescriptors();
  EXPECT_FALSE(IsShutDown(4));
  // Whether the daemon has done that is for the socket's state to say.
  EXPECT_EQ(Connect(4).get().error, -ENETDOWN);
  EXPECT_EQ(wsp::OutcomeOfConnect(NameOf(4)), Outcome::kUnknown);
  EXPECT_EQ(wsp::OutcomeOfConnect(NameOf(3)), Outcome::kUnknown);
  // Nobody will say what has become of that.
  EXPECT_TRUE(IsShutDown(3));
  EXPECT_EQ(wsp::HintOf(sockets_[2].get()), wsp::Hint::kLostStream);
  EXPECT_FALSE(IsShutDown(4));
}

// A call that needs no answer, of the same socket, goes the same way.
TEST_F(UnawaitedConnectsTest, AnOptionThatCannotBeSetForgetsNone) {
  daemon_->Break();
  daemon_->BreakDescriptors();
  auto set = std::async(std::launch::async, [fd = sockets_[2].get()] {
    const int on = 1;
    return wsp::SetRelayedOption(fd, NameOf(3), IPPROTO_TCP, TCP_NODELAY, &on,
                                 sizeof on);
  });
  Attach();
  EXPECT_TRUE(IsShutDown(3));
  const wsp::v1::Call call =
      NextOf([](const auto& one) { return one.linux_call().has_set_option(); });
  AnswerConnect(call, EBADF, false);
  OwnedFd shown;
  EXPECT_EQ(daemon_->TakeShown(&shown), 3u);
  daemon_->AnswerShown(3, EBADF);
  EXPECT_EQ(set.get(), -ENETDOWN);
}

TEST_F(UnawaitedConnectsTest, AnotherSocketOfTheNumberIsLeftAlone) {
  const int fd = sockets_[2].get();
  const OwnedFd other(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(dup2(other.get(), fd), fd);
  daemon_->Break();
  daemon_->BreakDescriptors();
  EXPECT_EQ(Connect(4).get().error, -ENETDOWN);
  EXPECT_FALSE(IsShutDown(3));
}

}  // namespace
}  // namespace wspd::testing
