// Groups: WSPJoinLeaf, and the options and ioctls about membership and about
// what is sent to a group. Where the system has no interface on which an IPv6
// datagram to a group comes back, the cases that need one are skipped.
#include <string>

#include "mswsock.h"
#include "tests/conformance/datagram_fixture.h"

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;
using testing::MulticastInterface;

constexpr char kGroup4[] = "239.255.77.1";
constexpr char kSourceGroup4[] = "232.77.7.1";
constexpr char kGroup6[] = "ff02::7:7701";

SockAddr GroupAddress(Family family, uint16_t port) {
  SockAddr address = SockAddr::Any(family, port);
  if (family == Family::kIpv4) {
    address.in().sin_addr.s_addr = htonl(0xefff4d01);
  } else {
    u_char* const bytes = address.in6().sin6_addr.s6_bytes;
    bytes[0] = 0xff;
    bytes[1] = 0x02;
    bytes[13] = 0x07;
    bytes[14] = 0x77;
    bytes[15] = 0x01;
    address.in6().sin6_scope_id = MulticastInterface(family);
  }
  return address;
}

const char* GroupText(Family family) {
  return family == Family::kIpv4 ? kGroup4 : kGroup6;
}

// Options of the two families.
int Level(Family family) {
  return family == Family::kIpv4 ? IPPROTO_IP : IPPROTO_IPV6;
}
int Pick(Family family, int ipv4, int ipv6) {
  return family == Family::kIpv4 ? ipv4 : ipv6;
}

class MulticastTest : public DatagramTest,
                      public ::testing::WithParamInterface<Family> {
 protected:
  // The peer isn't bound to the loopback address: with that as its source no
  // datagram comes in on another interface.
  MulticastTest() : peer_(family(), AnyText()) {}

  static Family family() { return GetParam(); }
  static const char* AnyText() {
    return family() == Family::kIpv4 ? "0.0.0.0" : "::";
  }

  void SetUp() override {
    DatagramTest::SetUp();
    interface_ = MulticastInterface(family());
    if (interface_ == 0) GTEST_SKIP() << "no interface for groups";
    peer_.SetMulticastInterface(interface_);
  }

  // Bound to all addresses, as it must be to get what is sent to a group.
  SOCKET NewOnAny(uint16_t port = 0, bool reuse = false) {
    const SOCKET s = NewSocket(family(), Protocol::kUdp);
    if (reuse) {
      EXPECT_EQ(SetInt(s, SOL_SOCKET, SO_REUSEADDR, 1), kOk);
    }
    EXPECT_EQ(Bind(s, SockAddr::Any(family(), port)), kOk);
    return s;
  }
  uint16_t PortOf(SOCKET s) {
    SockAddr name;
    EXPECT_EQ(GetSockName(s, &name), kOk);
    return name.port();
  }

  WsaCode ChangeMembership(SOCKET s, bool add) {
    const SockAddr group = GroupAddress(family(), 0);
    if (family() == Family::kIpv4) {
      ip_mreq request = {};
      request.imr_multiaddr = const_cast<SockAddr&>(group).in().sin_addr;
      request.imr_interface.s_addr = htonl(INADDR_LOOPBACK);
      return SetOption(s, IPPROTO_IP,
                       add ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &request,
                       sizeof(request));
    }
    ipv6_mreq request = {};
    request.ipv6mr_multiaddr = const_cast<SockAddr&>(group).in6().sin6_addr;
    request.ipv6mr_interface = interface_;
    return SetOption(s, IPPROTO_IPV6,
                     add ? IPV6_ADD_MEMBERSHIP : IPV6_DROP_MEMBERSHIP, &request,
                     sizeof(request));
  }

  // Where the provider's datagrams to a group leave.
  void UseInterface(SOCKET s) {
    int value = static_cast<int>(interface_);
    if (family() == Family::kIpv4) value = static_cast<int>(htonl(0x7f000001));
    EXPECT_EQ(SetInt(s, Level(family()),
                     Pick(family(), IP_MULTICAST_IF, IPV6_MULTICAST_IF), value),
              kOk);
  }

  // To the group, and then to the socket alone.
  void SendToGroupAndSocket(SOCKET s) {
    const uint16_t port = PortOf(s);
    ASSERT_TRUE(peer_.SendTo("to the group", GroupText(family()), port));
    ASSERT_TRUE(peer_.Send("to one", {family(), port}));
  }

  PeerDatagrams peer_;
  unsigned interface_ = 0;
};
WSPD_FOR_BOTH_FAMILIES(MulticastTest);

