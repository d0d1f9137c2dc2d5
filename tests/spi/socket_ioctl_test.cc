// WSPIoctl's codes that look at a socket or change it, but for FIONBIO and
// SIOCATMARK (reference, section 4.9).
#include <mswsock.h>
// After the former.
#include <mstcpip.h>
#include <ws2tcpip.h>

#include <string>

#include "tests/testing/peer_datagrams.h"
#include "tests/testing/provider_test.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kFault{WSAEFAULT};
constexpr WsaCode kNoProtoOpt{WSAENOPROTOOPT};
constexpr WsaCode kNotSupported{WSAEOPNOTSUPP};

class SocketIoctlTest : public ProviderTest,
                        public ::testing::WithParamInterface<Family> {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->Socket(&stream_, GetParam()), kOk);
    ASSERT_EQ(spi_->DatagramSocket(&datagram_, GetParam()), kOk);
  }

  WsaCode Ioctl(SOCKET s, DWORD code, const void* in, size_t in_bytes,
                void* out = nullptr, size_t out_bytes = 0) {
    int error = 0;
    returned_ = 77;
    const int result = spi_->table().lpWSPIoctl(
        s, code, const_cast<void*>(in), static_cast<DWORD>(in_bytes), out,
        static_cast<DWORD>(out_bytes), &returned_, nullptr, nullptr, nullptr,
        &error);
    EXPECT_EQ(result, error == 0 ? 0 : SOCKET_ERROR);
    return WsaCode{error};
  }
  WsaCode Set(SOCKET s, DWORD code, DWORD value) {
    return Ioctl(s, code, &value, sizeof(value));
  }
  int Option(SOCKET s, int level, int option) {
    int value = -77;
    EXPECT_EQ(spi_->GetOption(s, level, option, &value), kOk)
        << level << ", " << option;
    return value;
  }

  SOCKET stream_ = INVALID_SOCKET;
  SOCKET datagram_ = INVALID_SOCKET;
  DWORD returned_ = 77;
};

TEST_P(SocketIoctlTest, ReadableOfDatagramsIsWhatAllOfThemHave) {
  ASSERT_EQ(spi_->Bind(datagram_, {GetParam(), 0}), kOk);
  Endpoint endpoint;
  ASSERT_EQ(spi_->GetSockName(datagram_, &endpoint), kOk);
  u_long readable = 77;
  ASSERT_EQ(spi_->BytesReadable(datagram_, &readable), kOk);
  EXPECT_EQ(readable, 0u);
  PeerDatagrams peer(GetParam());
  ASSERT_TRUE(peer.Send("seven b", endpoint));
  ASSERT_TRUE(peer.Send("", endpoint));
  ASSERT_TRUE(peer.Send(std::string(1000, 'x'), endpoint));
  ASSERT_TRUE(WaitUntil([&] {
    return spi_->BytesReadable(datagram_, &readable).ok() && readable == 1007;
  }));
  // None is taken by that, nor skipped.
  Endpoint from;
  std::string data;
  ASSERT_EQ(spi_->RecvFrom(datagram_, 2000, &data, &from), kOk);
  EXPECT_EQ(data, "seven b");
  ASSERT_EQ(spi_->BytesReadable(datagram_, &readable), kOk);
  EXPECT_EQ(readable, 1000u);
  ASSERT_EQ(spi_->RecvFrom(datagram_, 2000, &data, &from), kOk);
  EXPECT_EQ(data, "");
  ASSERT_EQ(spi_->RecvFrom(datagram_, 2000, &data, &from), kOk);
  EXPECT_EQ(data.size(), 1000u);
}

TEST_P(SocketIoctlTest, ReadableLeavesOutWhatThePeerDidntSend) {
  PeerDatagrams peer(GetParam()), other(GetParam());
  ASSERT_EQ(spi_->Connect(datagram_, peer.endpoint()), kOk);
  Endpoint endpoint;
  ASSERT_EQ(spi_->GetSockName(datagram_, &endpoint), kOk);
  ASSERT_TRUE(other.Send("from elsewhere", endpoint));
  ASSERT_TRUE(peer.Send("peer's", endpoint));
  u_long readable = 77;
  ASSERT_TRUE(WaitUntil([&] {
    return spi_->BytesReadable(datagram_, &readable).ok() && readable == 6;
  }));
}

TEST_P(SocketIoctlTest, KeepAliveValuesAreOptionsToo) {
  // Windows' defaults: 2 hours, 1 second, 10 probes.
  EXPECT_EQ(Option(stream_, IPPROTO_TCP, TCP_KEEPIDLE), 7200);
  EXPECT_EQ(Option(stream_, IPPROTO_TCP, TCP_KEEPINTVL), 1);
  EXPECT_EQ(Option(stream_, IPPROTO_TCP, TCP_KEEPCNT), 10);
  tcp_keepalive values = {1, 30000, 2500};
  ASSERT_EQ(Ioctl(stream_, SIO_KEEPALIVE_VALS, &values, sizeof(values)), kOk);
  EXPECT_EQ(returned_, 0u);
  EXPECT_EQ(Option(stream_, SOL_SOCKET, SO_KEEPALIVE) & 0xff, 1);
  EXPECT_EQ(Option(stream_, IPPROTO_TCP, TCP_KEEPIDLE), 30);
  // Rounded up to what Linux can.
  EXPECT_EQ(Option(stream_, IPPROTO_TCP, TCP_KEEPINTVL), 3);
  values = {0, 0, 0};
  ASSERT_EQ(Ioctl(stream_, SIO_KEEPALIVE_VALS, &values, sizeof(values)), kOk);
  EXPECT_EQ(Option(stream_, SOL_SOCKET, SO_KEEPALIVE) & 0xff, 0);
  EXPECT_EQ(Option(stream_, IPPROTO_TCP, TCP_KEEPIDLE), 30);
  values = {1, 0, 0xffffffff};
  ASSERT_EQ(Ioctl(stream_, SIO_KEEPALIVE_VALS, &values, sizeof(values)), kOk);
  EXPECT_EQ(Option(stream_, IPPROTO_TCP, TCP_KEEPIDLE), 1);
  EXPECT_EQ(Option(stream_, IPPROTO_TCP, TCP_KEEPINTVL), 32767);
  EXPECT_EQ(Ioctl(stream_, SIO_KEEPALIVE_VALS, &values, sizeof(values) - 1),
            kFault);
  EXPECT_EQ(Ioctl(stream_, SIO_KEEPALIVE_VALS, nullptr, sizeof(values)),
            kFault);
  EXPECT_EQ(Ioctl(datagram_, SIO_KEEPALIVE_VALS, &values, sizeof(values)),
            kNoProtoOpt);
}

