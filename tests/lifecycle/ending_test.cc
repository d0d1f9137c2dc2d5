// The registration of a process ends, by another attachment's final cleanup,
// while this one has a startup or cleanup under way, or its stream is broken.
#include <errno.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "tests/testing/provider_test.h"
#include "tests/testing/scripted_daemon.h"
#include "tests/testing/stub_connection.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNotInitialised{WSANOTINITIALISED};

// ------------------------------------------- two copies of the real library

// Both are registered, and the one's stream is broken.
class BrokenStreamTest : public ProviderTest {
 protected:
  BrokenStreamTest()
      : ProviderTest([] {
          DaemonOptions options;
          options.times = "grace_ms: 60000";
          return options;
        }()) {}

  void SetUp() override {
    ProviderTest::SetUp();
    const std::string copy = daemon_.dir().File("libwsp_copy.so");
    std::filesystem::copy_file(kProviderPath, copy);
    other_ = Spi::Load(copy);
    ASSERT_NE(other_, nullptr);
    StubConnection::Finder finder;
    ASSERT_EQ(spi_->Startup(), kOk);
    StubConnection connection = finder.Find();
    ASSERT_TRUE(connection.is_found());
    ASSERT_EQ(other_->Startup(), kOk);
    connection.Break();
    ASSERT_TRUE(WaitUntil([this] {
      return daemon_.Log().find(" stream broken ") != std::string::npos;
    }));
  }
  void TearDown() override {
    if (other_ != nullptr) {
      other_->CleanupAll();
      other_->Unload();
    }
    ProviderTest::TearDown();
  }

  std::unique_ptr<Spi> other_;
};

TEST_F(BrokenStreamTest, AnothersFinalCleanupIsHeardOfAllTheSame) {
  EXPECT_EQ(other_->Cleanup(), kOk);
  EXPECT_EQ(other_->Cleanup(), kOk);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(BrokenStreamTest, ACleanupTakesNothingOffTheNextRegistration) {
  EXPECT_EQ(other_->Cleanup(), kOk);
  EXPECT_EQ(other_->Cleanup(), kOk);
  ASSERT_EQ(other_->Startup(), kOk);
  SOCKET s;
  ASSERT_EQ(other_->ConnectNew(listener_.endpoint(), &s), kOk);
  PeerSocket peer = listener_.Accept();
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  EXPECT_EQ(peer.PeekEnd(), Ending::kStillOpen);
  EXPECT_EQ(other_->Cleanup(), kOk);
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
}

TEST_F(BrokenStreamTest, AStartupBeginsAnew) {
  EXPECT_EQ(other_->Cleanup(), kOk);
  EXPECT_EQ(other_->Cleanup(), kOk);
  ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

// ----------------------------------------- a daemon whose answers are a script

// The provider is registered. Its calls are made by threads, and answered by
// the test.
class UnderWayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    UseDaemonAt(dir_.File("wspd.sock"));
    spi_ = Spi::Load();
    ASSERT_NE(spi_, nullptr);
    Begin("startup", kOk, [this] { return spi_->Startup(); });
    ASSERT_TRUE(daemon_.Accept().has_value());
    daemon_.Welcome(false, 0);
    AnswerStartup(1);
  }
  void TearDown() override {
    threads_.reset();
    if (spi_ != nullptr) spi_->Unload();
  }

  // Makes a call in a thread of its own, when the last one's has returned.
  void Begin(const char* name, WsaCode expected,
             const std::function<WsaCode()>& call) {
    threads_ = std::make_unique<ThreadGroup>();
    BeginBeside(name, expected, call);
  }
  // The same, beside the last one.
  void BeginBeside(const char* name, WsaCode expected,
                   const std::function<WsaCode()>& call) {
    threads_->Start(name,
                    [=] { EXPECT_EQ(call(), expected) << "from " << name; });
  }

  // The provider's next call. A test failure if there is none.
  wsp::v1::Call NextCall() {
    const auto call = daemon_.NextCall();
    EXPECT_TRUE(call.has_value());
    return call.value_or(wsp::v1::Call());
  }

  void AnswerStartup(uint64_t startups) {
    const wsp::v1::Call call = NextCall();
    ASSERT_TRUE(call.has_startup()) << call.ShortDebugString();
    wsp::v1::ServerFrame frame;
    AddStartup(&frame, call.call_id(), startups);
    daemon_.Send(frame);
  }
  void AddStartup(wsp::v1::ServerFrame* frame, uint64_t id, uint64_t startups) {
    auto* const result = daemon_.AddResult(frame, id)->mutable_startup();
    result->set_version(MAKEWORD(2, 2));
    result->set_high_version(MAKEWORD(2, 2));
    result->set_startups(startups);
  }
  // A marker, and whatever else came too late, is answered so.
  void AddNotInitialised(wsp::v1::ServerFrame* frame, uint64_t id) {
    wsp::v1::Completion* const result = daemon_.AddResult(frame, id);
    result->set_wsa_error(WSANOTINITIALISED);
    result->set_linux_errno(EINVAL);
  }

  static void AddEnd(wsp::v1::ServerFrame* frame) {
    frame->add_events()->mutable_registration_ended()->set_reason(
        wsp::v1::RegistrationEnded::REASON_CLEANED_UP);
  }
  void SendEnd() {
    wsp::v1::ServerFrame frame;
    AddEnd(&frame);
    daemon_.Send(frame);
  }

  void BreakAndResume() {
    daemon_.Break();
    const auto hello = daemon_.Accept();
    ASSERT_TRUE(hello.has_value()) << "it doesn't come back";
    EXPECT_EQ(hello->resume_token(), ScriptedDaemon::kToken);
    daemon_.Welcome(true, 0);
  }

  // The final cleanup, to be expected to work.
  void CleanUp() {
    Begin("the final cleanup", kOk, [this] { return spi_->Cleanup(); });
    const wsp::v1::Call call = NextCall();
    ASSERT_TRUE(call.has_cleanup()) << call.ShortDebugString();
    wsp::v1::ServerFrame frame;
    daemon_.AddResult(&frame, call.call_id())
        ->mutable_cleanup()
        ->set_final(true);
    daemon_.Send(frame);
    EXPECT_TRUE(daemon_.AwaitEnd());
  }

  const TempDir dir_;
  ScriptedDaemon daemon_{dir_.File("wspd.sock")};
  std::unique_ptr<Spi> spi_;
  SOCKET socket_ = INVALID_SOCKET;
  std::unique_ptr<ThreadGroup> threads_;
};