// ------------------------------------------------- 4.10: membership options

TEST_P(MulticastTest, MemberReceivesWhatIsSentToTheGroup) {
  const SOCKET s = NewOnAny();
  EXPECT_EQ(ChangeMembership(s, true), kOk);
  SendToGroupAndSocket(s);
  const Received received = Receive(s);
  EXPECT_EQ(received.data, "to the group");
  EXPECT_EQ(received.from.port(), peer_.endpoint().port);
  ExpectNext(s, "to one");
}

TEST_P(MulticastTest, OthersReceiveNothing) {
  const SOCKET s = NewOnAny();
  SendToGroupAndSocket(s);
  ExpectNext(s, "to one");
}

// Membership is a socket's own, on Windows: another socket on the port isn't
// in the group.
TEST_P(MulticastTest, MembershipIsOfOneSocket) {
  const SOCKET member = NewOnAny();
  const SOCKET other = NewOnAny();
  EXPECT_EQ(ChangeMembership(member, true), kOk);
  SendToGroupAndSocket(other);
  ExpectNext(other, "to one");
}

TEST_P(MulticastTest, FormerMemberReceivesNothing) {
  const SOCKET s = NewOnAny();
  EXPECT_EQ(ChangeMembership(s, true), kOk);
  EXPECT_EQ(ChangeMembership(s, false), kOk);
  SendToGroupAndSocket(s);
  ExpectNext(s, "to one");
}

TEST_P(MulticastTest, MemberMayJoinBeforeItBinds) {
  const SOCKET s = NewSocket(family(), Protocol::kUdp);
  EXPECT_EQ(ChangeMembership(s, true), kOk);
  ASSERT_EQ(Bind(s, SockAddr::Any(family())), kOk);
  SendToGroupAndSocket(s);
  ExpectNext(s, "to the group");
}

TEST_P(MulticastTest, OneWhoIsNoMemberCannotLeave) {
  EXPECT_EQ(ChangeMembership(NewOnAny(), false), WsaCode{WSAEADDRNOTAVAIL});
}

// 4.10: two sockets on one port both get what is for the group.
TEST_P(MulticastTest, AllMembersOnAPortReceive) {
  const SOCKET a = NewOnAny(0, true);
  const SOCKET b = NewOnAny(PortOf(a), true);
  EXPECT_EQ(ChangeMembership(a, true), kOk);
  EXPECT_EQ(ChangeMembership(b, true), kOk);
  ASSERT_TRUE(peer_.SendTo("to all", GroupText(family()), PortOf(a)));
  ExpectNext(a, "to all");
  ExpectNext(b, "to all");
}

// 4.10: ADD/DROP_MEMBERSHIP are set-only.
TEST_P(MulticastTest, MembershipCannotBeRead) {
  const SOCKET s = NewOnAny();
  for (int option :
       {Pick(family(), IP_ADD_MEMBERSHIP, IPV6_ADD_MEMBERSHIP),
        Pick(family(), IP_DROP_MEMBERSHIP, IPV6_DROP_MEMBERSHIP)}) {
    int value = 0;
    EXPECT_EQ(GetInt(s, Level(family()), option, &value),
              WsaCode{WSAENOPROTOOPT})
        << option;
  }
}

// 4.10: all others than the short ones need their whole structure.
TEST_P(MulticastTest, CutRequestIsAFault) {
  const SOCKET s = NewOnAny();
  char request[7] = {};
  EXPECT_EQ(SetOption(s, Level(family()),
                      Pick(family(), IP_ADD_MEMBERSHIP, IPV6_ADD_MEMBERSHIP),
                      request, family() == Family::kIpv4 ? 7 : 4),
            WsaCode{WSAEFAULT});
}

// 4.10 [WT]: multicast on TCP is WSAEINVAL.
TEST_P(MulticastTest, StreamSocketCannotJoin) {
  EXPECT_EQ(ChangeMembership(NewSocket(family()), true), WsaCode{WSAEINVAL});
}

