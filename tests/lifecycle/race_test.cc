// WSPStartup works at once after the final WSPCleanup, and while one goes on in
// another thread.
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/testing/echo_server.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr int kTimes = 10000;
constexpr WsaCode kNotInitialised{WSANOTINITIALISED};

class RaceTest : public ProviderTest {
 protected:
  EchoServer echo_;
};

TEST_F(RaceTest, StartupWorksRightAfterTheFinalCleanup) {
  for (int i = 0; i < kTimes; ++i) {
    ASSERT_EQ(spi_->Startup(), kOk) << i;
    ASSERT_EQ(spi_->Cleanup(), kOk) << i;
  }
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(RaceTest, SocketsWorkRightAfterTheFinalCleanup) {
  for (int i = 0; i < kTimes / 10; ++i) {
    ASSERT_EQ(spi_->Startup(), kOk) << i;
    SOCKET s;
    ASSERT_EQ(spi_->ConnectNew(echo_.endpoint(), &s), kOk) << i;
    std::string data;
    ASSERT_EQ(spi_->Send(s, "x"), kOk) << i;
    ASSERT_EQ(spi_->RecvExactly(s, 1, &data), kOk) << i;
    ASSERT_EQ(spi_->Cleanup(), kOk) << i;
  }
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(RaceTest, StartupsRacingCleanupsAllCount) {
  constexpr int kThreads = 4;
  std::atomic<int> failures{0};
  {
    // The table comes with a startup, which the threads have to be after.
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->Cleanup(), kOk);
    ThreadGroup threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.Start("startups and cleanups", [&] {
        for (int j = 0; j < kTimes / kThreads && failures == 0; ++j) {
          const WsaCode up = spi_->Startup();
          const WsaCode down = spi_->Cleanup();
          if (up.ok() && down.ok()) continue;
          ++failures;
          ADD_FAILURE() << "startup " << j << ": " << up
                        << ", its cleanup: " << down;
        }
      });
    }
    threads.JoinAll(seconds(250));
  }
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

// Sockets of a thread whose own startup counts are cleaned up by nobody else.
TEST_F(RaceTest, TrafficOfARegisteredThreadSurvivesTheOthersCleanups) {
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  std::atomic<int> failures{0};
  ASSERT_EQ(spi_->Startup(), kOk);
  ASSERT_EQ(spi_->Cleanup(), kOk);
  {
    ThreadGroup threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.Start("traffic", [&] {
        for (int j = 0; j < kEach && failures == 0; ++j) {
          SOCKET s = INVALID_SOCKET;
          std::string data;
          WsaCode code = spi_->Startup();
          if (code.ok()) code = spi_->ConnectNew(echo_.endpoint(), &s);
          if (code.ok()) code = spi_->Send(s, "hello");
          if (code.ok()) code = spi_->RecvExactly(s, 5, &data);
          if (code.ok()) code = spi_->Close(s);
          if (code.ok()) code = spi_->Cleanup();
          if (code.ok() && data == "hello") continue;
          ++failures;
          ADD_FAILURE() << j << ": " << code << ", " << data;
        }
      });
    }
    threads.JoinAll(seconds(250));
  }
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

// Calls of threads that aren't registered themselves race the final cleanup:
// they work, or are told, and nothing worse.
TEST_F(RaceTest, CallsRacingTheFinalCleanupEndInGoodOrder) {
  constexpr int kThreads = 3;
  std::atomic<bool> stop{false};
  ASSERT_EQ(spi_->Startup(), kOk);
  ASSERT_EQ(spi_->Cleanup(), kOk);
  {
    ThreadGroup threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.Start("calls", [&] {
        while (!stop) {
          SOCKET s;
          WsaCode code = spi_->ConnectNew(echo_.endpoint(), &s);
          if (code.ok()) code = spi_->Send(s, "x");
          if (code.ok()) code = spi_->Close(s);
          EXPECT_TRUE(code.ok() || code == kNotInitialised ||
                      code == WsaCode{WSAEINTR} || code == WsaCode{WSAENOTSOCK})
              << code;
        }
      });
    }
    for (int i = 0; i < 1000 && !HasFailure(); ++i) {
      EXPECT_EQ(spi_->Startup(), kOk) << i;
      EXPECT_EQ(spi_->Cleanup(), kOk) << i;
    }
    stop = true;
  }
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

// Two copies of the library have an attachment each, of one process: the final
// cleanup of one races the startups of the other.
class TwoAttachmentsRaceTest : public RaceTest {
 protected:
  void SetUp() override {
    RaceTest::SetUp();
    const std::string copy = daemon_.dir().File("libwsp_copy.so");
    std::filesystem::copy_file(kProviderPath, copy);
    other_ = Spi::Load(copy);
    ASSERT_NE(other_, nullptr);
    for (Spi* spi : {spi_.get(), other_.get()}) {
      ASSERT_EQ(spi->Startup(), kOk);
      ASSERT_EQ(spi->Cleanup(), kOk);
    }
  }
  void TearDown() override {
    if (other_ != nullptr) {
      other_->CleanupAll();
      other_->Unload();
    }
    RaceTest::TearDown();
  }

  std::unique_ptr<Spi> other_;
};

TEST_F(TwoAttachmentsRaceTest, StartupsOfOneCountWhateverTheOtherCleansUp) {
  std::atomic<int> failures{0};
  {
    ThreadGroup threads;
    for (Spi* spi : {spi_.get(), other_.get()}) {
      threads.Start("startups and cleanups", [&, spi] {
        for (int j = 0; j < 1000 && failures == 0; ++j) {
          const WsaCode up = spi->Startup();
          SOCKET s;
          const WsaCode socket = spi->Socket(&s);
          const WsaCode down = spi->Cleanup();
          if (up.ok() && socket.ok() && down.ok()) continue;
          ++failures;
          ADD_FAILURE() << "startup " << j << ": " << up
                        << ", a socket: " << socket
                        << ", its cleanup: " << down;
        }
      });
    }
    threads.JoinAll(seconds(250));
  }
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  EXPECT_EQ(other_->Cleanup(), kNotInitialised);
  // Exactly one counts now.
  ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
}

}  // namespace
}  // namespace wspd::testing
