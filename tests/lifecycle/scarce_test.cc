// What the provider says when its process has no descriptors left.
#include <sys/resource.h>

#include <string>
#include <vector>

#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNoBuffers{WSAENOBUFS};

// While it lives no descriptor can be made.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

class ScarceTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }
};

TEST_F(ScarceTest, ReceiveThatCantBeWaitedForNeverBegins) {
  constexpr int kMostKeptForLater = 16;
  Connection connection = Connect();
  Connection other = Connect();
  std::vector<Connection> blocked;
  for (int i = 0; i < kMostKeptForLater; ++i) blocked.push_back(Connect());
  // The service thread comes with the first overlapped operation.
  Operation first, second;
  ASSERT_EQ(spi_->StartRecv(other.socket, &first, 5), kPending);

  ThreadGroup threads;
  {
    // They use up what the provider has at hand.
    for (int i = 0; i < kMostKeptForLater; ++i) {
      threads.Start("recv", [&, i] {
        std::string data;
        EXPECT_EQ(spi_->Recv(blocked[i].socket, 10, &data), kOk);
      });
    }
    ASSERT_TRUE(threads.WaitUntilBlocked());
    const NoDescriptors none;
    std::string data;
    EXPECT_EQ(spi_->StartRecv(connection.socket, &second, 5), kNoBuffers);
    EXPECT_FALSE(second.is_pending());
    EXPECT_EQ(spi_->Recv(connection.socket, 5, &data), kNoBuffers);
  }
  ASSERT_TRUE(connection.peer.Write("hello"));
  std::string data;
  EXPECT_EQ(spi_->RecvExactly(connection.socket, 5, &data), kOk);
  EXPECT_EQ(data, "hello");
  ASSERT_TRUE(other.peer.Write("hello"));
  EXPECT_TRUE(WaitUntil([&] { return !first.is_pending(); }));
  for (Connection& each : blocked) each.peer.Write("x");
  threads.JoinAll(seconds(10));
}

}  // namespace
}  // namespace wspd::testing
