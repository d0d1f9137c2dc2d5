// Networks and hosts that can't be reached (reference, section 2: WSPConnect,
// WSPSendTo), in a network namespace that has no route to one, and none but a
// refusal to the other.
#include <cstring>
#include <string>

#include "tests/testing/network_events.h"
#include "tests/testing/network_namespace.h"
#include "tests/testing/provider_test.h"

namespace wspd::testing {
namespace {

constexpr unsigned char kNoRoute4[] = {203, 0, 113, 9};
constexpr unsigned char kNoHost4[] = {198, 51, 100, 9};
// 2001:db8:9::9, 2001:db8:1::9
constexpr unsigned char kNoRoute6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 9, 0, 0,
                                         0,    0,    0,    0,    0, 0, 0, 9};
constexpr unsigned char kNoHost6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0,
                                        0,    0,    0,    0,    0, 0, 0, 9};

class UnreachableTest : public ProviderTest,
                        public ::testing::WithParamInterface<Family> {
 protected:
  // A destination, and what says that it isn't reached.
  struct Destination {
    sockaddr_storage name = {};
    int length = 0;
    WsaCode code;
  };

  void SetUp() override {
    ASSERT_TRUE(EnterFreshNetwork());
    ASSERT_TRUE(Ip("addr add 192.0.2.1/24 dev v0"));
    ASSERT_TRUE(Ip("addr add 2001:db8::1/64 dev v0 nodad"));
    ASSERT_TRUE(Ip("route add unreachable 198.51.100.0/24"));
    ASSERT_TRUE(Ip("-6 route add unreachable 2001:db8:1::/48"));
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    destinations_[0] = Make(kNoRoute4, kNoRoute6, WSAENETUNREACH);
    destinations_[1] = Make(kNoHost4, kNoHost6, WSAEHOSTUNREACH);
  }

  SOCKET NewStream() {
    SOCKET s = INVALID_SOCKET;
    EXPECT_EQ(spi_->Socket(&s, GetParam()), kOk);
    return s;
  }
  SOCKET NewDatagrams() {
    SOCKET s = INVALID_SOCKET;
    EXPECT_EQ(spi_->DatagramSocket(&s, GetParam()), kOk);
    return s;
  }

  WsaCode Connect(SOCKET s, const Destination& to) {
    int error = 0;
    spi_->table().lpWSPConnect(s, reinterpret_cast<const sockaddr*>(&to.name),
                               to.length, nullptr, nullptr, nullptr, nullptr,
                               &error);
    return WsaCode{error};
  }
  WsaCode SendTo(SOCKET s, const Destination& to) {
    char text[] = "x";
    WSABUF buffer = {1, text};
    DWORD sent = 0;
    int error = 0;
    spi_->table().lpWSPSendTo(s, &buffer, 1, &sent, 0,
                              reinterpret_cast<const sockaddr*>(&to.name),
                              to.length, nullptr, nullptr, nullptr, &error);
    return WsaCode{error};
  }
  WsaCode ErrorOf(SOCKET s) {
    int error = -1;
    EXPECT_EQ(spi_->GetOption(s, SOL_SOCKET, SO_ERROR, &error), kOk);
    return WsaCode{error};
  }
  // The socket is as good as ever.
  void ExpectConnects(SOCKET s) {
    PeerListener peers(GetParam());
    ASSERT_EQ(spi_->Connect(s, peers.endpoint()), kOk);
    PeerSocket peer = peers.Accept();
    ASSERT_EQ(spi_->Send(s, "connected"), kOk);
    EXPECT_EQ(peer.Read(9), "connected");
    EXPECT_EQ(ErrorOf(s), kOk);
  }

  Destination destinations_[2];

 private:
  static Destination Make(const unsigned char (&ipv4)[4],
                          const unsigned char (&ipv6)[16], int code) {
    Destination destination;
    destination.code = WsaCode{code};
    if (GetParam() == Family::kIpv4) {
      sockaddr_in name = {};
      name.sin_family = AF_INET;
      name.sin_port = htons(9);
      std::memcpy(&name.sin_addr, ipv4, sizeof(ipv4));
      std::memcpy(&destination.name, &name, sizeof(name));
      destination.length = sizeof(name);
    } else {
      sockaddr_in6 name = {};
      name.sin6_family = AF_INET6;
      name.sin6_port = htons(9);
      std::memcpy(&name.sin6_addr, ipv6, sizeof(ipv6));
      std::memcpy(&destination.name, &name, sizeof(name));
      destination.length = sizeof(name);
    }
    return destination;
  }
};

TEST_P(UnreachableTest, ConnectSaysSoAndMayBeTriedElsewhere) {
  for (const Destination& to : destinations_) {
    const SOCKET s = NewStream();
    EXPECT_EQ(Connect(s, to), to.code);
    Endpoint peer;
    EXPECT_EQ(spi_->GetPeerName(s, &peer), WsaCode{WSAENOTCONN});
    ExpectConnects(s);
  }
}

// 4.5: the error is FD_CONNECT's; 5.4: and the socket's.
TEST_P(UnreachableTest, NonBlockingConnectIsToldByItsEventToo) {
  for (const Destination& to : destinations_) {
    const SOCKET s = NewStream();
    Event event;
    ASSERT_EQ(spi_->EventSelect(s, event.get(), FD_CONNECT | FD_WRITE), kOk);
    // It is known at once.
    ASSERT_EQ(Connect(s, to), to.code);
    ASSERT_TRUE(event.Wait());
    WSANETWORKEVENTS record = {};
    ASSERT_EQ(spi_->EnumNetworkEvents(s, event.get(), &record), kOk);
    EXPECT_EQ(NetworkEvents(record),
              NetworkEvents().With(FD_CONNECT, to.code.code));
    EXPECT_EQ(ErrorOf(s), to.code);
  }
}

// The call that fails is no asynchronous failure (5.4).
TEST_P(UnreachableTest, DatagramsHaveNoWayThere) {
  for (const Destination& to : destinations_) {
    const SOCKET s = NewDatagrams();
    EXPECT_EQ(SendTo(s, to), to.code);
    EXPECT_EQ(Connect(s, to), to.code);
    Endpoint peer;
    EXPECT_EQ(spi_->GetPeerName(s, &peer), WsaCode{WSAENOTCONN});
    EXPECT_EQ(ErrorOf(s), kOk);
    EXPECT_EQ(SendTo(s, to), to.code);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, UnreachableTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6));

}  // namespace
}  // namespace wspd::testing
