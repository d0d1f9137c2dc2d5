// Overlapped WSPSendTo and WSPRecvFrom on datagram sockets: completion by
// event, by routine, and without any sign.
#include <string>
#include <vector>

#include "client_stub/spi_client/event.h"
#include "tests/conformance/datagram_fixture.h"
#include "tests/testing/wait_until.h"

namespace wspd::conformance {
namespace {

using spi_client::SleepAlertable;
using ::testing::AnyOf;
using testing::milliseconds;
using testing::WaitUntil;

constexpr ULONG_PTR kSuccess = 0;
constexpr ULONG_PTR kBufferOverflow = 0x80000005;
constexpr ULONG_PTR kCancelled = 0xC0000120;
constexpr ULONG_PTR kConnectionAborted = 0xC0000241;
constexpr ULONG_PTR kConnectionReset = 0xC000020D;
constexpr ULONG_PTR kPortUnreachable = 0xC000023F;

// What completion routines of this thread have been told, in order.
struct Completion {
  DWORD error;
  DWORD bytes;
  LPWSAOVERLAPPED overlapped;
};
thread_local std::vector<Completion> completions;

void Record(DWORD error, DWORD bytes, LPWSAOVERLAPPED overlapped, DWORD) {
  completions.push_back({error, bytes, overlapped});
}

// How an overlapped call is to tell of its end.
enum class Sign { kEvent, kRoutine, kNone };

struct OverlappedVariant {
  Family family;
  Sign sign;
};

std::string NameOf(const OverlappedVariant& variant) {
  constexpr const char* kSigns[] = {"Event", "Routine", "Unannounced"};
  return FamilyName(variant.family) + kSigns[static_cast<int>(variant.sign)];
}

std::ostream& operator<<(std::ostream& out, const OverlappedVariant& variant) {
  return out << NameOf(variant);
}

// An operation on datagrams with the place for the sender.
struct Operation : Overlapped {
  using Overlapped::Overlapped;
  SockAddr from;
};

class DatagramOverlappedTest
    : public DatagramTest,
      public ::testing::WithParamInterface<OverlappedVariant> {
 protected:
  DatagramOverlappedTest() : peer_(GetParam().family) {}
  Family family() const { return GetParam().family; }
  Sign sign() const { return GetParam().sign; }

  Overlap OverlapOf(Operation* operation) {
    switch (sign()) {
      case Sign::kEvent:
        return operation->WithEvent();
      case Sign::kRoutine:
        return operation->WithRoutine(Record);
      case Sign::kNone:
        return operation->WithoutEvent();
    }
    return {};
  }

  WsaCode StartReceive(SOCKET s, Operation* operation) {
    return RecvFrom(s, &operation->wsabuf, 1, &operation->bytes,
                    &operation->flags, operation->from.get(),
                    operation->from.length_pointer(), OverlapOf(operation));
  }
  WsaCode StartSend(SOCKET s, Operation* operation, const SockAddr& to) {
    return SendTo(s, &operation->wsabuf, 1, &operation->bytes, 0, to.get(),
                  to.length(), OverlapOf(operation));
  }

  // Waits for the end, in the way that the operation announces it. Its error.
  WsaCode Finish(SOCKET s, Operation* operation) {
    operation->flags = 0;
    switch (sign()) {
      case Sign::kEvent:
        EXPECT_TRUE(operation->event.Wait(kSoonMs));
        break;
      case Sign::kRoutine: {
        const size_t before = completions.size();
        EXPECT_TRUE(WaitUntil(
            [&] {
              SleepAlertable(1);
              return completions.size() > before;
            },
            milliseconds(kSoonMs)));
        EXPECT_EQ(completions.back().overlapped, &operation->overlapped);
        operation->bytes = completions.back().bytes;
        return WsaCode{static_cast<int>(completions.back().error)};
      }
      case Sign::kNone:
        EXPECT_TRUE(
            WaitUntil([&] { return operation->status() != STATUS_PENDING; },
                      milliseconds(kSoonMs)));
        break;
    }
    return GetOverlappedResult(s, &operation->overlapped, &operation->bytes,
                               false, &operation->flags);
  }

  PeerDatagrams peer_;
};

INSTANTIATE_TEST_SUITE_P(
    , DatagramOverlappedTest,
    ::testing::Values(OverlappedVariant{Family::kIpv4, Sign::kEvent},
                      OverlappedVariant{Family::kIpv4, Sign::kRoutine},
                      OverlappedVariant{Family::kIpv4, Sign::kNone},
                      OverlappedVariant{Family::kIpv6, Sign::kEvent},
                      OverlappedVariant{Family::kIpv6, Sign::kRoutine},
                      OverlappedVariant{Family::kIpv6, Sign::kNone}),
    [](const auto& info) { return NameOf(info.param); });

// 4.1: SOCKET_ERROR and WSA_IO_PENDING, Internal = STATUS_PENDING.
TEST_P(DatagramOverlappedTest, ReceiveOfNothingIsPending) {
  const SOCKET s = NewDatagrams(family());
  Operation operation(kRoom);
  EXPECT_EQ(StartReceive(s, &operation), kPending);
  EXPECT_EQ(operation.status(), ULONG_PTR{STATUS_PENDING});
  DWORD bytes = 0, flags = 0;
  EXPECT_EQ(
      GetOverlappedResult(s, &operation.overlapped, &bytes, false, &flags),
      WsaCode{WSA_IO_INCOMPLETE});
  EXPECT_EQ(Close(s), kOk);
  Finish(s, &operation);
}

TEST_P(DatagramOverlappedTest, ReceiveEndsWithADatagram) {
  const SOCKET s = NewDatagrams(family());
  Operation operation(kRoom);
  ASSERT_EQ(StartReceive(s, &operation), kPending);
  SendFrom(&peer_, s, "hello");
  EXPECT_EQ(Finish(s, &operation), kOk);
  EXPECT_EQ(operation.bytes, 5u);
  EXPECT_EQ(operation.buffer.substr(0, 5), "hello");
  EXPECT_EQ(operation.status(), kSuccess);
  EXPECT_EQ(operation.overlapped.InternalHigh, 5u);
}

// 2 WSPRecvFrom: lpFrom and lpFromlen are written at completion.
TEST_P(DatagramOverlappedTest, SenderIsToldAtTheEnd) {
  const SOCKET s = NewDatagrams(family());
  Operation operation(kRoom);
  ASSERT_EQ(StartReceive(s, &operation), kPending);
  EXPECT_EQ(operation.from.length(), SockAddr().length());
  SendFrom(&peer_, s, "hello");
  ASSERT_EQ(Finish(s, &operation), kOk);
  EXPECT_EQ(operation.from, SockAddr::Of(peer_.endpoint()));
  EXPECT_EQ(operation.from.length(), AddressLength(family()));
}

// 4.3: with data available it returns 0; 4.1: the indication still happens.
TEST_P(DatagramOverlappedTest, ReceiveOfWhatIsThereEndsAtOnce) {
  const SOCKET s = NewDatagrams(family());
  SendFrom(&peer_, s, "hello");
  ASSERT_TRUE(WaitReadable(s));
  Operation operation(kRoom);
  EXPECT_EQ(StartReceive(s, &operation), kOk);
  EXPECT_EQ(operation.bytes, 5u);
  EXPECT_EQ(operation.status(), kSuccess);
  EXPECT_EQ(Finish(s, &operation), kOk);
  EXPECT_EQ(operation.from, SockAddr::Of(peer_.endpoint()));
}

// 4.3: completes with WSAEMSGSIZE/STATUS_BUFFER_OVERFLOW, bytes = buffer size.
TEST_P(DatagramOverlappedTest, TooSmallABufferIsFilled) {
  const SOCKET s = NewDatagrams(family());
  Operation operation(4);
  ASSERT_EQ(StartReceive(s, &operation), kPending);
  SendFrom(&peer_, s, "hello");
  EXPECT_EQ(Finish(s, &operation), WsaCode{WSAEMSGSIZE});
  EXPECT_EQ(operation.bytes, 4u);
  EXPECT_EQ(operation.buffer, "hell");
  EXPECT_EQ(operation.status(), kBufferOverflow);
}

// 4.1: receive buffers are filled in the order posted.
TEST_P(DatagramOverlappedTest, ReceivesAreServedInTheirOrder) {
  const SOCKET s = NewDatagrams(family());
  Operation first(kRoom), second(kRoom), third(kRoom);
  for (Operation* operation : {&first, &second, &third}) {
    ASSERT_EQ(StartReceive(s, operation), kPending);
  }
  for (const char* data : {"one", "two", "three"}) SendFrom(&peer_, s, data);
  EXPECT_TRUE(WaitUntil([&] { return third.status() != STATUS_PENDING; }));
  EXPECT_EQ(first.buffer.substr(0, 3), "one");
  EXPECT_EQ(second.buffer.substr(0, 3), "two");
  EXPECT_EQ(third.buffer.substr(0, 5), "three");
  SleepAlertable(0);
}

// 4.1: a send is done with its own bytes.
TEST_P(DatagramOverlappedTest, SendEndsWithItsBytes) {
  const SOCKET s = NewDatagrams(family());
  Operation operation(std::string("hello"));
  EXPECT_THAT(StartSend(s, &operation, SockAddr::Of(peer_.endpoint())),
              AnyOf(kOk, kPending));
  EXPECT_EQ(Finish(s, &operation), kOk);
  EXPECT_EQ(operation.bytes, 5u);
  ExpectNext(&peer_, "hello");
}

// 4.1: sends leave in the order posted.
TEST_P(DatagramOverlappedTest, SendsLeaveInTheirOrder) {
  const SOCKET s = NewDatagrams(family());
  Operation first(std::string("one")), second(std::string("two"));
  for (Operation* operation : {&first, &second}) {
    EXPECT_THAT(StartSend(s, operation, SockAddr::Of(peer_.endpoint())),
                AnyOf(kOk, kPending));
  }
  ExpectNext(&peer_, "one");
  ExpectNext(&peer_, "two");
  EXPECT_TRUE(WaitUntil([&] { return second.status() != STATUS_PENDING; }));
  SleepAlertable(0);
}

// 4.1: any other error = not started, no indication.
TEST_P(DatagramOverlappedTest, RefusedSendGivesNoSign) {
  const SOCKET s = NewDatagrams(family());
  Operation operation(std::string("x"));
  completions.clear();
  EXPECT_EQ(StartSend(s, &operation, SockAddr::Loopback(family(), 0)),
            WsaCode{WSAEADDRNOTAVAIL});
  SleepAlertable(kNotAtAllMs);
  EXPECT_TRUE(completions.empty());
  EXPECT_FALSE(operation.event.IsSet());
}

TEST_P(DatagramOverlappedTest, RefusedReceiveGivesNoSign) {
  const SOCKET s = NewSocket(family(), Protocol::kUdp);
  Operation operation(kRoom);
  completions.clear();
  EXPECT_EQ(StartReceive(s, &operation), WsaCode{WSAEINVAL});
  SleepAlertable(kNotAtAllMs);
  EXPECT_TRUE(completions.empty());
  EXPECT_FALSE(operation.event.IsSet());
}

// 5.2, 5.3: ICMP, seen by a receive that waits.
TEST_P(DatagramOverlappedTest, UnreachablePortEndsAPendingReceive) {
  const SOCKET s = NewDatagrams(family());
  Operation operation(kRoom);
  ASSERT_EQ(StartReceive(s, &operation), kPending);
  EXPECT_EQ(SendToNobody(s, family()), kOk);
  EXPECT_EQ(Finish(s, &operation), WsaCode{WSAECONNRESET});
  EXPECT_THAT(operation.status(), AnyOf(kConnectionReset, kPortUnreachable));
}

// 2 WSPCloseSocket: WSA_OPERATION_ABORTED with the completion action (WT: the
// status is STATUS_CONNECTION_ABORTED).
TEST_P(DatagramOverlappedTest, CloseAbortsAPendingReceive) {
  const SOCKET s = NewDatagrams(family());
  Operation operation(kRoom);
  ASSERT_EQ(StartReceive(s, &operation), kPending);
  EXPECT_EQ(Close(s), kOk);
  if (sign() == Sign::kRoutine) {
    EXPECT_THAT(Finish(s, &operation), AnyOf(WsaCode{WSA_OPERATION_ABORTED},
                                             WsaCode{WSAECONNABORTED}));
  } else {
    Finish(s, &operation);  // the socket is gone
  }
  EXPECT_THAT(operation.status(), AnyOf(kCancelled, kConnectionAborted));
}

// 4.3: non-blocking mode does not apply to overlapped calls.
TEST_P(DatagramOverlappedTest, NonBlockingMakesNoDifference) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(SetNonBlocking(s), kOk);
  Operation operation(kRoom);
  ASSERT_EQ(StartReceive(s, &operation), kPending);
  SendFrom(&peer_, s, "hello");
  EXPECT_EQ(Finish(s, &operation), kOk);
  EXPECT_EQ(operation.bytes, 5u);
}

// 4.3: time-outs apply to synchronous calls only.
TEST_P(DatagramOverlappedTest, TimeoutDoesNotApply) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(SetInt(s, SOL_SOCKET, SO_RCVTIMEO, 1), kOk);
  Operation operation(kRoom);
  ASSERT_EQ(StartReceive(s, &operation), kPending);
  SleepAlertable(kNotAtAllMs);
  EXPECT_EQ(operation.status(), ULONG_PTR{STATUS_PENDING});
  SendFrom(&peer_, s, "hello");
  EXPECT_EQ(Finish(s, &operation), kOk);
}

