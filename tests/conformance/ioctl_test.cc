// WSPIoctl, the codes of 4.9. Those that name routes, addresses and interfaces
// are in network_ioctl_test.cc, extension functions in extension_test.cc,
// urgent data in out_of_band_test.cc.
#include <mstcpip.h>
#include <mswsock.h>

#include "tests/conformance/option_fixture.h"
#include "tests/testing/peer_datagrams.h"

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;

class IoctlTest : public VariantTest {
 protected:
  // Without data.
  WsaCode Do(SOCKET s, DWORD code) {
    DWORD returned = 0;
    return Ioctl(s, code, nullptr, 0, nullptr, 0, &returned);
  }
  template <typename T>
  WsaCode Put(SOCKET s, DWORD code, T value) {
    DWORD returned = 0;
    return Ioctl(s, code, &value, sizeof(value), nullptr, 0, &returned);
  }
  template <typename T>
  WsaCode Fetch(SOCKET s, DWORD code, T* value, DWORD room = sizeof(T)) {
    DWORD returned = 0;
    const WsaCode result = Ioctl(s, code, nullptr, 0, value, room, &returned);
    if (result.ok()) {
      EXPECT_EQ(returned, sizeof(T));
    }
    return result;
  }
  bool tcp() { return protocol() == Protocol::kTcp; }
};
WSPD_FOR_ALL_VARIANTS(IoctlTest);

// ------------------------------------------------------------------ FIONBIO

TEST_P(IoctlTest, NonBlockingGoesOnAndOff) {
  const SOCKET s = New();
  EXPECT_EQ(Put<u_long>(s, FIONBIO, 1), kOk);
  EXPECT_EQ(Put<u_long>(s, FIONBIO, 1), kOk);
  EXPECT_EQ(Put<u_long>(s, FIONBIO, 0), kOk);
}

TEST_P(IoctlTest, NonBlockingReturnsNoBytes) {
  u_long on = 1;
  DWORD returned = 7;
  ASSERT_EQ(Ioctl(New(), FIONBIO, &on, sizeof(on), nullptr, 0, &returned), kOk);
  EXPECT_EQ(returned, 0u);
}

TEST_P(IoctlTest, NonBlockingWithoutAValueIsAFault) {
  EXPECT_EQ(Do(New(), FIONBIO), WsaCode{WSAEFAULT});
}

TEST_P(IoctlTest, NonBlockingWithAShortValueIsAFault) {
  u_long on = 1;
  DWORD returned;
  EXPECT_EQ(Ioctl(New(), FIONBIO, &on, sizeof(on) - 1, nullptr, 0, &returned),
            WsaCode{WSAEFAULT});
}

// 4.3: lpcbBytesReturned NULL (synchronous) → WSAEFAULT.
TEST_P(IoctlTest, NowhereForTheCountIsAFault) {
  u_long value = 1;
  EXPECT_EQ(Ioctl(New(), FIONBIO, &value, sizeof(value), nullptr, 0, nullptr),
            WsaCode{WSAEFAULT});
  EXPECT_EQ(Ioctl(New(), FIONREAD, nullptr, 0, &value, sizeof(value), nullptr),
            WsaCode{WSAEFAULT});
}

// ----------------------------------------------------------------- FIONREAD

TEST_P(IoctlTest, NothingIsReadableAtFirst) {
  u_long bytes = 7;
  ASSERT_EQ(Fetch(NewBound(family(), protocol()), FIONREAD, &bytes), kOk);
  EXPECT_EQ(bytes, 0u);
}

TEST_P(IoctlTest, LittleRoomForReadableBytesIsAFault) {
  u_long bytes;
  EXPECT_EQ(Fetch(New(), FIONREAD, &bytes, 3), WsaCode{WSAEFAULT});
  EXPECT_EQ(Fetch(New(), FIONREAD, static_cast<u_long*>(nullptr), 4),
            WsaCode{WSAEFAULT});
}

// ------------------------------------------------------ the socket itself

class BaseHandleTest : public IoctlTest {};
WSPD_FOR_ALL_VARIANTS(BaseHandleTest);

