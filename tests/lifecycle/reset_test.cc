// The final WSPCleanup resets the sockets that are open, whatever SO_LINGER
// says.
#include <tuple>
#include <vector>

#include "tests/testing/provider_test.h"

namespace wspd::testing {
namespace {

struct LingerSetting {
  const char* name;
  bool set;
  bool on;
  int seconds;
};

constexpr LingerSetting kSettings[] = {
    {"Default", false, false, 0},
    {"Off", true, false, 0},
    {"Zero", true, true, 0},
    {"Long", true, true, 30},
};

class ResetTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }
};

class LingerResetTest
    : public ResetTest,
      public ::testing::WithParamInterface<std::tuple<LingerSetting, Family>> {
 protected:
  LingerResetTest() : listener_(std::get<1>(GetParam())) {}

  Connection ConnectWithSetting() {
    Connection connection = Connect(listener_);
    const LingerSetting& setting = std::get<0>(GetParam());
    if (setting.set) {
      EXPECT_EQ(spi_->SetLinger(connection.socket, setting.on, setting.seconds),
                kOk);
    }
    return connection;
  }
  void ExpectPromptCleanup() {
    EXPECT_LT(TimeOf([&] { EXPECT_EQ(spi_->Cleanup(), kOk); }), seconds(2));
  }

  PeerListener listener_;
};

TEST_P(LingerResetTest, IdleConnectionIsReset) {
  Connection connection = ConnectWithSetting();
  ExpectPromptCleanup();
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
}

TEST_P(LingerResetTest, ConnectionWithUnsentDataIsReset) {
  Connection connection = ConnectWithSetting();
  ASSERT_EQ(spi_->SetNonBlocking(connection.socket, true), kOk);
  const std::string chunk(1 << 16, 'x');
  WsaCode code = kOk;
  for (int i = 0; i < 1000 && code.ok(); ++i) {
    code = spi_->Send(connection.socket, chunk);
  }
  ASSERT_EQ(code, WsaCode{WSAEWOULDBLOCK});
  ExpectPromptCleanup();
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
}

TEST_P(LingerResetTest, ConnectionWithUnreadDataIsReset) {
  Connection connection = ConnectWithSetting();
  ASSERT_TRUE(connection.peer.Write("unread"));
  ExpectPromptCleanup();
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
}

TEST_P(LingerResetTest, ConnectionWhoseSendingWasShutDownIsReset) {
  Connection connection = ConnectWithSetting();
  ASSERT_EQ(spi_->Shutdown(connection.socket, SD_SEND), kOk);
  ASSERT_EQ(connection.peer.WaitForEnd(), Ending::kOrderly);
  ExpectPromptCleanup();
  // The peer has to write nothing for it: a mere close, whose FIN is out
  // already, would tell it nothing.
  EXPECT_TRUE(
      WaitUntil([&] { return connection.peer.HasFailed(); }, seconds(5)));
}

INSTANTIATE_TEST_SUITE_P(
    Settings, LingerResetTest,
    ::testing::Combine(::testing::ValuesIn(kSettings),
                       ::testing::Values(Family::kIpv4, Family::kIpv6)),
    [](const auto& info) {
      return std::string(std::get<0>(info.param).name) +
             (std::get<1>(info.param) == Family::kIpv4 ? "Ipv4" : "Ipv6");
    });

TEST_F(ResetTest, AcceptedConnectionIsReset) {
  SOCKET listener, accepted;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
  PeerSocket peer = PeerSocket::ConnectTo(endpoint);
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
}

TEST_F(ResetTest, ConnectionThatWaitsToBeAcceptedIsReset) {
  SOCKET listener;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
  PeerSocket peer = PeerSocket::ConnectTo(endpoint);
  ASSERT_TRUE(peer.is_open());
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
}

TEST_F(ResetTest, PortOfAListenerIsFreeAtOnce) {
  SOCKET listener;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
  ASSERT_EQ(spi_->Cleanup(), kOk);
  int error = 0;
  EXPECT_FALSE(PeerSocket::ConnectTo(endpoint, &error).is_open());
  ASSERT_EQ(spi_->Startup(), kOk);
  ASSERT_EQ(spi_->Socket(&listener), kOk);
  EXPECT_EQ(spi_->Bind(listener, endpoint), kOk);
  EXPECT_EQ(spi_->Listen(listener), kOk);
}

TEST_F(ResetTest, ThousandConnectionsAreAllReset) {
  constexpr int kCount = 1000;
  std::vector<Connection> connections;
  for (int i = 0; i < kCount; ++i) {
    connections.push_back(Connect());
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_EQ(spi_->Cleanup(), kOk);
  int reset = 0;
  for (Connection& connection : connections) {
    reset += connection.peer.WaitForEnd() == Ending::kReset;
  }
  EXPECT_EQ(reset, kCount);
}

}  // namespace
}  // namespace wspd::testing