// 2: WSABUF arrays are transient.
TEST_P(DatagramOverlappedTest, BufferArrayMayGoAtOnce) {
  const SOCKET s = NewDatagrams(family());
  Operation operation(kRoom);
  {
    WSABUF parts[2] = {{2, &operation.buffer[0]}, {3, &operation.buffer[2]}};
    ASSERT_EQ(RecvFrom(s, parts, 2, &operation.bytes, &operation.flags, nullptr,
                       nullptr, OverlapOf(&operation)),
              kPending);
    parts[0] = parts[1] = {0, nullptr};
  }
  SendFrom(&peer_, s, "hello");
  EXPECT_EQ(Finish(s, &operation), kOk);
  EXPECT_EQ(operation.buffer.substr(0, 5), "hello");
}

TEST_P(DatagramOverlappedTest, PeekLeavesTheDatagram) {
  const SOCKET s = NewDatagrams(family());
  Operation operation(kRoom);
  operation.flags = MSG_PEEK;
  ASSERT_EQ(StartReceive(s, &operation), kPending);
  SendFrom(&peer_, s, "hello");
  EXPECT_EQ(Finish(s, &operation), kOk);
  EXPECT_EQ(operation.buffer.substr(0, 5), "hello");
  ExpectNext(s, "hello");
}