// SIO_BASE_HANDLE and SIO_BSP_HANDLE*: a base provider returns the socket.
TEST_P(BaseHandleTest, IsTheSocket) {
  const SOCKET s = New();
  for (const DWORD code : {SIO_BASE_HANDLE, SIO_BSP_HANDLE,
                           SIO_BSP_HANDLE_SELECT, SIO_BSP_HANDLE_POLL}) {
    SOCKET base = 0;
    ASSERT_EQ(Fetch(s, code, &base), kOk) << std::hex << code;
    EXPECT_EQ(base, s) << std::hex << code;
  }
}

// Small → WSAEFAULT.
TEST_P(BaseHandleTest, LittleRoomIsAFault) {
  SOCKET base;
  EXPECT_EQ(Fetch(New(), SIO_BASE_HANDLE, &base, 7), WsaCode{WSAEFAULT});
  EXPECT_EQ(Fetch(New(), SIO_BASE_HANDLE, static_cast<SOCKET*>(nullptr), 8),
            WsaCode{WSAEFAULT});
}

// ------------------------------------------------ what TCP/IP does not offer

struct Code {
  const char* name;
  DWORD code;
};

class UnsupportedIoctlTest
    : public ConformanceTest,
      public ::testing::WithParamInterface<std::tuple<Variant, Code>> {
 protected:
  WsaCode Do() {
    char in[64] = {}, out[64] = {};
    DWORD returned = 0;
    const Variant& variant = std::get<0>(GetParam());
    return Ioctl(NewSocket(variant.family, variant.protocol),
                 std::get<1>(GetParam()).code, in, sizeof(in), out, sizeof(out),
                 &returned);
  }
};

const auto variant_and_code = [](const auto& info) {
  return std::get<1>(info.param).name + VariantName(std::get<0>(info.param));
};

// 4.3: unsupported, synchronous → WSAEOPNOTSUPP at once.
TEST_P(UnsupportedIoctlTest, IsNotSupported) {
  EXPECT_EQ(Do(), WsaCode{WSAEOPNOTSUPP});
}

INSTANTIATE_TEST_SUITE_P(
    , UnsupportedIoctlTest,
    ::testing::Combine(
        ::testing::Values(kTcp4, kUdp6),
        ::testing::Values(Code{"AssociateHandle", SIO_ASSOCIATE_HANDLE},
                          Code{"TranslateHandle", SIO_TRANSLATE_HANDLE},
                          Code{"QueryTargetPnpHandle",
                               SIO_QUERY_TARGET_PNP_HANDLE},
                          Code{"Unknown", _WSAIORW(IOC_WS2, 0x3ead)},
                          Code{"UnknownOfAVendor", _WSAIOW(IOC_VENDOR, 0x3ead)},
                          Code{"Zero", 0})),
    variant_and_code);

class QosIoctlTest : public UnsupportedIoctlTest {};

// WSAENOPROTOOPT/EOPNOTSUPP.
TEST_P(QosIoctlTest, IsNotSupported) {
  EXPECT_THAT(Do(), AnyOf(WsaCode{WSAENOPROTOOPT}, WsaCode{WSAEOPNOTSUPP}));
}

INSTANTIATE_TEST_SUITE_P(
    , QosIoctlTest,
    ::testing::Combine(::testing::Values(kTcp4, kUdp6),
                       ::testing::Values(Code{"Get", SIO_GET_QOS},
                                         Code{"GetGroup", SIO_GET_GROUP_QOS},
                                         Code{"Set", SIO_SET_QOS},
                                         Code{"SetGroup", SIO_SET_GROUP_QOS})),
    variant_and_code);

class OptionalIoctlTest : public UnsupportedIoctlTest {};

// Accept-and-ignore or EOPNOTSUPP.
TEST_P(OptionalIoctlTest, IsIgnoredOrNotSupported) {
  EXPECT_THAT(Do(), AnyOf(kOk, WsaCode{WSAEOPNOTSUPP}));
}

INSTANTIATE_TEST_SUITE_P(
    , OptionalIoctlTest,
    ::testing::Combine(
        ::testing::Values(kTcp4, kTcp6),
        ::testing::Values(Code{"LoopbackFastPath", SIO_LOOPBACK_FAST_PATH},
                          Code{"TcpInitialRto", SIO_TCP_INITIAL_RTO})),
    variant_and_code);

class FlushIoctlTest : public UnsupportedIoctlTest {};

// SIO_FLUSH: doc WSAENOPROTOOPT if not supported, Windows TCP EOPNOTSUPP.
TEST_P(FlushIoctlTest, IsNotSupportedByTcp) {
  EXPECT_THAT(Do(), AnyOf(WsaCode{WSAENOPROTOOPT}, WsaCode{WSAEOPNOTSUPP}));
}

