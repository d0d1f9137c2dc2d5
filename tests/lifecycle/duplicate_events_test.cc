// A socket of two processes, one of which cleans up for good or dies: what the
// other one keeps, whichever of them the socket came from. Above all its
// network events.
#include <memory>
#include <string>
#include <thread>
#include <tuple>

#include "tests/testing/admin_view.h"
#include "tests/testing/network_events.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/socket_holder.h"

namespace wspd::testing {
namespace {

enum class Going { kCleanup, kDeath };
enum class Who { kSource, kTarget };
enum class Mode { kEventObject, kWindow };

using Way = std::tuple<Going, Who, Mode>;

std::string NameOfWay(const ::testing::TestParamInfo<Way>& info) {
  const auto [going, who, mode] = info.param;
  return std::string(going == Going::kCleanup ? "CleanupOf" : "DeathOf") +
         (who == Who::kSource ? "Source" : "Target") +
         (mode == Mode::kWindow ? "Window" : "Event");
}

class TwoOwnersTest : public ProviderTest,
                      public ::testing::WithParamInterface<Way> {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_FALSE(HasFatalFailure());
    source_ = std::make_unique<SocketHolder>();
    target_ = std::make_unique<SocketHolder>();
  }
  void TearDown() override {
    source_.reset();
    target_.reset();
    ProviderTest::TearDown();
  }

  SocketHolder& goes() {
    return std::get<1>(GetParam()) == Who::kSource ? *source_ : *target_;
  }
  SocketHolder& stays() {
    return std::get<1>(GetParam()) == Who::kSource ? *target_ : *source_;
  }
  bool has_window() const { return std::get<2>(GetParam()) == Mode::kWindow; }

  // The target gets what the source has.
  void Share() {
    WSAPROTOCOL_INFOW info;
    ASSERT_EQ(source_->Duplicate(target_->pid(), &info), kOk);
    ASSERT_EQ(target_->Claim(info), kOk);
  }
  void ConnectAndShare() {
    ASSERT_EQ(
        source_->Do("connect " + std::to_string(listener_.endpoint().port))
            .code,
        kOk);
    peer_ = listener_.Accept();
    ASSERT_TRUE(peer_.is_open());
    Share();
  }

  // One owner less, and the daemon knows.
  void Go(SocketHolder* owner) {
    AdminView view(daemon_.admin_socket());
    const uint32_t sockets = view.GetTotals().sockets;
    if (std::get<0>(GetParam()) == Going::kCleanup) {
      EXPECT_EQ(owner->Do("cleanup").code, kOk);
    } else {
      owner->process().Kill();
    }
    EXPECT_TRUE(
        WaitUntil([&] { return view.GetTotals().sockets == sockets - 1; }));
  }
  void Go() { Go(&goes()); }

  void Select(SocketHolder& owner, int events) {
    EXPECT_EQ(owner
                  .Do((has_window() ? "asyncselect " : "eventselect ") +
                      std::to_string(events))
                  .code,
              kOk);
  }
  // What the owner hears next.
  NetworkEvents Next(SocketHolder& owner) {
    const SocketHolder::Answer answer =
        owner.Do(has_window() ? "awaitmessage" : "awaitevent");
    EXPECT_EQ(answer.code, kOk);
    return answer.text.empty() ? 0 : std::stoi(answer.text);
  }
  void ExpectHeardNothing(SocketHolder& owner) {
    EXPECT_EQ(owner.Do(has_window() ? "message" : "eventset").text, "0");
  }
  // A byte, which a selected socket doesn't wait for.
  void ExpectReceivesOne(SocketHolder& owner, char byte) {
    SocketHolder::Answer answer;
    EXPECT_TRUE(WaitUntil([&] {
      answer = owner.Do("recv 1");
      return answer.code != WsaCode{WSAEWOULDBLOCK};
    }));
    EXPECT_EQ(answer.code, kOk);
    EXPECT_EQ(answer.text, std::string(1, byte));
  }

