// Out-of-band data: MSG_OOB, SO_OOBINLINE and SIOCATMARK (reference, sections
// 4.9, 4.10 and 4.12), with a peer of the kernel's.
#include <string>

#include "tests/testing/peer_datagrams.h"
#include "tests/testing/provider_test.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kInvalid{WSAEINVAL};
constexpr WsaCode kNotSupported{WSAEOPNOTSUPP};

class OutOfBandTest : public ProviderTest,
                      public ::testing::WithParamInterface<Family> {
 protected:
  OutOfBandTest() : listener_(GetParam()) {}

  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    Connection connection = ProviderTest::Connect(listener_);
    socket_ = connection.socket;
    peer_ = std::move(connection.peer);
  }

  // What SIOCATMARK says.
  bool IsAtMark(SOCKET s) {
    int error = 0;
    BOOL at_mark = 77;
    DWORD bytes = 0;
    EXPECT_EQ(spi_->table().lpWSPIoctl(s, SIOCATMARK, nullptr, 0, &at_mark,
                                       sizeof(at_mark), &bytes, nullptr,
                                       nullptr, nullptr, &error),
              0)
        << error;
    EXPECT_EQ(bytes, sizeof(at_mark));
    EXPECT_TRUE(at_mark == TRUE || at_mark == FALSE);
    return at_mark == TRUE;
  }
  bool AwaitUrgent() {
    return WaitUntil([&] { return !IsAtMark(socket_); });
  }
  bool AwaitReadable(u_long count) {
    return WaitUntil([&] {
      u_long readable = 0;
      return spi_->BytesReadable(socket_, &readable).ok() && readable >= count;
    });
  }

  WsaCode SendUrgent(const std::string& data, size_t* sent) {
    int error = 0;
    DWORD count = 0;
    WSABUF buffer = {static_cast<ULONG>(data.size()),
                     const_cast<char*>(data.data())};
    const int result =
        spi_->table().lpWSPSend(socket_, &buffer, 1, &count, MSG_OOB, nullptr,
                                nullptr, nullptr, &error);
    *sent = count;
    return result == 0 ? kOk : WsaCode{error};
  }

  void ExpectUrgent(const std::string& expected) {
    std::string data;
    EXPECT_EQ(spi_->Recv(socket_, 10, &data, MSG_OOB), kOk);
    EXPECT_EQ(data, expected);
  }

  PeerListener listener_;
  SOCKET socket_ = INVALID_SOCKET;
  PeerSocket peer_;
};

// ----------------------------------------------------------------- receiving

TEST_P(OutOfBandTest, UrgentByteIsReceivedApartFromTheStream) {
  ASSERT_TRUE(peer_.Write("ab"));
  ASSERT_TRUE(peer_.WriteUrgent("!"));
  ASSERT_TRUE(peer_.Write("cd"));
  ASSERT_TRUE(AwaitUrgent());
  std::string data;
  EXPECT_EQ(spi_->Recv(socket_, 10, &data, MSG_OOB | MSG_PEEK), kOk);
  EXPECT_EQ(data, "!");
  EXPECT_FALSE(IsAtMark(socket_));
  ExpectUrgent("!");
  EXPECT_TRUE(IsAtMark(socket_));
  ASSERT_EQ(spi_->RecvExactly(socket_, 4, &data), kOk);
  EXPECT_EQ(data, "abcd");
}

TEST_P(OutOfBandTest, UrgentByteOutlivesAReceiveThatStepsOverIt) {
  ASSERT_TRUE(peer_.WriteUrgent("ab!"));
  ASSERT_TRUE(peer_.Write("cd"));
  std::string data;
  ASSERT_EQ(spi_->RecvExactly(socket_, 4, &data), kOk);
  EXPECT_EQ(data, "abcd");
  EXPECT_FALSE(IsAtMark(socket_));
  ExpectUrgent("!");
  EXPECT_TRUE(IsAtMark(socket_));
}

TEST_P(OutOfBandTest, SeveralUrgentBytesQueue) {
  std::string data;
  for (const char* urgent : {"1", "2", "3"}) {
    ASSERT_TRUE(peer_.WriteUrgent(urgent));
    ASSERT_TRUE(peer_.Write("x"));
    ASSERT_EQ(spi_->RecvExactly(socket_, 1, &data), kOk);
    EXPECT_EQ(data, "x");
  }
  ExpectUrgent("1");
  ExpectUrgent("2");
  EXPECT_FALSE(IsAtMark(socket_));
  ExpectUrgent("3");
  EXPECT_TRUE(IsAtMark(socket_));
  EXPECT_EQ(spi_->Recv(socket_, 1, &data, MSG_OOB), kInvalid);
}