TEST_P(DatagramOverlappedTest, EmptyDatagramEndsAReceive) {
  const SOCKET s = NewDatagrams(family());
  Operation operation(kRoom);
  ASSERT_EQ(StartReceive(s, &operation), kPending);
  SendFrom(&peer_, s, "");
  EXPECT_EQ(Finish(s, &operation), kOk);
  EXPECT_EQ(operation.bytes, 0u);
  EXPECT_EQ(operation.from, SockAddr::Of(peer_.endpoint()));
}

// 4.3: zero buffers with overlapped.
TEST_P(DatagramOverlappedTest, ReceiveIntoNoBufferIsInvalid) {
  const SOCKET s = NewDatagrams(family());
  Operation operation(kRoom);
  EXPECT_EQ(RecvFrom(s, nullptr, 0, &operation.bytes, &operation.flags, nullptr,
                     nullptr, OverlapOf(&operation)),
            WsaCode{WSAEINVAL});
}

// 4.12: an overlapped receive pending before SD_RECEIVE still completes.
TEST_P(DatagramOverlappedTest, ShutdownLeavesAPendingReceive) {
  const SOCKET s = NewDatagrams(family());
  Operation operation(kRoom);
  ASSERT_EQ(StartReceive(s, &operation), kPending);
  EXPECT_EQ(Shutdown(s, SD_RECEIVE), kOk);
  SendFrom(&peer_, s, "hello");
  EXPECT_EQ(Finish(s, &operation), kOk);
}

