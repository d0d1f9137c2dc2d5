// WSPCleanup: the obligations C1 to C9 of the final one.
#include <atomic>
#include <string>
#include <vector>

#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/upcalls.h"
#include "tests/conformance/each_function.h"
#include "tests/conformance/stream_fixture.h"
#include "tests/testing/pattern.h"

namespace wspd::conformance {
namespace {

class CleanupTest : public StreamTest {
 protected:
  void StartAgain() { ASSERT_EQ(spi().Startup(), kOk); }

  // Whether the operation was aborted in silence: C3.
  static void ExpectSilentlyAborted(const Overlapped& operation) {
    EXPECT_NE(operation.status(), kStatusPending);
    EXPECT_EQ(operation.overlapped.OffsetHigh, DWORD{WSA_OPERATION_ABORTED});
    EXPECT_FALSE(operation.event.IsSet());
  }
};
WSPD_FOR_BOTH_FAMILIES(CleanupTest);

// ------------------------------------------------------------------ C1, C9

// C1: calls before the last only decrement.
TEST_P(CleanupTest, EarlierCleanupsLeaveConnectionsAlone) {
  StartAgain();
  Pair pair = NewConnection();
  ASSERT_EQ(Cleanup(), kOk);
  ASSERT_EQ(SendText(pair.socket, "still here"), kOk);
  EXPECT_EQ(pair.peer.Read(10), "still here");
}

TEST_P(CleanupTest, EarlierCleanupsLeavePendingOperationsAlone) {
  StartAgain();
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(1);
  ASSERT_EQ(Recv(pair.socket, &recv.wsabuf, 1, nullptr, &recv.flags,
                 recv.WithEvent()),
            kPending);
  ASSERT_EQ(Cleanup(), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  EXPECT_TRUE(recv.event.Wait(kSoonMs));
}

// C9, 2: zero, then WSANOTINITIALISED.
TEST_P(CleanupTest, OneTooManyIsNotInitialised) {
  EXPECT_EQ(Cleanup(), kOk);
  EXPECT_EQ(Cleanup(), WsaCode{WSANOTINITIALISED});
  EXPECT_EQ(Cleanup(), WsaCode{WSANOTINITIALISED});
}

// --------------------------------------------------- C2: what blocks or waits

// 3.3: WSAEINTR for a cancelled blocking call.
TEST_P(CleanupTest, BlockedRecvIsInterrupted) {
  const Pair pair = NewConnection();
  std::string data;
  EXPECT_EQ(WhileBlocked([&] { return RecvText(pair.socket, 1, &data); },
                         [&] { EXPECT_EQ(Cleanup(), kOk); }),
            WsaCode{WSAEINTR});
}

TEST_P(CleanupTest, BlockedAcceptIsInterrupted) {
  const SOCKET listening = NewListener();
  SOCKET accepted;
  EXPECT_EQ(WhileBlocked([&] { return Accept(listening, &accepted); },
                         [&] { EXPECT_EQ(Cleanup(), kOk); }),
            WsaCode{WSAEINTR});
}

TEST_P(CleanupTest, BlockedSendIsInterrupted) {
  const Pair pair = NewSlowConnection();
  FillSendBuffer(pair.socket);
  ASSERT_EQ(SetNonBlocking(pair.socket, false), kOk);
  EXPECT_EQ(WhileBlocked(
                [&] { return SendText(pair.socket, std::string(65536, 'x')); },
                [&] { EXPECT_EQ(Cleanup(), kOk); }),
            WsaCode{WSAEINTR});
}

TEST_P(CleanupTest, BlockedRecvFromIsInterrupted) {
  const SOCKET s = ConformanceTest::NewBound(family(), Protocol::kUdp);
  char byte;
  WSABUF buffer = {1, &byte};
  DWORD received, flags = 0;
  EXPECT_EQ(WhileBlocked(
                [&] {
                  return RecvFrom(s, &buffer, 1, &received, &flags, nullptr,
                                  nullptr);
                },
                [&] { EXPECT_EQ(Cleanup(), kOk); }),
            WsaCode{WSAEINTR});
}

TEST_P(CleanupTest, BlockedIoctlIsInterrupted) {
  const SOCKET s = New();
  DWORD returned = 0;
  EXPECT_EQ(WhileBlocked(
                [&] {
                  return Ioctl(s, SIO_ADDRESS_LIST_CHANGE, nullptr, 0, nullptr,
                               0, &returned);
                },
                [&] { EXPECT_EQ(Cleanup(), kOk); }),
            WsaCode{WSAEINTR});
}

TEST_P(CleanupTest, BlockedConnectIsInterrupted) {
  PeerListener::Options options;
  options.family = family();
  options.backlog = 0;
  PeerListener full(options);
  full.FillBacklog();
  const SOCKET s = New();
  EXPECT_EQ(
      WhileBlocked([&] { return Connect(s, SockAddr::Of(full.endpoint())); },
                   [&] { EXPECT_EQ(Cleanup(), kOk); }),
      WsaCode{WSAEINTR});
}

// A close that waits for its linger time (4.8).
TEST_P(CleanupTest, BlockedCloseIsInterrupted) {
  const Pair pair = NewSlowConnection();
  FillSendBuffer(pair.socket);
  ASSERT_EQ(SetNonBlocking(pair.socket, false), kOk);
  const LINGER linger = {1, 60};
  ASSERT_EQ(
      SetOption(pair.socket, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)),
      kOk);
  EXPECT_EQ(WhileBlocked([&] { return Close(pair.socket); },
                         [&] { EXPECT_EQ(Cleanup(), kOk); }),
            WsaCode{WSAEINTR});
}

// C2: without signalling events.
TEST_P(CleanupTest, SelectedEventIsNotSignalled) {
  Pair pair = NewConnection();
  Event event;
  ASSERT_EQ(EventSelect(pair.socket, event.get(), FD_READ | FD_CLOSE), kOk);
  ASSERT_EQ(Cleanup(), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kReset);
  EXPECT_FALSE(event.IsSet());
}

// -------------------------------------------- C3: pending overlapped calls

TEST_P(CleanupTest, PendingRecvIsAbortedWithoutItsEvent) {
  const Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(1);
  ASSERT_EQ(Recv(pair.socket, &recv.wsabuf, 1, nullptr, &recv.flags,
                 recv.WithEvent()),
            kPending);
  ASSERT_EQ(Cleanup(), kOk);
  ExpectSilentlyAborted(recv);
}

TEST_P(CleanupTest, PendingRecvFromIsAbortedWithoutItsEvent) {
  const SOCKET s = ConformanceTest::NewBound(family(), Protocol::kUdp);
  Overlapped& recv = NewOverlapped(1);
  SockAddr from;
  ASSERT_EQ(RecvFrom(s, &recv.wsabuf, 1, nullptr, &recv.flags, from.get(),
                     from.length_pointer(), recv.WithEvent()),
            kPending);
  ASSERT_EQ(Cleanup(), kOk);
  ExpectSilentlyAborted(recv);
}

TEST_P(CleanupTest, PendingSendIsAbortedWithoutItsEvent) {
  const Pair pair = NewSlowConnection();
  FillSendBuffer(pair.socket);
  Overlapped& send = NewOverlapped(std::string(65536, 'x'));
  ASSERT_EQ(Send(pair.socket, &send.wsabuf, 1, nullptr, 0, send.WithEvent()),
            kPending);
  ASSERT_EQ(Cleanup(), kOk);
  ExpectSilentlyAborted(send);
}

TEST_P(CleanupTest, PendingSendToIsAbortedWithoutItsEvent) {
  const Pair pair = NewSlowConnection();
  FillSendBuffer(pair.socket);
  Overlapped& send = NewOverlapped(std::string(65536, 'x'));
  ASSERT_EQ(SendTo(pair.socket, &send.wsabuf, 1, nullptr, 0, nullptr, 0,
                   send.WithEvent()),
            kPending);
  ASSERT_EQ(Cleanup(), kOk);
  ExpectSilentlyAborted(send);
}

TEST_P(CleanupTest, PendingIoctlIsAbortedWithoutItsEvent) {
  Overlapped& ioctl = NewOverlapped();
  ASSERT_EQ(Ioctl(New(), SIO_ADDRESS_LIST_CHANGE, nullptr, 0, nullptr, 0,
                  &ioctl.bytes, ioctl.WithEvent()),
            kPending);
  ASSERT_EQ(Cleanup(), kOk);
  ExpectSilentlyAborted(ioctl);
}

std::atomic<int> routines_run{0};

void CALLBACK CountRoutine(DWORD, DWORD, LPWSAOVERLAPPED, DWORD) {
  ++routines_run;
}

TEST_P(CleanupTest, PendingRecvIsAbortedWithoutItsRoutine) {
  const Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(1);
  ASSERT_EQ(Recv(pair.socket, &recv.wsabuf, 1, nullptr, &recv.flags,
                 recv.WithRoutine(CountRoutine)),
            kPending);
  ASSERT_EQ(Cleanup(), kOk);
  ExpectSilentlyAborted(recv);
  EXPECT_EQ(spi_client::SleepAlertable(kNotAtAllMs), 0u);
  EXPECT_EQ(routines_run, 0);
}

// C3: issued by any thread.
TEST_P(CleanupTest, RecvOfAnotherThreadIsAborted) {
  const Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(1);
  WsaCode code;
  {
    ThreadGroup thread;
    thread.Start("recv", [&] {
      code = Recv(pair.socket, &recv.wsabuf, 1, nullptr, &recv.flags,
                  recv.WithEvent());
      // The thread lives until then: what it started may die with it.
      spi_client::SleepAlertable(kNotAtAllMs);
      EXPECT_EQ(Cleanup(), kOk);
    });
  }
  ASSERT_EQ(code, kPending);
  ExpectSilentlyAborted(recv);
}

// C3: all of them.
TEST_P(CleanupTest, ManyPendingRecvsAreAborted) {
  constexpr int kSockets = 8;
  std::vector<Pair> pairs;
  std::vector<Overlapped*> recvs;
  for (int i = 0; i < kSockets; ++i) {
    pairs.push_back(NewConnection());
    recvs.push_back(&NewOverlapped(1));
    ASSERT_EQ(Recv(pairs.back().socket, &recvs.back()->wsabuf, 1, nullptr,
                   &recvs.back()->flags, recvs.back()->WithEvent()),
              kPending);
  }
  ASSERT_EQ(Cleanup(), kOk);
  for (Overlapped* const recv : recvs) ExpectSilentlyAborted(*recv);
}

// ---------------------------------------------------- C4: open sockets, reset

TEST_P(CleanupTest, OpenConnectionIsReset) {
  Pair pair = NewConnection();
  ASSERT_EQ(Cleanup(), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kReset);
}

TEST_P(CleanupTest, AcceptedConnectionIsReset) {
  Pair pair = NewAccepted();
  ASSERT_EQ(Cleanup(), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kReset);
}

// C4: whatever SO_LINGER says.
TEST_P(CleanupTest, LingerTimeDoesNotSaveFromTheReset) {
  Pair pair = NewConnection();
  const LINGER linger = {1, 30};
  ASSERT_EQ(
      SetOption(pair.socket, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)),
      kOk);
  ASSERT_EQ(Cleanup(), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kReset);
}

// As if by WSPCloseSocket: what the listener had queued is gone.
TEST_P(CleanupTest, QueuedConnectionIsReset) {
  SockAddr name;
  NewListener(&name);
  PeerSocket peer = PeerSocket::ConnectTo(name.ToEndpoint());
  ASSERT_TRUE(peer.is_open());
  ASSERT_EQ(Cleanup(), kOk);
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
}

TEST_P(CleanupTest, ListenersPortIsFree) {
  SockAddr name;
  NewListener(&name);
  ASSERT_EQ(Cleanup(), kOk);
  int error = 0;
  EXPECT_FALSE(PeerSocket::ConnectTo(name.ToEndpoint(), &error).is_open());
  StartAgain();
  EXPECT_EQ(Bind(New(), name), kOk);
}

// ------------------------------- C5: closed sockets with data still to send

TEST_P(CleanupTest, ClosedSocketStillSendsItsData) {
  Pair pair = NewSlowConnection();
  const size_t sent = FillSendBuffer(pair.socket);
  ASSERT_EQ(Close(pair.socket), kOk);
  ASSERT_EQ(Cleanup(), kOk);
  const PeerSocket::Rest rest = pair.peer.ReadToEnd();
  EXPECT_EQ(rest.data.size(), sent);
  EXPECT_EQ(rest.ending, Ending::kOrderly);
}

// -------------------------------------------------- C6: ready to be unloaded

// C6: no callback of ours in flight; the fixture unloads.
TEST_P(CleanupTest, ProviderMayBeUnloadedAtOnce) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(1);
  ASSERT_EQ(Recv(pair.socket, &recv.wsabuf, 1, nullptr, &recv.flags,
                 recv.WithRoutine(CountRoutine)),
            kPending);
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_EQ(Cleanup(), kOk);
  Unload();
  spi_client::SleepAlertable(kNotAtAllMs);
}

