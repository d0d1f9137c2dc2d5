// WSPGetSockOpt and WSPSetSockOpt beyond SOL_SOCKET's basics (reference,
// section 4.10).
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "client_stub/spi_client/catalog.h"
#include "tests/testing/provider_test.h"
// After the Winsock headers.
#include <ws2tcpip.h>

namespace wspd::testing {
namespace {

constexpr WsaCode kInval{WSAEINVAL};
constexpr WsaCode kFault{WSAEFAULT};
constexpr WsaCode kNoProtoOpt{WSAENOPROTOOPT};

// 239.1.2.3, and 127.0.0.1, in network order.
constexpr uint32_t kGroup = 0x030201ef;
constexpr uint32_t kLoopback = 0x0100007f;

class SocketOptionTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->Socket(&stream_), kOk);
    ASSERT_EQ(spi_->DatagramSocket(&datagram_), kOk);
  }

  WsaCode SetBytes(SOCKET s, int level, int option, const void* value,
                   int length) {
    int error = 0;
    const int result = spi_->table().lpWSPSetSockOpt(
        s, level, option, static_cast<const char*>(value), length, &error);
    return result == 0 ? kOk : WsaCode{error};
  }
  WsaCode GetBytes(SOCKET s, int level, int option, void* value, int* length) {
    int error = 0;
    const int result = spi_->table().lpWSPGetSockOpt(
        s, level, option, static_cast<char*>(value), length, &error);
    return result == 0 ? kOk : WsaCode{error};
  }
  void ExpectReadsBack(SOCKET s, int level, int option, int value) {
    EXPECT_EQ(spi_->SetOption(s, level, option, value), kOk)
        << level << ", " << option;
    int read = ~value;
    EXPECT_EQ(spi_->GetOption(s, level, option, &read), kOk);
    EXPECT_EQ(read, value) << level << ", " << option;
  }

  SOCKET stream_ = INVALID_SOCKET;
  SOCKET datagram_ = INVALID_SOCKET;
};