TEST_F(UnderWayTest, ACleanupAsksAgainWhetherItCountedWhenTheStreamBreaks) {
  Begin("cleanup", kOk, [this] { return spi_->Cleanup(); });
  const wsp::v1::Call cleanup = NextCall();
  ASSERT_TRUE(cleanup.has_cleanup());
  SendEnd();
  ASSERT_NO_FATAL_FAILURE(BreakAndResume());
  const wsp::v1::Call again = NextCall();
  EXPECT_EQ(again.call_id(), cleanup.call_id());
  EXPECT_TRUE(again.has_cleanup());
  wsp::v1::ServerFrame frame;
  daemon_.AddResult(&frame, again.call_id())->mutable_cleanup();
  daemon_.Send(frame);
  EXPECT_TRUE(daemon_.AwaitEnd());
  EXPECT_EQ(daemon_.acknowledged(), 1u);
}

TEST_F(UnderWayTest, AStartupAsksAgainWhetherItCountsWhenTheStreamBreaks) {
  Begin("startup", kOk, [this] { return spi_->Startup(); });
  const wsp::v1::Call startup = NextCall();
  ASSERT_TRUE(startup.has_startup());
  SendEnd();
  const wsp::v1::Call marker = NextCall();
  ASSERT_NO_FATAL_FAILURE(BreakAndResume());
  const wsp::v1::Call again = NextCall();
  EXPECT_EQ(again.call_id(), startup.call_id());
  EXPECT_TRUE(again.has_startup());
  EXPECT_EQ(NextCall().call_id(), marker.call_id());
  wsp::v1::ServerFrame frame;
  AddStartup(&frame, again.call_id(), 1);
  AddNotInitialised(&frame, marker.call_id());
  daemon_.Send(frame);
  CleanUp();
}

// The daemon keeps an attachment that it owes an acknowledgement.
TEST_F(UnderWayTest, ACleanupLeavesNoAnswerUnacknowledged) {
  Begin("socket", WsaCode{WSAEINTR}, [this] { return spi_->Socket(&socket_); });
  const wsp::v1::Call socket = NextCall();
  ASSERT_TRUE(socket.has_socket());
  BeginBeside("cleanup", kOk, [this] { return spi_->Cleanup(); });
  const wsp::v1::Call cleanup = NextCall();
  ASSERT_TRUE(cleanup.has_cleanup());
  SendEnd();
  const wsp::v1::Call last = NextCall();
  wsp::v1::ServerFrame frame;
  daemon_.AddResult(&frame, cleanup.call_id())->mutable_cleanup();
  AddNotInitialised(&frame, socket.call_id());
  AddNotInitialised(&frame, last.call_id());
  daemon_.Send(frame);
  EXPECT_TRUE(daemon_.AwaitEnd());
  // The startup's, and these.
  EXPECT_EQ(daemon_.acknowledged(), 4u);
}

// The startup counted, and the next end took it along, before its thread woke.
TEST_F(UnderWayTest, AStartupThatEndedAtOnceIsMadeAnew) {
  Begin("startup", kOk, [this] { return spi_->Startup(); });
  wsp::v1::ServerFrame frame;
  AddStartup(&frame, NextCall().call_id(), 2);
  AddEnd(&frame);
  daemon_.Send(frame);
  AnswerStartup(1);
  CleanUp();
}

// With a socket of the ended registration in it, the provider is made anew. No
// cleanup makes up for a startup that nothing is left of.
TEST_F(UnderWayTest, AStartupThatEndedAtOnceIsNotTakenOff) {
  Begin("socket", kOk, [this] { return spi_->Socket(&socket_); });
  wsp::v1::ServerFrame made;
  daemon_.AddResult(&made, NextCall().call_id())->mutable_socket();
  daemon_.Send(made);
  Begin("startup", kOk, [this] { return spi_->Startup(); });
  wsp::v1::ServerFrame frame;
  AddStartup(&frame, NextCall().call_id(), 2);
  AddEnd(&frame);
  daemon_.Send(frame);
  EXPECT_TRUE(daemon_.AwaitEnd());
  const auto hello = daemon_.Accept();
  ASSERT_TRUE(hello.has_value());
  EXPECT_EQ(hello->resume_token(), "");
  daemon_.Welcome(false, 0);
  AnswerStartup(1);
  CleanUp();
}

}  // namespace
}  // namespace wspd::testing
