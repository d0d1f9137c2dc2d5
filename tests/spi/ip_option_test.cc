// The options of the levels IPPROTO_IP and IPPROTO_IPV6, row by row (reference,
// section 4.10).
#include <cstring>
#include <string>

#include "tests/spi/option_fixture.h"

namespace wspd::testing {
namespace {

class IpOptionTest : public OptionTest {};

TEST_F(IpOptionTest, EveryRowOfIpv4OnDatagrams) {
  ExpectRows(datagram_, IPPROTO_IP,
             {
                 {IP_HDRINCL, 1, WSAEINVAL, WSAEINVAL},
                 {IP_TOS, 0x10, 0, 0},
                 {IP_TTL, 7, 0, 0},
                 {IP_TTL, 256, WSAEINVAL, 0},
                 {IP_MULTICAST_IF, 0x0100007f, 0, 0},
                 {IP_MULTICAST_TTL, 3, 0, 0},
                 {IP_MULTICAST_LOOP, 0, 0, 0},
                 // Four bytes are no structure.
                 {IP_ADD_MEMBERSHIP, 1, WSAEFAULT, WSAENOPROTOOPT},
                 {IP_DROP_MEMBERSHIP, 1, WSAEFAULT, WSAENOPROTOOPT},
                 {IP_DONTFRAGMENT, 1, 0, 0},
                 {IP_ADD_SOURCE_MEMBERSHIP, 1, WSAEFAULT, WSAENOPROTOOPT},
                 {IP_DROP_SOURCE_MEMBERSHIP, 1, WSAEFAULT, WSAENOPROTOOPT},
                 {IP_BLOCK_SOURCE, 1, WSAEFAULT, WSAENOPROTOOPT},
                 {IP_UNBLOCK_SOURCE, 1, WSAEFAULT, WSAENOPROTOOPT},
                 {IP_PKTINFO, 1, 0, 0},
                 {IP_RECVTTL, 1, 0, 0},
                 {IP_RECEIVE_BROADCAST, 0, 0, 0},
                 {IP_RECVIF, 1, 0, 0},
                 {IP_RECVDSTADDR, 1, 0, 0},
                 // Not as long as it doesn't keep to any.
                 {IP_GET_IFLIST, 1, WSAENOPROTOOPT, WSAEINVAL},
                 {IP_IFLIST, 1, 0, 0},
                 {IP_ADD_IFLIST, 1, 0, WSAENOPROTOOPT},
                 {IP_ADD_IFLIST, 0x7fffffff, WSAEINVAL, WSAENOPROTOOPT},
                 {IP_GET_IFLIST, 1, WSAENOPROTOOPT, 0},
                 {IP_DEL_IFLIST, 1, 0, WSAENOPROTOOPT},
                 {IP_DEL_IFLIST, 1, WSAEINVAL, WSAENOPROTOOPT},
                 {IP_UNICAST_IF, 0x01000000, 0, 0},
                 {IP_RTHDR, 0, 0, 0},
                 {IP_RTHDR, 1, WSAEINVAL, 0},
                 {IP_RECVTOS, 1, 0, 0},
                 {IP_ORIGINAL_ARRIVAL_IF, 1, 0, 0},
                 {IP_ECN, 1, 0, 0},
                 {IP_PKTINFO_EX, 1, 0, 0},
                 {IP_MTU_DISCOVER, 1, 0, 0},
                 {IP_MTU, 1, WSAENOPROTOOPT, WSAENOTCONN},
                 {IP_RECVERR, 1, 0, 0},
                 {IP_USER_MTU, 1500, 0, 0},
                 {99, 1, WSAENOPROTOOPT, WSAENOPROTOOPT},
                 {-1, 1, WSAENOPROTOOPT, WSAENOPROTOOPT},
             });
}

TEST_F(IpOptionTest, EveryRowOfIpv4OnStreams) {
  ExpectRows(stream_, IPPROTO_IP,
             {
                 {IP_HDRINCL, 1, WSAEINVAL, WSAEINVAL},
                 {IP_TOS, 0x10, 0, 0},
                 {IP_TTL, 7, 0, 0},
                 {IP_MULTICAST_IF, 0x0100007f, WSAEINVAL, WSAEINVAL},
                 {IP_MULTICAST_TTL, 3, WSAEINVAL, WSAEINVAL},
                 {IP_MULTICAST_LOOP, 0, WSAEINVAL, WSAEINVAL},
                 {IP_ADD_MEMBERSHIP, 1, WSAEFAULT, WSAENOPROTOOPT},
                 {IP_DROP_MEMBERSHIP, 1, WSAEFAULT, WSAENOPROTOOPT},
                 {IP_DONTFRAGMENT, 1, 0, 0},
                 {IP_PKTINFO, 1, WSAEINVAL, WSAEINVAL},
                 {IP_RECVTTL, 1, WSAEINVAL, WSAEINVAL},
                 {IP_RECEIVE_BROADCAST, 0, WSAEINVAL, WSAEINVAL},
                 {IP_RECVIF, 1, WSAEINVAL, WSAEINVAL},
                 {IP_RECVDSTADDR, 1, WSAEINVAL, WSAEINVAL},
                 {IP_GET_IFLIST, 1, WSAENOPROTOOPT, WSAEINVAL},
                 // TRUE is in interface_option_test: some kernels let
                 // only the privileged do that on TCP.
                 {IP_IFLIST, 0, 0, 0},
                 {IP_UNICAST_IF, 0x01000000, 0, 0},
                 {IP_RTHDR, 0, 0, 0},
                 {IP_RECVTOS, 1, WSAEINVAL, WSAEINVAL},
                 {IP_ORIGINAL_ARRIVAL_IF, 1, WSAEINVAL, WSAEINVAL},
                 {IP_ECN, 1, WSAEINVAL, WSAEINVAL},
                 {IP_PKTINFO_EX, 1, WSAEINVAL, WSAEINVAL},
                 {IP_MTU_DISCOVER, 1, 0, 0},
                 {IP_MTU, 1, WSAENOPROTOOPT, WSAENOTCONN},
                 {IP_RECVERR, 0, WSAEINVAL, WSAEINVAL},
                 {IP_USER_MTU, -1, 0, 0},
                 {99, 1, WSAENOPROTOOPT, WSAENOPROTOOPT},
             });
  ip_mreq request = {};
  int error = 0;
  EXPECT_EQ(
      spi_->table().lpWSPSetSockOpt(stream_, IPPROTO_IP, IP_ADD_MEMBERSHIP,
                                    reinterpret_cast<const char*>(&request),
                                    sizeof(request), &error),
      SOCKET_ERROR);
  EXPECT_EQ(error, WSAEINVAL);
}

TEST_F(IpOptionTest, EveryRowOfIpv6OnDatagrams) {
  ExpectRows(datagram6_, IPPROTO_IPV6,
             {
                 {IPV6_HOPOPTS, 0, 0, 0},
                 {IPV6_HOPOPTS, 1, WSAEINVAL, 0},
                 {IPV6_HDRINCL, 1, WSAEINVAL, WSAEINVAL},
                 {IPV6_UNICAST_HOPS, 7, 0, 0},
                 {IPV6_UNICAST_HOPS, 256, WSAEINVAL, 0},
                 {IPV6_MULTICAST_IF, 1, 0, 0},
                 {IPV6_MULTICAST_HOPS, 3, 0, 0},
                 {IPV6_MULTICAST_LOOP, 0, 0, 0},
                 {IPV6_ADD_MEMBERSHIP, 1, WSAEFAULT, WSAENOPROTOOPT},
                 {IPV6_DROP_MEMBERSHIP, 1, WSAEFAULT, WSAENOPROTOOPT},
                 {IPV6_DONTFRAG, 1, 0, 0},
                 {IPV6_PKTINFO, 1, 0, 0},
                 {IPV6_HOPLIMIT, 1, 0, 0},
                 {IPV6_PROTECTION_LEVEL, 10, 0, 0},
                 {IPV6_CHECKSUM, 1, WSAEINVAL, WSAEINVAL},
                 {IPV6_V6ONLY, 0, 0, 0},
                 {IPV6_GET_IFLIST, 1, WSAENOPROTOOPT, WSAEINVAL},
                 {IPV6_UNICAST_IF, 1, 0, 0},
                 {IPV6_RTHDR, 0, 0, 0},
                 {IPV6_RTHDR, 1, WSAEINVAL, 0},
                 {IPV6_TCLASS, 0x10, 0, 0},
                 {IPV6_RECVTCLASS, 1, 0, 0},
                 {IPV6_ECN, 1, 0, 0},
                 {IPV6_MTU_DISCOVER, 1, 0, 0},
                 {IPV6_MTU, 1, WSAENOPROTOOPT, WSAENOTCONN},
                 {IPV6_USER_MTU, 1300, 0, 0},
                 {IPV6_USER_MTU, 1, WSAEINVAL, 0},
                 {99, 1, WSAENOPROTOOPT, WSAENOPROTOOPT},
             });
}

TEST_F(IpOptionTest, EveryRowOfIpv6OnStreams) {
  ExpectRows(stream6_, IPPROTO_IPV6,
             {
                 {IPV6_HDRINCL, 1, WSAEINVAL, WSAEINVAL},
                 {IPV6_UNICAST_HOPS, 7, 0, 0},
                 {IPV6_MULTICAST_IF, 1, WSAEINVAL, WSAEINVAL},
                 {IPV6_MULTICAST_HOPS, 3, WSAEINVAL, WSAEINVAL},
                 {IPV6_MULTICAST_LOOP, 0, WSAEINVAL, WSAEINVAL},
                 {IPV6_DONTFRAG, 1, 0, 0},
                 {IPV6_PKTINFO, 1, WSAEINVAL, WSAEINVAL},
                 {IPV6_HOPLIMIT, 1, WSAEINVAL, WSAEINVAL},
                 {IPV6_CHECKSUM, 1, WSAEINVAL, WSAEINVAL},
                 {IPV6_UNICAST_IF, 1, 0, 0},
                 {IPV6_TCLASS, 0x10, 0, 0},
                 {IPV6_RECVTCLASS, 1, WSAEINVAL, WSAEINVAL},
                 {IPV6_ECN, 1, WSAEINVAL, WSAEINVAL},
                 {IPV6_MTU, 1, WSAENOPROTOOPT, WSAENOTCONN},
             });
}

TEST_F(IpOptionTest, ValuesReadBack) {
  EXPECT_EQ(Value(datagram_, IPPROTO_IP, IP_RECEIVE_BROADCAST), 1);
  EXPECT_EQ(Value(datagram_, IPPROTO_IP, IP_USER_MTU), -1);
  for (int option : {IP_RECEIVE_BROADCAST, IP_RECVIF, IP_RECVDSTADDR, IP_IFLIST,
                     IP_ORIGINAL_ARRIVAL_IF, IP_RECVERR, IP_ECN, IP_PKTINFO_EX,
                     IP_RECVTOS, IP_PKTINFO}) {
    ExpectReadsBack(datagram_, IPPROTO_IP, option, 1);
    ExpectReadsBack(datagram_, IPPROTO_IP, option, 0);
  }
  // The one in network order, the other not.
  ExpectReadsBack(datagram_, IPPROTO_IP, IP_UNICAST_IF, 0x01000000);
  ExpectReadsBack(datagram6_, IPPROTO_IPV6, IPV6_UNICAST_IF, 1);
  EXPECT_EQ(Set(datagram6_, IPPROTO_IPV6, IPV6_UNICAST_IF, 0x01000000),
            WsaCode{WSAEADDRNOTAVAIL});
  ExpectReadsBack(datagram_, IPPROTO_IP, IP_USER_MTU, 1400);
  ExpectReadsBack(datagram6_, IPPROTO_IPV6, IPV6_USER_MTU, 1400);
}

TEST_F(IpOptionTest, MtuIsThatOfTheWayToThePeer) {
  Connection connection = Connect();
  EXPECT_GE(Value(connection.socket, IPPROTO_IP, IP_MTU), 1500);
  ASSERT_EQ(spi_->Connect(datagram_, {Family::kIpv4, 9}), kOk);
  EXPECT_GE(Value(datagram_, IPPROTO_IP, IP_MTU), 1500);
  ASSERT_EQ(spi_->Connect(datagram6_, {Family::kIpv6, 9}), kOk);
  EXPECT_GE(Value(datagram6_, IPPROTO_IPV6, IPV6_MTU), 1500);
}

TEST_F(IpOptionTest, DualModeSocketsHaveIpv4sOptionsToo) {
  ASSERT_EQ(Set(datagram6_, IPPROTO_IPV6, IPV6_V6ONLY, 0), kOk);
  ExpectReadsBack(datagram6_, IPPROTO_IP, IP_TTL, 9);
  ExpectReadsBack(datagram6_, IPPROTO_IP, IP_TOS, 0x10);
  ExpectReadsBack(datagram6_, IPPROTO_IP, IP_PKTINFO, 1);
  ExpectReadsBack(datagram6_, IPPROTO_IP, IP_MULTICAST_TTL, 4);
}

TEST_F(IpOptionTest, V6OnlyComesBeforeTheBind) {
  EXPECT_EQ(Value(stream6_, IPPROTO_IPV6, IPV6_V6ONLY) & 0xff, 1);
  ASSERT_EQ(spi_->Bind(stream6_, {Family::kIpv6, 0}), kOk);
  EXPECT_EQ(Set(stream6_, IPPROTO_IPV6, IPV6_V6ONLY, 0), WsaCode{WSAEINVAL});
}

// A source route takes packets where no rule was asked about; it and what isn't
// known need a privilege that is the daemon's alone.
TEST_F(IpOptionTest, HeaderOptionsAreThoseOfAnybody) {
  constexpr char kNothing = 1;
  const auto set = [this](const std::string& options) {
    int error = 0;
    const int result = spi_->table().lpWSPSetSockOpt(
        datagram_, IPPROTO_IP, IP_OPTIONS, options.data(),
        static_cast<int>(options.size()), &error);
    return WsaCode{result == 0 ? 0 : error};
  };
  const std::string via = {3 + 4, 4, 127, 0, 0, 2};
  const std::string record_route = {7, 7, 4, 0, 0, 0, 0};
  EXPECT_EQ(set(record_route), kOk);
  for (const uint8_t type : {131, 137, 130, 134, 136, 25}) {
    const std::string option = static_cast<char>(type) + via;
    EXPECT_EQ(set(option), WsaCode{WSAEACCES}) << int{type};
    EXPECT_EQ(set(kNothing + option), WsaCode{WSAEACCES}) << int{type};
    EXPECT_EQ(set(record_route + option), WsaCode{WSAEACCES}) << int{type};
  }
  // As the kernel has it.
  EXPECT_EQ(set({7, 1}), WsaCode{WSAEINVAL});
  EXPECT_EQ(set({7, 40, 4}), WsaCode{WSAEINVAL});
  EXPECT_EQ(set({7}), WsaCode{WSAEINVAL});
  EXPECT_EQ(set(""), kOk);
}

// ---------------------------------------------------------- the level
// SOL_SOCKET

TEST_F(IpOptionTest, BuffersReadBackWhatWasSetEvenNothing) {
  for (const SOCKET s : {stream_, datagram_}) {
    EXPECT_GT(Value(s, SOL_SOCKET, SO_SNDBUF), 0);
    EXPECT_GT(Value(s, SOL_SOCKET, SO_RCVBUF), 0);
    for (int size : {0, 1, 12345}) {
      ExpectReadsBack(s, SOL_SOCKET, SO_SNDBUF, size);
      ExpectReadsBack(s, SOL_SOCKET, SO_RCVBUF, size);
    }
  }
  Connection connection = Connect();
  ASSERT_EQ(Set(connection.socket, SOL_SOCKET, SO_SNDBUF, 0), kOk);
  ASSERT_EQ(spi_->Send(connection.socket, "all the same"), kOk);
  EXPECT_EQ(connection.peer.Read(12), "all the same");
}

TEST_F(IpOptionTest, WhatNoTcpIpHasIsUnknown) {
  for (const SOCKET s : {stream_, datagram_}) {
    std::vector<Row> rows = {
        {SO_SNDLOWAT, 1, WSAENOPROTOOPT, WSAENOPROTOOPT},
        {SO_RCVLOWAT, 1, WSAENOPROTOOPT, WSAENOPROTOOPT},
        {SO_TYPE, 1, WSAENOPROTOOPT, 0},
        {SO_GROUP_ID, 1, WSAENOPROTOOPT, 0},
        {PVD_CONFIG, 1, WSAENOPROTOOPT, WSAENOPROTOOPT},
    };
    for (int option = 0x7000; option <= 0x7007; ++option) {
      rows.push_back({option, 1, WSAENOPROTOOPT, WSAENOPROTOOPT});
    }
    ExpectRows(s, SOL_SOCKET, rows);
  }
  ExpectRows(datagram_, SOL_SOCKET,
             {{SO_LINGER, 1, WSAENOPROTOOPT, WSAENOPROTOOPT},
              {SO_DONTLINGER, 1, WSAENOPROTOOPT, WSAENOPROTOOPT},
              {SO_OOBINLINE, 1, WSAENOPROTOOPT, WSAENOPROTOOPT},
              {SO_KEEPALIVE, 1, 0, 0}});
}

}  // namespace
}  // namespace wspd::testing
