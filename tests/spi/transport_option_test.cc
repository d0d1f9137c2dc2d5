// The options of the levels IPPROTO_TCP and IPPROTO_UDP, row by row (reference,
// section 4.10).
#include <cstring>
#include <string>

#include "tests/spi/option_fixture.h"
#include "tests/testing/peer_datagrams.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNoProtoOpt{WSAENOPROTOOPT};
constexpr int kTcpOptions[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,     10,
                               12, 13, 14, 15, 16, 17, 18, 19, 0x7000};

class TransportOptionTest : public OptionTest {};

TEST_F(TransportOptionTest, EveryRowOfTcp) {
  const std::vector<Row> rows = {
      {TCP_NODELAY, 1, 0, 0},
      {TCP_EXPEDITED_1122, 1, 0, 0},
      {TCP_KEEPIDLE, 30, 0, 0},
      {TCP_KEEPIDLE, 0, WSAEINVAL, 0},
      {TCP_MAXSEG, 1000, 0, 0},
      {TCP_MAXRT, 30, 0, 0},
      {TCP_STDURG, 1, 0, 0},
      {TCP_NOURG, 0, 0, 0},
      {TCP_NOURG, 1, WSAEINVAL, 0},
      {TCP_ATMARK, 1, WSAENOPROTOOPT, 0},
      {TCP_NOSYNRETRIES, 1, 0, 0},
      {TCP_TIMESTAMPS, 1, 0, 0},
      // Its values aren't known.
      {TCP_CONGESTION_ALGORITHM, 1, WSAENOPROTOOPT, WSAENOPROTOOPT},
      {TCP_DELAY_FIN_ACK, 1, 0, 0},
      {TCP_MAXRTMS, 2500, 0, 0},
      {TCP_FASTOPEN, 1, 0, 0},
      {TCP_KEEPCNT, 5, 0, 0},
      {TCP_KEEPCNT, 0, WSAEINVAL, 0},
      {TCP_KEEPINTVL, 2, 0, 0},
      {TCP_FAIL_CONNECT_ON_ICMP_ERROR, 1, 0, 0},
      {0x7000, 0, 0, 0},  // TCP_BSDURGENT
      {99, 1, WSAENOPROTOOPT, WSAENOPROTOOPT},
  };
  ExpectRows(stream_, IPPROTO_TCP, rows);
  ExpectRows(stream6_, IPPROTO_TCP, rows);
}

TEST_F(TransportOptionTest, TcpsValuesReadBack) {
  for (int option :
       {TCP_EXPEDITED_1122, TCP_STDURG, TCP_NOSYNRETRIES, TCP_TIMESTAMPS,
        TCP_FASTOPEN, TCP_FAIL_CONNECT_ON_ICMP_ERROR, 0x7000}) {
    ExpectReadsBack(stream_, IPPROTO_TCP, option, 1);
    ExpectReadsBack(stream_, IPPROTO_TCP, option, 0);
  }
  ExpectReadsBack(stream_, IPPROTO_TCP, TCP_KEEPIDLE, 32767);
  ExpectReadsBack(stream_, IPPROTO_TCP, TCP_KEEPINTVL, 7);
  ExpectReadsBack(stream_, IPPROTO_TCP, TCP_KEEPCNT, 127);
  ExpectReadsBack(stream_, IPPROTO_TCP, TCP_MAXRT, 30);
  EXPECT_EQ(Value(stream_, IPPROTO_TCP, TCP_MAXRTMS), 30000);
  ExpectReadsBack(stream_, IPPROTO_TCP, TCP_MAXRT, -1);
  // Two names for one thing.
  ASSERT_EQ(Set(stream_, IPPROTO_TCP, TCP_STDURG, 1), kOk);
  EXPECT_EQ(Value(stream_, IPPROTO_TCP, TCP_EXPEDITED_1122), 1);
}

TEST_F(TransportOptionTest, KeepAliveHasWindowsTimes) {
  ASSERT_EQ(Set(stream_, SOL_SOCKET, SO_KEEPALIVE, 1), kOk);
  EXPECT_EQ(Value(stream_, IPPROTO_TCP, TCP_KEEPIDLE), 7200);
  EXPECT_EQ(Value(stream_, IPPROTO_TCP, TCP_KEEPINTVL), 1);
  EXPECT_EQ(Value(stream_, IPPROTO_TCP, TCP_KEEPCNT), 10);
}