TEST_F(SocketOptionTest, NumbersReadBackAsTheyWereSet) {
  for (const SOCKET s : {stream_, datagram_}) {
    ExpectReadsBack(s, IPPROTO_IP, IP_TTL, 17);
    ExpectReadsBack(s, IPPROTO_IP, IP_TOS, 0x10);
    ExpectReadsBack(s, IPPROTO_IP, IP_DONTFRAGMENT, 1);
    ExpectReadsBack(s, IPPROTO_IP, IP_MTU_DISCOVER, 1);
    ExpectReadsBack(s, SOL_SOCKET, SO_RCVBUF, 12345);
    ExpectReadsBack(s, SOL_SOCKET, SO_GROUP_PRIORITY, 3);
  }
  ExpectReadsBack(stream_, IPPROTO_TCP, TCP_KEEPIDLE, 33);
  ExpectReadsBack(stream_, IPPROTO_TCP, TCP_KEEPINTVL, 3);
  ExpectReadsBack(stream_, IPPROTO_TCP, TCP_KEEPCNT, 5);
  ExpectReadsBack(stream_, IPPROTO_TCP, TCP_MAXRT, 30);
  ExpectReadsBack(datagram_, IPPROTO_IP, IP_MULTICAST_TTL, 9);
  ExpectReadsBack(datagram_, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
  ExpectReadsBack(datagram_, IPPROTO_IP, IP_PKTINFO, 1);
  ExpectReadsBack(datagram_, IPPROTO_IP, IP_PKTINFO, 0);
  ExpectReadsBack(datagram_, IPPROTO_IP, IP_MULTICAST_IF, kLoopback);
  ExpectReadsBack(datagram_, SOL_SOCKET, SO_BROADCAST, 1);
}

TEST_F(SocketOptionTest, ValuesOutOfTheirRangeAreInvalid) {
  EXPECT_EQ(spi_->SetOption(stream_, IPPROTO_IP, IP_TTL, 256), kInval);
  EXPECT_EQ(spi_->SetOption(stream_, IPPROTO_IP, IP_TOS, 256), kInval);
  EXPECT_EQ(spi_->SetOption(datagram_, IPPROTO_IP, IP_MULTICAST_TTL, 256),
            kInval);
}

TEST_F(SocketOptionTest, AByteIsEnoughForWhatFitsIntoOne) {
  const unsigned char ttl = 99;
  EXPECT_EQ(SetBytes(datagram_, IPPROTO_IP, IP_TTL, &ttl, 1), kOk);
  int value = 0;
  EXPECT_EQ(spi_->GetOption(datagram_, IPPROTO_IP, IP_TTL, &value), kOk);
  EXPECT_EQ(value, 99);
  EXPECT_EQ(SetBytes(datagram_, IPPROTO_IP, IP_PKTINFO, &ttl, 1), kFault);
  EXPECT_EQ(SetBytes(datagram_, SOL_SOCKET, SO_RCVBUF, &ttl, 1), kFault);
}

TEST_F(SocketOptionTest, StreamsHaveNoneOfWhatIsForDatagrams) {
  int value = 1;
  for (const int option : {IP_MULTICAST_IF, IP_MULTICAST_TTL, IP_MULTICAST_LOOP,
                           IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, IP_HDRINCL}) {
    EXPECT_EQ(spi_->SetOption(stream_, IPPROTO_IP, option, 1), kInval)
        << option;
    EXPECT_EQ(spi_->GetOption(stream_, IPPROTO_IP, option, &value), kInval)
        << option;
  }
  EXPECT_EQ(spi_->SetOption(datagram_, IPPROTO_IP, IP_HDRINCL, 1), kInval);
  EXPECT_EQ(spi_->SetOption(stream_, SOL_SOCKET, SO_BROADCAST, 1), kNoProtoOpt);
  EXPECT_EQ(spi_->GetOption(stream_, SOL_SOCKET, SO_MAX_MSG_SIZE, &value),
            kNoProtoOpt);
  EXPECT_EQ(spi_->GetOption(datagram_, SOL_SOCKET, SO_MAX_MSG_SIZE, &value),
            kOk);
  EXPECT_EQ(value, 65507);
  EXPECT_EQ(spi_->GetOption(datagram_, IPPROTO_IP, IP_ADD_MEMBERSHIP, &value),
            kNoProtoOpt);
  EXPECT_EQ(spi_->SetOption(stream_, 12345, 1, 1), kInval);
}

TEST_F(SocketOptionTest, MembersOfAGroupHearIt) {
  ASSERT_EQ(spi_->Bind(datagram_, {Family::kIpv4, 0}), kOk);
  SOCKET receiver;
  ASSERT_EQ(spi_->DatagramSocket(&receiver), kOk);
  sockaddr_in any = {};
  any.sin_family = AF_INET;
  int error = 0;
  ASSERT_EQ(spi_->table().lpWSPBind(receiver, reinterpret_cast<sockaddr*>(&any),
                                    sizeof any, &error),
            0);
  Endpoint bound;
  ASSERT_EQ(spi_->GetSockName(receiver, &bound), kOk);
  ip_mreq request;
  std::memcpy(&request.imr_multiaddr, &kGroup, sizeof kGroup);
  std::memcpy(&request.imr_interface, &kLoopback, sizeof kLoopback);
  ASSERT_EQ(SetBytes(receiver, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request,
                     sizeof request),
            kOk);
  EXPECT_EQ(SetBytes(receiver, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, 4),
            kFault);
  ASSERT_EQ(SetBytes(datagram_, IPPROTO_IP, IP_MULTICAST_IF, &kLoopback,
                     sizeof kLoopback),
            kOk);
  sockaddr_in group = any;
  group.sin_port = htons(bound.port);
  std::memcpy(&group.sin_addr, &kGroup, sizeof kGroup);
  ASSERT_NE(spi_->table().lpWSPJoinLeaf(
                datagram_, reinterpret_cast<sockaddr*>(&group), sizeof group,
                nullptr, nullptr, nullptr, nullptr, JL_SENDER_ONLY, &error),
            INVALID_SOCKET)
      << error;
  ASSERT_EQ(spi_->Send(datagram_, "to all"), kOk);
  std::string data;
  EXPECT_EQ(spi_->Recv(receiver, 100, &data), kOk);
  EXPECT_EQ(data, "to all");
  EXPECT_EQ(SetBytes(receiver, IPPROTO_IP, IP_DROP_MEMBERSHIP, &request,
                     sizeof request),
            kOk);
}

TEST_F(SocketOptionTest, ProtocolInfoIsTheCatalogEntry) {
  WSAPROTOCOL_INFOW info = {};
  int length = 4;
  EXPECT_EQ(GetBytes(datagram_, SOL_SOCKET, SO_PROTOCOL_INFOW, &info, &length),
            kFault);
  EXPECT_EQ(length, 628);
  EXPECT_EQ(GetBytes(datagram_, SOL_SOCKET, SO_PROTOCOL_INFOW, &info, &length),
            kOk);
  const WSAPROTOCOL_INFOW* entry =
      spi_client::FindCatalogEntry(AF_INET, SOCK_DGRAM);
  EXPECT_EQ(info.dwServiceFlags1, entry->dwServiceFlags1);
  EXPECT_EQ(info.iSocketType, SOCK_DGRAM);
  EXPECT_EQ(std::memcmp(&info.ProviderId, &entry->ProviderId, sizeof(GUID)), 0);
  EXPECT_EQ(info.dwMessageSize, entry->dwMessageSize);
}

TEST_F(SocketOptionTest, BspStateHasBothNames) {
  Connection connection = Connect();
  std::vector<char> buffer(1024);
  int length = static_cast<int>(buffer.size());
  ASSERT_EQ(GetBytes(connection.socket, SOL_SOCKET, SO_BSP_STATE, buffer.data(),
                     &length),
            kOk);
  CSADDR_INFO state;
  std::memcpy(&state, buffer.data(), sizeof state);
  EXPECT_EQ(state.iSocketType, SOCK_STREAM);
  Endpoint local;
  ASSERT_EQ(spi_->GetSockName(connection.socket, &local), kOk);
  sockaddr_in name;
  ASSERT_EQ(state.LocalAddr.iSockaddrLength, static_cast<int>(sizeof name));
  std::memcpy(&name, state.LocalAddr.lpSockaddr, sizeof name);
  EXPECT_EQ(ntohs(name.sin_port), local.port);
  std::memcpy(&name, state.RemoteAddr.lpSockaddr, sizeof name);
  EXPECT_EQ(ntohs(name.sin_port), listener_.endpoint().port);
}

}  // namespace
}  // namespace wspd::testing