struct CleaningUp {
  explicit CleaningUp(const WSPPROC_TABLE& table) : table(table) {}
  const WSPPROC_TABLE& table;
  int result = -2;
}* cleaning_up = nullptr;

void CALLBACK CleanUpInRoutine(DWORD, DWORD, LPWSAOVERLAPPED, DWORD) {
  int error = 0;
  cleaning_up->result = cleaning_up->table.lpWSPCleanup(&error);
}

// 3.4 C6: cleanup from a completion routine must not wait for it.
TEST_P(CleanupTest, RoutineMayCleanUp) {
  Pair pair = NewConnection();
  CleaningUp state(table());
  cleaning_up = &state;
  Overlapped& recv = NewOverlapped(1);
  ASSERT_EQ(Recv(pair.socket, &recv.wsabuf, 1, nullptr, &recv.flags,
                 recv.WithRoutine(CleanUpInRoutine)),
            kPending);
  ASSERT_TRUE(pair.peer.Write("x"));
  EXPECT_EQ(spi_client::SleepAlertable(kSoonMs), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(state.result, 0);
  EXPECT_EQ(Cleanup(), WsaCode{WSANOTINITIALISED});
}

// ------------------------------------------------- C8: startup works at once

TEST_P(CleanupTest, StartupWorksAtOnceAgain) {
  for (int i = 0; i < 10; ++i) {
    Pair pair = NewConnection();
    ASSERT_EQ(Cleanup(), kOk);
    StartAgain();
  }
}

// 3.3 [WT]: 128 sockets, cleanup, startup: all old handles WSAENOTSOCK.
TEST_P(CleanupTest, OldHandlesAreNoSocketsAfterwards) {
  std::vector<SOCKET> sockets;
  for (int i = 0; i < 128; ++i) sockets.push_back(New());
  ASSERT_EQ(Cleanup(), kOk);
  StartAgain();
  for (const SOCKET s : sockets) {
    EXPECT_EQ(Bind(s, Loopback()), WsaCode{WSAENOTSOCK});
    EXPECT_EQ(Close(s), WsaCode{WSAENOTSOCK});
  }
}

// 1.3: the handles go back to the SPI client, as by WSPCloseSocket.
TEST_P(CleanupTest, HandlesAreGivenBackToTheSpiClient) {
  const SOCKET s = New();
  ASSERT_EQ(Cleanup(), kOk);
  int error = 0;
  DWORD_PTR context;
  EXPECT_NE(
      spi_client::Upcalls().lpWPUQuerySocketHandleContext(s, &context, &error),
      0);
}

// ---------------------------- 3.2: every function after the final cleanup

class NotStartedUpTest : public ConformanceTest,
                         public ::testing::WithParamInterface<FunctionCall> {};

TEST_P(NotStartedUpTest, IsNotInitialised) {
  const SOCKET s = NewSocket(Family::kIpv4);
  ASSERT_EQ(Cleanup(), kOk);
  EXPECT_EQ(GetParam().call(*this, s), WsaCode{WSANOTINITIALISED});
}

const auto name_of_function = [](const auto& info) {
  return std::string(info.param.name);
};
INSTANTIATE_TEST_SUITE_P(OnSockets, NotStartedUpTest,
                         ::testing::ValuesIn(SocketFunctions()),
                         name_of_function);
INSTANTIATE_TEST_SUITE_P(OnNone, NotStartedUpTest,
                         ::testing::ValuesIn(OtherFunctions()),
                         name_of_function);

}  // namespace
}  // namespace wspd::conformance
