// WSPListen.
#include "tests/conformance/stream_fixture.h"

namespace wspd::conformance {
namespace {

class ListenTest : public StreamTest {
 protected:
  int IsListening(SOCKET s) {
    int value = -1;
    EXPECT_EQ(GetInt(s, SOL_SOCKET, SO_ACCEPTCONN, &value), kOk);
    return value;
  }
};
WSPD_FOR_BOTH_FAMILIES(ListenTest);

TEST_P(ListenTest, PeerReachesAListener) {
  SockAddr name;
  const SOCKET s = NewListener(&name);
  const Pair pair = AcceptOne(s, name);
  EXPECT_NE(pair.socket, INVALID_SOCKET);
}

TEST_P(ListenTest, PeerIsRefusedBefore) {
  const SOCKET s = NewBound();
  int error = 0;
  EXPECT_FALSE(PeerSocket::ConnectTo(NameOf(s).ToEndpoint(), &error).is_open());
}

// 4.10: SO_ACCEPTCONN says whether it listens.
TEST_P(ListenTest, OptionSaysSo) {
  const SOCKET s = NewBound();
  EXPECT_EQ(IsListening(s), 0);
  ASSERT_EQ(Listen(s), kOk);
  EXPECT_EQ(IsListening(s), 1);
}

// 2: WSAEINVAL (unbound).
TEST_P(ListenTest, UnboundIsInvalid) {
  const SOCKET s = New();
  EXPECT_EQ(Listen(s), WsaCode{WSAEINVAL});
  EXPECT_EQ(IsListening(s), 0);
  // It may still be bound, and listen.
  ASSERT_EQ(Bind(s, Loopback()), kOk);
  EXPECT_EQ(Listen(s), kOk);
}

// 2, 4.12: WSAEISCONN.
TEST_P(ListenTest, ConnectedIsAnError) {
  const Pair pair = NewConnection();
  EXPECT_EQ(Listen(pair.socket), WsaCode{WSAEISCONN});
  EXPECT_EQ(SendText(pair.socket, "x"), kOk);
}

TEST_P(ListenTest, AcceptedIsAnError) {
  EXPECT_EQ(Listen(NewAccepted().socket), WsaCode{WSAEISCONN});
}

// 2, 4.12: WSAEOPNOTSUPP (not connection-oriented).
TEST_P(ListenTest, DatagramSocketIsNotSupported) {
  const SOCKET s = ConformanceTest::NewBound(family(), Protocol::kUdp);
  EXPECT_EQ(Listen(s), WsaCode{WSAEOPNOTSUPP});
}

TEST_P(ListenTest, UnboundDatagramSocketIsNotSupportedEither) {
  EXPECT_EQ(Listen(NewSocket(family(), Protocol::kUdp)),
            WsaCode{WSAEOPNOTSUPP});
}

// 2: a second listen just updates the backlog.
TEST_P(ListenTest, SecondListenIsFine) {
  SockAddr name;
  const SOCKET s = NewListener(&name);
  ASSERT_EQ(Listen(s, 1), kOk);
  ASSERT_EQ(Listen(s, 100), kOk);
  AcceptOne(s, name);
}

TEST_P(ListenTest, SecondListenKeepsWhatIsQueued) {
  SockAddr name;
  const SOCKET s = NewListener(&name);
  PeerSocket peer = PeerSocket::ConnectTo(name.ToEndpoint());
  ASSERT_TRUE(peer.is_open());
  ASSERT_EQ(Listen(s, 5), kOk);
  SOCKET accepted;
  ASSERT_EQ(Accept(s, &accepted), kOk);
  EXPECT_EQ(SendText(accepted, "x"), kOk);
  EXPECT_EQ(peer.Read(1), "x");
}

// 4.6: after a failed connect listen is allowed.
TEST_P(ListenTest, AllowedAfterARefusedConnect) {
  const SOCKET s = NewBound();
  ASSERT_EQ(Connect(s, SockAddr::Of(ClosedEndpoint(family()))),
            WsaCode{WSAECONNREFUSED});
  ASSERT_EQ(Listen(s), kOk);
  AcceptOne(s, NameOf(s));
}

struct Backlog {
  const char* name;
  int value;
};

class BacklogTest
    : public ConformanceTest,
      public ::testing::WithParamInterface<std::tuple<Family, Backlog>> {};

// 2: the backlog is silently clamped.
TEST_P(BacklogTest, IsSilentlyClamped) {
  const Family family = std::get<0>(GetParam());
  const SOCKET s = NewBound(family);
  ASSERT_EQ(Listen(s, std::get<1>(GetParam()).value), kOk);
  SockAddr name;
  ASSERT_EQ(GetSockName(s, &name), kOk);
  AcceptOne(s, name);
}

INSTANTIATE_TEST_SUITE_P(
    , BacklogTest,
    ::testing::Combine(::testing::Values(Family::kIpv4, Family::kIpv6),
                       ::testing::Values(Backlog{"Negative", -1},
                                         Backlog{"Zero", 0}, Backlog{"One", 1},
                                         Backlog{"Large", 1 << 30},
                                         Backlog{"Maximum", SOMAXCONN})),
    [](const auto& info) {
      return std::get<1>(info.param).name + FamilyName(std::get<0>(info.param));
    });

// Several connections wait in the queue, with what they have sent.
TEST_P(ListenTest, QueueHoldsConnectionsAndTheirData) {
  constexpr int kPeers = 5;
  SockAddr name;
  const SOCKET s = NewListener(&name);
  std::vector<PeerSocket> peers;
  for (int i = 0; i < kPeers; ++i) {
    peers.push_back(PeerSocket::ConnectTo(name.ToEndpoint()));
    ASSERT_TRUE(peers.back().is_open());
    ASSERT_TRUE(peers.back().Write(std::string(1, 'a' + i)));
  }
  for (int i = 0; i < kPeers; ++i) {
    SOCKET accepted;
    ASSERT_EQ(Accept(s, &accepted), kOk);
    std::string data;
    ASSERT_EQ(RecvText(accepted, 10, &data), kOk);
    EXPECT_EQ(data, std::string(1, 'a' + i));
  }
}

}  // namespace
}  // namespace wspd::conformance
