// Completion ports, the third way to hear of an overlapped operation's end
// (4.1): a provider without kernel handles tells the SPI client of it by
// WPUCompleteOverlappedRequest (1.3).
#include "client_stub/spi_client/completion_port.h"

#include <string>

#include "client_stub/spi_client/event.h"
#include "tests/conformance/extension_fixture.h"
#include "tests/testing/peer_datagrams.h"

namespace wspd::conformance {
namespace {

using spi_client::CompletionPacket;
using spi_client::CompletionPort;
using ::testing::AnyOf;

constexpr ULONG_PTR kKey = 0x5ead;

class CompletionPortTest : public ExtensionTest {
 protected:
  // A provider with kernel handles leaves it all to the system.
  void SetUp() override {
    ExtensionTest::SetUp();
    if (HasFatalFailure()) return;
    CompletionPort probe;
    if (!probe.Bind(New(), 0)) GTEST_SKIP() << "handles of its own";
  }
  WsaCode Start(SOCKET s, Overlapped* recv, const Overlap& overlap) {
    return Recv(s, &recv->wsabuf, 1, nullptr, &recv->flags, overlap);
  }
  // Fails the case if the next packet isn't that operation's.
  CompletionPacket Expect(const Overlapped& operation) {
    CompletionPacket packet;
    EXPECT_TRUE(port_.Take(&packet, kSoonMs)) << "no packet";
    EXPECT_EQ(packet.key, kKey);
    EXPECT_EQ(packet.overlapped, &operation.overlapped);
    return packet;
  }
  void ExpectNothing() {
    CompletionPacket packet;
    EXPECT_FALSE(port_.Take(&packet, kNotAtAllMs));
  }
  Pair NewOnPort() {
    Pair pair = NewConnection();
    EXPECT_TRUE(port_.Bind(pair.socket, kKey));
    return pair;
  }

  CompletionPort port_;
};
WSPD_FOR_BOTH_FAMILIES(CompletionPortTest);

TEST_P(CompletionPortTest, IsToldOfTheEnd) {
  Pair pair = NewOnPort();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithoutEvent()), kPending);
  ExpectNothing();
  ASSERT_TRUE(pair.peer.Write("hello"));
  const CompletionPacket packet = Expect(recv);
  EXPECT_EQ(packet.error, 0u);
  EXPECT_EQ(packet.bytes, 5u);
  // The OVERLAPPED is final by then.
  EXPECT_EQ(recv.status(), kStatusSuccess);
  EXPECT_EQ(recv.overlapped.InternalHigh, 5u);
  ExpectNothing();
}

// Return 0 = completed at once; the indication still happens.
TEST_P(CompletionPortTest, IsToldOfWhatIsDoneAtOnce) {
  Pair pair = NewOnPort();
  ASSERT_TRUE(pair.peer.Write("hello"));
  ASSERT_TRUE(WaitReadable(pair.socket, 5));
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithoutEvent()), kOk);
  EXPECT_EQ(Expect(recv).bytes, 5u);
}

TEST_P(CompletionPortTest, IsToldOfASend) {
  Pair pair = NewOnPort();
  Overlapped& send = NewOverlapped(std::string("hello"));
  ASSERT_THAT(
      Send(pair.socket, &send.wsabuf, 1, nullptr, 0, send.WithoutEvent()),
      AnyOf(kOk, kPending));
  EXPECT_EQ(Expect(send).bytes, 5u);
}

TEST_P(CompletionPortTest, IsToldOfADatagram) {
  testing::PeerDatagrams peer(family());
  const SOCKET s = ConformanceTest::NewBound(family(), Protocol::kUdp);
  ASSERT_TRUE(port_.Bind(s, kKey));
  Overlapped& recv = NewOverlapped(2);
  ASSERT_EQ(RecvFrom(s, &recv.wsabuf, 1, nullptr, &recv.flags, nullptr, nullptr,
                     recv.WithoutEvent()),
            kPending);
  ASSERT_TRUE(peer.Send("hello", NameOf(s).ToEndpoint()));
  const CompletionPacket packet = Expect(recv);
  EXPECT_EQ(packet.error, DWORD{WSAEMSGSIZE});
  EXPECT_EQ(packet.bytes, 2u);
}

// 4.3: ioctls that are finished at once post packets, too, with 0 bytes.
TEST_P(CompletionPortTest, IsToldOfAnIoctl) {
  const Pair pair = NewOnPort();
  Overlapped& ioctl = NewOverlapped();
  u_long readable = 7;
  ASSERT_EQ(Ioctl(pair.socket, FIONREAD, nullptr, 0, &readable,
                  sizeof(readable), &ioctl.bytes, ioctl.WithoutEvent()),
            kOk);
  EXPECT_EQ(ioctl.bytes, sizeof(readable));
  EXPECT_EQ(Expect(ioctl).bytes, 0u);
}

