// What a socket is good for when its connect has failed (reference, sections
// 4.6 and 4.12).
#include <string>

#include "tests/testing/provider_test.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kRefused{WSAECONNREFUSED};

class FailedConnectTest : public ProviderTest,
                          public ::testing::WithParamInterface<Family> {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->Socket(&socket_, GetParam()), kOk);
  }

  // The attempt's end is known by SO_ERROR.
  void FailWithoutBlocking() {
    ASSERT_EQ(spi_->SetNonBlocking(socket_, true), kOk);
    ASSERT_EQ(spi_->Connect(socket_, ClosedEndpoint(GetParam())),
              WsaCode{WSAEWOULDBLOCK});
    ASSERT_TRUE(WaitUntil([&] {
      int error = 0;
      return spi_->GetOption(socket_, SOL_SOCKET, SO_ERROR, &error).ok() &&
             error == WSAECONNREFUSED;
    }));
    ASSERT_EQ(spi_->SetNonBlocking(socket_, false), kOk);
  }

  void ExpectListens() {
    Endpoint endpoint;
    ASSERT_EQ(spi_->GetSockName(socket_, &endpoint), kOk);
    EXPECT_NE(endpoint.port, 0);
    ASSERT_EQ(spi_->Listen(socket_), kOk);
    Endpoint listening;
    ASSERT_EQ(spi_->GetSockName(socket_, &listening), kOk);
    EXPECT_EQ(listening, endpoint);
    PeerSocket peer = PeerSocket::ConnectTo(endpoint);
    ASSERT_TRUE(peer.is_open());
    SOCKET accepted;
    ASSERT_EQ(spi_->Accept(socket_, &accepted), kOk);
    EXPECT_EQ(spi_->Send(accepted, "listens"), kOk);
    EXPECT_EQ(peer.Read(7), "listens");
  }

  SOCKET socket_ = INVALID_SOCKET;
};

TEST_P(FailedConnectTest, MayListen) {
  ASSERT_EQ(spi_->Connect(socket_, ClosedEndpoint(GetParam())), kRefused);
  ExpectListens();
}

TEST_P(FailedConnectTest, MayListenAfterAnAttemptThatNobodyWaitedFor) {
  FailWithoutBlocking();
  ExpectListens();
}

TEST_P(FailedConnectTest, KeepsThePortThatItWasBoundTo) {
  ASSERT_EQ(spi_->Bind(socket_, {GetParam(), 0}), kOk);
  Endpoint bound, after;
  ASSERT_EQ(spi_->GetSockName(socket_, &bound), kOk);
  ASSERT_EQ(spi_->Connect(socket_, ClosedEndpoint(GetParam())), kRefused);
  ASSERT_EQ(spi_->GetSockName(socket_, &after), kOk);
  EXPECT_EQ(after, bound);
  ExpectListens();
}

TEST_P(FailedConnectTest, MayConnectElsewhere) {
  PeerListener listener(GetParam());
  ASSERT_EQ(spi_->Connect(socket_, ClosedEndpoint(GetParam())), kRefused);
  FailWithoutBlocking();
  ASSERT_EQ(spi_->Connect(socket_, listener.endpoint()), kOk);
  PeerSocket peer = listener.Accept();
  ASSERT_EQ(spi_->Send(socket_, "connected"), kOk);
  EXPECT_EQ(peer.Read(9), "connected");
  EXPECT_EQ(spi_->Listen(socket_), WsaCode{WSAEISCONN});
}

INSTANTIATE_TEST_SUITE_P(Families, FailedConnectTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6));

}  // namespace
}  // namespace wspd::testing