INSTANTIATE_TEST_SUITE_P(, FlushIoctlTest,
                         ::testing::Combine(::testing::Values(kTcp4, kTcp6),
                                            ::testing::Values(Code{"Flush",
                                                                   SIO_FLUSH})),
                         variant_and_code);

// ----------------------------------------------------- message sockets' own

class DatagramIoctlTest : public IoctlTest {};
INSTANTIATE_TEST_SUITE_P(, DatagramIoctlTest, ::testing::Values(kUdp4, kUdp6),
                         [](const auto& info) {
                           return VariantName(info.param);
                         });

// FIONREAD: the bytes of all that is queued (Windows 10), or of the first
// (doc).
TEST_P(DatagramIoctlTest, ReadableBytesOfSeveralDatagrams) {
  testing::PeerDatagrams peer(family());
  const SOCKET s = NewBound(family(), protocol());
  SockAddr name;
  ASSERT_EQ(GetSockName(s, &name), kOk);
  const std::string datagrams[] = {"abcd", "ef", "g"};
  for (const std::string& datagram : datagrams) {
    ASSERT_TRUE(peer.Send(datagram, name.ToEndpoint()));
  }
  ASSERT_TRUE(WaitReadable(s));
  u_long bytes = 0;
  const bool of_all =
      WaitUntil([&] { return Fetch(s, FIONREAD, &bytes).ok() && bytes == 7; },
                milliseconds(1000));
  // One rule or the other, all the way.
  size_t left = 7;
  for (const std::string& datagram : datagrams) {
    ASSERT_EQ(Fetch(s, FIONREAD, &bytes), kOk);
    EXPECT_EQ(bytes, of_all ? left : datagram.size());
    std::string data;
    ASSERT_EQ(RecvText(s, 10, &data), kOk);
    EXPECT_EQ(data, datagram);
    left -= datagram.size();
  }
  ASSERT_EQ(Fetch(s, FIONREAD, &bytes), kOk);
  EXPECT_EQ(bytes, 0u);
}

// SIO_ENABLE_CIRCULAR_QUEUEING: message sockets; void.
TEST_P(DatagramIoctlTest, CircularQueueingIsAccepted) {
  EXPECT_EQ(Do(New(), SIO_ENABLE_CIRCULAR_QUEUEING), kOk);
}

// SIO_MULTIPOINT_LOOPBACK: BOOL, as the option.
TEST_P(DatagramIoctlTest, MultipointLoopbackIsTheOption) {
  const SOCKET s = New();
  const bool ipv4 = family() == Family::kIpv4;
  ASSERT_EQ(Put<BOOL>(s, SIO_MULTIPOINT_LOOPBACK, FALSE), kOk);
  int value = -1;
  ASSERT_EQ(GetInt(s, ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
                   OfFamily(family(), IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP),
                   &value),
            kOk);
  EXPECT_EQ(value, 0);
}

// SIO_MULTICAST_SCOPE: int TTL, as the option.
TEST_P(DatagramIoctlTest, MulticastScopeIsTheOption) {
  const SOCKET s = New();
  const bool ipv4 = family() == Family::kIpv4;
  ASSERT_EQ(Put<int>(s, SIO_MULTICAST_SCOPE, 7), kOk);
  int value = -1;
  ASSERT_EQ(
      GetInt(s, ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
             OfFamily(family(), IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS), &value),
      kOk);
  EXPECT_EQ(value, 7);
}

TEST_P(DatagramIoctlTest, MulticastScopeNeedsAValue) {
  EXPECT_EQ(Do(New(), SIO_MULTICAST_SCOPE), WsaCode{WSAEFAULT});
}

// SIO_UDP_CONNRESET: BOOL.
TEST_P(DatagramIoctlTest, ConnResetGoesOffAndOn) {
  const SOCKET s = New();
  EXPECT_EQ(Put<BOOL>(s, SIO_UDP_CONNRESET, FALSE), kOk);
  EXPECT_EQ(Put<BOOL>(s, SIO_UDP_CONNRESET, TRUE), kOk);
}

TEST_P(DatagramIoctlTest, ConnResetNeedsAValue) {
  EXPECT_EQ(Do(New(), SIO_UDP_CONNRESET), WsaCode{WSAEFAULT});
}

