// WSPGetOverlappedResult (4.2), and OVERLAPPED.Internal with its NTSTATUS
// (5.3).
#include <string>

#include "tests/conformance/stream_fixture.h"
#include "tests/testing/peer_datagrams.h"

namespace wspd::conformance {
namespace {

class OverlappedResultTest : public StreamTest {
 protected:
  WsaCode Start(SOCKET s, Overlapped* recv, const Overlap& overlap) {
    return Recv(s, &recv->wsabuf, 1, nullptr, &recv->flags, overlap);
  }
  WsaCode Result(SOCKET s, Overlapped* recv, bool wait) {
    return GetOverlappedResult(s, &recv->overlapped, &recv->bytes, wait,
                               &recv->flags);
  }
};
WSPD_FOR_BOTH_FAMILIES(OverlappedResultTest);

// 4.2: fWait FALSE and pending → WSA_IO_INCOMPLETE.
TEST_P(OverlappedResultTest, PendingIsIncomplete) {
  const Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithEvent()), kPending);
  EXPECT_EQ(Result(pair.socket, &recv, false), WsaCode{WSA_IO_INCOMPLETE});
  EXPECT_EQ(recv.status(), kStatusPending);
}

TEST_P(OverlappedResultTest, PendingWithoutAnEventIsIncomplete) {
  const Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithoutEvent()), kPending);
  EXPECT_EQ(Result(pair.socket, &recv, false), WsaCode{WSA_IO_INCOMPLETE});
}

// 4.2: fWait TRUE waits for the event.
TEST_P(OverlappedResultTest, WaitsForTheEvent) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithEvent()), kPending);
  EXPECT_EQ(WhileBlocked([&] { return Result(pair.socket, &recv, true); },
                         [&] { EXPECT_TRUE(pair.peer.Write("hello")); }),
            kOk);
  EXPECT_EQ(recv.bytes, 5u);
}

// 4.2: … allowed only with an event: WSA_INVALID_HANDLE otherwise.
TEST_P(OverlappedResultTest, WaitingWithoutAnEventIsAnInvalidHandle) {
  const Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithoutEvent()), kPending);
  EXPECT_EQ(Result(pair.socket, &recv, true), WsaCode{WSA_INVALID_HANDLE});
}

// 4.2: done → TRUE and bytes, also more than once, and with a wait.
TEST_P(OverlappedResultTest, FinalResultStays) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithEvent()), kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  for (const bool wait : {false, true, false}) {
    recv.bytes = 0;
    ASSERT_EQ(Result(pair.socket, &recv, wait), kOk);
    EXPECT_EQ(recv.bytes, 5u);
  }
}

// 4.2: must not modify Internal itself.
TEST_P(OverlappedResultTest, StatusIsOnlyRead) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithEvent()), kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  ASSERT_EQ(Result(pair.socket, &recv, false), kOk);
  EXPECT_EQ(recv.status(), kStatusSuccess);
  EXPECT_EQ(recv.overlapped.InternalHigh, 5u);
}

TEST_P(OverlappedResultTest, FlagsOfAStreamAreNone) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithEvent()), kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  recv.flags = 0x5ead;
  ASSERT_EQ(Result(pair.socket, &recv, false), kOk);
  EXPECT_EQ(recv.flags, 0u);
}

// 4.2: … or FALSE and the operation's error.
TEST_P(OverlappedResultTest, GivesTheOperationsError) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Start(pair.socket, &recv, recv.WithEvent()), kPending);
  pair.peer.Reset();
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_EQ(Result(pair.socket, &recv, false), WsaCode{WSAECONNRESET});
  EXPECT_EQ(Result(pair.socket, &recv, true), WsaCode{WSAECONNRESET});
}