// ------------------------------------------------------------ one way only

class DatagramEventTest : public DatagramFamilyTest {
 protected:
  WsaCode StartReceive(SOCKET s, Overlapped* operation,
                       const Overlap& overlap) {
    return RecvFrom(s, &operation->wsabuf, 1, &operation->bytes,
                    &operation->flags, nullptr, nullptr, overlap);
  }
  // Tells of its end by Record(), with an event in hEvent beside it.
  WsaCode StartWithRoutine(SOCKET s, Overlapped* operation) {
    completions.clear();
    operation->overlapped.hEvent = operation->event.get();
    return StartReceive(s, operation, operation->WithRoutine(Record));
  }
  // By its event, whose handle has its low bit set.
  static Overlap WithLowBit(Overlapped* operation) {
    operation->overlapped.hEvent = reinterpret_cast<HANDLE>(
        reinterpret_cast<ULONG_PTR>(operation->event.get()) | 1);
    return operation->WithoutEvent();
  }

  // 4.2: fWait TRUE, while it is pending.
  void ExpectCanBeWaitedFor(SOCKET s, Overlapped* operation) {
    ThreadGroup threads;
    WsaCode code;
    DWORD bytes = 0, flags = 0;
    threads.Start("wait", [&] {
      code =
          GetOverlappedResult(s, &operation->overlapped, &bytes, true, &flags);
    });
    ASSERT_TRUE(threads.WaitUntilBlocked());
    SendFrom(&peer_, s, "hello");
    threads.JoinAll();
    EXPECT_EQ(code, kOk);
    EXPECT_EQ(bytes, 5u);
  }
  void ExpectCannotBeWaitedFor(SOCKET s, Overlapped* operation) {
    DWORD bytes = 0, flags = 0;
    EXPECT_EQ(
        GetOverlappedResult(s, &operation->overlapped, &bytes, true, &flags),
        WsaCode{WSA_INVALID_HANDLE});
  }
  // Before its memory goes.
  void CloseAndAwaitEnd(SOCKET s, const Overlapped& operation) {
    EXPECT_EQ(Close(s), kOk);
    EXPECT_TRUE(
        WaitUntil([&] { return operation.status() != STATUS_PENDING; }));
  }
};
WSPD_FOR_BOTH_FAMILIES(DatagramEventTest);