// SIO_KEEPALIVE_VALS on UDP → WSAENOPROTOOPT.
TEST_P(DatagramIoctlTest, HasNoKeepAlive) {
  EXPECT_EQ(Put(New(), SIO_KEEPALIVE_VALS, tcp_keepalive{1, 1000, 1000}),
            WsaCode{WSAENOPROTOOPT});
}

// SIO_IDEAL_SEND_BACKLOG_QUERY: UDP WSAEOPNOTSUPP.
TEST_P(DatagramIoctlTest, HasNoIdealBacklog) {
  u_long value;
  EXPECT_EQ(Fetch(New(), SIO_IDEAL_SEND_BACKLOG_QUERY, &value),
            WsaCode{WSAEOPNOTSUPP});
}

// ---------------------------------------------------------- streams' own

class StreamIoctlTest : public IoctlTest {
 protected:
  tcp_keepalive Values() { return {1, 60000, 5000}; }
};
INSTANTIATE_TEST_SUITE_P(, StreamIoctlTest, ::testing::Values(kTcp4, kTcp6),
                         [](const auto& info) {
                           return VariantName(info.param);
                         });

// FIONREAD: stream: bytes readable, all that is there.
TEST_P(StreamIoctlTest, ReadableBytesAreCounted) {
  Pair pair = NewConnection(family());
  ASSERT_TRUE(pair.peer.Write("abc"));
  ASSERT_TRUE(WaitReadable(pair.socket, 3));
  ASSERT_TRUE(pair.peer.Write("de"));
  ASSERT_TRUE(WaitReadable(pair.socket, 5));
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 2, &data), kOk);
  u_long bytes = 0;
  ASSERT_EQ(Fetch(pair.socket, FIONREAD, &bytes), kOk);
  EXPECT_EQ(bytes, 3u);
}

TEST_P(StreamIoctlTest, LookingTakesNothing) {
  Pair pair = NewConnection(family());
  ASSERT_TRUE(pair.peer.Write("abc"));
  ASSERT_TRUE(WaitReadable(pair.socket, 3));
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 10, &data), kOk);
  EXPECT_EQ(data, "abc");
}

// SIO_KEEPALIVE_VALS: tcp_keepalive.
TEST_P(StreamIoctlTest, KeepAliveIsAccepted) {
  EXPECT_EQ(Put(New(), SIO_KEEPALIVE_VALS, Values()), kOk);
}

TEST_P(StreamIoctlTest, KeepAliveIsAcceptedOnAConnection) {
  EXPECT_EQ(Put(NewConnection(family()).socket, SIO_KEEPALIVE_VALS, Values()),
            kOk);
}

TEST_P(StreamIoctlTest, KeepAliveMayBeTurnedOff) {
  const SOCKET s = New();
  ASSERT_EQ(Put(s, SIO_KEEPALIVE_VALS, Values()), kOk);
  EXPECT_EQ(Put(s, SIO_KEEPALIVE_VALS, tcp_keepalive{0, 0, 0}), kOk);
}

// In 12 bytes, else WSAEFAULT.
TEST_P(StreamIoctlTest, KeepAliveNeedsTwelveBytes) {
  tcp_keepalive values = Values();
  DWORD returned;
  EXPECT_EQ(Ioctl(New(), SIO_KEEPALIVE_VALS, &values, sizeof(values) - 1,
                  nullptr, 0, &returned),
            WsaCode{WSAEFAULT});
  EXPECT_EQ(Do(New(), SIO_KEEPALIVE_VALS), WsaCode{WSAEFAULT});
}

// SIO_IDEAL_SEND_BACKLOG_QUERY → ULONG.
TEST_P(StreamIoctlTest, IdealBacklogOfAConnection) {
  u_long value = 0;
  ASSERT_EQ(Fetch(NewConnection(family()).socket, SIO_IDEAL_SEND_BACKLOG_QUERY,
                  &value),
            kOk);
  EXPECT_GT(value, 0u);
}

// Unconnected WSAENOTCONN.
TEST_P(StreamIoctlTest, IdealBacklogNeedsAConnection) {
  u_long value;
  EXPECT_EQ(Fetch(New(), SIO_IDEAL_SEND_BACKLOG_QUERY, &value),
            WsaCode{WSAENOTCONN});
}

}  // namespace
}  // namespace wspd::conformance
