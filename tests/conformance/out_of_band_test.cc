// Urgent data of stream sockets: MSG_OOB, SO_OOBINLINE, SIOCATMARK (4.9, 4.12,
// 5.2).
#include "tests/conformance/stream_fixture.h"

namespace wspd::conformance {
namespace {

class OutOfBandTest : public StreamTest {
 protected:
  // Sends `data`, the last byte of it urgent, and waits until that is here.
  void SendUrgent(Pair* pair, const std::string& data) {
    ASSERT_TRUE(pair->peer.WriteUrgent(data));
    WaitForUrgent(pair->socket);
  }
  void WaitForUrgent(SOCKET s) {
    ASSERT_TRUE(WaitUntil([&] { return !IsAtMark(s) || HasFailure(); },
                          milliseconds(kSoonMs)))
        << "no urgent data comes";
  }
  // SIOCATMARK: whether no urgent data is pending.
  bool IsAtMark(SOCKET s) {
    BOOL at_mark = -1;
    DWORD returned = 0;
    EXPECT_EQ(
        Ioctl(s, SIOCATMARK, nullptr, 0, &at_mark, sizeof(at_mark), &returned),
        kOk);
    EXPECT_TRUE(at_mark == TRUE || at_mark == FALSE) << at_mark;
    return at_mark != FALSE;
  }
  std::string data_;
};
WSPD_FOR_BOTH_FAMILIES(OutOfBandTest);

// ------------------------------------------------------------- 4.9: SIOCATMARK

// TRUE also for fresh and bound sockets.
TEST_P(OutOfBandTest, NothingUrgentIsPendingAtFirst) {
  EXPECT_TRUE(IsAtMark(New()));
  EXPECT_TRUE(IsAtMark(NewBound()));
  EXPECT_TRUE(IsAtMark(NewConnection().socket));
}

TEST_P(OutOfBandTest, OrdinaryDataIsNotUrgent) {
  Pair pair = NewConnection();
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(WaitReadable(pair.socket, 1));
  EXPECT_TRUE(IsAtMark(pair.socket));
}

// FALSE while an urgent byte waits unread, TRUE when it is drained.
TEST_P(OutOfBandTest, UrgentByteIsPendingUntilItIsRead) {
  Pair pair = NewConnection();
  SendUrgent(&pair, "u");
  ASSERT_EQ(RecvText(pair.socket, 1, &data_, MSG_OOB), kOk);
  EXPECT_TRUE(IsAtMark(pair.socket));
}

TEST_P(OutOfBandTest, LittleRoomForTheMarkIsAFault) {
  BOOL at_mark;
  DWORD returned;
  EXPECT_EQ(Ioctl(New(), SIOCATMARK, nullptr, 0, &at_mark, 3, &returned),
            WsaCode{WSAEFAULT});
}

// --------------------------------------------------------------- 4.12: reading

// Urgent bytes are single-byte blocks.
TEST_P(OutOfBandTest, UrgentByteIsReadWithOob) {
  Pair pair = NewConnection();
  SendUrgent(&pair, "u");
  ASSERT_EQ(RecvText(pair.socket, 10, &data_, MSG_OOB), kOk);
  EXPECT_EQ(data_, "u");
}

TEST_P(OutOfBandTest, UrgentByteIsNotAmongTheOthers) {
  Pair pair = NewConnection();
  SendUrgent(&pair, "abu");
  ASSERT_EQ(RecvText(pair.socket, 10, &data_), kOk);
  EXPECT_EQ(data_, "ab");
  ASSERT_EQ(RecvText(pair.socket, 10, &data_, MSG_OOB), kOk);
  EXPECT_EQ(data_, "u");
}

TEST_P(OutOfBandTest, UrgentByteOvertakesTheOthers) {
  Pair pair = NewConnection();
  SendUrgent(&pair, "abu");
  ASSERT_EQ(RecvText(pair.socket, 10, &data_, MSG_OOB), kOk);
  EXPECT_EQ(data_, "u");
  ASSERT_EQ(RecvText(pair.socket, 10, &data_), kOk);
  EXPECT_EQ(data_, "ab");
}

TEST_P(OutOfBandTest, WhatFollowsIsOrdinary) {
  Pair pair = NewConnection();
  SendUrgent(&pair, "au");
  ASSERT_TRUE(pair.peer.Write("bc"));
  ASSERT_EQ(RecvExactly(pair.socket, 3, &data_), kOk);
  EXPECT_EQ(data_, "abc");
}

// 4.9: several urgent bytes queue, each read by its own MSG_OOB recv.
TEST_P(OutOfBandTest, UrgentBytesQueue) {
  Pair pair = NewConnection();
  SendUrgent(&pair, "u");
  ASSERT_TRUE(pair.peer.WriteUrgent("v"));
  ASSERT_EQ(RecvText(pair.socket, 10, &data_, MSG_OOB), kOk);
  EXPECT_EQ(data_, "u");
  ASSERT_TRUE(
      WaitUntil([&] { return RecvText(pair.socket, 10, &data_, MSG_OOB).ok(); },
                milliseconds(kSoonMs)));
  EXPECT_EQ(data_, "v");
}

// 4.9: FIONREAD does not count OOB bytes.
TEST_P(OutOfBandTest, UrgentByteIsNotCountedAsReadable) {
  Pair pair = NewConnection();
  SendUrgent(&pair, "abu");
  u_long bytes = 0;
  ASSERT_EQ(BytesReadable(pair.socket, &bytes), kOk);
  EXPECT_EQ(bytes, 2u);
}

TEST_P(OutOfBandTest, PeekLeavesTheUrgentByte) {
  Pair pair = NewConnection();
  SendUrgent(&pair, "u");
  ASSERT_EQ(RecvText(pair.socket, 1, &data_, MSG_OOB | MSG_PEEK), kOk);
  EXPECT_EQ(data_, "u");
  EXPECT_FALSE(IsAtMark(pair.socket));
  ASSERT_EQ(RecvText(pair.socket, 1, &data_, MSG_OOB), kOk);
  EXPECT_EQ(data_, "u");
}

// 5.2, 8: MSG_OOB, none pending: WSAEINVAL (unproven), or WSAEWOULDBLOCK on a
// non-blocking socket.
TEST_P(OutOfBandTest, NothingUrgentIsAnError) {
  const Pair pair = NewConnection();
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  EXPECT_THAT(RecvText(pair.socket, 1, &data_, MSG_OOB),
              ::testing::AnyOf(WsaCode{WSAEINVAL}, WsaCode{WSAEWOULDBLOCK}));
}

// -------------------------------------------------------------- in the line

// 4.12: MSG_OOB with OOBINLINE on → WSAEINVAL.
TEST_P(OutOfBandTest, InlineOobIsInvalid) {
  Pair pair = NewConnection();
  ASSERT_EQ(SetInt(pair.socket, SOL_SOCKET, SO_OOBINLINE, 1), kOk);
  ASSERT_TRUE(pair.peer.WriteUrgent("u"));
  ASSERT_TRUE(WaitReadable(pair.socket, 1));
  EXPECT_EQ(RecvText(pair.socket, 1, &data_, MSG_OOB), WsaCode{WSAEINVAL});
}

// 4.10: SO_OOBINLINE: it is among the others.
TEST_P(OutOfBandTest, InlineByteIsAmongTheOthers) {
  Pair pair = NewConnection();
  ASSERT_EQ(SetInt(pair.socket, SOL_SOCKET, SO_OOBINLINE, 1), kOk);
  ASSERT_TRUE(pair.peer.WriteUrgent("abu"));
  ASSERT_TRUE(pair.peer.Write("c"));
  ASSERT_EQ(RecvExactly(pair.socket, 4, &data_), kOk);
  EXPECT_EQ(data_, "abuc");
}

// --------------------------------------------------------------- 2: sending

TEST_P(OutOfBandTest, UrgentByteIsSent) {
  Pair pair = NewConnection();
  DWORD sent = 0;
  ASSERT_EQ(SendText(pair.socket, "u", MSG_OOB, &sent), kOk);
  EXPECT_EQ(sent, 1u);
  EXPECT_EQ(pair.peer.ReadUrgent(), "u");
  // The peer reads on where it was, without the urgent byte.
  ASSERT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_EQ(pair.peer.Read(1), "x");
}

TEST_P(OutOfBandTest, UrgentByteOvertakesWhatWasSentBefore) {
  Pair pair = NewAccepted();
  ASSERT_EQ(SendText(pair.socket, "ab"), kOk);
  ASSERT_EQ(SendText(pair.socket, "u", MSG_OOB), kOk);
  EXPECT_EQ(pair.peer.ReadUrgent(), "u");
  EXPECT_EQ(pair.peer.Read(2), "ab");
}

// Of several bytes the last is the urgent one (4.12: single-byte blocks).
TEST_P(OutOfBandTest, LastOfSeveralBytesIsUrgent) {
  Pair pair = NewConnection();
  DWORD sent = 0;
  ASSERT_EQ(SendText(pair.socket, "abu", MSG_OOB, &sent), kOk);
  EXPECT_EQ(sent, 3u);
  EXPECT_EQ(pair.peer.ReadUrgent(), "u");
  EXPECT_EQ(pair.peer.Read(2), "ab");
}

TEST_P(OutOfBandTest, UnconnectedIsNotConnected) {
  EXPECT_EQ(SendText(New(), "u", MSG_OOB), WsaCode{WSAENOTCONN});
  EXPECT_EQ(RecvText(New(), 1, &data_, MSG_OOB), WsaCode{WSAENOTCONN});
}

// -------------------------------------------- 2: WSAEOPNOTSUPP on non-stream

TEST_P(OutOfBandTest, DatagramSocketDoesNotReceiveIt) {
  const SOCKET s = ConformanceTest::NewBound(family(), Protocol::kUdp);
  EXPECT_EQ(RecvText(s, 1, &data_, MSG_OOB), WsaCode{WSAEOPNOTSUPP});
}

TEST_P(OutOfBandTest, DatagramSocketDoesNotSendIt) {
  const SOCKET s = ConformanceTest::NewBound(family(), Protocol::kUdp);
  ASSERT_EQ(Connect(s, NameOf(s)), kOk);
  EXPECT_EQ(SendText(s, "u", MSG_OOB), WsaCode{WSAEOPNOTSUPP});
}

}  // namespace
}  // namespace wspd::conformance