// 5.3: BUFFER_OVERFLOW, of a datagram longer than its buffer (4.3).
TEST_P(OverlappedResultTest, ShortDatagramBufferIsAnOverflow) {
  const SOCKET a = ConformanceTest::NewBound(family(), Protocol::kUdp);
  testing::PeerDatagrams peer(family());
  Overlapped& recv = NewOverlapped(2);
  ASSERT_EQ(RecvFrom(a, &recv.wsabuf, 1, nullptr, &recv.flags, nullptr, nullptr,
                     recv.WithEvent()),
            kPending);
  ASSERT_TRUE(peer.Send("long", NameOf(a).ToEndpoint()));
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_EQ(recv.status(), kStatusBufferOverflow);
  EXPECT_EQ(recv.overlapped.InternalHigh, 2u);
  EXPECT_EQ(Result(a, &recv, false), WsaCode{WSAEMSGSIZE});
}

// ------------------------------------------------ 5.3: Internal, to an error

struct Status {
  const char* name;
  ULONG_PTR internal;
  int error;
};

std::ostream& operator<<(std::ostream& out, const Status& status) {
  return out << status.name;
}

class StatusTest : public ConformanceTest,
                   public ::testing::WithParamInterface<Status> {};

// 4.2 [WT]: Internal's status, mapped by 5.3.
TEST_P(StatusTest, IsTheResultsError) {
  const Pair pair = NewConnection(Family::kIpv4);
  WSAOVERLAPPED overlapped = {};
  overlapped.Internal = GetParam().internal;
  DWORD bytes = 0, flags = 0;
  EXPECT_EQ(
      GetOverlappedResult(pair.socket, &overlapped, &bytes, false, &flags),
      WsaCode{GetParam().error});
}

// The values that the reference has a number for.
INSTANTIATE_TEST_SUITE_P(
    , StatusTest,
    ::testing::Values(Status{"Success", 0, 0},
                      Status{"Pending", 0x00000103, WSA_IO_INCOMPLETE},
                      Status{"BufferOverflow", 0x80000005, WSAEMSGSIZE},
                      Status{"AccessViolation", 0xC0000005, WSAEFAULT},
                      Status{"BufferTooSmall", 0xC0000023, WSAEFAULT},
                      Status{"InvalidHandle", 0xC0000008, WSAENOTSOCK},
                      Status{"ObjectTypeMismatch", 0xC0000024, WSAENOTSOCK},
                      Status{"AccessDenied", 0xC0000022, WSAEACCES},
                      Status{"SharingViolation", 0xC0000043, WSAEADDRINUSE},
                      Status{"AddressAlreadyExists", 0xC000020A, WSAEADDRINUSE},
                      Status{"DeviceNotReady", 0xC00000A3, WSAEWOULDBLOCK},
                      Status{"PipeDisconnected", 0xC00000B0, WSAESHUTDOWN},
                      Status{"IoTimeout", 0xC00000B5, WSAETIMEDOUT},
                      Status{"NotSupported", 0xC00000BB, WSAEOPNOTSUPP},
                      Status{"Cancelled", 0xC0000120, WSA_OPERATION_ABORTED},
                      Status{"LocalDisconnect", 0xC000013B, WSAECONNABORTED},
                      Status{"ConnectionAborted", 0xC0000241, WSAECONNABORTED},
                      Status{"RemoteDisconnect", 0xC000013C, WSAECONNRESET},
                      Status{"ConnectionReset", 0xC000020D, WSAECONNRESET},
                      Status{"PortUnreachable", 0xC000023F, WSAECONNRESET},
                      Status{"InvalidConnection", 0xC0000140, WSAENOTCONN},
                      Status{"InvalidAddressComponent", 0xC0000207,
                             WSAEADDRNOTAVAIL},
                      Status{"ConnectionRefused", 0xC0000236, WSAECONNREFUSED},
                      Status{"GracefulDisconnect", 0xC0000237, WSAEDISCON},
                      Status{"ConnectionActive", 0xC000023B, WSAEISCONN},
                      Status{"NetworkUnreachable", 0xC000023C, WSAENETUNREACH},
                      Status{"HostUnreachable", 0xC000023D, WSAEHOSTUNREACH},
                      Status{"RequestAborted", 0xC0000240, WSAEINTR},
                      // Any other failure.
                      Status{"AnyOtherFailure", 0xC0005EAD, WSAEINVAL}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace wspd::conformance