// 4.1: hEvent is reset when the operation starts.
TEST_P(DatagramEventTest, StartResetsTheEvent) {
  const SOCKET s = NewDatagrams(family());
  Overlapped operation(kRoom);
  int error = 0;
  ASSERT_TRUE(spi_client::SetEventObject(operation.event.get(), &error));
  ASSERT_EQ(StartReceive(s, &operation, operation.WithEvent()), kPending);
  EXPECT_FALSE(operation.event.IsSet());
  SendFrom(&peer_, s, "x");
  EXPECT_TRUE(operation.event.Wait(kSoonMs));
}

// 4.1: the low bit of hEvent only keeps a completion port from being told.
TEST_P(DatagramEventTest, LowBitOfTheEventIsIgnored) {
  const SOCKET s = NewDatagrams(family());
  Overlapped operation(kRoom);
  ASSERT_EQ(StartReceive(s, &operation, WithLowBit(&operation)), kPending);
  SendFrom(&peer_, s, "x");
  EXPECT_TRUE(operation.event.Wait(kSoonMs));
}

// 4.1: with a routine hEvent is left to the application.
TEST_P(DatagramEventTest, RoutineLeavesTheEventAlone) {
  const SOCKET s = NewDatagrams(family());
  Overlapped operation(kRoom);
  ASSERT_EQ(StartWithRoutine(s, &operation), kPending);
  SendFrom(&peer_, s, "x");
  EXPECT_TRUE(WaitUntil([&] {
    SleepAlertable(1);
    return !completions.empty();
  }));
  EXPECT_FALSE(operation.event.IsSet());
}