TEST_P(MulticastTest, StreamSocketHasNoMulticastOptions) {
  const SOCKET s = NewSocket(family());
  EXPECT_EQ(SetInt(s, Level(family()),
                   Pick(family(), IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS), 2),
            WsaCode{WSAEINVAL});
  EXPECT_EQ(SetInt(s, Level(family()),
                   Pick(family(), IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP), 0),
            WsaCode{WSAEINVAL});
}

// ------------------------------------------------------ 4.10: sending options

TEST_P(MulticastTest, SendToAGroupReachesItsMembers) {
  PeerDatagrams member(family(), AnyText());
  member.JoinGroup(GroupText(family()), interface_);
  const SOCKET s = NewOnAny();
  UseInterface(s);
  EXPECT_EQ(
      SendDatagram(s, "hello", GroupAddress(family(), member.endpoint().port)),
      kOk);
  ExpectNext(&member, "hello");
}

TEST_P(MulticastTest, ConnectedToAGroupItSendsThere) {
  PeerDatagrams member(family(), AnyText());
  member.JoinGroup(GroupText(family()), interface_);
  const SOCKET s = NewOnAny();
  UseInterface(s);
  ASSERT_EQ(Connect(s, GroupAddress(family(), member.endpoint().port)), kOk);
  EXPECT_EQ(SendText(s, "hello"), kOk);
  ExpectNext(&member, "hello");
}

// 4.10 MULTICAST_TTL, HOPS: what is read is what was set, and datagrams to a
// group leave with it.
TEST_P(MulticastTest, HopsAreThoseThatWereSet) {
  const int option = Pick(family(), IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS);
  PeerDatagrams member(family(), AnyText());
  member.JoinGroup(GroupText(family()), interface_);
  member.AskForFields();
  const SOCKET s = NewOnAny();
  UseInterface(s);
  int hops = 0;
  EXPECT_EQ(GetInt(s, Level(family()), option, &hops), kOk);
  EXPECT_EQ(hops, 1);
  EXPECT_EQ(SetInt(s, Level(family()), option, 7), kOk);
  EXPECT_EQ(GetInt(s, Level(family()), option, &hops), kOk);
  EXPECT_EQ(hops, 7);
  EXPECT_EQ(
      SendDatagram(s, "x", GroupAddress(family(), member.endpoint().port)),
      kOk);
  EXPECT_EQ(member.Receive().hops, 7);
}

// 4.10: TTL/TOS/hops > 255.
TEST_P(MulticastTest, TooManyHopsAreInvalid) {
  EXPECT_EQ(SetInt(NewOnAny(), Level(family()),
                   Pick(family(), IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS), 256),
            WsaCode{WSAEINVAL});
}

TEST_P(MulticastTest, LoopIsOnUntilItIsTurnedOff) {
  const int option = Pick(family(), IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP);
  const SOCKET s = NewOnAny();
  int value = -1;
  EXPECT_EQ(GetInt(s, Level(family()), option, &value), kOk);
  EXPECT_EQ(value, 1);
  EXPECT_EQ(SetInt(s, Level(family()), option, 0), kOk);
  EXPECT_EQ(GetInt(s, Level(family()), option, &value), kOk);
  EXPECT_EQ(value, 0);
}

// With the loopback interface all that is sent comes back, so this is for IPv6.
TEST_P(MulticastTest, WithoutLoopNothingComesBack) {
  if (family() == Family::kIpv4) GTEST_SKIP() << "on the loopback interface";
  const SOCKET s = NewOnAny();
  EXPECT_EQ(ChangeMembership(s, true), kOk);
  UseInterface(s);
  EXPECT_EQ(SetInt(s, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0), kOk);
  EXPECT_EQ(SendDatagram(s, "unheard", GroupAddress(family(), PortOf(s))), kOk);
  ASSERT_TRUE(peer_.Send("to one", {family(), PortOf(s)}));
  ExpectNext(s, "to one");
}

TEST_P(MulticastTest, InterfaceIsTheOneThatWasSet) {
  const int option = Pick(family(), IP_MULTICAST_IF, IPV6_MULTICAST_IF);
  const SOCKET s = NewOnAny();
  UseInterface(s);
  int value = 0;
  EXPECT_EQ(GetInt(s, Level(family()), option, &value), kOk);
  EXPECT_EQ(value, family() == Family::kIpv4
                       ? static_cast<int>(htonl(0x7f000001))
                       : static_cast<int>(interface_));
}