TEST_P(OutOfBandTest, UrgentByteThatWasSeenOutlivesTheNext) {
  ASSERT_TRUE(peer_.WriteUrgent("1"));
  ASSERT_TRUE(AwaitUrgent());
  ASSERT_TRUE(peer_.WriteUrgent("2"));
  ASSERT_TRUE(peer_.Write("x"));
  ASSERT_TRUE(AwaitReadable(1));
  ExpectUrgent("1");
  ExpectUrgent("2");
  std::string data;
  ASSERT_EQ(spi_->RecvExactly(socket_, 1, &data), kOk);
  EXPECT_EQ(data, "x");
}

TEST_P(OutOfBandTest, NothingUrgentIsInvalid) {
  std::string data;
  EXPECT_EQ(spi_->Recv(socket_, 1, &data, MSG_OOB), kInvalid);
  ASSERT_TRUE(peer_.Write("plain"));
  ASSERT_TRUE(AwaitReadable(5));
  EXPECT_EQ(spi_->Recv(socket_, 1, &data, MSG_OOB), kInvalid);
  ASSERT_EQ(spi_->RecvExactly(socket_, 5, &data), kOk);
  EXPECT_EQ(data, "plain");
}

TEST_P(OutOfBandTest, ReceiveThatWaitsDoesntHoldTheUrgentOneUp) {
  Operation waiting;
  Event event;
  waiting.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(socket_, &waiting, 10), kPending);
  ASSERT_TRUE(peer_.WriteUrgent("!"));
  ASSERT_TRUE(AwaitUrgent());
  ExpectUrgent("!");
  EXPECT_TRUE(waiting.is_pending());
  ASSERT_TRUE(peer_.Write("data"));
  ASSERT_TRUE(event.Wait());
  EXPECT_EQ(waiting.buffer.substr(0, waiting.overlapped.InternalHigh), "data");
}

TEST_P(OutOfBandTest, OverlappedUrgentReceiveEndsAtOnce) {
  ASSERT_TRUE(peer_.WriteUrgent("!"));
  ASSERT_TRUE(AwaitUrgent());
  Operation operation;
  Event event;
  operation.overlapped.hEvent = event.get();
  operation.flags = MSG_OOB;
  ASSERT_EQ(spi_->StartRecv(socket_, &operation, 10), kOk);
  EXPECT_TRUE(event.Wait());
  EXPECT_EQ(operation.buffer.substr(0, operation.overlapped.InternalHigh), "!");
}

TEST_P(OutOfBandTest, UrgentBytesAreNotReadable) {
  ASSERT_TRUE(peer_.WriteUrgent("!"));
  ASSERT_TRUE(AwaitUrgent());
  u_long readable = 77;
  ASSERT_EQ(spi_->BytesReadable(socket_, &readable), kOk);
  EXPECT_EQ(readable, 0u);
  ASSERT_TRUE(peer_.Write("abc"));
  std::string data;
  ASSERT_EQ(spi_->RecvExactly(socket_, 3, &data), kOk);
  EXPECT_EQ(data, "abc");
  ExpectUrgent("!");
}

TEST_P(OutOfBandTest, WhatIsBehindAnUrgentByteIsReceivedWithTheRest) {
  ASSERT_TRUE(peer_.WriteUrgent("ab!"));
  ASSERT_TRUE(AwaitUrgent());
  ASSERT_TRUE(peer_.WriteUrgent("cd?"));
  ASSERT_TRUE(peer_.Write("ef"));
  ASSERT_TRUE(AwaitReadable(6));
  std::string data;
  ASSERT_EQ(spi_->Recv(socket_, 10, &data), kOk);
  EXPECT_EQ(data, "abcdef");
  ExpectUrgent("!");
  ExpectUrgent("?");
}

// -------------------------------------------------------------------- in line

TEST_P(OutOfBandTest, InLineItIsPartOfTheStream) {
  ASSERT_EQ(spi_->SetOption(socket_, SOL_SOCKET, SO_OOBINLINE, 1), kOk);
  ASSERT_TRUE(peer_.Write("ab"));
  ASSERT_TRUE(peer_.WriteUrgent("!"));
  ASSERT_TRUE(peer_.Write("cd"));
  ASSERT_TRUE(AwaitReadable(5));
  std::string data;
  EXPECT_EQ(spi_->Recv(socket_, 1, &data, MSG_OOB), kInvalid);
  // A receive stops before it, so that the mark isn't missed.
  EXPECT_FALSE(IsAtMark(socket_));
  ASSERT_EQ(spi_->Recv(socket_, 10, &data), kOk);
  EXPECT_EQ(data, "ab");
  EXPECT_TRUE(IsAtMark(socket_));
  ASSERT_EQ(spi_->RecvExactly(socket_, 3, &data), kOk);
  EXPECT_EQ(data, "!cd");
  EXPECT_TRUE(IsAtMark(socket_));
}

