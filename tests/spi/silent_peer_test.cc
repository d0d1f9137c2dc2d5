// Connections whose peer has fallen silent: keep-alive probes that nobody
// answers, and how long a send is tried (reference, sections 2, 4.9 and 4.10).
#include <memory>
#include <string>

#include "tests/testing/network_events.h"
#include "tests/testing/network_namespace.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"
// After the Winsock headers.
#include <mstcpip.h>
#include <ws2tcpip.h>

namespace wspd::testing {
namespace {

constexpr WsaCode kNetReset{WSAENETRESET};
constexpr WsaCode kTimedOut{WSAETIMEDOUT};

class SilentPeerTest : public ProviderTest,
                       public ::testing::WithParamInterface<Family> {
 protected:
  // More than goes out while nobody acknowledges it.
  static constexpr size_t kMuch = 32 << 20;

  void SetUp() override {
    ASSERT_TRUE(EnterFreshNetwork());
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    peers_ = std::make_unique<PeerListener>(GetParam());
    connection_ = Connect(*peers_);
    ASSERT_TRUE(connection_.peer.is_open());
  }

  SOCKET s() const { return connection_.socket; }
  PeerSocket& peer() { return connection_.peer; }

  WsaCode SetTcp(int option, int value) {
    return spi_->SetOption(s(), IPPROTO_TCP, option, value);
  }
  // One probe after a second, and another one for its answer.
  void TurnKeepAliveOn() {
    for (const int option : {TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT}) {
      ASSERT_EQ(SetTcp(option, 1), kOk);
    }
    ASSERT_EQ(spi_->SetOption(s(), SOL_SOCKET, SO_KEEPALIVE, 1), kOk);
  }
  WsaCode Recv() {
    std::string data;
    return spi_->Recv(s(), 1, &data);
  }

  std::unique_ptr<PeerListener> peers_;
  Connection connection_;
};

// ------------------------------------------------------- unanswered probes

// 4.9 SIO_KEEPALIVE_VALS; 2 WSPSend: WSAENETRESET for a keep-alive failure.
TEST_P(SilentPeerTest, UnansweredProbesEndAReceive) {
  tcp_keepalive values = {1, 1000, 1000};
  DWORD returned = 0;
  int error = 0;
  ASSERT_EQ(spi_->table().lpWSPIoctl(s(), SIO_KEEPALIVE_VALS, &values,
                                     sizeof(values), nullptr, 0, &returned,
                                     nullptr, nullptr, nullptr, &error),
            0);
  ASSERT_EQ(SetTcp(TCP_KEEPCNT, 1), kOk);
  peer().FallSilent();
  EXPECT_EQ(Recv(), kNetReset);
  // It stays so.
  EXPECT_EQ(Recv(), kNetReset);
  EXPECT_EQ(spi_->Send(s(), "x"), kNetReset);
  // 2 WSPSetSockOpt: keep-alive on a dead connection.
  EXPECT_EQ(spi_->SetOption(s(), SOL_SOCKET, SO_KEEPALIVE, 1), kNetReset);
}

// Also one that only wants to know whether there is something.
TEST_P(SilentPeerTest, UnansweredProbesEndAllThatIsPending) {
  Operation probing, receiving;
  Event probed, received;
  probing.overlapped.hEvent = probed.get();
  receiving.overlapped.hEvent = received.get();
  ASSERT_EQ(spi_->StartRecv(s(), &probing, 0), kPending);
  ASSERT_EQ(spi_->StartRecv(s(), &receiving, 1), kPending);
  TurnKeepAliveOn();
  peer().FallSilent();
  DWORD bytes = 0;
  for (Operation* operation : {&probing, &receiving}) {
    EXPECT_EQ(spi_->GetResult(s(), operation, true, &bytes), kNetReset);
  }
}

// 4.5: as any loss.
TEST_P(SilentPeerTest, UnansweredProbesAreACloseAndASendsError) {
  TurnKeepAliveOn();
  Event event;
  ASSERT_EQ(spi_->EventSelect(s(), event.get(), FD_CLOSE), kOk);
  peer().FallSilent();
  ASSERT_TRUE(event.Wait());
  WSANETWORKEVENTS record = {};
  ASSERT_EQ(spi_->EnumNetworkEvents(s(), event.get(), &record), kOk);
  EXPECT_EQ(NetworkEvents(record),
            NetworkEvents().With(FD_CLOSE, WSAECONNABORTED));
  EXPECT_EQ(spi_->Send(s(), "x"), kNetReset);
}

// What was sent and acknowledged before, also an end, makes no difference.
TEST_P(SilentPeerTest, UnansweredProbesEndWhatHasSentAndShut) {
  ASSERT_EQ(spi_->Send(s(), "x"), kOk);
  ASSERT_EQ(spi_->Shutdown(s(), SD_SEND), kOk);
  EXPECT_EQ(peer().ReadToEnd().data, "x");
  TurnKeepAliveOn();
  ThreadGroup threads;
  threads.Start("recv", [this] { EXPECT_EQ(Recv(), kNetReset); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  peer().FallSilent();
  threads.JoinAll();
}

// ------------------------------------------------- sends that are given up

// 4.10 TCP_MAXRT, in seconds; without it for minutes. Nobody probes while there
// is something to be sent.
TEST_P(SilentPeerTest, SendIsGivenUpAfterItsSeconds) {
  ASSERT_EQ(SetTcp(TCP_MAXRT, 1), kOk);
  TurnKeepAliveOn();
  peer().FallSilent();
  ASSERT_EQ(spi_->Send(s(), "x"), kOk);
  EXPECT_EQ(Recv(), kTimedOut);
  EXPECT_EQ(spi_->Send(s(), "x"), kTimedOut);
}

// TCP_MAXRTMS, in milliseconds: of a call that is under way.
TEST_P(SilentPeerTest, BlockedSendIsGivenUpAfterItsMilliseconds) {
  ASSERT_EQ(SetTcp(TCP_MAXRTMS, 1000), kOk);
  peer().FallSilent();
  EXPECT_EQ(spi_->Send(s(), std::string(kMuch, 'x')), kTimedOut);
  EXPECT_EQ(Recv(), kTimedOut);
}

INSTANTIATE_TEST_SUITE_P(Families, SilentPeerTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6));

}  // namespace
}  // namespace wspd::testing