// 4.9 SIO_MULTIPOINT_LOOPBACK: BOOL.
TEST_P(MulticastTest, LoopCanBeSetByIoctl) {
  const SOCKET s = NewOnAny();
  BOOL on = FALSE;
  DWORD returned = 0;
  EXPECT_EQ(
      Ioctl(s, SIO_MULTIPOINT_LOOPBACK, &on, sizeof(on), nullptr, 0, &returned),
      kOk);
  int value = -1;
  EXPECT_EQ(
      GetInt(s, Level(family()),
             Pick(family(), IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP), &value),
      kOk);
  EXPECT_EQ(value, 0);
}

// 4.9 SIO_MULTICAST_SCOPE: int TTL.
TEST_P(MulticastTest, HopsCanBeSetByIoctl) {
  const SOCKET s = NewOnAny();
  int hops = 9;
  DWORD returned = 0;
  EXPECT_EQ(
      Ioctl(s, SIO_MULTICAST_SCOPE, &hops, sizeof(hops), nullptr, 0, &returned),
      kOk);
  int value = -1;
  EXPECT_EQ(
      GetInt(s, Level(family()),
             Pick(family(), IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS), &value),
      kOk);
  EXPECT_EQ(value, 9);
}

// ---------------------------------------------------------- 2 WSPJoinLeaf

class JoinLeafTest : public MulticastTest {
 protected:
  WsaCode Join(SOCKET s, SOCKET* joined, DWORD flags = JL_BOTH) {
    const SockAddr group = GroupAddress(family(), PortOf(s));
    return JoinLeaf(s, joined, group.get(), group.length(), flags);
  }
  // On every interface that the provider may have chosen.
  void SendToGroup(SOCKET s) {
    const uint16_t port = PortOf(s);
    peer_.SendTo("to the group", GroupText(family()), port);
    if (family() == Family::kIpv4) {
      PeerDatagrams elsewhere(family(), "0.0.0.0");
      elsewhere.SendTo("to the group", GroupText(family()), port);
    }
  }
};
WSPD_FOR_BOTH_FAMILIES(JoinLeafTest);

// 2: for UDP multicast it returns the same descriptor.
TEST_P(JoinLeafTest, SocketItselfBecomesTheMember) {
  const SOCKET s = NewOnAny();
  SOCKET joined = INVALID_SOCKET;
  EXPECT_EQ(Join(s, &joined), kOk);
  EXPECT_EQ(joined, s);
  SendToGroup(s);
  ExpectNext(s, "to the group");
}

TEST_P(JoinLeafTest, ReceiverReceives) {
  const SOCKET s = NewOnAny();
  SOCKET joined;
  EXPECT_EQ(Join(s, &joined, JL_RECEIVER_ONLY), kOk);
  SendToGroup(s);
  ExpectNext(s, "to the group");
}

TEST_P(JoinLeafTest, SenderReceivesNothing) {
  const SOCKET s = NewOnAny();
  SOCKET joined;
  EXPECT_EQ(Join(s, &joined, JL_SENDER_ONLY), kOk);
  SendToGroup(s);
  ASSERT_TRUE(peer_.Send("to one", {family(), PortOf(s)}));
  ExpectNext(s, "to one");
}

TEST_P(JoinLeafTest, NonBlockingJoinIsDoneAtOnce) {
  const SOCKET s = NewOnAny();
  ASSERT_EQ(SetNonBlocking(s), kOk);
  SOCKET joined;
  EXPECT_EQ(Join(s, &joined), kOk);
  SendToGroup(s);
  ExpectNext(s, "to the group");
}

// 2 WSPSocket: leaves of both planes, as multicast over UDP is declared.
TEST_P(JoinLeafTest, LeafOfBothPlanesCanJoin) {
  const SOCKET s = NewSocket(family(), Protocol::kUdp,
                             WSA_FLAG_OVERLAPPED | WSA_FLAG_MULTIPOINT_C_LEAF |
                                 WSA_FLAG_MULTIPOINT_D_LEAF);
  ASSERT_EQ(Bind(s, SockAddr::Any(family())), kOk);
  SOCKET joined;
  EXPECT_EQ(Join(s, &joined), kOk);
  SendToGroup(s);
  ExpectNext(s, "to the group");
}