TEST_P(SocketIoctlTest, MulticastIoctlsAreOptionsToo) {
  const bool ipv4 = GetParam() == Family::kIpv4;
  const int level = ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
  const int loop = OfFamily(GetParam(), IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP);
  const int scope = OfFamily(GetParam(), IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS);
  EXPECT_EQ(Option(datagram_, level, loop), 1);
  ASSERT_EQ(Set(datagram_, SIO_MULTIPOINT_LOOPBACK, FALSE), kOk);
  EXPECT_EQ(returned_, 0u);
  EXPECT_EQ(Option(datagram_, level, loop), 0);
  ASSERT_EQ(Set(datagram_, SIO_MULTICAST_SCOPE, 7), kOk);
  EXPECT_EQ(Option(datagram_, level, scope), 7);
  EXPECT_EQ(Set(datagram_, SIO_MULTICAST_SCOPE, 256), WsaCode{WSAEINVAL});
  const char byte = 1;
  for (DWORD code : {SIO_MULTIPOINT_LOOPBACK, SIO_MULTICAST_SCOPE}) {
    EXPECT_EQ(Ioctl(datagram_, code, &byte, 1), kFault);
    EXPECT_EQ(Set(stream_, code, 1), kNoProtoOpt);
  }
}

TEST_P(SocketIoctlTest, IdealBacklogIsOfConnections) {
  ULONG backlog = 0;
  EXPECT_EQ(Ioctl(stream_, SIO_IDEAL_SEND_BACKLOG_QUERY, nullptr, 0, &backlog,
                  sizeof(backlog)),
            WsaCode{WSAENOTCONN});
  EXPECT_EQ(Ioctl(datagram_, SIO_IDEAL_SEND_BACKLOG_QUERY, nullptr, 0, &backlog,
                  sizeof(backlog)),
            kNotSupported);
  Connection connection = Connect();
  ASSERT_EQ(Ioctl(connection.socket, SIO_IDEAL_SEND_BACKLOG_QUERY, nullptr, 0,
                  &backlog, sizeof(backlog)),
            kOk);
  EXPECT_GE(backlog, 0x10000u);
  EXPECT_EQ(returned_, sizeof(backlog));
  EXPECT_EQ(Ioctl(connection.socket, SIO_IDEAL_SEND_BACKLOG_QUERY, nullptr, 0,
                  &backlog, sizeof(backlog) - 1),
            kFault);
}

TEST_P(SocketIoctlTest, CircularQueueingIsForDatagrams) {
  EXPECT_EQ(Ioctl(datagram_, SIO_ENABLE_CIRCULAR_QUEUEING, nullptr, 0), kOk);
  EXPECT_EQ(returned_, 0u);
  EXPECT_EQ(Ioctl(stream_, SIO_ENABLE_CIRCULAR_QUEUEING, nullptr, 0),
            kNoProtoOpt);
}

TEST_P(SocketIoctlTest, HintsForConnectionsAreTaken) {
  // 500 ms, 3 further attempts.
  EXPECT_EQ(Set(stream_, SIO_TCP_INITIAL_RTO, 3 << 16 | 500), kOk);
  EXPECT_EQ(Set(stream_, SIO_TCP_INITIAL_RTO, 0xfeffff), kOk);
  EXPECT_EQ(Set(stream_, SIO_LOOPBACK_FAST_PATH, TRUE), kOk);
  EXPECT_EQ(Ioctl(stream_, SIO_LOOPBACK_FAST_PATH, nullptr, 0), kFault);
  EXPECT_EQ(Set(datagram_, SIO_TCP_INITIAL_RTO, 3 << 16 | 500), kNotSupported);
  EXPECT_EQ(Set(datagram_, SIO_LOOPBACK_FAST_PATH, TRUE), kNotSupported);
}

TEST_P(SocketIoctlTest, WhatTcpIpDoesntHaveIsNotSupported) {
  for (const SOCKET s : {stream_, datagram_}) {
    for (DWORD code : {DWORD{FIOASYNC}, DWORD{SIO_FLUSH}, DWORD{SIO_FIND_ROUTE},
                       DWORD{SIO_RCVALL}, DWORD{0x667e}}) {
      DWORD value = 1;
      EXPECT_EQ(Ioctl(s, code, &value, sizeof(value), &value, sizeof(value)),
                kNotSupported)
          << std::hex << code;
    }
  }
  EXPECT_EQ(Set(stream_, SIO_UDP_CONNRESET, FALSE), kNotSupported);
}

INSTANTIATE_TEST_SUITE_P(Families, SocketIoctlTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6));

}  // namespace
}  // namespace wspd::testing
