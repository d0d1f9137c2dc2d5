// The options of SOL_SOCKET (4.10); SO_LINGER and SO_DONTLINGER are in
// linger_test.cc, the effect of the time-outs in blocking_test.cc.
#include <mswsock.h>

#include <vector>

#include "client_stub/spi_client/catalog.h"
#include "tests/conformance/option_fixture.h"

namespace wspd::conformance {
namespace {

// --------------------------------------------------- 4.10: what they are first

class OptionDefaultTest : public OptionTest {};

TEST_P(OptionDefaultTest, IsThatOfTheTable) {
  EXPECT_EQ(Get(New()), GetParam().value);
}

WSPD_FOR_OPTIONS(
    OptionDefaultTest, Option{"Debug", kTcp4, SOL_SOCKET, SO_DEBUG, 0},
    Option{"AcceptConn", kTcp4, SOL_SOCKET, SO_ACCEPTCONN, 0},
    Option{"AcceptConn", kTcp6, SOL_SOCKET, SO_ACCEPTCONN, 0},
    Option{"ReuseAddr", kTcp4, SOL_SOCKET, SO_REUSEADDR, 0},
    Option{"ReuseAddr", kUdp6, SOL_SOCKET, SO_REUSEADDR, 0},
    Option{"ExclusiveAddrUse", kTcp4, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 0},
    Option{"ExclusiveAddrUse", kUdp6, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 0},
    Option{"KeepAlive", kTcp4, SOL_SOCKET, SO_KEEPALIVE, 0},
    Option{"KeepAlive", kTcp6, SOL_SOCKET, SO_KEEPALIVE, 0},
    Option{"DontRoute", kTcp4, SOL_SOCKET, SO_DONTROUTE, 0},
    Option{"DontRoute", kUdp6, SOL_SOCKET, SO_DONTROUTE, 0},
    Option{"UseLoopback", kTcp4, SOL_SOCKET, SO_USELOOPBACK, 0},
    Option{"OobInline", kTcp4, SOL_SOCKET, SO_OOBINLINE, 0},
    Option{"OobInline", kTcp6, SOL_SOCKET, SO_OOBINLINE, 0},
    Option{"Broadcast", kUdp4, SOL_SOCKET, SO_BROADCAST, 0},
    Option{"Broadcast", kUdp6, SOL_SOCKET, SO_BROADCAST, 0},
    Option{"SendTimeout", kTcp4, SOL_SOCKET, SO_SNDTIMEO, 0},
    Option{"SendTimeout", kUdp6, SOL_SOCKET, SO_SNDTIMEO, 0},
    Option{"RecvTimeout", kTcp4, SOL_SOCKET, SO_RCVTIMEO, 0},
    Option{"RecvTimeout", kUdp6, SOL_SOCKET, SO_RCVTIMEO, 0},
    Option{"Error", kTcp4, SOL_SOCKET, SO_ERROR, 0},
    Option{"Error", kUdp6, SOL_SOCKET, SO_ERROR, 0},
    Option{"Type", kTcp4, SOL_SOCKET, SO_TYPE, SOCK_STREAM},
    Option{"Type", kTcp6, SOL_SOCKET, SO_TYPE, SOCK_STREAM},
    Option{"Type", kUdp4, SOL_SOCKET, SO_TYPE, SOCK_DGRAM},
    Option{"Type", kUdp6, SOL_SOCKET, SO_TYPE, SOCK_DGRAM},
    Option{"ConditionalAccept", kTcp4, SOL_SOCKET, SO_CONDITIONAL_ACCEPT, 0},
    Option{"MaxMsgSize", kUdp4, SOL_SOCKET, SO_MAX_MSG_SIZE, 65507},
    Option{"MaxMsgSize", kUdp6, SOL_SOCKET, SO_MAX_MSG_SIZE, 65527},
    // 0xFFFFFFFF unconnected, and on UDP.
    Option{"ConnectTime", kTcp4, SOL_SOCKET, SO_CONNECT_TIME, -1},
    Option{"ConnectTime", kTcp6, SOL_SOCKET, SO_CONNECT_TIME, -1},
    Option{"ConnectTime", kUdp4, SOL_SOCKET, SO_CONNECT_TIME, -1});

// ----------------------------------------------------- 4.10: gs, on and off

class FlagOptionTest : public OptionTest {};

TEST_P(FlagOptionTest, GoesOnAndOff) {
  const SOCKET s = New();
  ASSERT_EQ(Set(s, 1), kOk);
  EXPECT_EQ(Get(s), 1);
  ASSERT_EQ(Set(s, 0), kOk);
  EXPECT_EQ(Get(s), 0);
}

WSPD_FOR_OPTIONS(
    FlagOptionTest, Option{"ReuseAddr", kTcp4, SOL_SOCKET, SO_REUSEADDR},
    Option{"ReuseAddr", kTcp6, SOL_SOCKET, SO_REUSEADDR},
    Option{"ReuseAddr", kUdp4, SOL_SOCKET, SO_REUSEADDR},
    Option{"ExclusiveAddrUse", kTcp4, SOL_SOCKET, SO_EXCLUSIVEADDRUSE},
    Option{"ExclusiveAddrUse", kUdp6, SOL_SOCKET, SO_EXCLUSIVEADDRUSE},
    Option{"KeepAlive", kTcp4, SOL_SOCKET, SO_KEEPALIVE},
    Option{"KeepAlive", kTcp6, SOL_SOCKET, SO_KEEPALIVE},
    Option{"DontRoute", kTcp4, SOL_SOCKET, SO_DONTROUTE},
    Option{"DontRoute", kUdp6, SOL_SOCKET, SO_DONTROUTE},
    Option{"UseLoopback", kTcp4, SOL_SOCKET, SO_USELOOPBACK},
    Option{"UseLoopback", kUdp6, SOL_SOCKET, SO_USELOOPBACK},
    Option{"OobInline", kTcp4, SOL_SOCKET, SO_OOBINLINE},
    Option{"OobInline", kTcp6, SOL_SOCKET, SO_OOBINLINE},
    Option{"Broadcast", kUdp4, SOL_SOCKET, SO_BROADCAST},
    Option{"Broadcast", kUdp6, SOL_SOCKET, SO_BROADCAST},
    Option{"ConditionalAccept", kTcp4, SOL_SOCKET, SO_CONDITIONAL_ACCEPT},
    Option{"ConditionalAccept", kTcp6, SOL_SOCKET, SO_CONDITIONAL_ACCEPT});

class DebugOptionTest : public OptionTest {};

// SO_DEBUG: stored, no effect; to set it fails on some releases.
TEST_P(DebugOptionTest, IsStoredOrRefused) {
  const SOCKET s = New();
  const int stored = Set(s, 1).ok() ? 1 : 0;
  EXPECT_EQ(Get(s), stored);
  EXPECT_EQ(Set(s, 0).ok(), stored == 1);
  EXPECT_EQ(Get(s), 0);
}

WSPD_FOR_OPTIONS(DebugOptionTest, Option{"Debug", kTcp4, SOL_SOCKET, SO_DEBUG},
                 Option{"Debug", kTcp6, SOL_SOCKET, SO_DEBUG},
                 Option{"Debug", kUdp4, SOL_SOCKET, SO_DEBUG},
                 Option{"Debug", kUdp6, SOL_SOCKET, SO_DEBUG});

// -------------------------------------------------------- 4.10: gs, a value

class ValueOptionTest : public OptionTest {};

// SO_SNDBUF and SO_RCVBUF read back exactly what was set; the time-outs are
// milliseconds.
TEST_P(ValueOptionTest, ReadsBackExactly) {
  const SOCKET s = New();
  ASSERT_EQ(Set(s, GetParam().value), kOk);
  EXPECT_EQ(Get(s), GetParam().value);
}

WSPD_FOR_OPTIONS(
    ValueOptionTest,
    Option{"SendBuffer4096", kTcp4, SOL_SOCKET, SO_SNDBUF, 4096},
    Option{"SendBuffer4096", kTcp6, SOL_SOCKET, SO_SNDBUF, 4096},
    Option{"SendBuffer4096", kUdp4, SOL_SOCKET, SO_SNDBUF, 4096},
    Option{"SendBuffer12345", kTcp4, SOL_SOCKET, SO_SNDBUF, 12345},
    Option{"SendBuffer1", kTcp4, SOL_SOCKET, SO_SNDBUF, 1},
    Option{"SendBuffer0", kTcp4, SOL_SOCKET, SO_SNDBUF, 0},
    Option{"SendBuffer100000000", kTcp4, SOL_SOCKET, SO_SNDBUF, 100000000},
    Option{"RecvBuffer4096", kTcp4, SOL_SOCKET, SO_RCVBUF, 4096},
    Option{"RecvBuffer4096", kTcp6, SOL_SOCKET, SO_RCVBUF, 4096},
    Option{"RecvBuffer4096", kUdp6, SOL_SOCKET, SO_RCVBUF, 4096},
    Option{"RecvBuffer12345", kTcp4, SOL_SOCKET, SO_RCVBUF, 12345},
    Option{"RecvBuffer100000000", kTcp4, SOL_SOCKET, SO_RCVBUF, 100000000},
    Option{"SendTimeout1", kTcp4, SOL_SOCKET, SO_SNDTIMEO, 1},
    Option{"SendTimeout1234", kTcp4, SOL_SOCKET, SO_SNDTIMEO, 1234},
    Option{"SendTimeout1234", kUdp6, SOL_SOCKET, SO_SNDTIMEO, 1234},
    Option{"RecvTimeout1", kTcp4, SOL_SOCKET, SO_RCVTIMEO, 1},
    Option{"RecvTimeout1234", kTcp4, SOL_SOCKET, SO_RCVTIMEO, 1234},
    Option{"RecvTimeout1234", kUdp6, SOL_SOCKET, SO_RCVTIMEO, 1234},
    // A day, which is no overflow of anything.
    Option{"RecvTimeout86400000", kTcp4, SOL_SOCKET, SO_RCVTIMEO, 86400000},
    // [WT]: set accepted, value then readable.
    Option{"Error", kTcp4, SOL_SOCKET, SO_ERROR, WSAECONNRESET},
    Option{"Error", kUdp4, SOL_SOCKET, SO_ERROR, WSAECONNRESET});

// ------------------------------------------------ 4.10: g: not to be set

class GetOnlyOptionTest : public OptionTest {};

TEST_P(GetOnlyOptionTest, SettingIsAnError) {
  EXPECT_EQ(Set(New(), 1), WsaCode{WSAENOPROTOOPT});
}

WSPD_FOR_OPTIONS(GetOnlyOptionTest, Option{"Type", kTcp4, SOL_SOCKET, SO_TYPE},
                 Option{"Type", kUdp6, SOL_SOCKET, SO_TYPE},
                 Option{"AcceptConn", kTcp4, SOL_SOCKET, SO_ACCEPTCONN},
                 Option{"BspState", kTcp4, SOL_SOCKET, SO_BSP_STATE},
                 Option{"MaxMsgSize", kUdp4, SOL_SOCKET, SO_MAX_MSG_SIZE},
                 Option{"ProtocolInfo", kTcp4, SOL_SOCKET, SO_PROTOCOL_INFOW},
                 Option{"ConnectTime", kTcp4, SOL_SOCKET, SO_CONNECT_TIME},
                 Option{"MaxDg", kUdp4, SOL_SOCKET, SO_MAXDG},
                 Option{"MaxPathDg", kUdp4, SOL_SOCKET, SO_MAXPATHDG});

// ------------------------------- 4.10: not for this protocol, or for none

class UnknownOptionTest : public OptionTest {};

TEST_P(UnknownOptionTest, SetIsAnError) {
  EXPECT_EQ(Set(New(), 1), WsaCode{GetParam().value});
}

TEST_P(UnknownOptionTest, GetIsAnError) {
  int value;
  EXPECT_EQ(GetInt(New(), GetParam().level, GetParam().number, &value),
            WsaCode{GetParam().value});
}

WSPD_FOR_OPTIONS(
    UnknownOptionTest,
    // Unknown option → WSAENOPROTOOPT.
    Option{"Socket", kTcp4, SOL_SOCKET, 0x5ead, WSAENOPROTOOPT},
    Option{"Socket", kUdp6, SOL_SOCKET, 0x5ead, WSAENOPROTOOPT},
    Option{"Tcp", kTcp4, IPPROTO_TCP, 0x5ead, WSAENOPROTOOPT},
    Option{"Tcp", kTcp6, IPPROTO_TCP, 0x5ead, WSAENOPROTOOPT},
    Option{"Udp", kUdp4, IPPROTO_UDP, 0x5ead, WSAENOPROTOOPT},
    Option{"Ip", kTcp4, IPPROTO_IP, 0x5ead, WSAENOPROTOOPT},
    Option{"Ip", kUdp4, IPPROTO_IP, 0x5ead, WSAENOPROTOOPT},
    Option{"Ipv6", kTcp6, IPPROTO_IPV6, 0x5ead, WSAENOPROTOOPT},
    Option{"Ipv6", kUdp6, IPPROTO_IPV6, 0x5ead, WSAENOPROTOOPT},
    // Unknown level → WSAEINVAL.
    Option{"Level", kTcp4, 0x5ead, SO_TYPE, WSAEINVAL},
    Option{"Level", kTcp6, 0x5ead, SO_TYPE, WSAEINVAL},
    Option{"Level", kUdp4, 0x5ead, SO_TYPE, WSAEINVAL},
    Option{"LinuxsLevel", kTcp4, 1, SO_TYPE, WSAEINVAL},
    // Not of this protocol.
    Option{"Broadcast", kTcp4, SOL_SOCKET, SO_BROADCAST, WSAENOPROTOOPT},
    Option{"Broadcast", kTcp6, SOL_SOCKET, SO_BROADCAST, WSAENOPROTOOPT},
    Option{"OobInline", kUdp4, SOL_SOCKET, SO_OOBINLINE, WSAENOPROTOOPT},
    Option{"MaxMsgSize", kTcp4, SOL_SOCKET, SO_MAX_MSG_SIZE, WSAENOPROTOOPT},
    // Unsupported in TCP/IP.
    Option{"ConnData", kTcp4, SOL_SOCKET, SO_CONNDATA, WSAENOPROTOOPT},
    Option{"ConnOpt", kTcp4, SOL_SOCKET, SO_CONNOPT, WSAENOPROTOOPT},
    Option{"DiscData", kTcp4, SOL_SOCKET, SO_DISCDATA, WSAENOPROTOOPT},
    Option{"DiscOpt", kTcp4, SOL_SOCKET, SO_DISCOPT, WSAENOPROTOOPT},
    Option{"ConnDataLen", kTcp4, SOL_SOCKET, SO_CONNDATALEN, WSAENOPROTOOPT},
    Option{"ConnOptLen", kTcp4, SOL_SOCKET, SO_CONNOPTLEN, WSAENOPROTOOPT},
    Option{"DiscDataLen", kTcp4, SOL_SOCKET, SO_DISCDATALEN, WSAENOPROTOOPT},
    Option{"DiscOptLen", kTcp4, SOL_SOCKET, SO_DISCOPTLEN, WSAENOPROTOOPT});

class LowWaterOptionTest : public OptionTest {};

// WSAENOPROTOOPT/EINVAL on Windows.
TEST_P(LowWaterOptionTest, IsNotSupported) {
  const auto is_error =
      ::testing::AnyOf(WsaCode{WSAENOPROTOOPT}, WsaCode{WSAEINVAL});
  const SOCKET s = New();
  EXPECT_THAT(Set(s, 1), is_error);
  int value;
  EXPECT_THAT(GetInt(s, GetParam().level, GetParam().number, &value), is_error);
}

WSPD_FOR_OPTIONS(LowWaterOptionTest,
                 Option{"Send", kTcp4, SOL_SOCKET, SO_SNDLOWAT},
                 Option{"Recv", kTcp4, SOL_SOCKET, SO_RCVLOWAT},
                 Option{"Send", kUdp6, SOL_SOCKET, SO_SNDLOWAT},
                 Option{"Recv", kUdp6, SOL_SOCKET, SO_RCVLOWAT});

class DatagramSizeOptionTest : public OptionTest {};

TEST_P(DatagramSizeOptionTest, MayBeRead) { EXPECT_GT(Get(New()), 0); }

WSPD_FOR_OPTIONS(DatagramSizeOptionTest,
                 Option{"MaxDg", kUdp4, SOL_SOCKET, SO_MAXDG},
                 Option{"MaxPathDg", kUdp4, SOL_SOCKET, SO_MAXPATHDG});

class BufferSizeOptionTest : public OptionTest {};

// 4.10: 0 would be no buffering, which isn't the default.
TEST_P(BufferSizeOptionTest, DefaultIsABuffer) { EXPECT_GT(Get(New()), 0); }

WSPD_FOR_OPTIONS(BufferSizeOptionTest,
                 Option{"Send", kTcp4, SOL_SOCKET, SO_SNDBUF},
                 Option{"Recv", kTcp4, SOL_SOCKET, SO_RCVBUF},
                 Option{"Send", kUdp6, SOL_SOCKET, SO_SNDBUF},
                 Option{"Recv", kUdp6, SOL_SOCKET, SO_RCVBUF});

// -------------------------------------- 4.10: of TCP and UDP, IPv4 and IPv6

class SocketOptionTest : public VariantTest {};
WSPD_FOR_ALL_VARIANTS(SocketOptionTest);

// Mutually exclusive: setting one while the other is on → WSAEINVAL.
TEST_P(SocketOptionTest, ReuseExcludesExclusive) {
  const SOCKET s = New();
  ASSERT_EQ(SetInt(s, SOL_SOCKET, SO_REUSEADDR, 1), kOk);
  EXPECT_EQ(SetInt(s, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1), WsaCode{WSAEINVAL});
}

TEST_P(SocketOptionTest, ExclusiveExcludesReuse) {
  const SOCKET s = New();
  ASSERT_EQ(SetInt(s, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1), kOk);
  EXPECT_EQ(SetInt(s, SOL_SOCKET, SO_REUSEADDR, 1), WsaCode{WSAEINVAL});
}

TEST_P(SocketOptionTest, ExclusiveAfterReuseIsOffAgain) {
  const SOCKET s = New();
  ASSERT_EQ(SetInt(s, SOL_SOCKET, SO_REUSEADDR, 1), kOk);
  ASSERT_EQ(SetInt(s, SOL_SOCKET, SO_REUSEADDR, 0), kOk);
  EXPECT_EQ(SetInt(s, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1), kOk);
}

// SO_PROTOCOL_INFOW returns the catalog entry.
TEST_P(SocketOptionTest, ProtocolInfoIsTheCatalogEntry) {
  const int type = protocol() == Protocol::kTcp ? SOCK_STREAM : SOCK_DGRAM;
  const WSAPROTOCOL_INFOW& entry =
      *spi_client::FindCatalogEntry(AddressFamily(family()), type);
  // 3.2: a provider knows the entries that it was started up for.
  ASSERT_EQ(WsaCode{spi().client().Startup(MAKEWORD(2, 2), nullptr, &entry)},
            kOk);
  WSAPROTOCOL_INFOW info = {};
  int length = sizeof(info);
  ASSERT_EQ(GetOption(New(), SOL_SOCKET, SO_PROTOCOL_INFOW, &info, &length),
            kOk);
  EXPECT_EQ(length, int{sizeof(info)});
  EXPECT_EQ(info.dwCatalogEntryId, entry.dwCatalogEntryId);
  EXPECT_EQ(info.iAddressFamily, entry.iAddressFamily);
  EXPECT_EQ(info.iSocketType, type);
  EXPECT_EQ(info.iProtocol, entry.iProtocol);
  EXPECT_EQ(info.iMinSockAddr, AddressLength(family()));
  EXPECT_EQ(info.iMaxSockAddr, AddressLength(family()));
  // 1.2: a provider without kernel handles clears XP1_IFS_HANDLES.
  EXPECT_EQ(info.dwServiceFlags1 & XP1_IFS_HANDLES,
            entry.dwServiceFlags1 & XP1_IFS_HANDLES);
}

// A small buffer → WSAEFAULT, and the size is filled in.
TEST_P(SocketOptionTest, ProtocolInfoNeedsRoom) {
  WSAPROTOCOL_INFOW info;
  int length = sizeof(info) - 1;
  EXPECT_EQ(GetOption(New(), SOL_SOCKET, SO_PROTOCOL_INFOW, &info, &length),
            WsaCode{WSAEFAULT});
  EXPECT_EQ(length, int{sizeof(info)});
}

TEST_P(SocketOptionTest, ProtocolInfoInAsciiHasItsOwnSize) {
  WSAPROTOCOL_INFOA info = {};
  int length = sizeof(info);
  ASSERT_EQ(GetOption(New(), SOL_SOCKET, SO_PROTOCOL_INFOA, &info, &length),
            kOk);
  EXPECT_EQ(length, int{sizeof(info)});
  EXPECT_EQ(info.iAddressFamily, AddressFamily(family()));
}

// SO_BSP_STATE: a CSADDR_INFO, its addresses inside the buffer.
TEST_P(SocketOptionTest, BspStateHasTheLocalAddress) {
  const SOCKET s = NewBound(family(), protocol());
  SockAddr name;
  ASSERT_EQ(GetSockName(s, &name), kOk);
  std::vector<char> buffer(512);
  int length = static_cast<int>(buffer.size());
  ASSERT_EQ(GetOption(s, SOL_SOCKET, SO_BSP_STATE, buffer.data(), &length),
            kOk);
  const auto* const state = reinterpret_cast<CSADDR_INFO*>(buffer.data());
  EXPECT_EQ(state->iSocketType,
            protocol() == Protocol::kTcp ? SOCK_STREAM : SOCK_DGRAM);
  EXPECT_EQ(state->iProtocol,
            protocol() == Protocol::kTcp ? IPPROTO_TCP : IPPROTO_UDP);
  const char* const address =
      reinterpret_cast<const char*>(state->LocalAddr.lpSockaddr);
  ASSERT_GE(address, buffer.data());
  ASSERT_LE(address + AddressLength(family()), buffer.data() + length);
  SockAddr local;
  memcpy(local.get(), address, AddressLength(family()));
  EXPECT_EQ(local, name);
}

TEST_P(SocketOptionTest, BspStateNeedsRoom) {
  char small[8];
  int length = sizeof(small);
  EXPECT_EQ(GetOption(NewBound(family(), protocol()), SOL_SOCKET, SO_BSP_STATE,
                      small, &length),
            WsaCode{WSAEFAULT});
}

// ----------------------------------------------------- 4.10: of connections

class ConnectTimeTest : public StreamTest {
 protected:
  int ConnectTimeOf(SOCKET s) {
    int value = -2;
    EXPECT_EQ(GetInt(s, SOL_SOCKET, SO_CONNECT_TIME, &value), kOk);
    return value;
  }
};
WSPD_FOR_BOTH_FAMILIES(ConnectTimeTest);

// Seconds; 0xFFFFFFFF unconnected.
TEST_P(ConnectTimeTest, ConnectedSinceAMoment) {
  const Pair pair = NewConnection();
  EXPECT_GE(ConnectTimeOf(pair.socket), 0);
  EXPECT_LT(ConnectTimeOf(pair.socket), 30);
}

TEST_P(ConnectTimeTest, AcceptedSinceAMoment) {
  const Pair pair = NewAccepted();
  EXPECT_GE(ConnectTimeOf(pair.socket), 0);
  EXPECT_LT(ConnectTimeOf(pair.socket), 30);
}

TEST_P(ConnectTimeTest, ListenerIsNotConnected) {
  EXPECT_EQ(ConnectTimeOf(NewListener()), -1);
}

TEST_P(ConnectTimeTest, ConnectingIsNotConnected) {
  EXPECT_EQ(ConnectTimeOf(NewConnecting()), -1);
}

// … and on UDP, connected or not.
TEST_P(ConnectTimeTest, DatagramSocketIsNotConnected) {
  const SOCKET s = NewSocket(family(), Protocol::kUdp);
  ASSERT_EQ(Connect(s, Loopback(9)), kOk);
  EXPECT_EQ(ConnectTimeOf(s), -1);
}

}  // namespace
}  // namespace wspd::conformance
