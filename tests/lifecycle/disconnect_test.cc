// An administrator ends a client's registration; the client finds out.
#include <string>

#include "tests/testing/admin_view.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNotInitialised{WSANOTINITIALISED};
constexpr WsaCode kNetDown{WSAENETDOWN};
constexpr WsaCode kInvalid{WSAEINVAL};

class DisconnectTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  AdminView admin_{daemon_.admin_socket()};
};

TEST_F(DisconnectTest, ResetsSocketsAndMakesTheFinalCleanupInvalid) {
  Connection connection = Connect();
  ASSERT_EQ(admin_.Disconnect(), "");
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(spi_->Send(connection.socket, "x"), kNetDown);
  EXPECT_EQ(spi_->Cleanup(), kInvalid);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(DisconnectTest, CleanupAsTheFirstCallAfterwardsIsInvalid) {
  ASSERT_EQ(admin_.Disconnect(), "");
  EXPECT_EQ(spi_->Cleanup(), kInvalid);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(DisconnectTest, OnlyTheFinalOfSeveralCleanupsIsInvalid) {
  ASSERT_EQ(spi_->Startup(), kOk);
  ASSERT_EQ(spi_->Startup(), kOk);
  ASSERT_EQ(admin_.Disconnect(), "");
  EXPECT_EQ(spi_->Cleanup(), kNetDown);
  EXPECT_EQ(spi_->Cleanup(), kNetDown);
  EXPECT_EQ(spi_->Cleanup(), kInvalid);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(DisconnectTest, WaitingCallsEndWithNetDown) {
  Connection connection = Connect();
  ThreadGroup threads;
  threads.Start("recv", [&] {
    std::string data;
    EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), kNetDown);
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_EQ(admin_.Disconnect(), "");
  threads.JoinAll(seconds(10));
}

TEST_F(DisconnectTest, StartupAfterwardsRegistersAnewWithWhatIsOwed) {
  ASSERT_EQ(admin_.Disconnect(), "");
  ASSERT_EQ(spi_->Startup(), kOk);
  const auto client = admin_.FindClient();
  ASSERT_TRUE(client.has_value());
  EXPECT_EQ(client->startups, 2u);
  Connection connection = Connect();
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection.peer.PeekEnd(), Ending::kStillOpen);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(DisconnectTest, UnknownProcessIsNotFound) {
  EXPECT_NE(admin_.Disconnect(1), "");
  EXPECT_EQ(spi_->Cleanup(), kOk);
}

class RegistryTest : public ProviderTest {
 protected:
  AdminView admin_{daemon_.admin_socket()};
};

TEST_F(RegistryTest, KnowsCountAndSocketsAndForgetsThemAtTheFinalCleanup) {
  for (int i = 0; i < 3; ++i) ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  Operation operation;
  ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 10), kPending);
  const auto client = admin_.FindClient();
  ASSERT_TRUE(client.has_value());
  EXPECT_EQ(client->startups, 3u);
  EXPECT_EQ(client->attachments, 1u);
  EXPECT_EQ(client->sockets, 1u);
  EXPECT_EQ(client->pending_calls, 1u);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(spi_->Cleanup(), kOk);
  AdminView::Totals totals;
  EXPECT_TRUE(WaitUntil([&] {
    totals = admin_.GetTotals();
    return totals.IsEmpty();
  })) << totals;
  EXPECT_EQ(totals.clients_died, 0u);
}

}  // namespace
}  // namespace wspd::testing
