// What an accepted socket has from its listener: 4.10 [WT]
// test_accept_inheritance.
#include "tests/conformance/option_fixture.h"

namespace wspd::conformance {
namespace {

class OptionInheritanceTest : public OptionTest {
 protected:
  // With `value` set on the listener, before or after it listens; a socket that
  // it accepted.
  SOCKET NewAcceptedWith(bool after_listen) {
    const Family family = GetParam().variant.family;
    const SOCKET listening = NewBound(family);
    if (!after_listen) {
      EXPECT_EQ(Set(listening, GetParam().value), kOk);
    }
    EXPECT_EQ(Listen(listening), kOk);
    if (after_listen) {
      EXPECT_EQ(Set(listening, GetParam().value), kOk);
    }
    SockAddr name;
    EXPECT_EQ(GetSockName(listening, &name), kOk);
    return AcceptOne(listening, name).socket;
  }
};

TEST_P(OptionInheritanceTest, SetBeforeListen) {
  EXPECT_EQ(Get(NewAcceptedWith(false)), GetParam().value);
}

TEST_P(OptionInheritanceTest, SetAfterListen) {
  EXPECT_EQ(Get(NewAcceptedWith(true)), GetParam().value);
}

// The listener's own value stays, whatever the accepted one's becomes.
TEST_P(OptionInheritanceTest, EachHasItsOwn) {
  const SOCKET listening = NewBound(GetParam().variant.family);
  ASSERT_EQ(Set(listening, GetParam().value), kOk);
  ASSERT_EQ(Listen(listening), kOk);
  SockAddr name;
  ASSERT_EQ(GetSockName(listening, &name), kOk);
  const Pair pair = AcceptOne(listening, name);
  ASSERT_EQ(Set(pair.socket, 0), kOk);
  EXPECT_EQ(Get(listening), GetParam().value);
}

// A linger of { 1, 3 } as the four bytes that it is.
constexpr int kLinger = 1 | 3 << 16;

WSPD_FOR_OPTIONS(OptionInheritanceTest,
                 Option{"KeepAlive", kTcp4, SOL_SOCKET, SO_KEEPALIVE, 1},
                 Option{"KeepAlive", kTcp6, SOL_SOCKET, SO_KEEPALIVE, 1},
                 Option{"Linger", kTcp4, SOL_SOCKET, SO_LINGER, kLinger},
                 Option{"Linger", kTcp6, SOL_SOCKET, SO_LINGER, kLinger},
                 Option{"OobInline", kTcp4, SOL_SOCKET, SO_OOBINLINE, 1},
                 Option{"OobInline", kTcp6, SOL_SOCKET, SO_OOBINLINE, 1},
                 Option{"RecvBuffer", kTcp4, SOL_SOCKET, SO_RCVBUF, 4000},
                 Option{"RecvBuffer", kTcp6, SOL_SOCKET, SO_RCVBUF, 4000},
                 Option{"SendBuffer", kTcp4, SOL_SOCKET, SO_SNDBUF, 4000},
                 Option{"SendBuffer", kTcp6, SOL_SOCKET, SO_SNDBUF, 4000},
                 Option{"RecvTimeout", kTcp4, SOL_SOCKET, SO_RCVTIMEO, 4000},
                 Option{"RecvTimeout", kTcp6, SOL_SOCKET, SO_RCVTIMEO, 4000},
                 Option{"SendTimeout", kTcp4, SOL_SOCKET, SO_SNDTIMEO, 4000},
                 Option{"SendTimeout", kTcp6, SOL_SOCKET, SO_SNDTIMEO, 4000},
                 Option{"NoDelay", kTcp4, IPPROTO_TCP, TCP_NODELAY, 1},
                 Option{"NoDelay", kTcp6, IPPROTO_TCP, TCP_NODELAY, 1});

class ReuseInheritanceTest : public OptionTest {};

// SO_REUSEADDR must precede bind, so that it has a case of its own.
TEST_P(ReuseInheritanceTest, AcceptedHasItToo) {
  const SOCKET listening = New();
  ASSERT_EQ(Set(listening, 1), kOk);
  ASSERT_EQ(Bind(listening, SockAddr::Loopback(GetParam().variant.family)),
            kOk);
  ASSERT_EQ(Listen(listening), kOk);
  SockAddr name;
  ASSERT_EQ(GetSockName(listening, &name), kOk);
  EXPECT_EQ(Get(AcceptOne(listening, name).socket), 1);
}

WSPD_FOR_OPTIONS(ReuseInheritanceTest,
                 Option{"ReuseAddr", kTcp4, SOL_SOCKET, SO_REUSEADDR},
                 Option{"ReuseAddr", kTcp6, SOL_SOCKET, SO_REUSEADDR});

}  // namespace
}  // namespace wspd::conformance
