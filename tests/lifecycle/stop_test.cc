// How the daemon begins and stops: SIGTERM, and a second one on its sockets.
#include <fcntl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <string>

#include "tests/testing/owned_fd.h"
#include "tests/testing/pattern.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/spawn.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNetDown{WSAENETDOWN};
// More than the peer's side of a connection takes while nobody reads.
constexpr size_t kSize = 16 << 20;

DaemonOptions StopWithin(const std::string& milliseconds) {
  DaemonOptions options;
  options.times = "stop_ms: " + milliseconds;
  return options;
}

class StopTest : public ProviderTest {
 protected:
  explicit StopTest(const std::string& stop_ms = "60000")
      : ProviderTest(StopWithin(stop_ms)) {}

  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    open_ = Connect();
    closed_ = Connect();
    ASSERT_EQ(spi_->SetNonBlocking(closed_.socket, true), kOk);
    ASSERT_EQ(spi_->Send(closed_.socket, Pattern(0, kSize), &sent_), kOk);
    ASSERT_GT(sent_, 0u);
    ASSERT_EQ(spi_->Close(closed_.socket), kOk);
  }

  // SIGTERM, and waits until the daemon has begun to stop.
  void BeginStopping() {
    stopping_.Start("stop", [&] { status_ = daemon_.Stop(); });
    ASSERT_TRUE(WaitUntil([&] {
      return daemon_.Log().find("wspd stopping") != std::string::npos;
    }));
  }

  void ExpectOrderlyExit() {
    stopping_.JoinAll();
    EXPECT_TRUE(WIFEXITED(status_) && WEXITSTATUS(status_) == 0)
        << DescribeStatus(status_);
  }

  Connection open_;
  Connection closed_;
  size_t sent_ = 0;
  int status_ = -1;
  ThreadGroup stopping_;
};

TEST_F(StopTest, ClosedSocketsFinishAndNewCallsSayNetDown) {
  BeginStopping();
  ASSERT_TRUE(WaitUntil([&] {
    return access(daemon_.provider_socket().c_str(), F_OK) != 0;
  })) << "still accepts";
  u_long bytes = 0;
  ASSERT_TRUE(WaitUntil(
      [&] { return spi_->BytesReadable(open_.socket, &bytes) == kNetDown; }));
  SOCKET s;
  EXPECT_EQ(spi_->Send(open_.socket, "x"), kNetDown);
  EXPECT_EQ(spi_->Socket(&s, Family::kIpv4), kNetDown);
  EXPECT_EQ(open_.peer.PeekEnd(), Ending::kStillOpen);
  const PeerSocket::Rest rest = closed_.peer.ReadToEnd();
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_EQ(rest.data.size(), sent_);
  EXPECT_EQ(PatternError(rest.data, 0), "");
  closed_.peer.Close();
  EXPECT_EQ(open_.peer.WaitForEnd(), Ending::kReset);
  ExpectOrderlyExit();
}

class StopBoundTest : public StopTest {
 protected:
  StopBoundTest() : StopTest("200") {}
};

TEST_F(StopBoundTest, WhatIsNotFinishedByThenIsReset) {
  BeginStopping();
  EXPECT_EQ(open_.peer.WaitForEnd(), Ending::kReset);
  ExpectOrderlyExit();
  EXPECT_TRUE(closed_.peer.HasFailed());
  EXPECT_EQ(closed_.peer.WaitForEnd(), Ending::kReset);
}

using SecondDaemonTest = ProviderTest;

TEST_F(SecondDaemonTest, SaysThatOneIsThereAndLeavesItAlone) {
  const std::string log = daemon_.dir().File("second.log");
  {
    const OwnedFd fd(
        open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    SpawnOptions options;
    options.arguments = {kDaemonPath,
                         "--provider_socket=" + daemon_.provider_socket(),
                         "--admin_socket=" + daemon_.admin_socket()};
    options.descriptors = {{fd.get(), 1}, {fd.get(), 2}};
    const int status = WaitForExit(Spawn(options));
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == EX_UNAVAILABLE)
        << DescribeStatus(status);
  }
  const std::string text = ReadFile(log);
  EXPECT_NE(text.find(daemon_.provider_socket()), std::string::npos) << text;
  EXPECT_EQ(spi_->Startup(), kOk);
  EXPECT_EQ(spi_->Cleanup(), kOk);
}

}  // namespace
}  // namespace wspd::testing