  std::unique_ptr<SocketHolder> source_;
  std::unique_ptr<SocketHolder> target_;
  PeerSocket peer_;
};

// --------------------------------------------------------------------- events

TEST_P(TwoOwnersTest, TheOtherKeepsItsRegistration) {
  ConnectAndShare();
  Select(stays(), FD_READ | FD_CLOSE);
  Go();
  ASSERT_TRUE(peer_.Write("x"));
  EXPECT_EQ(Next(stays()), FD_READ);
  ExpectReceivesOne(stays(), 'x');
  ASSERT_TRUE(peer_.Write("y"));
  EXPECT_EQ(Next(stays()), FD_READ) << "enabled again";
  ExpectReceivesOne(stays(), 'y');
  peer_.Close();
  EXPECT_EQ(Next(stays()), FD_CLOSE);
}

TEST_P(TwoOwnersTest, TheOtherHearsOfWhatWasRecordedBefore) {
  ConnectAndShare();
  Select(stays(), FD_READ);
  ASSERT_TRUE(peer_.Write("x"));
  if (!has_window()) {
    EXPECT_TRUE(WaitUntil([&] { return stays().Do("eventset").text == "1"; }));
  }
  Go();
  EXPECT_EQ(Next(stays()), FD_READ);
  ExpectReceivesOne(stays(), 'x');
  ExpectHeardNothing(stays());
}

// The one that goes is heard of by nobody, and takes nothing with it.
TEST_P(TwoOwnersTest, NoEventIsLostWhileOwnersGo) {
  ConnectAndShare();
  Select(*source_, FD_READ);
  for (int i = 0; i < 4; ++i) {
    SocketHolder another;
    WSAPROTOCOL_INFOW info;
    ASSERT_EQ(source_->Duplicate(another.pid(), &info), kOk);
    ASSERT_EQ(another.Claim(info), kOk);
    std::thread writer([&] { EXPECT_TRUE(peer_.Write("x")); });
    Go(&another);
    writer.join();
    ASSERT_EQ(Next(*source_), FD_READ) << i;
    ExpectReceivesOne(*source_, 'x');
    ExpectHeardNothing(*source_);
  }
}

TEST_P(TwoOwnersTest, TheRegistrationOfTheOneThatGoesEndsWithIt) {
  ConnectAndShare();
  Select(stays(), FD_READ);
  // Instead of the other's, which doesn't come back.
  Select(goes(), FD_READ);
  Go();
  ASSERT_TRUE(peer_.Write("xy"));
  ExpectReceivesOne(stays(), 'x');
  ExpectHeardNothing(stays());
  if (std::get<0>(GetParam()) == Going::kCleanup) ExpectHeardNothing(goes());
  // The other may select anew, and hears of what is the case.
  Select(stays(), FD_READ);
  EXPECT_EQ(Next(stays()), FD_READ);
  ExpectReceivesOne(stays(), 'y');
}

TEST_P(TwoOwnersTest, WhatTheOneThatGoesHasNotEnumeratedIsNotLost) {
  ConnectAndShare();
  Select(goes(), FD_READ);
  ASSERT_TRUE(peer_.Write("x"));
  if (!has_window()) {
    EXPECT_TRUE(WaitUntil([&] { return goes().Do("eventset").text == "1"; }));
  } else {
    EXPECT_EQ(Next(goes()), FD_READ);
  }
  Go();
  ExpectHeardNothing(stays());
  Select(stays(), FD_READ);
  EXPECT_EQ(Next(stays()), FD_READ);
  ExpectReceivesOne(stays(), 'x');
}

TEST_P(TwoOwnersTest, AListenersEventsStayAndItsSocketsInheritThem) {
  ASSERT_EQ(source_->Do("socket " + std::to_string(SOCK_STREAM)).code, kOk);
  const SocketHolder::Answer bound = source_->Do("bind loopback 0");
  ASSERT_EQ(bound.code, kOk);
  ASSERT_EQ(source_->Do("listen").code, kOk);
  Share();
  Select(stays(), FD_ACCEPT | FD_READ);
  Go();
  PeerSocket peer = PeerSocket::ConnectTo(
      {Family::kIpv4, static_cast<uint16_t>(std::stoi(bound.text))});
  ASSERT_TRUE(peer.is_open());
  EXPECT_EQ(Next(stays()), FD_ACCEPT);
  EXPECT_EQ(stays().Do("accept").code, kOk);
  ASSERT_TRUE(peer.Write("x"));
  EXPECT_EQ(Next(stays()), FD_READ);
  ExpectReceivesOne(stays(), 'x');
}

INSTANTIATE_TEST_SUITE_P(
    Ways, TwoOwnersTest,
    ::testing::Combine(::testing::Values(Going::kCleanup, Going::kDeath),
                       ::testing::Values(Who::kSource, Who::kTarget),
                       ::testing::Values(Mode::kEventObject, Mode::kWindow)),
    NameOfWay);

// ----------------------------------------------------------- data and options

// Whatever is selected, so that one mode is enough.
using TwoOwnersDataTest = TwoOwnersTest;

TEST_P(TwoOwnersDataTest, TheOtherKeepsDataOptionsAndPendingCalls) {
  const std::string keep_alive =
      std::to_string(SOL_SOCKET) + " " + std::to_string(SO_KEEPALIVE);
  const std::string timeout =
      std::to_string(SOL_SOCKET) + " " + std::to_string(SO_RCVTIMEO);
  ConnectAndShare();
  ASSERT_TRUE(peer_.Write("queued"));
  EXPECT_EQ(goes().Do("setoption " + keep_alive + " 1").code, kOk);
  EXPECT_EQ(goes().Do("setoption " + timeout + " 50").code, kOk);
  EXPECT_EQ(goes().Do("send sent").code, kOk);
  Go();
  EXPECT_EQ(peer_.Read(4), "sent");
  EXPECT_EQ(stays().Do("getoption " + keep_alive).text, "1");
  EXPECT_EQ(stays().Do("getoption " + timeout).text, "50");
  EXPECT_EQ(stays().Do("receive 6").text, "queued");
  EXPECT_EQ(stays().Do("recv 1").code, WsaCode{WSAETIMEDOUT});
  EXPECT_EQ(stays().Do("send again").code, kOk);
  EXPECT_EQ(peer_.Read(5), "again");
  EXPECT_EQ(peer_.PeekEnd(), Ending::kStillOpen);
}

TEST_P(TwoOwnersDataTest, EachOnesPendingCallsAreItsOwn) {
  ConnectAndShare();
  EXPECT_EQ(goes().Do("startrecv 1").code, kPending);
  EXPECT_EQ(stays().Do("startrecv 1").code, kPending);
  Go();
  ASSERT_TRUE(peer_.Write("x"));
  const SocketHolder::Answer answer = stays().Do("awaitrecv");
  EXPECT_EQ(answer.code, kOk);
  EXPECT_EQ(answer.text, "x") << "the other's took it";
}

TEST_P(TwoOwnersDataTest, TheLastOnesEndIsTheConnections) {
  ConnectAndShare();
  Go();
  EXPECT_EQ(stays().Do("send last").code, kOk);
  EXPECT_EQ(stays().Do("close").code, kOk);
  const PeerSocket::Rest rest = peer_.ReadToEnd();
  EXPECT_EQ(rest.data, "last");
  EXPECT_EQ(rest.ending, Ending::kOrderly);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, TwoOwnersDataTest,
    ::testing::Combine(::testing::Values(Going::kCleanup, Going::kDeath),
                       ::testing::Values(Who::kSource, Who::kTarget),
                       ::testing::Values(Mode::kEventObject)),
    NameOfWay);

// -------------------------------------------------------- tickets not claimed

class TicketTest : public ProviderTest {
 protected:
  explicit TicketTest(const DaemonOptions& options = {})
      : ProviderTest(options) {}

  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_FALSE(HasFatalFailure());
    source_ = std::make_unique<SocketHolder>();
    target_ = std::make_unique<SocketHolder>();
    ASSERT_EQ(
        source_->Do("connect " + std::to_string(listener_.endpoint().port))
            .code,
        kOk);
    peer_ = listener_.Accept();
    ASSERT_TRUE(peer_.is_open());
    ASSERT_EQ(source_->Duplicate(target_->pid(), &info_), kOk);
  }
  void TearDown() override {
    source_.reset();
    target_.reset();
    ProviderTest::TearDown();
  }