TEST_P(JoinLeafTest, StreamSocketCannotJoin) {
  SOCKET joined;
  const SockAddr group = GroupAddress(family(), 1);
  EXPECT_THAT(JoinLeaf(NewSocket(family()), &joined, group.get(),
                       group.length(), JL_BOTH),
              AnyOf(WsaCode{WSAEINVAL}, WsaCode{WSAEOPNOTSUPP}));
}

TEST_P(JoinLeafTest, UnknownRoleIsInvalid) {
  SOCKET joined;
  EXPECT_EQ(Join(NewOnAny(), &joined, 0x40), WsaCode{WSAEINVAL});
}

// 2 WSPJoinLeaf, as WSPConnect: WSAEPROTONOSUPPORT (caller data), WSAEOPNOTSUPP
// (SQOS, GQOS).
TEST_P(JoinLeafTest, DataOrQualityOfServiceForTheLeafFails) {
  const SOCKET s = NewOnAny();
  const SockAddr group = GroupAddress(family(), PortOf(s));
  char byte = 'x';
  WSABUF data = {1, &byte};
  QOS quality = {};
  const auto join = [&](LPWSABUF caller_data, LPQOS sqos, LPQOS gqos) {
    int error = 0;
    EXPECT_EQ(table().lpWSPJoinLeaf(s, group.get(), group.length(), caller_data,
                                    nullptr, sqos, gqos, JL_BOTH, &error),
              INVALID_SOCKET);
    return WsaCode{error};
  };
  EXPECT_EQ(join(&data, nullptr, nullptr), WsaCode{WSAEPROTONOSUPPORT});
  EXPECT_EQ(join(nullptr, &quality, nullptr), WsaCode{WSAEOPNOTSUPP});
  EXPECT_EQ(join(nullptr, nullptr, &quality), WsaCode{WSAEOPNOTSUPP});
}

// 2: ready on FD_CONNECT.
TEST_P(JoinLeafTest, JoinIsANetworkEvent) {
  const SOCKET s = NewOnAny();
  Event event;
  ASSERT_EQ(EventSelect(s, event.get(), FD_CONNECT), kOk);
  SOCKET joined;
  EXPECT_EQ(Join(s, &joined), kOk);
  EXPECT_TRUE(event.Wait(kSoonMs));
  WSANETWORKEVENTS events = {};
  EXPECT_EQ(EnumNetworkEvents(s, event.get(), &events), kOk);
  EXPECT_EQ(events.lNetworkEvents, FD_CONNECT);
  EXPECT_EQ(events.iErrorCode[FD_CONNECT_BIT], 0);
}

TEST_P(JoinLeafTest, ShortNameIsAFault) {
  const SOCKET s = NewOnAny();
  SOCKET joined;
  const SockAddr group = GroupAddress(family(), PortOf(s));
  EXPECT_EQ(JoinLeaf(s, &joined, group.get(), group.length() - 1, JL_BOTH),
            WsaCode{WSAEFAULT});
  EXPECT_EQ(JoinLeaf(s, &joined, nullptr, group.length(), JL_BOTH),
            WsaCode{WSAEFAULT});
}

TEST_P(JoinLeafTest, UnknownFamilyFails) {
  const SOCKET s = NewOnAny();
  SOCKET joined;
  SockAddr group = GroupAddress(family(), PortOf(s));
  group.set_family(77);
  EXPECT_EQ(JoinLeaf(s, &joined, group.get(), group.length(), JL_BOTH),
            WsaCode{WSAEAFNOSUPPORT});
}

TEST_P(JoinLeafTest, ClosedSocketIsNoSocket) {
  const SOCKET s = NewOnAny();
  const SockAddr group = GroupAddress(family(), PortOf(s));
  EXPECT_EQ(Close(s), kOk);
  SOCKET joined;
  EXPECT_EQ(JoinLeaf(s, &joined, group.get(), group.length(), JL_BOTH),
            WsaCode{WSAENOTSOCK});
}

// --------------------------------------------- 4.10: sources, IPv4 options

class MulticastSourceTest : public DatagramTest {
 protected:
  MulticastSourceTest()
      : wanted_(Family::kIpv4, "127.0.0.1"),
        other_(Family::kIpv4, "127.0.0.2") {
    const unsigned loopback = MulticastInterface(Family::kIpv4);
    wanted_.SetMulticastInterface(loopback);
    other_.SetMulticastInterface(loopback);
  }