TEST_F(TransportOptionTest, MarkIsWhereTheUrgentByteWas) {
  Connection connection = Connect();
  EXPECT_EQ(Value(connection.socket, IPPROTO_TCP, TCP_ATMARK), 0);
  ASSERT_EQ(Set(connection.socket, SOL_SOCKET, SO_OOBINLINE, 1), kOk);
  ASSERT_TRUE(connection.peer.WriteUrgent("a!"));
  std::string data;
  ASSERT_EQ(spi_->Recv(connection.socket, 1, &data), kOk);
  EXPECT_EQ(data, "a");
  EXPECT_TRUE(WaitUntil(
      [&] { return Value(connection.socket, IPPROTO_TCP, TCP_ATMARK) == 1; }));
}

TEST_F(TransportOptionTest, AFastOpeningListenerListens) {
  SOCKET listener;
  Endpoint endpoint;
  ASSERT_EQ(spi_->Socket(&listener), kOk);
  ASSERT_EQ(Set(listener, IPPROTO_TCP, TCP_FASTOPEN, 1), kOk);
  ASSERT_EQ(spi_->Bind(listener, {Family::kIpv4, 0}), kOk);
  ASSERT_EQ(spi_->Listen(listener), kOk);
  ASSERT_EQ(spi_->GetSockName(listener, &endpoint), kOk);
  PeerSocket peer = PeerSocket::ConnectTo(endpoint);
  SOCKET accepted;
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  ASSERT_EQ(spi_->Send(accepted, "open"), kOk);
  EXPECT_EQ(peer.Read(4), "open");
}

TEST_F(TransportOptionTest, EveryRowOfUdp) {
  const std::vector<Row> rows = {
      {UDP_NOCHECKSUM, 1, 0, 0},
      {UDP_SEND_MSG_SIZE, 1000, 0, 0},
      {UDP_SEND_MSG_SIZE, 70000, WSAEINVAL, 0},
      {UDP_RECV_MAX_COALESCED_SIZE, 9000, 0, 0},
      {UDP_CHECKSUM_COVERAGE, 1, 0, 0},
      {99, 1, WSAENOPROTOOPT, WSAENOPROTOOPT},
  };
  ExpectRows(datagram_, IPPROTO_UDP, rows);
  ExpectRows(datagram6_, IPPROTO_UDP, rows);
  ExpectReadsBack(datagram_, IPPROTO_UDP, UDP_SEND_MSG_SIZE, 500);
  ExpectReadsBack(datagram_, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, 500);
}

TEST_F(TransportOptionTest, OneSendIsSeveralDatagramsOfTheSizeAskedFor) {
  PeerDatagrams peer;
  ASSERT_EQ(Set(datagram_, IPPROTO_UDP, UDP_SEND_MSG_SIZE, 4), kOk);
  ASSERT_EQ(spi_->SendTo(datagram_, "abcdefghij", peer.endpoint()), kOk);
  EXPECT_EQ(peer.Receive().data, "abcd");
  EXPECT_EQ(peer.Receive().data, "efgh");
  EXPECT_EQ(peer.Receive().data, "ij");
}

TEST_F(TransportOptionTest, OptionsOfTheOtherTransportAreUnknown) {
  for (int option : kTcpOptions) {
    for (const SOCKET s : {datagram_, datagram6_}) {
      EXPECT_EQ(Set(s, IPPROTO_TCP, option, 1), kNoProtoOpt) << option;
      EXPECT_EQ(GetError(s, IPPROTO_TCP, option), kNoProtoOpt) << option;
    }
  }
  for (int option : {UDP_NOCHECKSUM, UDP_SEND_MSG_SIZE,
                     UDP_RECV_MAX_COALESCED_SIZE, UDP_CHECKSUM_COVERAGE}) {
    for (const SOCKET s : {stream_, stream6_}) {
      EXPECT_EQ(Set(s, IPPROTO_UDP, option, 1), kNoProtoOpt) << option;
      EXPECT_EQ(GetError(s, IPPROTO_UDP, option), kNoProtoOpt) << option;
    }
  }
}

}  // namespace
}  // namespace wspd::testing
