// What accepted sockets have of their listener (reference, section 4.10).
#include <string>

#include "tests/spi/option_fixture.h"

namespace wspd::testing {
namespace {

class OptionInheritanceTest : public OptionTest {
 protected:
  void SetUp() override {
    OptionTest::SetUp();
    ASSERT_EQ(spi_->ListenNew(&listener_socket_, &endpoint_), kOk);
  }

  SOCKET Accept() {
    peers_.push_back(PeerSocket::ConnectTo(endpoint_));
    SOCKET accepted = INVALID_SOCKET;
    EXPECT_EQ(spi_->Accept(listener_socket_, &accepted), kOk);
    return accepted;
  }

  SOCKET listener_socket_ = INVALID_SOCKET;
  Endpoint endpoint_;
  std::vector<PeerSocket> peers_;
};

TEST_F(OptionInheritanceTest, AcceptedSocketsHaveTheirListenersOptions) {
  struct Case {
    int level;
    int option;
    int value;
  };
  const std::vector<Case> cases = {
      {SOL_SOCKET, SO_KEEPALIVE, 1},
      {SOL_SOCKET, SO_OOBINLINE, 1},
      {SOL_SOCKET, SO_RCVBUF, 8192},
      {SOL_SOCKET, SO_SNDBUF, 4096},
      {SOL_SOCKET, SO_RCVTIMEO, 250},
      {SOL_SOCKET, SO_SNDTIMEO, 350},
      {SOL_SOCKET, SO_DEBUG, 1},
      {SOL_SOCKET, SO_DONTROUTE, 1},
      {SOL_SOCKET, SO_GROUP_PRIORITY, 2},
      {IPPROTO_TCP, TCP_NODELAY, 1},
      {IPPROTO_TCP, TCP_KEEPIDLE, 60},
      {IPPROTO_TCP, TCP_KEEPINTVL, 5},
      {IPPROTO_TCP, TCP_KEEPCNT, 3},
      {IPPROTO_TCP, TCP_MAXRT, 20},
      {IPPROTO_TCP, TCP_EXPEDITED_1122, 1},
      {IPPROTO_IP, IP_TTL, 33},
      {IPPROTO_IP, IP_TOS, 0x10},
      {IPPROTO_IP, IP_DONTFRAGMENT, 1},
  };
  for (const Case& one : cases) {
    ASSERT_EQ(Set(listener_socket_, one.level, one.option, one.value), kOk)
        << one.level << ", " << one.option;
  }
  ASSERT_EQ(spi_->SetLinger(listener_socket_, true, 7), kOk);
  const SOCKET accepted = Accept();
  for (const Case& one : cases) {
    EXPECT_EQ(Value(accepted, one.level, one.option), one.value)
        << one.level << ", " << one.option;
  }
  EXPECT_EQ(Value(accepted, SOL_SOCKET, SO_LINGER), 7 << 16 | 1);
  EXPECT_EQ(Value(accepted, SOL_SOCKET, SO_DONTLINGER), 0);
  // It is no listener itself.
  EXPECT_EQ(Value(accepted, SOL_SOCKET, SO_ACCEPTCONN), 0);
  EXPECT_EQ(Value(accepted, SOL_SOCKET, SO_ERROR), 0);
}

TEST_F(OptionInheritanceTest, ReceivesTimeOutAsTheListenersWould) {
  ASSERT_EQ(Set(listener_socket_, SOL_SOCKET, SO_RCVTIMEO, 20), kOk);
  const SOCKET accepted = Accept();
  std::string data;
  EXPECT_EQ(spi_->Recv(accepted, 1, &data), WsaCode{WSAETIMEDOUT});
}

TEST_F(OptionInheritanceTest, BlockingModeIsTheListeners) {
  peers_.push_back(PeerSocket::ConnectTo(endpoint_));
  ASSERT_EQ(spi_->SetNonBlocking(listener_socket_, true), kOk);
  SOCKET accepted = INVALID_SOCKET;
  ASSERT_TRUE(WaitUntil(
      [&] { return spi_->Accept(listener_socket_, &accepted).ok(); }));
  std::string data;
  EXPECT_EQ(spi_->Recv(accepted, 1, &data), WsaCode{WSAEWOULDBLOCK});
}

TEST_F(OptionInheritanceTest, LaterChangesAreTheListenersOwn) {
  const SOCKET accepted = Accept();
  ASSERT_EQ(Set(listener_socket_, SOL_SOCKET, SO_RCVTIMEO, 20), kOk);
  ASSERT_EQ(Set(accepted, SOL_SOCKET, SO_SNDBUF, 0), kOk);
  EXPECT_EQ(Value(accepted, SOL_SOCKET, SO_RCVTIMEO), 0);
  EXPECT_NE(Value(listener_socket_, SOL_SOCKET, SO_SNDBUF), 0);
}

}  // namespace
}  // namespace wspd::testing
