// WSPSendDisconnect and WSPRecvDisconnect (reference, section 2).
#include <string>

#include "tests/lifecycle/data_fixture.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNotConnected{WSAENOTCONN};
constexpr WsaCode kNotSocket{WSAENOTSOCK};

class DisconnectDataTest : public DataTest {
 protected:
  WsaCode SendDisconnect(SOCKET s, WSABUF* data = nullptr) {
    int error = 0;
    const int result = spi_->table().lpWSPSendDisconnect(s, data, &error);
    EXPECT_EQ(result, error == 0 ? 0 : SOCKET_ERROR);
    return WsaCode{error};
  }

  WsaCode RecvDisconnect(SOCKET s, WSABUF* data = nullptr) {
    int error = 0;
    const int result = spi_->table().lpWSPRecvDisconnect(s, data, &error);
    EXPECT_EQ(result, error == 0 ? 0 : SOCKET_ERROR);
    return WsaCode{error};
  }

  char bytes_[4] = {};
};

INSTANTIATE_TEST_SUITE_P(Families, DisconnectDataTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& info) {
                           return info.param == Family::kIpv4 ? "Ipv4" : "Ipv6";
                         });

TEST_P(DisconnectDataTest, SendDisconnectEndsSendingBehindTheData) {
  Connection connection = Connect();
  ASSERT_EQ(spi_->Send(connection.socket, "last words"), kOk);
  ASSERT_EQ(SendDisconnect(connection.socket), kOk);
  const PeerSocket::Rest rest = connection.peer.ReadToEnd();
  EXPECT_EQ(rest.data, "last words");
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_EQ(spi_->Send(connection.socket, "more"), WsaCode{WSAESHUTDOWN});
  EXPECT_EQ(SendDisconnect(connection.socket), kOk);

  // The other direction goes on.
  ASSERT_TRUE(connection.peer.Write("answer"));
  std::string answer;
  EXPECT_EQ(spi_->RecvExactly(connection.socket, 6, &answer), kOk);
  EXPECT_EQ(answer, "answer");
}

TEST_P(DisconnectDataTest, RecvDisconnectEndsReceivingAlone) {
  Connection connection = Connect();
  ASSERT_EQ(RecvDisconnect(connection.socket), kOk);
  std::string data;
  EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), WsaCode{WSAESHUTDOWN});
  EXPECT_EQ(RecvDisconnect(connection.socket), kOk);
  ASSERT_EQ(spi_->Send(connection.socket, "hello"), kOk);
  EXPECT_EQ(connection.peer.Read(5), "hello");
}

TEST_P(DisconnectDataTest, DataIsRefusedAndNothingEnds) {
  Connection connection = Connect();
  WSABUF data = {sizeof(bytes_), bytes_};
  EXPECT_EQ(SendDisconnect(connection.socket, &data), WsaCode{WSAENOPROTOOPT});
  EXPECT_EQ(RecvDisconnect(connection.socket, &data), WsaCode{WSAENOPROTOOPT});
  WSABUF missing = {sizeof(bytes_), nullptr};
  EXPECT_EQ(SendDisconnect(connection.socket, &missing), WsaCode{WSAEFAULT});
  EXPECT_EQ(RecvDisconnect(connection.socket, &missing), WsaCode{WSAEFAULT});

  ASSERT_EQ(spi_->Send(connection.socket, "hello"), kOk);
  EXPECT_EQ(connection.peer.Read(5), "hello");
  ASSERT_TRUE(connection.peer.Write("hello"));
  std::string received;
  EXPECT_EQ(spi_->RecvExactly(connection.socket, 5, &received), kOk);
  EXPECT_EQ(received, "hello");
}

TEST_P(DisconnectDataTest, BufferWithoutRoomIsNoData) {
  Connection connection = Connect();
  WSABUF empty = {0, bytes_};
  EXPECT_EQ(RecvDisconnect(connection.socket, &empty), kOk);
  EXPECT_EQ(SendDisconnect(connection.socket, &empty), kOk);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kOrderly);
}

TEST_P(DisconnectDataTest, NeedsAConnection) {
  SOCKET fresh;
  ASSERT_EQ(spi_->Socket(&fresh, GetParam()), kOk);
  const SOCKET listening = Listen();
  for (SOCKET s : {fresh, listening}) {
    EXPECT_EQ(SendDisconnect(s), kNotConnected);
    EXPECT_EQ(RecvDisconnect(s), kNotConnected);
  }
  ASSERT_EQ(spi_->Close(fresh), kOk);
  EXPECT_EQ(SendDisconnect(fresh), kNotSocket);
  EXPECT_EQ(RecvDisconnect(fresh), kNotSocket);
}

}  // namespace
}  // namespace wspd::testing
