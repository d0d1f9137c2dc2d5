// Options that must be set before a bind or a listen (4.10).
#include "tests/conformance/option_fixture.h"

namespace wspd::conformance {
namespace {

class BeforeBindTest : public VariantTest {
 protected:
  int Get(SOCKET s, int option) {
    int value = -1;
    EXPECT_EQ(GetInt(s, SOL_SOCKET, option, &value), kOk);
    return value;
  }
};
WSPD_FOR_ALL_VARIANTS(BeforeBindTest);

// SO_REUSEADDR and SO_EXCLUSIVEADDRUSE must precede bind: nothing changes.
TEST_P(BeforeBindTest, ReuseAddr) {
  const SOCKET s = NewBound(family(), protocol());
  EXPECT_EQ(SetInt(s, SOL_SOCKET, SO_REUSEADDR, 1), WsaCode{WSAEINVAL});
  EXPECT_EQ(Get(s, SO_REUSEADDR), 0);
}

TEST_P(BeforeBindTest, ExclusiveAddrUse) {
  const SOCKET s = NewBound(family(), protocol());
  EXPECT_EQ(SetInt(s, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1), WsaCode{WSAEINVAL});
  EXPECT_EQ(Get(s, SO_EXCLUSIVEADDRUSE), 0);
}

// … also one that connect has bound.
TEST_P(BeforeBindTest, ReuseAddrAfterAConnect) {
  const PeerListener listener(family());
  const SOCKET s = New();
  ASSERT_EQ(Connect(s, SockAddr::Of(listener.endpoint())), kOk);
  EXPECT_EQ(SetInt(s, SOL_SOCKET, SO_REUSEADDR, 1), WsaCode{WSAEINVAL});
}

class Ipv6BeforeBindTest : public BeforeBindTest {};
INSTANTIATE_TEST_SUITE_P(, Ipv6BeforeBindTest, ::testing::Values(kTcp6, kUdp6),
                         [](const auto& info) {
                           return VariantName(info.param);
                         });

// V6ONLY: set before bind.
TEST_P(Ipv6BeforeBindTest, V6Only) {
  const SOCKET s = NewBound(family(), protocol());
  EXPECT_EQ(SetInt(s, IPPROTO_IPV6, IPV6_V6ONLY, 0), WsaCode{WSAEINVAL});
  int value = -1;
  ASSERT_EQ(GetInt(s, IPPROTO_IPV6, IPV6_V6ONLY, &value), kOk);
  EXPECT_EQ(value & 0xff, 1);
}

class BeforeListenTest : public StreamTest {};
WSPD_FOR_BOTH_FAMILIES(BeforeListenTest);

// SO_CONDITIONAL_ACCEPT: before listen.
TEST_P(BeforeListenTest, ConditionalAccept) {
  const SOCKET bound = NewBound();
  EXPECT_EQ(SetInt(bound, SOL_SOCKET, SO_CONDITIONAL_ACCEPT, 1), kOk);
  EXPECT_EQ(Listen(bound), kOk);
  const SOCKET listening = NewListener();
  EXPECT_EQ(SetInt(listening, SOL_SOCKET, SO_CONDITIONAL_ACCEPT, 1),
            WsaCode{WSAEINVAL});
  int value = -1;
  ASSERT_EQ(GetInt(listening, SOL_SOCKET, SO_CONDITIONAL_ACCEPT, &value), kOk);
  EXPECT_EQ(value, 0);
}

}  // namespace
}  // namespace wspd::conformance