TEST_P(CompletionPortTest, IsToldOfAConnectEx) {
  const SOCKET s = NewBound();
  ASSERT_TRUE(port_.Bind(s, kKey));
  Overlapped& connect = NewOverlapped();
  ASSERT_THAT(ConnectEx(s, PeerName(), connect.WithoutEvent().overlapped),
              AnyOf(kOk, kPending));
  EXPECT_EQ(Expect(connect).error, 0u);
}

// 4.3: connect() queues none.
TEST_P(CompletionPortTest, IsNotToldOfAConnect) {
  const SOCKET s = New();
  ASSERT_TRUE(port_.Bind(s, kKey));
  ASSERT_EQ(Connect(s, PeerName()), kOk);
  ExpectNothing();
}

// An error of the operation, as a WSA code.
TEST_P(CompletionPortTest, IsToldOfTheError) {
  Pair pair = NewOnPort();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithoutEvent()), kPending);
  pair.peer.Reset();
  const CompletionPacket packet = Expect(recv);
  EXPECT_EQ(packet.error, DWORD{WSAECONNRESET});
  EXPECT_EQ(packet.bytes, 0u);
}

// 2 WSPCloseSocket: aborted with its completion.
TEST_P(CompletionPortTest, IsToldOfWhatACloseAborts) {
  const Pair pair = NewOnPort();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithoutEvent()), kPending);
  ASSERT_EQ(Close(pair.socket), kOk);
  EXPECT_THAT(Expect(recv).error,
              AnyOf(DWORD{WSA_OPERATION_ABORTED}, DWORD{WSAECONNABORTED}));
}

// 3.3 C3: but not of what the final cleanup aborts, now or later.
TEST_P(CompletionPortTest, IsNotToldOfWhatTheCleanupAborts) {
  Pair pair = NewOnPort();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithoutEvent()), kPending);
  ASSERT_EQ(Cleanup(), kOk);
  EXPECT_NE(recv.status(), kStatusPending);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kReset);
  ExpectNothing();
}

// Any other error = not started, no indication.
TEST_P(CompletionPortTest, IsNotToldOfARefusedCall) {
  const SOCKET s = New();
  ASSERT_TRUE(port_.Bind(s, kKey));
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(s, &recv, recv.WithoutEvent()), WsaCode{WSAENOTCONN});
  ExpectNothing();
}

// An event, too, if there is one …
TEST_P(CompletionPortTest, IsToldBesidesTheEvent) {
  Pair pair = NewOnPort();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithEvent()), kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  EXPECT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_EQ(Expect(recv).bytes, 5u);
}

// … whose low bit suppresses packets, but still signals the event.
TEST_P(CompletionPortTest, IsNotToldIfTheEventSaysSo) {
  Pair pair = NewOnPort();
  Overlapped& recv = NewOverlapped(10);
  recv.WithEvent();
  recv.overlapped.hEvent = reinterpret_cast<HANDLE>(
      reinterpret_cast<ULONG_PTR>(recv.event.get()) | 1);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithoutEvent()), kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  EXPECT_TRUE(recv.event.Wait(kSoonMs));
  ExpectNothing();
}

void CALLBACK NoRoutine(DWORD, DWORD, LPWSAOVERLAPPED, DWORD) {}

// 4.3: a completion routine while the socket is associated → WSAEINVAL.
TEST_P(CompletionPortTest, RoutineIsInvalid) {
  const Pair pair = NewOnPort();
  Overlapped& recv = NewOverlapped(10);
  EXPECT_EQ(Start(pair.socket, &recv, recv.WithRoutine(NoRoutine)),
            WsaCode{WSAEINVAL});
  Overlapped& send = NewOverlapped(std::string("x"));
  EXPECT_EQ(Send(pair.socket, &send.wsabuf, 1, nullptr, 0,
                 send.WithRoutine(NoRoutine)),
            WsaCode{WSAEINVAL});
  ExpectNothing();
}

// Several are told of in some order, each once.
TEST_P(CompletionPortTest, EachIsToldOfOnce) {
  constexpr size_t kRecvs = 20;
  Pair pair = NewOnPort();
  for (size_t i = 0; i < kRecvs; ++i) {
    Overlapped& recv = NewOverlapped(1);
    ASSERT_EQ(Start(pair.socket, &recv, recv.WithoutEvent()), kPending);
  }
  ASSERT_TRUE(pair.peer.Write(std::string(kRecvs, 'x')));
  CompletionPacket packet;
  for (size_t i = 0; i < kRecvs; ++i) {
    ASSERT_TRUE(port_.Take(&packet, kSoonMs)) << i;
    EXPECT_EQ(packet.bytes, 1u);
  }
  ExpectNothing();
}

}  // namespace
}  // namespace wspd::conformance
