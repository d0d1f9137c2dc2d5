// The options of IPPROTO_TCP, IPPROTO_UDP, IPPROTO_IP and IPPROTO_IPV6 (4.10).
#include "tests/conformance/option_fixture.h"

namespace wspd::conformance {
namespace {

// ------------------------------------------------------------------ defaults

class ProtocolOptionDefaultTest : public OptionTest {};

TEST_P(ProtocolOptionDefaultTest, IsThatOfTheTable) {
  EXPECT_EQ(Get(New()), GetParam().value);
}

WSPD_FOR_OPTIONS(ProtocolOptionDefaultTest,
                 // V6ONLY default TRUE.
                 Option{"V6Only", kTcp6, IPPROTO_IPV6, IPV6_V6ONLY, 1},
                 Option{"V6Only", kUdp6, IPPROTO_IPV6, IPV6_V6ONLY, 1},
                 Option{"NoDelay", kTcp4, IPPROTO_TCP, TCP_NODELAY, 0},
                 Option{"NoDelay", kTcp6, IPPROTO_TCP, TCP_NODELAY, 0},
                 Option{"NoChecksum", kUdp4, IPPROTO_UDP, UDP_NOCHECKSUM, 0},
                 Option{"PktInfo", kUdp4, IPPROTO_IP, IP_PKTINFO, 0},
                 Option{"RecvTtl", kUdp4, IPPROTO_IP, IP_RECVTTL, 0},
                 Option{"RecvTos", kUdp4, IPPROTO_IP, IP_RECVTOS, 0},
                 Option{"PktInfo", kUdp6, IPPROTO_IPV6, IPV6_PKTINFO, 0},
                 Option{"HopLimit", kUdp6, IPPROTO_IPV6, IPV6_HOPLIMIT, 0},
                 Option{"RecvTclass", kUdp6, IPPROTO_IPV6, IPV6_RECVTCLASS, 0});

// ----------------------------------------------------------------- round trips

class ProtocolOptionTest : public OptionTest {};

TEST_P(ProtocolOptionTest, ReadsBack) {
  const SOCKET s = New();
  ASSERT_EQ(Set(s, GetParam().value), kOk);
  EXPECT_EQ(Get(s), GetParam().value);
}

WSPD_FOR_OPTIONS(
    ProtocolOptionTest, Option{"NoDelay", kTcp4, IPPROTO_TCP, TCP_NODELAY, 1},
    Option{"NoDelay", kTcp6, IPPROTO_TCP, TCP_NODELAY, 1},
    Option{"Expedited", kTcp4, IPPROTO_TCP, TCP_EXPEDITED_1122, 1},
    Option{"BsdUrgent", kTcp4, IPPROTO_TCP, 0x7000, 1},
    Option{"KeepIdle", kTcp4, IPPROTO_TCP, TCP_KEEPIDLE, 60},
    Option{"KeepIdle", kTcp6, IPPROTO_TCP, TCP_KEEPIDLE, 60},
    Option{"KeepCnt", kTcp4, IPPROTO_TCP, TCP_KEEPCNT, 5},
    Option{"KeepIntvl", kTcp4, IPPROTO_TCP, TCP_KEEPINTVL, 7},
    Option{"MaxRt", kTcp4, IPPROTO_TCP, TCP_MAXRT, 20},
    Option{"MaxRtMs", kTcp4, IPPROTO_TCP, TCP_MAXRTMS, 20000},
    Option{"StdUrg", kTcp4, IPPROTO_TCP, TCP_STDURG, 1},
    Option{"NoSynRetries", kTcp4, IPPROTO_TCP, TCP_NOSYNRETRIES, 1},
    Option{"Timestamps", kTcp4, IPPROTO_TCP, TCP_TIMESTAMPS, 1},
    Option{"DelayFinAck", kTcp4, IPPROTO_TCP, TCP_DELAY_FIN_ACK, 1},
    Option{"FastOpen", kTcp4, IPPROTO_TCP, TCP_FASTOPEN, 1},
    Option{"FailConnectOnIcmp", kTcp4, IPPROTO_TCP,
           TCP_FAIL_CONNECT_ON_ICMP_ERROR, 1},
    Option{"NoChecksum", kUdp4, IPPROTO_UDP, UDP_NOCHECKSUM, 1},
    Option{"NoChecksum", kUdp6, IPPROTO_UDP, UDP_NOCHECKSUM, 1},
    Option{"SendMsgSize", kUdp4, IPPROTO_UDP, UDP_SEND_MSG_SIZE, 500},
    Option{"RecvMaxCoalesced", kUdp4, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE,
           3000},
    Option{"ChecksumCoverage", kUdp4, IPPROTO_UDP, UDP_CHECKSUM_COVERAGE, 1},
    Option{"Ttl", kTcp4, IPPROTO_IP, IP_TTL, 77},
    Option{"Ttl", kUdp4, IPPROTO_IP, IP_TTL, 255},
    Option{"Tos", kTcp4, IPPROTO_IP, IP_TOS, 0x28},
    Option{"Tos", kUdp4, IPPROTO_IP, IP_TOS, 0x28},
    Option{"DontFragment", kTcp4, IPPROTO_IP, IP_DONTFRAGMENT, 1},
    Option{"DontFragment", kUdp4, IPPROTO_IP, IP_DONTFRAGMENT, 1},
    Option{"MtuDiscover", kUdp4, IPPROTO_IP, IP_MTU_DISCOVER, 1},
    Option{"UserMtu", kUdp4, IPPROTO_IP, IP_USER_MTU, 1400},
    Option{"RecvErr", kUdp4, IPPROTO_IP, IP_RECVERR, 1},
    Option{"MulticastTtl", kUdp4, IPPROTO_IP, IP_MULTICAST_TTL, 8},
    Option{"MulticastLoop", kUdp4, IPPROTO_IP, IP_MULTICAST_LOOP, 0},
    Option{"PktInfo", kUdp4, IPPROTO_IP, IP_PKTINFO, 1},
    Option{"RecvTtl", kUdp4, IPPROTO_IP, IP_RECVTTL, 1},
    Option{"RecvTos", kUdp4, IPPROTO_IP, IP_RECVTOS, 1},
    Option{"ReceiveBroadcast", kUdp4, IPPROTO_IP, IP_RECEIVE_BROADCAST, 1},
    Option{"RecvIf", kUdp4, IPPROTO_IP, IP_RECVIF, 1},
    Option{"RecvDstAddr", kUdp4, IPPROTO_IP, IP_RECVDSTADDR, 1},
    Option{"OriginalArrivalIf", kUdp4, IPPROTO_IP, IP_ORIGINAL_ARRIVAL_IF, 1},
    Option{"RecvEcn", kUdp4, IPPROTO_IP, IP_ECN, 1},
    Option{"UnicastHops", kTcp6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 77},
    Option{"UnicastHops", kUdp6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 255},
    Option{"MulticastHops", kUdp6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 8},
    Option{"MulticastLoop", kUdp6, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0},
    Option{"Tclass", kTcp6, IPPROTO_IPV6, IPV6_TCLASS, 0x28},
    Option{"Tclass", kUdp6, IPPROTO_IPV6, IPV6_TCLASS, 0x28},
    Option{"DontFrag", kUdp6, IPPROTO_IPV6, IPV6_DONTFRAG, 1},
    Option{"MtuDiscover", kUdp6, IPPROTO_IPV6, IPV6_MTU_DISCOVER, 1},
    Option{"ProtectionLevel", kTcp6, IPPROTO_IPV6, IPV6_PROTECTION_LEVEL, 10},
    Option{"V6OnlyOff", kTcp6, IPPROTO_IPV6, IPV6_V6ONLY, 0},
    Option{"V6OnlyOff", kUdp6, IPPROTO_IPV6, IPV6_V6ONLY, 0},
    Option{"PktInfo", kUdp6, IPPROTO_IPV6, IPV6_PKTINFO, 1},
    Option{"HopLimit", kUdp6, IPPROTO_IPV6, IPV6_HOPLIMIT, 1},
    Option{"RecvTclass", kUdp6, IPPROTO_IPV6, IPV6_RECVTCLASS, 1},
    Option{"RecvErr", kUdp6, IPPROTO_IPV6, IPV6_RECVERR, 1},
    Option{"RecvEcn", kUdp6, IPPROTO_IPV6, IPV6_ECN, 1});

// ---------------------------------------------------------- values refused

class RefusedValueTest : public OptionTest {};

// TTL, TOS and hops > 255 → WSAEINVAL; the option stays what it was.
TEST_P(RefusedValueTest, IsInvalid) {
  const SOCKET s = New();
  const int before = Get(s);
  EXPECT_EQ(Set(s, GetParam().value), WsaCode{WSAEINVAL});
  EXPECT_EQ(Get(s), before);
}

WSPD_FOR_OPTIONS(
    RefusedValueTest, Option{"Ttl", kTcp4, IPPROTO_IP, IP_TTL, 256},
    Option{"Ttl", kUdp4, IPPROTO_IP, IP_TTL, 256},
    Option{"Tos", kUdp4, IPPROTO_IP, IP_TOS, 256},
    Option{"MulticastTtl", kUdp4, IPPROTO_IP, IP_MULTICAST_TTL, 256},
    Option{"UnicastHops", kTcp6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 256},
    Option{"MulticastHops", kUdp6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 256});

// ---------------------------------------------------- not of this protocol

class NotOfTcpTest : public OptionTest {};

// Multicast, PKTINFO, RECV*, HDRINCL on TCP → WSAEINVAL; HDRINCL on UDP too.
TEST_P(NotOfTcpTest, SetIsInvalid) {
  EXPECT_EQ(Set(New(), 1), WsaCode{WSAEINVAL});
}

TEST_P(NotOfTcpTest, GetIsInvalid) {
  int value;
  EXPECT_EQ(GetInt(New(), GetParam().level, GetParam().number, &value),
            WsaCode{WSAEINVAL});
}

WSPD_FOR_OPTIONS(
    NotOfTcpTest, Option{"MulticastIf", kTcp4, IPPROTO_IP, IP_MULTICAST_IF},
    Option{"MulticastTtl", kTcp4, IPPROTO_IP, IP_MULTICAST_TTL},
    Option{"MulticastLoop", kTcp4, IPPROTO_IP, IP_MULTICAST_LOOP},
    Option{"PktInfo", kTcp4, IPPROTO_IP, IP_PKTINFO},
    Option{"RecvTtl", kTcp4, IPPROTO_IP, IP_RECVTTL},
    Option{"RecvTos", kTcp4, IPPROTO_IP, IP_RECVTOS},
    Option{"RecvIf", kTcp4, IPPROTO_IP, IP_RECVIF},
    Option{"HdrIncl", kTcp4, IPPROTO_IP, IP_HDRINCL},
    Option{"HdrIncl", kUdp4, IPPROTO_IP, IP_HDRINCL},
    Option{"MulticastIf", kTcp6, IPPROTO_IPV6, IPV6_MULTICAST_IF},
    Option{"MulticastHops", kTcp6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS},
    Option{"MulticastLoop", kTcp6, IPPROTO_IPV6, IPV6_MULTICAST_LOOP},
    Option{"PktInfo", kTcp6, IPPROTO_IPV6, IPV6_PKTINFO},
    Option{"HopLimit", kTcp6, IPPROTO_IPV6, IPV6_HOPLIMIT},
    Option{"RecvTclass", kTcp6, IPPROTO_IPV6, IPV6_RECVTCLASS},
    Option{"HdrIncl", kTcp6, IPPROTO_IPV6, IPV6_HDRINCL},
    Option{"HdrIncl", kUdp6, IPPROTO_IPV6, IPV6_HDRINCL});

class MembershipOptionTest : public OptionTest {};

// ADD/DROP_MEMBERSHIP are set-only (get → WSAENOPROTOOPT).
TEST_P(MembershipOptionTest, GetIsAnError) {
  char buffer[64];
  int length = sizeof(buffer);
  EXPECT_EQ(GetBytes(New(), buffer, &length), WsaCode{WSAENOPROTOOPT});
}

WSPD_FOR_OPTIONS(MembershipOptionTest,
                 Option{"Add", kUdp4, IPPROTO_IP, IP_ADD_MEMBERSHIP},
                 Option{"Drop", kUdp4, IPPROTO_IP, IP_DROP_MEMBERSHIP},
                 Option{"Add", kUdp6, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP},
                 Option{"Drop", kUdp6, IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP});

class StreamMembershipTest : public StreamTest {};
WSPD_FOR_BOTH_FAMILIES(StreamMembershipTest);

// Multicast on TCP → WSAEINVAL.
TEST_P(StreamMembershipTest, JoiningIsInvalid) {
  const SOCKET s = New();
  if (family() == Family::kIpv4) {
    ip_mreq group = {};
    group.imr_multiaddr.s_addr = htonl(0xe8000001);  // 232.0.0.1
    EXPECT_EQ(
        SetOption(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)),
        WsaCode{WSAEINVAL});
  } else {
    ipv6_mreq group = {};
    group.ipv6mr_multiaddr.s6_bytes[0] = 0xff;
    group.ipv6mr_multiaddr.s6_bytes[1] = 0x01;
    group.ipv6mr_multiaddr.s6_bytes[15] = 0x99;
    EXPECT_EQ(
        SetOption(s, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &group, sizeof(group)),
        WsaCode{WSAEINVAL});
  }
}

// ----------------------------------------------------------------- MTU

class MtuTest : public OptionTest {};

// IP_MTU: WSAENOTCONN unconnected.
TEST_P(MtuTest, UnconnectedIsNotConnected) {
  int value;
  EXPECT_EQ(GetInt(New(), GetParam().level, GetParam().number, &value),
            WsaCode{WSAENOTCONN});
}

TEST_P(MtuTest, ConnectedHasOne) {
  const PeerListener listener(GetParam().variant.family);
  const SOCKET s = New();
  ASSERT_EQ(Connect(s, SockAddr::Of(listener.endpoint())), kOk);
  EXPECT_GE(Get(s), 576);
}

WSPD_FOR_OPTIONS(MtuTest, Option{"Mtu", kTcp4, IPPROTO_IP, IP_MTU},
                 Option{"Mtu", kUdp4, IPPROTO_IP, IP_MTU},
                 Option{"Mtu", kTcp6, IPPROTO_IPV6, IPV6_MTU},
                 Option{"Mtu", kUdp6, IPPROTO_IPV6, IPV6_MTU});

// ------------------------------------------------------- values to be sized

class PositiveOptionTest : public OptionTest {};

TEST_P(PositiveOptionTest, HasAValue) { EXPECT_GT(Get(New()), 0); }

WSPD_FOR_OPTIONS(PositiveOptionTest, Option{"Ttl", kTcp4, IPPROTO_IP, IP_TTL},
                 Option{"UnicastHops", kTcp6, IPPROTO_IPV6, IPV6_UNICAST_HOPS},
                 Option{"MulticastTtl", kUdp4, IPPROTO_IP, IP_MULTICAST_TTL},
                 Option{"KeepIdle", kTcp4, IPPROTO_TCP, TCP_KEEPIDLE},
                 Option{"KeepCnt", kTcp4, IPPROTO_TCP, TCP_KEEPCNT},
                 Option{"KeepIntvl", kTcp4, IPPROTO_TCP, TCP_KEEPINTVL},
                 Option{"MaxSeg", kTcp4, IPPROTO_TCP, TCP_MAXSEG});

class UnicastIfTest : public ConformanceTest {};

// UNICAST_IF of IPPROTO_IP: the index is in network order.
TEST_F(UnicastIfTest, LoopbackInterfaceReadsBack) {
  const SOCKET s = NewSocket(Family::kIpv4, Protocol::kUdp);
  const int index = static_cast<int>(htonl(1));
  ASSERT_EQ(SetInt(s, IPPROTO_IP, IP_UNICAST_IF, index), kOk);
  int value = 0;
  ASSERT_EQ(GetInt(s, IPPROTO_IP, IP_UNICAST_IF, &value), kOk);
  EXPECT_EQ(value, index);
}

// ------------------------------------------------ the options at their work

class NoDelayTest : public StreamTest {};
WSPD_FOR_BOTH_FAMILIES(NoDelayTest);

TEST_P(NoDelayTest, MayBeSetOnAConnection) {
  Pair pair = NewConnection();
  ASSERT_EQ(SetInt(pair.socket, IPPROTO_TCP, TCP_NODELAY, 1), kOk);
  ASSERT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_EQ(pair.peer.Read(1), "x");
}

class DualModeTest : public ConformanceTest {};

// 4.10: V6ONLY off: both families reach an IPv6 ANY listener; on: IPv6 alone.
TEST_F(DualModeTest, OffBothFamiliesReachTheListener) {
  const SOCKET s = NewSocket(Family::kIpv6);
  ASSERT_EQ(SetInt(s, IPPROTO_IPV6, IPV6_V6ONLY, 0), kOk);
  ASSERT_EQ(Bind(s, SockAddr::Any(Family::kIpv6)), kOk);
  ASSERT_EQ(Listen(s), kOk);
  SockAddr name;
  ASSERT_EQ(GetSockName(s, &name), kOk);
  AcceptOne(s, SockAddr::Loopback(Family::kIpv4, name.port()));
  AcceptOne(s, SockAddr::Loopback(Family::kIpv6, name.port()));
}

TEST_F(DualModeTest, OnOnlyIpv6ReachesTheListener) {
  const SOCKET s = NewSocket(Family::kIpv6);
  ASSERT_EQ(Bind(s, SockAddr::Any(Family::kIpv6)), kOk);
  ASSERT_EQ(Listen(s), kOk);
  SockAddr name;
  ASSERT_EQ(GetSockName(s, &name), kOk);
  int error = 0;
  EXPECT_FALSE(
      PeerSocket::ConnectTo({Family::kIpv4, name.port()}, &error).is_open());
  AcceptOne(s, SockAddr::Loopback(Family::kIpv6, name.port()));
}

}  // namespace
}  // namespace wspd::conformance
