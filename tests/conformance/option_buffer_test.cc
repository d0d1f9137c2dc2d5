// What the options make of lengths and pointers: 4.10 [WT] option buffer
// rules.
#include <cstring>

#include "tests/conformance/option_fixture.h"

namespace wspd::conformance {
namespace {

// ------------------------------------------------------------- getting

class RoomTest : public OptionTest {};

// Get with a buffer larger than needed → the length is reduced to 4.
TEST_P(RoomTest, LargeRoomIsReducedToFour) {
  char buffer[64];
  std::memset(buffer, '.', sizeof(buffer));
  int length = sizeof(buffer);
  ASSERT_EQ(GetBytes(New(), buffer, &length), kOk);
  EXPECT_EQ(length, GetParam().value);
  EXPECT_EQ(std::string(buffer + length, 60 - length),
            std::string(60 - length, '.'));
}

// Get with length 0 or -1 → WSAEFAULT.
TEST_P(RoomTest, NoRoomIsAFault) {
  const SOCKET s = New();
  for (const int room : {0, -1}) {
    int value;
    int length = room;
    EXPECT_EQ(GetBytes(s, &value, &length), WsaCode{WSAEFAULT}) << room;
  }
}

TEST_P(RoomTest, NullValueIsAFault) {
  int length = 4;
  EXPECT_EQ(GetBytes(New(), nullptr, &length), WsaCode{WSAEFAULT});
}

TEST_P(RoomTest, NullLengthIsAFault) {
  int value;
  EXPECT_EQ(GetBytes(New(), &value, nullptr), WsaCode{WSAEFAULT});
}

WSPD_FOR_OPTIONS(RoomTest, Option{"Type", kTcp4, SOL_SOCKET, SO_TYPE, 4},
                 Option{"ReuseAddr", kTcp4, SOL_SOCKET, SO_REUSEADDR, 4},
                 Option{"RecvBuffer", kTcp4, SOL_SOCKET, SO_RCVBUF, 4},
                 Option{"RecvTimeout", kTcp4, SOL_SOCKET, SO_RCVTIMEO, 4},
                 Option{"Linger", kTcp4, SOL_SOCKET, SO_LINGER, 4},
                 Option{"OobInline", kTcp4, SOL_SOCKET, SO_OOBINLINE, 4},
                 Option{"Broadcast", kUdp4, SOL_SOCKET, SO_BROADCAST, 4},
                 Option{"Ttl", kTcp4, IPPROTO_IP, IP_TTL, 4},
                 Option{"UnicastHops", kTcp6, IPPROTO_IPV6, IPV6_UNICAST_HOPS,
                        4},
                 // These are of one byte.
                 Option{"KeepAlive", kTcp4, SOL_SOCKET, SO_KEEPALIVE, 1},
                 Option{"DontRoute", kTcp4, SOL_SOCKET, SO_DONTROUTE, 1},
                 Option{"NoDelay", kTcp4, IPPROTO_TCP, TCP_NODELAY, 1},
                 Option{"V6Only", kTcp6, IPPROTO_IPV6, IPV6_V6ONLY, 1});

class ErrorRoomTest : public OptionTest {};

// 4.10: SO_ERROR: size < 4 → WSAEFAULT.
TEST_P(ErrorRoomTest, LessThanFourIsAFault) {
  for (const int room : {1, 2, 3}) {
    int value;
    int length = room;
    EXPECT_EQ(GetBytes(New(), &value, &length), WsaCode{WSAEFAULT}) << room;
  }
}

WSPD_FOR_OPTIONS(ErrorRoomTest, Option{"Error", kTcp4, SOL_SOCKET, SO_ERROR},
                 Option{"Error", kUdp6, SOL_SOCKET, SO_ERROR});

// ------------------------------------------------------- setting: null

class NullValueTest : public OptionTest {};

// NULL pointer → WSAEFAULT.
TEST_P(NullValueTest, IsAFault) {
  const SOCKET s = New();
  const int before = Get(s);
  EXPECT_EQ(SetBytes(s, nullptr, 4), WsaCode{WSAEFAULT});
  EXPECT_EQ(Get(s), before);
}

WSPD_FOR_OPTIONS(NullValueTest,
                 Option{"ReuseAddr", kTcp4, SOL_SOCKET, SO_REUSEADDR},
                 Option{"RecvBuffer", kTcp4, SOL_SOCKET, SO_RCVBUF},
                 Option{"Linger", kTcp4, SOL_SOCKET, SO_LINGER},
                 Option{"Broadcast", kUdp4, SOL_SOCKET, SO_BROADCAST},
                 Option{"NoDelay", kTcp4, IPPROTO_TCP, TCP_NODELAY},
                 Option{"Ttl", kTcp4, IPPROTO_IP, IP_TTL},
                 Option{"V6Only", kTcp6, IPPROTO_IPV6, IPV6_V6ONLY});

// --------------------------------------------------- setting: 1 and 2 bytes

class ShortValueTest : public OptionTest {};

// BOOL, TTL, TOS and hops options accept 1- and 2-byte sets.
TEST_P(ShortValueTest, IsAccepted) {
  for (const int length : {1, 2}) {
    const SOCKET s = New();
    const int value = GetParam().value;
    ASSERT_EQ(SetBytes(s, &value, length), kOk) << length << " bytes";
    EXPECT_EQ(Get(s), value) << length << " bytes";
  }
}

WSPD_FOR_OPTIONS(
    ShortValueTest, Option{"ReuseAddr", kTcp4, SOL_SOCKET, SO_REUSEADDR, 1},
    Option{"ExclusiveAddrUse", kTcp4, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1},
    Option{"KeepAlive", kTcp4, SOL_SOCKET, SO_KEEPALIVE, 1},
    Option{"DontRoute", kTcp4, SOL_SOCKET, SO_DONTROUTE, 1},
    Option{"OobInline", kTcp4, SOL_SOCKET, SO_OOBINLINE, 1},
    Option{"Broadcast", kUdp4, SOL_SOCKET, SO_BROADCAST, 1},
    Option{"NoDelay", kTcp4, IPPROTO_TCP, TCP_NODELAY, 1},
    Option{"Ttl", kTcp4, IPPROTO_IP, IP_TTL, 99},
    Option{"MulticastTtl", kUdp4, IPPROTO_IP, IP_MULTICAST_TTL, 99},
    Option{"UnicastHops", kTcp6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 99},
    Option{"MulticastHops", kUdp6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 99},
    Option{"V6Only", kTcp6, IPPROTO_IPV6, IPV6_V6ONLY, 1});

class TooShortValueTest : public OptionTest {};

// These need 4 bytes → WSAEFAULT, and stay what they were.
TEST_P(TooShortValueTest, IsAFault) {
  const SOCKET s = New();
  const int before = Get(s);
  const int value = 1;
  ASSERT_NE(before, value);
  for (const int length : {1, 2, 3}) {
    EXPECT_EQ(SetBytes(s, &value, length), WsaCode{WSAEFAULT}) << length;
    EXPECT_EQ(Get(s), before) << length;
  }
}

WSPD_FOR_OPTIONS(TooShortValueTest,
                 Option{"RecvBuffer", kTcp4, SOL_SOCKET, SO_RCVBUF},
                 Option{"SendBuffer", kTcp4, SOL_SOCKET, SO_SNDBUF},
                 Option{"Linger", kTcp4, SOL_SOCKET, SO_LINGER},
                 Option{"RecvTimeout", kTcp4, SOL_SOCKET, SO_RCVTIMEO},
                 Option{"SendTimeout", kTcp4, SOL_SOCKET, SO_SNDTIMEO},
                 Option{"PktInfo", kUdp4, IPPROTO_IP, IP_PKTINFO},
                 Option{"RecvTtl", kUdp4, IPPROTO_IP, IP_RECVTTL},
                 Option{"RecvTos", kUdp4, IPPROTO_IP, IP_RECVTOS},
                 Option{"PktInfo", kUdp6, IPPROTO_IPV6, IPV6_PKTINFO},
                 Option{"HopLimit", kUdp6, IPPROTO_IPV6, IPV6_HOPLIMIT},
                 Option{"RecvTclass", kUdp6, IPPROTO_IPV6, IPV6_RECVTCLASS});

// ------------------------------------------------- setting: more than 4 bytes

class LongValueTest : public OptionTest {};

// Oversized sets use the first 4 bytes.
TEST_P(LongValueTest, FirstFourBytesCount) {
  const SOCKET s = New();
  const int values[] = {GetParam().value, -1, -1};
  ASSERT_EQ(SetBytes(s, values, sizeof(values)), kOk);
  EXPECT_EQ(Get(s), GetParam().value);
}

WSPD_FOR_OPTIONS(LongValueTest,
                 Option{"ReuseAddr", kTcp4, SOL_SOCKET, SO_REUSEADDR, 1},
                 Option{"KeepAlive", kTcp4, SOL_SOCKET, SO_KEEPALIVE, 1},
                 Option{"RecvBuffer", kTcp4, SOL_SOCKET, SO_RCVBUF, 10000},
                 Option{"RecvTimeout", kTcp4, SOL_SOCKET, SO_RCVTIMEO, 10000},
                 Option{"Broadcast", kUdp4, SOL_SOCKET, SO_BROADCAST, 1},
                 Option{"NoDelay", kTcp4, IPPROTO_TCP, TCP_NODELAY, 1},
                 Option{"Ttl", kTcp4, IPPROTO_IP, IP_TTL, 99},
                 Option{"UnicastHops", kTcp6, IPPROTO_IPV6, IPV6_UNICAST_HOPS,
                        99});

// ------------------------------------------------------- setting: length 0

class NoValueTest : public OptionTest {};

// Length 0: these succeed …
TEST_P(NoValueTest, IsAccepted) {
  const int value = 1;
  EXPECT_EQ(SetBytes(New(), &value, 0), kOk);
}

WSPD_FOR_OPTIONS(NoValueTest,
                 Option{"Broadcast", kUdp4, SOL_SOCKET, SO_BROADCAST},
                 Option{"DontLinger", kTcp4, SOL_SOCKET, SO_DONTLINGER},
                 Option{"OobInline", kTcp4, SOL_SOCKET, SO_OOBINLINE},
                 Option{"ReuseAddr", kTcp4, SOL_SOCKET, SO_REUSEADDR},
                 Option{"ExclusiveAddrUse", kTcp4, SOL_SOCKET,
                        SO_EXCLUSIVEADDRUSE});

class NeededValueTest : public OptionTest {};

// … all others WSAEFAULT.
TEST_P(NeededValueTest, NoneIsAFault) {
  const SOCKET s = New();
  const int before = Get(s);
  const int value = before == 0 ? 1 : 0;
  EXPECT_EQ(SetBytes(s, &value, 0), WsaCode{WSAEFAULT});
  EXPECT_EQ(Get(s), before);
}

WSPD_FOR_OPTIONS(NeededValueTest,
                 Option{"KeepAlive", kTcp4, SOL_SOCKET, SO_KEEPALIVE},
                 Option{"DontRoute", kTcp4, SOL_SOCKET, SO_DONTROUTE},
                 Option{"RecvBuffer", kTcp4, SOL_SOCKET, SO_RCVBUF},
                 Option{"Linger", kTcp4, SOL_SOCKET, SO_LINGER},
                 Option{"RecvTimeout", kTcp4, SOL_SOCKET, SO_RCVTIMEO},
                 Option{"NoDelay", kTcp4, IPPROTO_TCP, TCP_NODELAY},
                 Option{"Ttl", kTcp4, IPPROTO_IP, IP_TTL},
                 Option{"MulticastTtl", kUdp4, IPPROTO_IP, IP_MULTICAST_TTL},
                 Option{"PktInfo", kUdp4, IPPROTO_IP, IP_PKTINFO},
                 Option{"UnicastHops", kTcp6, IPPROTO_IPV6, IPV6_UNICAST_HOPS},
                 Option{"V6Only", kTcp6, IPPROTO_IPV6, IPV6_V6ONLY});

// ------------------------------------------------------ setting: length -1

class NegativeLengthTest : public OptionTest {};

// Length -1 → WSAENOBUFS (or WSAEFAULT on older) …
TEST_P(NegativeLengthTest, IsAnError) {
  const int value = 1;
  EXPECT_THAT(SetBytes(New(), &value, -1),
              ::testing::AnyOf(WsaCode{WSAENOBUFS}, WsaCode{WSAEFAULT}));
}

WSPD_FOR_OPTIONS(NegativeLengthTest,
                 Option{"NoDelay", kTcp4, IPPROTO_TCP, TCP_NODELAY},
                 Option{"Ttl", kTcp4, IPPROTO_IP, IP_TTL},
                 Option{"V6Only", kTcp6, IPPROTO_IPV6, IPV6_V6ONLY});

class NegativeLengthOfSocketTest : public OptionTest {};

// … except for SOL_SOCKET options with 4-byte values, where it succeeds.
TEST_P(NegativeLengthOfSocketTest, IsAccepted) {
  const int value = 1;
  EXPECT_EQ(SetBytes(New(), &value, -1), kOk);
}

WSPD_FOR_OPTIONS(NegativeLengthOfSocketTest,
                 Option{"RecvBuffer", kTcp4, SOL_SOCKET, SO_RCVBUF},
                 Option{"RecvTimeout", kTcp4, SOL_SOCKET, SO_RCVTIMEO},
                 Option{"Broadcast", kUdp4, SOL_SOCKET, SO_BROADCAST},
                 Option{"OobInline", kTcp4, SOL_SOCKET, SO_OOBINLINE},
                 Option{"ReuseAddr", kTcp4, SOL_SOCKET, SO_REUSEADDR});

// ------------------------------------------------------ BOOL values

class BoolValueTest : public OptionTest {};

// 0x100 counts as TRUE and reads back 1.
TEST_P(BoolValueTest, AnythingIsTrueAndReadsBackOne) {
  for (const int value : {0x100, 2, -1}) {
    const SOCKET s = New();
    ASSERT_EQ(Set(s, value), kOk);
    EXPECT_EQ(Get(s), 1) << value;
  }
}

WSPD_FOR_OPTIONS(BoolValueTest,
                 Option{"ReuseAddr", kTcp4, SOL_SOCKET, SO_REUSEADDR},
                 Option{"ExclusiveAddrUse", kTcp4, SOL_SOCKET,
                        SO_EXCLUSIVEADDRUSE},
                 Option{"KeepAlive", kTcp4, SOL_SOCKET, SO_KEEPALIVE},
                 Option{"DontRoute", kTcp4, SOL_SOCKET, SO_DONTROUTE},
                 Option{"OobInline", kTcp4, SOL_SOCKET, SO_OOBINLINE},
                 Option{"Broadcast", kUdp4, SOL_SOCKET, SO_BROADCAST},
                 Option{"V6Only", kTcp6, IPPROTO_IPV6, IPV6_V6ONLY});

class LowByteTest : public OptionTest {};

// But TCP_NODELAY uses only the low byte: 0x100 = off.
TEST_P(LowByteTest, AloneCounts) {
  const SOCKET s = New();
  ASSERT_EQ(Set(s, 1), kOk);
  ASSERT_EQ(Set(s, 0x100), kOk);
  EXPECT_EQ(Get(s), 0);
}

WSPD_FOR_OPTIONS(LowByteTest,
                 Option{"NoDelay", kTcp4, IPPROTO_TCP, TCP_NODELAY},
                 Option{"NoDelay", kTcp6, IPPROTO_TCP, TCP_NODELAY});

}  // namespace
}  // namespace wspd::conformance