// 4.1: routines run only in an alertable wait of the issuing thread.
TEST_P(DatagramEventTest, RoutineWaitsForAnAlertableWait) {
  const SOCKET s = NewDatagrams(family());
  Overlapped operation(kRoom);
  completions.clear();
  ASSERT_EQ(StartReceive(s, &operation, operation.WithRoutine(Record)),
            kPending);
  SendFrom(&peer_, s, "x");
  EXPECT_TRUE(WaitUntil([&] { return operation.status() != STATUS_PENDING; }));
  EXPECT_TRUE(completions.empty());
  ThreadGroup threads;
  size_t elsewhere = 1;
  threads.Start("another", [&] {
    SleepAlertable(kNotAtAllMs);
    elsewhere = completions.size();
  });
  threads.JoinAll();
  EXPECT_EQ(elsewhere, 0u);
  EXPECT_EQ(SleepAlertable(kSoonMs), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(completions.size(), 1u);
}

// 4.2: fWait TRUE.
TEST_P(DatagramEventTest, ResultCanBeWaitedFor) {
  const SOCKET s = NewDatagrams(family());
  Overlapped operation(kRoom);
  ASSERT_EQ(StartReceive(s, &operation, operation.WithEvent()), kPending);
  ExpectCanBeWaitedFor(s, &operation);
}

// 4.2: WSA_INVALID_HANDLE without an event to wait for.
TEST_P(DatagramEventTest, ResultWithoutAnEventCannotBeWaitedFor) {
  const SOCKET s = NewDatagrams(family());
  Overlapped operation(kRoom);
  ASSERT_EQ(StartReceive(s, &operation, operation.WithoutEvent()), kPending);
  ExpectCannotBeWaitedFor(s, &operation);
  CloseAndAwaitEnd(s, operation);
}

TEST_P(DatagramEventTest, ResultWithAClosedEventCannotBeWaitedFor) {
  const SOCKET s = NewDatagrams(family());
  Overlapped operation(kRoom);
  int error = 0;
  operation.overlapped.hEvent = spi_client::OpenEventObject(&error);
  ASSERT_EQ(StartReceive(s, &operation, operation.WithoutEvent()), kPending);
  ASSERT_TRUE(
      spi_client::CloseEventObject(operation.overlapped.hEvent, &error));
  ExpectCannotBeWaitedFor(s, &operation);
  CloseAndAwaitEnd(s, operation);
}

// 4.1: with a routine hEvent is the application's own, whatever it has there.
TEST_P(DatagramEventTest, ResultThatARoutineTellsCannotBeWaitedFor) {
  const SOCKET s = NewDatagrams(family());
  Overlapped operation(kRoom);
  ASSERT_EQ(StartWithRoutine(s, &operation), kPending);
  ExpectCannotBeWaitedFor(s, &operation);
  SendFrom(&peer_, s, "x");
  EXPECT_EQ(SleepAlertable(kSoonMs), DWORD{WSA_WAIT_IO_COMPLETION});
  ASSERT_EQ(completions.size(), 1u);
  EXPECT_EQ(completions[0].bytes, 1u);
}

// 4.1: the low bit of hEvent is no part of the event.
TEST_P(DatagramEventTest, ResultCanBeWaitedForWithTheLowBitOfTheEvent) {
  const SOCKET s = NewDatagrams(family());
  Overlapped operation(kRoom);
  ASSERT_EQ(StartReceive(s, &operation, WithLowBit(&operation)), kPending);
  ExpectCanBeWaitedFor(s, &operation);
}

// 4.1, 4.3: without the overlapped attribute it is a blocking call.
TEST_P(DatagramEventTest, SocketWithoutTheAttributeBlocks) {
  const SOCKET s = NewSocket(family(), Protocol::kUdp, 0);
  ASSERT_EQ(Bind(s, SockAddr::Loopback(family())), kOk);
  Overlapped operation(kRoom);
  ThreadGroup threads;
  WsaCode code;
  threads.Start("receive", [&] {
    code = StartReceive(s, &operation, operation.WithEvent());
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  SendFrom(&peer_, s, "hello");
  threads.JoinAll();
  EXPECT_EQ(code, kOk);
  EXPECT_EQ(operation.bytes, 5u);
}

// 2 WSPRecvFrom: WSAEFAULT (fromlen too small).
TEST_P(DatagramEventTest, TooShortRoomForTheSenderIsAFault) {
  const SOCKET s = NewDatagrams(family());
  Overlapped operation(kRoom);
  SockAddr from;
  int length = AddressLength(family()) - 1;
  EXPECT_EQ(
      RecvFrom(s, &operation.wsabuf, 1, &operation.bytes, &operation.flags,
               from.get(), &length, operation.WithEvent()),
      WsaCode{WSAEFAULT});
}

}  // namespace
}  // namespace wspd::conformance