  SOCKET NewOnAny() {
    const SOCKET s = NewSocket(Family::kIpv4, Protocol::kUdp);
    EXPECT_EQ(Bind(s, SockAddr::Any(Family::kIpv4)), kOk);
    EXPECT_EQ(GetSockName(s, &name_), kOk);
    return s;
  }

  // Group, source, interface: an order that differs from Linux's.
  WsaCode Change(SOCKET s, int option, u_long group, u_long source) {
    ip_mreq_source request = {};
    request.imr_multiaddr.s_addr = htonl(group);
    request.imr_sourceaddr.s_addr = htonl(source);
    request.imr_interface.s_addr = htonl(INADDR_LOOPBACK);
    return SetOption(s, IPPROTO_IP, option, &request, sizeof(request));
  }
  WsaCode Join(SOCKET s, u_long group) {
    ip_mreq request = {};
    request.imr_multiaddr.s_addr = htonl(group);
    request.imr_interface.s_addr = htonl(INADDR_LOOPBACK);
    return SetOption(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request,
                     sizeof(request));
  }

  static constexpr u_long kGroup = 0xefff4d01;        // kGroup4
  static constexpr u_long kSourceGroup = 0xe84d0701;  // kSourceGroup4
  static constexpr u_long kWanted = 0x7f000001;
  static constexpr u_long kOther = 0x7f000002;

  PeerDatagrams wanted_;
  PeerDatagrams other_;
  SockAddr name_;
};

TEST_F(MulticastSourceTest, OnlyTheSourceIsHeard) {
  const SOCKET s = NewOnAny();
  EXPECT_EQ(Change(s, IP_ADD_SOURCE_MEMBERSHIP, kSourceGroup, kWanted), kOk);
  ASSERT_TRUE(other_.SendTo("other", kSourceGroup4, name_.port()));
  ASSERT_TRUE(wanted_.SendTo("wanted", kSourceGroup4, name_.port()));
  ExpectNext(s, "wanted");
}

TEST_F(MulticastSourceTest, SecondSourceIsHeardToo) {
  const SOCKET s = NewOnAny();
  EXPECT_EQ(Change(s, IP_ADD_SOURCE_MEMBERSHIP, kSourceGroup, kWanted), kOk);
  EXPECT_EQ(Change(s, IP_ADD_SOURCE_MEMBERSHIP, kSourceGroup, kOther), kOk);
  ASSERT_TRUE(other_.SendTo("other", kSourceGroup4, name_.port()));
  ExpectNext(s, "other");
}

TEST_F(MulticastSourceTest, DroppedSourceIsNotHeard) {
  const SOCKET s = NewOnAny();
  EXPECT_EQ(Change(s, IP_ADD_SOURCE_MEMBERSHIP, kSourceGroup, kWanted), kOk);
  EXPECT_EQ(Change(s, IP_ADD_SOURCE_MEMBERSHIP, kSourceGroup, kOther), kOk);
  EXPECT_EQ(Change(s, IP_DROP_SOURCE_MEMBERSHIP, kSourceGroup, kOther), kOk);
  ASSERT_TRUE(other_.SendTo("other", kSourceGroup4, name_.port()));
  ASSERT_TRUE(wanted_.SendTo("wanted", kSourceGroup4, name_.port()));
  ExpectNext(s, "wanted");
}

TEST_F(MulticastSourceTest, BlockedSourceIsNotHeard) {
  const SOCKET s = NewOnAny();
  EXPECT_EQ(Join(s, kGroup), kOk);
  EXPECT_EQ(Change(s, IP_BLOCK_SOURCE, kGroup, kOther), kOk);
  ASSERT_TRUE(other_.SendTo("other", kGroup4, name_.port()));
  ASSERT_TRUE(wanted_.SendTo("wanted", kGroup4, name_.port()));
  ExpectNext(s, "wanted");
}

TEST_F(MulticastSourceTest, UnblockedSourceIsHeardAgain) {
  const SOCKET s = NewOnAny();
  EXPECT_EQ(Join(s, kGroup), kOk);
  EXPECT_EQ(Change(s, IP_BLOCK_SOURCE, kGroup, kOther), kOk);
  EXPECT_EQ(Change(s, IP_UNBLOCK_SOURCE, kGroup, kOther), kOk);
  ASSERT_TRUE(other_.SendTo("other", kGroup4, name_.port()));
  ExpectNext(s, "other");
}

}  // namespace
}  // namespace wspd::conformance
