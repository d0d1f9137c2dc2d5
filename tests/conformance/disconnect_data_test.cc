// WSPSendDisconnect and WSPRecvDisconnect.
#include "tests/conformance/stream_fixture.h"

namespace wspd::conformance {
namespace {

class DisconnectDataTest : public StreamTest {
 protected:
  char text_[4] = {'d', 'a', 't', 'a'};
  WSABUF data_ = {sizeof(text_), text_};
};
WSPD_FOR_BOTH_FAMILIES(DisconnectDataTest);

// -------------------------------------------- 2: WSPSendDisconnect

// = shutdown SD_SEND.
TEST_P(DisconnectDataTest, SendDisconnectEndsSending) {
  Pair pair = NewConnection();
  ASSERT_EQ(SendDisconnect(pair.socket), kOk);
  EXPECT_EQ(SendText(pair.socket, "x"), WsaCode{WSAESHUTDOWN});
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
}

TEST_P(DisconnectDataTest, SendDisconnectLeavesReceiving) {
  Pair pair = NewConnection();
  ASSERT_EQ(SendDisconnect(pair.socket), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 1, &data), kOk);
  EXPECT_EQ(data, "x");
}

TEST_P(DisconnectDataTest, SendDisconnectMayBeRepeated) {
  const Pair pair = NewConnection();
  ASSERT_EQ(SendDisconnect(pair.socket), kOk);
  EXPECT_EQ(SendDisconnect(pair.socket), kOk);
}

// WSAENOPROTOOPT (data given); nothing is done.
TEST_P(DisconnectDataTest, DataIsNotSupported) {
  Pair pair = NewConnection();
  EXPECT_EQ(SendDisconnect(pair.socket, &data_), WsaCode{WSAENOPROTOOPT});
  ASSERT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_EQ(pair.peer.Read(1), "x");
}

// WSAENOTCONN.
TEST_P(DisconnectDataTest, SendDisconnectNeedsAConnection) {
  EXPECT_EQ(SendDisconnect(New()), WsaCode{WSAENOTCONN});
  EXPECT_EQ(SendDisconnect(NewBound()), WsaCode{WSAENOTCONN});
  EXPECT_EQ(SendDisconnect(NewListener()), WsaCode{WSAENOTCONN});
}

TEST_P(DisconnectDataTest, SendDisconnectDoesNotClose) {
  const Pair pair = NewConnection();
  ASSERT_EQ(SendDisconnect(pair.socket), kOk);
  NameOf(pair.socket);
  EXPECT_EQ(Close(pair.socket), kOk);
}

// -------------------------------------------- 2: WSPRecvDisconnect

// = shutdown SD_RECEIVE; a NULL buffer is allowed.
TEST_P(DisconnectDataTest, RecvDisconnectEndsReceiving) {
  const Pair pair = NewConnection();
  ASSERT_EQ(RecvDisconnect(pair.socket), kOk);
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), WsaCode{WSAESHUTDOWN});
}

TEST_P(DisconnectDataTest, RecvDisconnectLeavesSending) {
  Pair pair = NewConnection();
  ASSERT_EQ(RecvDisconnect(pair.socket), kOk);
  ASSERT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_EQ(pair.peer.Read(1), "x");
}

// WSAENOPROTOOPT (data not supported).
TEST_P(DisconnectDataTest, RoomForDataIsNotSupported) {
  const Pair pair = NewConnection();
  EXPECT_EQ(RecvDisconnect(pair.socket, &data_), WsaCode{WSAENOPROTOOPT});
}

// WSAENOTCONN.
TEST_P(DisconnectDataTest, RecvDisconnectNeedsAConnection) {
  EXPECT_EQ(RecvDisconnect(New()), WsaCode{WSAENOTCONN});
  EXPECT_EQ(RecvDisconnect(NewBound()), WsaCode{WSAENOTCONN});
  EXPECT_EQ(RecvDisconnect(NewListener()), WsaCode{WSAENOTCONN});
}

}  // namespace
}  // namespace wspd::conformance