  std::unique_ptr<SocketHolder> source_;
  std::unique_ptr<SocketHolder> target_;
  PeerSocket peer_;
  WSAPROTOCOL_INFOW info_ = {};
};

TEST_F(TicketTest, DeathOfTheSourceVoidsIt) {
  source_->process().Kill();
  EXPECT_EQ(peer_.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(target_->Claim(info_), WsaCode{WSAEINVAL});
}

TEST_F(TicketTest, DeathOfTheTargetLeavesTheSourceItsSocket) {
  target_->process().Kill();
  EXPECT_EQ(source_->Do("send on").code, kOk);
  EXPECT_EQ(peer_.Read(2), "on");
  EXPECT_EQ(source_->Do("cleanup").code, kOk);
  EXPECT_EQ(peer_.WaitForEnd(), Ending::kReset);
}

class ShortTicketTest : public TicketTest {
 protected:
  ShortTicketTest()
      : TicketTest([] {
          DaemonOptions options;
          options.times = "ticket_ms: 300";
          return options;
        }()) {}
};

// Until then it keeps the socket, as an owner would; its end is a close.
TEST_F(ShortTicketTest, TimeEndsItAndTheSocketWithIt) {
  EXPECT_EQ(source_->Do("send bytes").code, kOk);
  EXPECT_EQ(source_->Do("close").code, kOk);
  const PeerSocket::Rest rest = peer_.ReadToEnd();
  EXPECT_EQ(rest.data, "bytes");
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_EQ(target_->Claim(info_), WsaCode{WSAEINVAL});
}

}  // namespace
}  // namespace wspd::testing