TEST_P(OutOfBandTest, AcceptedSocketsHaveTheirListenersOobInline) {
  SOCKET listener, accepted;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint, GetParam()), kOk);
  ASSERT_EQ(spi_->SetOption(listener, SOL_SOCKET, SO_OOBINLINE, 1), kOk);
  PeerSocket peer = PeerSocket::ConnectTo(endpoint);
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  ASSERT_TRUE(peer.WriteUrgent("ab!"));
  std::string data;
  ASSERT_EQ(spi_->RecvExactly(accepted, 3, &data), kOk);
  EXPECT_EQ(data, "ab!");
}

// -------------------------------------------------------------------- sending

TEST_P(OutOfBandTest, LastByteOfAnUrgentSendIsUrgent) {
  size_t sent = 0;
  ASSERT_EQ(SendUrgent("abc", &sent), kOk);
  EXPECT_EQ(sent, 3u);
  EXPECT_EQ(peer_.ReadUrgent(), "c");
  ASSERT_EQ(spi_->Send(socket_, "d"), kOk);
  EXPECT_EQ(peer_.Read(3), "abd");
}

TEST_P(OutOfBandTest, OfAnUrgentSendOfManyChunksTheLastByteAloneIsUrgent) {
  std::string data(300 * 1024, 'x');
  data.back() = '!';
  size_t sent = 0;
  ASSERT_EQ(SendUrgent(data, &sent), kOk);
  EXPECT_EQ(sent, data.size());
  // What is urgent would be missing.
  EXPECT_EQ(peer_.Read(data.size() - 1), data.substr(0, data.size() - 1));
  EXPECT_EQ(peer_.ReadUrgent(), "!");
}

TEST_P(OutOfBandTest, UrgentSendOfANonBlockingSocket) {
  ASSERT_EQ(spi_->SetNonBlocking(socket_, true), kOk);
  const std::string data(100 * 1024, 'x');
  size_t sent = 0;
  ASSERT_EQ(SendUrgent(data + "!", &sent), kOk);
  ASSERT_EQ(sent, data.size() + 1);
  EXPECT_EQ(peer_.Read(data.size()), data);
  EXPECT_EQ(peer_.ReadUrgent(), "!");
}

TEST_P(OutOfBandTest, UrgentByteCrossesTheProviderBothWays) {
  SOCKET listener, accepted, other;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint, GetParam()), kOk);
  ASSERT_EQ(spi_->ConnectNew(endpoint, &other), kOk);
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  socket_ = other;
  size_t sent = 0;
  ASSERT_EQ(SendUrgent("?", &sent), kOk);
  socket_ = accepted;
  ASSERT_TRUE(AwaitUrgent());
  ExpectUrgent("?");
  ASSERT_EQ(SendUrgent("!", &sent), kOk);
  socket_ = other;
  ASSERT_TRUE(AwaitUrgent());
  ExpectUrgent("!");
}

// --------------------------------------------------------------------- others

TEST_P(OutOfBandTest, WithoutUrgentDataAllSocketsAreAtTheMark) {
  EXPECT_TRUE(IsAtMark(socket_));
  SOCKET fresh, bound, listening, datagrams;
  Endpoint endpoint;
  ASSERT_EQ(spi_->Socket(&fresh, GetParam()), kOk);
  EXPECT_TRUE(IsAtMark(fresh));
  ASSERT_EQ(spi_->Socket(&bound, GetParam()), kOk);
  ASSERT_EQ(spi_->Bind(bound, {GetParam(), 0}), kOk);
  EXPECT_TRUE(IsAtMark(bound));
  ASSERT_EQ(spi_->ListenNew(&listening, &endpoint, GetParam()), kOk);
  EXPECT_TRUE(IsAtMark(listening));
  ASSERT_EQ(spi_->DatagramSocket(&datagrams, GetParam()), kOk);
  EXPECT_TRUE(IsAtMark(datagrams));
}

TEST_P(OutOfBandTest, MarkTakesFourBytes) {
  int error = 0;
  BOOL at_mark = 77;
  DWORD bytes = 77;
  EXPECT_EQ(
      spi_->table().lpWSPIoctl(socket_, SIOCATMARK, nullptr, 0, &at_mark, 3,
                               &bytes, nullptr, nullptr, nullptr, &error),
      SOCKET_ERROR);
  EXPECT_EQ(error, WSAEFAULT);
  EXPECT_EQ(at_mark, 77);
}

TEST_P(OutOfBandTest, DatagramsHaveNone) {
  PeerDatagrams peer(GetParam());
  ASSERT_EQ(spi_->DatagramSocket(&socket_, GetParam()), kOk);
  ASSERT_EQ(spi_->Connect(socket_, peer.endpoint()), kOk);
  size_t sent = 0;
  EXPECT_EQ(SendUrgent("x", &sent), kNotSupported);
  std::string data;
  EXPECT_EQ(spi_->Recv(socket_, 1, &data, MSG_OOB), kNotSupported);
}

INSTANTIATE_TEST_SUITE_P(Families, OutOfBandTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6));

}  // namespace
}  // namespace wspd::testing
