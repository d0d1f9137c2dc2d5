// The registration of a process ends, by another attachment's final cleanup,
// while this one's stream is broken.
#include <filesystem>
#include <memory>
#include <string>

#include "tests/testing/provider_test.h"
#include "tests/testing/stub_connection.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNotInitialised{WSANOTINITIALISED};

// Two copies of the library. Both are registered, and the one's stream is
// broken.
class BrokenStreamTest : public ProviderTest {
 protected:
  BrokenStreamTest()
      : ProviderTest([] {
          DaemonOptions options;
          options.config = "times { grace_ms: 60000 }";
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

}  // namespace
}  // namespace wspd::testing
