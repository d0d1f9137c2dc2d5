// Which two sockets may have one port: the matrix of 4.10 [WT].
#include <string>

#include "tests/conformance/stream_fixture.h"

namespace wspd::conformance {
namespace {

// IPv6 sockets are dual-mode here.
enum Where { kAny4, kLoopback4, kAny6, kLoopback6, kMapped };
enum How { kPlain, kExclusive, kReuse };

const char* const kWhereNames[] = {"Any4", "Loopback4", "Any6", "Loopback6",
                                   "Mapped"};
const char* const kHowNames[] = {"", "Exclusive", "Reuse"};

struct Binding {
  Where where;
  How how;
};

struct Row {
  Binding first, second;
  int error;  // of the second
};

std::string RowName(const Row& row) {
  return std::string(kHowNames[row.first.how]) + kWhereNames[row.first.where] +
         "Then" + kHowNames[row.second.how] + kWhereNames[row.second.where];
}

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << RowName(row);
}

class BindMatrixBase : public ConformanceTest {
 protected:
  static Family FamilyOf(Where where) {
    return where == kAny4 || where == kLoopback4 ? Family::kIpv4
                                                 : Family::kIpv6;
  }
  static SockAddr NameOf(Where where, uint16_t port) {
    if (where == kMapped) return SockAddr::MappedLoopback(port);
    const bool any = where == kAny4 || where == kAny6;
    return any ? SockAddr::Any(FamilyOf(where), port)
               : SockAddr::Loopback(FamilyOf(where), port);
  }
  SOCKET NewFor(const Binding& binding, Protocol protocol) {
    const SOCKET s = NewSocket(FamilyOf(binding.where), protocol);
    if (FamilyOf(binding.where) == Family::kIpv6) {
      EXPECT_EQ(SetInt(s, IPPROTO_IPV6, IPV6_V6ONLY, 0), kOk);
    }
    if (binding.how == kExclusive) {
      EXPECT_EQ(SetInt(s, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1), kOk);
    } else if (binding.how == kReuse) {
      EXPECT_EQ(SetInt(s, SOL_SOCKET, SO_REUSEADDR, 1), kOk);
    }
    return s;
  }
  // Binds the first to a free port, which it gives.
  SOCKET BindFirst(const Binding& binding, uint16_t* port,
                   Protocol protocol = Protocol::kTcp) {
    const SOCKET s = NewFor(binding, protocol);
    EXPECT_EQ(Bind(s, NameOf(binding.where, 0)), kOk);
    SockAddr name;
    EXPECT_EQ(GetSockName(s, &name), kOk);
    *port = name.port();
    return s;
  }
  WsaCode BindSecond(const Binding& binding, uint16_t port, SOCKET* s,
                     Protocol protocol = Protocol::kTcp) {
    *s = NewFor(binding, protocol);
    return Bind(*s, NameOf(binding.where, port));
  }
};

class BindMatrixTest : public BindMatrixBase,
                       public ::testing::WithParamInterface<Row> {};

TEST_P(BindMatrixTest, SecondBind) {
  uint16_t port = 0;
  BindFirst(GetParam().first, &port);
  SOCKET second;
  EXPECT_EQ(BindSecond(GetParam().second, port, &second),
            WsaCode{GetParam().error});
}

std::string NameOfRow(const ::testing::TestParamInfo<Row>& info) {
  return RowName(info.param);
}

// ANY-X then loopback, with or without X → WSAEACCES.
INSTANTIATE_TEST_SUITE_P(
    ExclusiveAnyFirst, BindMatrixTest,
    ::testing::Values(
        Row{{kAny4, kExclusive}, {kLoopback4, kPlain}, WSAEACCES},
        Row{{kAny4, kExclusive}, {kLoopback4, kExclusive}, WSAEACCES},
        Row{{kAny6, kExclusive}, {kLoopback6, kPlain}, WSAEACCES},
        Row{{kAny6, kExclusive}, {kLoopback6, kExclusive}, WSAEACCES},
        // v6ANY-X then v4 loopback or v4 ANY → WSAEACCES.
        Row{{kAny6, kExclusive}, {kLoopback4, kPlain}, WSAEACCES},
        Row{{kAny6, kExclusive}, {kLoopback4, kExclusive}, WSAEACCES},
        Row{{kAny6, kExclusive}, {kAny4, kPlain}, WSAEACCES},
        Row{{kAny6, kExclusive}, {kAny4, kExclusive}, WSAEACCES}),
    NameOfRow);

// Plain ANY then loopback-X, loopback-X then ANY → ok.
INSTANTIATE_TEST_SUITE_P(
    ExclusiveLoopback, BindMatrixTest,
    ::testing::Values(Row{{kAny4, kPlain}, {kLoopback4, kExclusive}, 0},
                      Row{{kAny6, kPlain}, {kLoopback6, kExclusive}, 0},
                      Row{{kLoopback4, kExclusive}, {kAny4, kPlain}, 0},
                      Row{{kLoopback6, kExclusive}, {kAny6, kPlain}, 0}),
    NameOfRow);

// Plain ANY and plain loopback coexist.
INSTANTIATE_TEST_SUITE_P(
    PlainAnyAndLoopback, BindMatrixTest,
    ::testing::Values(Row{{kAny4, kPlain}, {kLoopback4, kPlain}, 0},
                      Row{{kLoopback4, kPlain}, {kAny4, kPlain}, 0},
                      Row{{kAny6, kPlain}, {kLoopback6, kPlain}, 0},
                      Row{{kLoopback6, kPlain}, {kAny6, kPlain}, 0}),
    NameOfRow);

// Loopback then ANY-X → WSAEADDRINUSE.
INSTANTIATE_TEST_SUITE_P(
    ExclusiveAnySecond, BindMatrixTest,
    ::testing::Values(
        Row{{kLoopback4, kPlain}, {kAny4, kExclusive}, WSAEADDRINUSE},
        Row{{kLoopback4, kExclusive}, {kAny4, kExclusive}, WSAEADDRINUSE},
        Row{{kLoopback6, kPlain}, {kAny6, kExclusive}, WSAEADDRINUSE},
        Row{{kLoopback6, kExclusive}, {kAny6, kExclusive}, WSAEADDRINUSE},
        Row{{kLoopback4, kPlain}, {kAny6, kExclusive}, WSAEADDRINUSE},
        Row{{kMapped, kPlain}, {kAny4, kExclusive}, WSAEADDRINUSE}),
    NameOfRow);

// v6ANY then v4ANY → ok.
INSTANTIATE_TEST_SUITE_P(
    BothAny, BindMatrixTest,
    ::testing::Values(Row{{kAny6, kPlain}, {kAny4, kPlain}, 0},
                      Row{{kAny6, kPlain}, {kAny4, kExclusive}, 0}),
    NameOfRow);

// The same address twice, plain or X in any mix → WSAEADDRINUSE.
std::vector<Row> SameAddressTwice() {
  std::vector<Row> rows;
  for (const Where where : {kAny4, kLoopback4, kAny6, kLoopback6, kMapped}) {
    for (const How first : {kPlain, kExclusive}) {
      for (const How second : {kPlain, kExclusive}) {
        rows.push_back({{where, first}, {where, second}, WSAEADDRINUSE});
      }
    }
  }
  return rows;
}
INSTANTIATE_TEST_SUITE_P(SameAddress, BindMatrixTest,
                         ::testing::ValuesIn(SameAddressTwice()), NameOfRow);

// v6 and v4 native loopbacks never clash; v4-mapped ones clash with v4.
INSTANTIATE_TEST_SUITE_P(
    Loopbacks, BindMatrixTest,
    ::testing::Values(
        Row{{kLoopback4, kPlain}, {kLoopback6, kPlain}, 0},
        Row{{kLoopback6, kPlain}, {kLoopback4, kPlain}, 0},
        Row{{kLoopback4, kExclusive}, {kLoopback6, kExclusive}, 0},
        Row{{kLoopback6, kExclusive}, {kLoopback4, kExclusive}, 0},
        Row{{kLoopback4, kPlain}, {kMapped, kPlain}, WSAEADDRINUSE},
        Row{{kMapped, kPlain}, {kLoopback4, kPlain}, WSAEADDRINUSE},
        Row{{kLoopback4, kExclusive}, {kMapped, kExclusive}, WSAEADDRINUSE},
        Row{{kMapped, kExclusive}, {kLoopback4, kExclusive}, WSAEADDRINUSE}),
    NameOfRow);

// REUSEADDR on the second alone → WSAEACCES; on both → ok.
INSTANTIATE_TEST_SUITE_P(
    Reuse, BindMatrixTest,
    ::testing::Values(
        Row{{kLoopback4, kPlain}, {kLoopback4, kReuse}, WSAEACCES},
        Row{{kLoopback6, kPlain}, {kLoopback6, kReuse}, WSAEACCES},
        Row{{kAny4, kPlain}, {kAny4, kReuse}, WSAEACCES},
        Row{{kAny6, kPlain}, {kAny6, kReuse}, WSAEACCES},
        Row{{kLoopback4, kReuse}, {kLoopback4, kReuse}, 0},
        Row{{kLoopback6, kReuse}, {kLoopback6, kReuse}, 0},
        Row{{kAny4, kReuse}, {kAny4, kReuse}, 0},
        Row{{kAny6, kReuse}, {kAny6, kReuse}, 0}),
    NameOfRow);

// -------------------------------------------------- the same for datagrams

class DatagramBindMatrixTest : public BindMatrixBase,
                               public ::testing::WithParamInterface<Row> {};

TEST_P(DatagramBindMatrixTest, SecondBind) {
  uint16_t port = 0;
  BindFirst(GetParam().first, &port, Protocol::kUdp);
  SOCKET second;
  EXPECT_EQ(BindSecond(GetParam().second, port, &second, Protocol::kUdp),
            WsaCode{GetParam().error});
}

INSTANTIATE_TEST_SUITE_P(
    , DatagramBindMatrixTest,
    ::testing::Values(
        Row{{kAny4, kPlain}, {kAny4, kPlain}, WSAEADDRINUSE},
        Row{{kLoopback4, kPlain}, {kLoopback4, kPlain}, WSAEADDRINUSE},
        Row{{kAny6, kPlain}, {kAny6, kPlain}, WSAEADDRINUSE},
        Row{{kAny4, kPlain}, {kLoopback4, kPlain}, 0},
        Row{{kAny4, kExclusive}, {kLoopback4, kPlain}, WSAEACCES},
        Row{{kLoopback4, kPlain}, {kAny4, kExclusive}, WSAEADDRINUSE},
        Row{{kLoopback4, kPlain}, {kLoopback4, kReuse}, WSAEACCES},
        Row{{kLoopback4, kReuse}, {kLoopback4, kReuse}, 0},
        Row{{kLoopback6, kReuse}, {kLoopback6, kReuse}, 0}),
    NameOfRow);

// -------------------------------------------------------- both are listening

class TwoListenersTest : public BindMatrixBase,
                         public ::testing::WithParamInterface<Family> {
 protected:
  // Which of two non-blocking listeners has a connection.
  SOCKET WhoHasOne(SOCKET a, SOCKET b) {
    SOCKET who = INVALID_SOCKET;
    EXPECT_TRUE(WaitUntil(
        [&] {
          for (const SOCKET listening : {a, b}) {
            SOCKET accepted;
            if (!Accept(listening, &accepted).ok()) continue;
            who = listening;
            return true;
          }
          return false;
        },
        milliseconds(kSoonMs)));
    return who;
  }
  // Both listen; a kernel peer connects to the loopback address.
  SOCKET WhoIsReached(SOCKET first, SOCKET second, uint16_t port) {
    for (const SOCKET s : {first, second}) {
      EXPECT_EQ(Listen(s), kOk);
      EXPECT_EQ(SetNonBlocking(s), kOk);
    }
    const PeerSocket peer = PeerSocket::ConnectTo({GetParam(), port});
    EXPECT_TRUE(peer.is_open());
    return WhoHasOne(first, second);
  }
};
WSPD_FOR_BOTH_FAMILIES(TwoListenersTest);

// Plain ANY and plain loopback, both listening: the specific one wins.
TEST_P(TwoListenersTest, TheSpecificOneWins) {
  const bool ipv4 = GetParam() == Family::kIpv4;
  uint16_t port = 0;
  const SOCKET any = BindFirst({ipv4 ? kAny4 : kAny6, kPlain}, &port);
  SOCKET loopback;
  ASSERT_EQ(
      BindSecond({ipv4 ? kLoopback4 : kLoopback6, kPlain}, port, &loopback),
      kOk);
  EXPECT_EQ(WhoIsReached(any, loopback, port), loopback);
}

// The same the other way round.
TEST_P(TwoListenersTest, TheSpecificOneWinsAlsoIfItWasFirst) {
  const bool ipv4 = GetParam() == Family::kIpv4;
  uint16_t port = 0;
  const SOCKET loopback =
      BindFirst({ipv4 ? kLoopback4 : kLoopback6, kPlain}, &port);
  SOCKET any;
  ASSERT_EQ(BindSecond({ipv4 ? kAny4 : kAny6, kPlain}, port, &any), kOk);
  EXPECT_EQ(WhoIsReached(loopback, any, port), loopback);
}

// REUSEADDR on both, both listening: the first one gets the connections.
TEST_P(TwoListenersTest, OfTwoWithReuseAddrTheFirstIsReached) {
  const Where where = GetParam() == Family::kIpv4 ? kLoopback4 : kLoopback6;
  uint16_t port = 0;
  const SOCKET first = BindFirst({where, kReuse}, &port);
  SOCKET second;
  ASSERT_EQ(BindSecond({where, kReuse}, port, &second), kOk);
  ASSERT_EQ(Listen(first), kOk);
  ASSERT_EQ(Listen(second), kOk);
  ASSERT_EQ(SetNonBlocking(first), kOk);
  ASSERT_EQ(SetNonBlocking(second), kOk);
  for (int i = 0; i < 5; ++i) {
    const PeerSocket peer = PeerSocket::ConnectTo({GetParam(), port});
    ASSERT_TRUE(peer.is_open());
    EXPECT_EQ(WhoHasOne(first, second), first);
  }
}

}  // namespace
}  // namespace wspd::conformance
