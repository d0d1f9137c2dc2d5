// WSPSocket: which families, types and protocols go together, and the flags.
#include <string>
#include <vector>

#include "client_stub/spi_client/catalog.h"
#include "client_stub/spi_client/completion_port.h"
#include "client_stub/spi_client/upcalls.h"
#include "tests/conformance/fixture.h"

namespace wspd::conformance {
namespace {

class SocketCreationTest : public ConformanceTest {
 protected:
  WsaCode Create(int family, int type, int protocol) {
    SOCKET s;
    return Socket(&s, family, type, protocol);
  }
  int Option(SOCKET s, int option) {
    int value = -1;
    EXPECT_EQ(GetInt(s, SOL_SOCKET, option, &value), kOk);
    return value;
  }
};

// ------------------------------------------- 4.12 [WT] the creation matrix

struct Creation {
  const char* name;
  int family, type, protocol;
  int error;  // 0: it is made
};

class SocketCreationMatrixTest
    : public SocketCreationTest,
      public ::testing::WithParamInterface<Creation> {};

TEST_P(SocketCreationMatrixTest, GivesTheDocumentedError) {
  const Creation& row = GetParam();
  EXPECT_EQ(Create(row.family, row.type, row.protocol), WsaCode{row.error});
}

INSTANTIATE_TEST_SUITE_P(
    , SocketCreationMatrixTest,
    ::testing::Values(
        Creation{"Tcp4", AF_INET, SOCK_STREAM, IPPROTO_TCP, 0},
        Creation{"Tcp6", AF_INET6, SOCK_STREAM, IPPROTO_TCP, 0},
        Creation{"Udp4", AF_INET, SOCK_DGRAM, IPPROTO_UDP, 0},
        Creation{"Udp6", AF_INET6, SOCK_DGRAM, IPPROTO_UDP, 0},
        // PFL_MATCHES_PROTOCOL_ZERO (1.2): protocol 0 is the entry's own.
        Creation{"Stream4ProtocolZero", AF_INET, SOCK_STREAM, 0, 0},
        Creation{"Stream6ProtocolZero", AF_INET6, SOCK_STREAM, 0, 0},
        Creation{"Dgram4ProtocolZero", AF_INET, SOCK_DGRAM, 0, 0},
        Creation{"Dgram6ProtocolZero", AF_INET6, SOCK_DGRAM, 0, 0},
        // The protocol picks the type.
        Creation{"TypeZeroTcp", AF_INET, 0, IPPROTO_TCP, 0},
        Creation{"TypeZeroUdp", AF_INET, 0, IPPROTO_UDP, 0},
        Creation{"TypeZeroTcp6", AF_INET6, 0, IPPROTO_TCP, 0},
        Creation{"TypeZeroUdp6", AF_INET6, 0, IPPROTO_UDP, 0},
        Creation{"TypeAndProtocolZero", AF_INET, 0, 0, 0},
        // A family of 0 becomes AF_INET.
        Creation{"UnspecTcp", AF_UNSPEC, SOCK_STREAM, IPPROTO_TCP, 0},
        Creation{"UnspecUdp", AF_UNSPEC, SOCK_DGRAM, IPPROTO_UDP, 0},
        Creation{"UnspecTypeZeroTcp", AF_UNSPEC, 0, IPPROTO_TCP, 0},
        Creation{"UnspecTypeZeroUdp", AF_UNSPEC, 0, IPPROTO_UDP, 0},
        Creation{"AllZero", AF_UNSPEC, 0, 0, WSAEINVAL},
        Creation{"UnspecStreamProtocolZero", AF_UNSPEC, SOCK_STREAM, 0,
                 WSAEINVAL},
        Creation{"UnspecDgramProtocolZero", AF_UNSPEC, SOCK_DGRAM, 0,
                 WSAEINVAL},
        Creation{"UnknownType", AF_INET, 0xdead, IPPROTO_TCP,
                 WSAESOCKTNOSUPPORT},
        Creation{"UnknownType6", AF_INET6, 0xdead, IPPROTO_UDP,
                 WSAESOCKTNOSUPPORT},
        Creation{"UnknownTypeAndProtocol", AF_INET, 0xdead, 0xdead,
                 WSAESOCKTNOSUPPORT},
        // The type is looked at first, except for AF_UNSPEC and protocol 0.
        Creation{"UnknownTypeAndFamily", 0xdead, 0xdead, IPPROTO_TCP,
                 WSAESOCKTNOSUPPORT},
        Creation{"UnknownTypeUnspecTcp", AF_UNSPEC, 0xdead, IPPROTO_TCP,
                 WSAESOCKTNOSUPPORT},
        Creation{"UnknownTypeUnspecProtocolZero", AF_UNSPEC, 0xdead, 0,
                 WSAEINVAL},
        Creation{"UnknownFamily", 0xdead, SOCK_STREAM, IPPROTO_TCP,
                 WSAEAFNOSUPPORT},
        Creation{"UnknownFamilyProtocolZero", 0xdead, SOCK_STREAM, 0,
                 WSAEAFNOSUPPORT},
        Creation{"LinuxsNumberForIpv6", 10, SOCK_STREAM, IPPROTO_TCP,
                 WSAEAFNOSUPPORT},
        Creation{"UnknownFamilyAndProtocol", 0xdead, SOCK_DGRAM, 0xdead,
                 WSAEAFNOSUPPORT},
        Creation{"UnknownProtocol", AF_INET, SOCK_STREAM, 0xdead,
                 WSAEPROTONOSUPPORT},
        Creation{"UnknownProtocol6", AF_INET6, SOCK_DGRAM, 0xdead,
                 WSAEPROTONOSUPPORT},
        // As to who isn't an administrator of Windows'.
        Creation{"Raw", AF_INET, SOCK_RAW, IPPROTO_ICMP, WSAEACCES},
        Creation{"Raw6", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, WSAEACCES},
        Creation{"RawUnknownFamily", 0xdead, SOCK_RAW, IPPROTO_ICMP,
                 WSAEAFNOSUPPORT},
        Creation{"StreamUdp", AF_INET, SOCK_STREAM, IPPROTO_UDP,
                 WSAEPROTONOSUPPORT},
        Creation{"DgramTcp", AF_INET, SOCK_DGRAM, IPPROTO_TCP,
                 WSAEPROTONOSUPPORT},
        Creation{"StreamUdp6", AF_INET6, SOCK_STREAM, IPPROTO_UDP,
                 WSAEPROTONOSUPPORT},
        Creation{"DgramTcp6", AF_INET6, SOCK_DGRAM, IPPROTO_TCP,
                 WSAEPROTONOSUPPORT}),
    [](const auto& info) { return std::string(info.param.name); });

// ---------------------------------------- 4.12: what the zeros have become

// 4.12 [WT] AF_INET with type 0: the protocol picks the type.
TEST_F(SocketCreationTest, TypeZeroWithUdpIsADatagramSocket) {
  SOCKET s;
  ASSERT_EQ(Socket(&s, AF_INET, 0, IPPROTO_UDP), kOk);
  EXPECT_EQ(Option(s, SO_TYPE), SOCK_DGRAM);
}

TEST_F(SocketCreationTest, TypeZeroWithTcpIsAStreamSocket) {
  SOCKET s;
  ASSERT_EQ(Socket(&s, AF_INET, 0, IPPROTO_TCP), kOk);
  EXPECT_EQ(Option(s, SO_TYPE), SOCK_STREAM);
}

// 4.12 [WT] 0/0 → TCP.
TEST_F(SocketCreationTest, TypeAndProtocolZeroIsAStreamSocket) {
  SOCKET s;
  ASSERT_EQ(Socket(&s, AF_INET, 0, 0), kOk);
  EXPECT_EQ(Option(s, SO_TYPE), SOCK_STREAM);
}

// 4.12 [WT] AF_UNSPEC with TCP/UDP → AF_INET.
TEST_F(SocketCreationTest, UnspecifiedFamilyIsIpv4) {
  SOCKET s;
  ASSERT_EQ(Socket(&s, AF_UNSPEC, SOCK_STREAM, IPPROTO_TCP), kOk);
  EXPECT_EQ(Bind(s, SockAddr::Loopback(Family::kIpv4)), kOk);
}

// --------------------------------------- 2: WSPSocket with a protocol info

class SocketFromInfoTest : public SocketCreationTest,
                           public ::testing::WithParamInterface<Variant> {
 protected:
  WSAPROTOCOL_INFOW Info() {
    return *spi_client::FindCatalogEntry(AddressFamily(GetParam().family),
                                         Type());
  }
  int Type() {
    return GetParam().protocol == Protocol::kTcp ? SOCK_STREAM : SOCK_DGRAM;
  }
};
WSPD_FOR_ALL_VARIANTS(SocketFromInfoTest);

// 2: FROM_PROTOCOL_INFO takes the field from lpProtocolInfo.
TEST_P(SocketFromInfoTest, AllFieldsFromTheInfo) {
  WSAPROTOCOL_INFOW info = Info();
  SOCKET s;
  ASSERT_EQ(Socket(&s, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
                   FROM_PROTOCOL_INFO, WSA_FLAG_OVERLAPPED, &info),
            kOk);
  EXPECT_EQ(Option(s, SO_TYPE), Type());
  EXPECT_EQ(Bind(s, SockAddr::Loopback(GetParam().family)), kOk);
}

TEST_P(SocketFromInfoTest, TypeFromTheInfo) {
  WSAPROTOCOL_INFOW info = Info();
  SOCKET s;
  ASSERT_EQ(Socket(&s, info.iAddressFamily, FROM_PROTOCOL_INFO, info.iProtocol,
                   WSA_FLAG_OVERLAPPED, &info),
            kOk);
  EXPECT_EQ(Option(s, SO_TYPE), Type());
}

// An info beside plain numbers is no obstacle.
TEST_P(SocketFromInfoTest, PlainNumbersBesideTheInfo) {
  WSAPROTOCOL_INFOW info = Info();
  SOCKET s;
  ASSERT_EQ(Socket(&s, info.iAddressFamily, info.iSocketType, info.iProtocol,
                   WSA_FLAG_OVERLAPPED, &info),
            kOk);
  EXPECT_EQ(Option(s, SO_TYPE), Type());
}

// ----------------------------------------------------- 2: flags and group

class SocketFlagsTest : public VariantTest {
 protected:
  WsaCode CreateWith(DWORD flags, GROUP group = 0) {
    const bool tcp = protocol() == Protocol::kTcp;
    SOCKET s;
    return Socket(&s, AddressFamily(family()), tcp ? SOCK_STREAM : SOCK_DGRAM,
                  tcp ? IPPROTO_TCP : IPPROTO_UDP, flags, nullptr, group);
  }
};
WSPD_FOR_ALL_VARIANTS(SocketFlagsTest);

// 2: supporting WSA_FLAG_OVERLAPPED is mandatory; it isn't required.
TEST_P(SocketFlagsTest, OverlappedOrNot) {
  EXPECT_EQ(CreateWith(WSA_FLAG_OVERLAPPED), kOk);
  EXPECT_EQ(CreateWith(0), kOk);
}

TEST_P(SocketFlagsTest, HandleInheritanceMayBeDeclined) {
  EXPECT_EQ(CreateWith(WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT), kOk);
}

// 2: a bad flag is WSAEINVAL.
TEST_P(SocketFlagsTest, UnknownFlagIsInvalid) {
  EXPECT_EQ(CreateWith(WSA_FLAG_OVERLAPPED | 0x40000000), WsaCode{WSAEINVAL});
}

// 2: C/D role not supported is WSAEINVAL; TCP/IP has no rooted planes.
TEST_P(SocketFlagsTest, RootOfAControlPlaneIsInvalid) {
  EXPECT_EQ(CreateWith(WSA_FLAG_OVERLAPPED | WSA_FLAG_MULTIPOINT_C_ROOT |
                       WSA_FLAG_MULTIPOINT_D_LEAF),
            WsaCode{WSAEINVAL});
}

TEST_P(SocketFlagsTest, RootOfADataPlaneIsInvalid) {
  EXPECT_EQ(CreateWith(WSA_FLAG_OVERLAPPED | WSA_FLAG_MULTIPOINT_C_LEAF |
                       WSA_FLAG_MULTIPOINT_D_ROOT),
            WsaCode{WSAEINVAL});
}

// … and TCP has no groups at all.
TEST_P(SocketFlagsTest, LeavesAreOfDatagramsAlone) {
  EXPECT_EQ(CreateWith(WSA_FLAG_OVERLAPPED | WSA_FLAG_MULTIPOINT_C_LEAF |
                       WSA_FLAG_MULTIPOINT_D_LEAF),
            protocol() == Protocol::kTcp ? WsaCode{WSAEINVAL} : kOk);
}

// 2: g bad.
TEST_P(SocketFlagsTest, UnknownGroupIsInvalid) {
  EXPECT_EQ(CreateWith(WSA_FLAG_OVERLAPPED, 0x5ead), WsaCode{WSAEINVAL});
}

// A new socket is blocking, not listening, without an error (2, 4.10).
TEST_P(SocketFlagsTest, NewSocketHasItsDefaults) {
  const SOCKET s = New();
  int value = -1;
  EXPECT_EQ(GetInt(s, SOL_SOCKET, SO_ERROR, &value), kOk);
  EXPECT_EQ(value, 0);
  EXPECT_EQ(GetInt(s, SOL_SOCKET, SO_REUSEADDR, &value), kOk);
  EXPECT_EQ(value, 0);
  EXPECT_EQ(GetInt(s, SOL_SOCKET, SO_TYPE, &value), kOk);
  EXPECT_EQ(value, protocol() == Protocol::kTcp ? SOCK_STREAM : SOCK_DGRAM);
}

TEST_P(SocketFlagsTest, EverySocketHasAHandleOfItsOwn) {
  const SOCKET a = New(), b = New();
  EXPECT_NE(a, b);
  EXPECT_EQ(Close(a), kOk);
  int value = 0;
  EXPECT_EQ(GetInt(b, SOL_SOCKET, SO_TYPE, &value), kOk);
}

// 1.3: a provider without kernel handles gets every descriptor from the SPI
// client, which knows it; one with them tells it of each.
TEST_P(SocketFlagsTest, HandleIsKnownToTheSpiClient) {
  const SOCKET s = New();
  WSAPROTOCOL_INFOW info = {};
  int length = sizeof(info);
  ASSERT_EQ(GetOption(s, SOL_SOCKET, SO_PROTOCOL_INFOW, &info, &length), kOk);
  if ((info.dwServiceFlags1 & XP1_IFS_HANDLES) != 0) {
    spi_client::CompletionPort port;
    EXPECT_TRUE(port.Bind(s, 1));
    return;
  }
  int error = 0;
  DWORD_PTR context = 0;
  EXPECT_EQ(
      spi_client::Upcalls().lpWPUQuerySocketHandleContext(s, &context, &error),
      0)
      << WsaCode{error};
}

}  // namespace
}  // namespace wspd::conformance
