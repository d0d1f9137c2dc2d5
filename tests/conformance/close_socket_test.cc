// WSPCloseSocket; see linger_test.cc for SO_LINGER.
#include <atomic>

#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/upcalls.h"
#include "tests/conformance/stream_fixture.h"

namespace wspd::conformance {
namespace {

class CloseSocketTest : public StreamTest {};
WSPD_FOR_BOTH_FAMILIES(CloseSocketTest);

// ----------------------------------------------------------- the descriptor

class CloseVariantTest : public VariantTest {};
WSPD_FOR_ALL_VARIANTS(CloseVariantTest);

TEST_P(CloseVariantTest, SecondCloseIsNoSocket) {
  const SOCKET s = New();
  EXPECT_EQ(Close(s), kOk);
  EXPECT_EQ(Close(s), WsaCode{WSAENOTSOCK});
}

TEST_P(CloseVariantTest, OthersAreLeftAlone) {
  const SOCKET a = New(), b = New();
  ASSERT_EQ(Close(a), kOk);
  EXPECT_EQ(Bind(b, SockAddr::Loopback(family())), kOk);
}

TEST_P(CloseVariantTest, NewSocketIsAnother) {
  const SOCKET a = New();
  ASSERT_EQ(Close(a), kOk);
  const SOCKET b = New();
  EXPECT_EQ(Bind(b, SockAddr::Loopback(family())), kOk);
}

TEST_P(CloseVariantTest, NonBlockingSocketIsClosed) {
  const SOCKET s = New();
  ASSERT_EQ(SetNonBlocking(s), kOk);
  EXPECT_EQ(Close(s), kOk);
}

// 1.3: WPUCloseSocketHandle releases the handle.
TEST_P(CloseVariantTest, HandleIsGivenBackToTheSpiClient) {
  const SOCKET s = New();
  ASSERT_EQ(Close(s), kOk);
  int error = 0;
  DWORD_PTR context;
  EXPECT_NE(
      spi_client::Upcalls().lpWPUQuerySocketHandleContext(s, &context, &error),
      0);
  EXPECT_EQ(error, WSAENOTSOCK);
}

// One of several threads closes it.
TEST_P(CloseVariantTest, OfTwoThreadsOneCloses) {
  for (int i = 0; i < 20; ++i) {
    const SOCKET s = New();
    std::atomic<int> ok{0}, not_socket{0};
    ThreadGroup threads;
    for (int j = 0; j < 2; ++j) {
      threads.Start("close", [&] {
        const WsaCode code = Close(s);
        ok += code.ok();
        not_socket += code == WsaCode{WSAENOTSOCK};
      });
    }
    threads.JoinAll();
    EXPECT_EQ(ok, 1);
    EXPECT_EQ(not_socket, 1);
  }
}

// ---------------------------------------- 4.8: SO_DONTLINGER, the default

// Graceful.
TEST_P(CloseSocketTest, PeerSeesAnOrderlyEnd) {
  Pair pair = NewConnection();
  ASSERT_EQ(Close(pair.socket), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
}

TEST_P(CloseSocketTest, AcceptedSocketsPeerSeesAnOrderlyEnd) {
  Pair pair = NewAccepted();
  ASSERT_EQ(Close(pair.socket), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
}

// In the background: what was sent still arrives.
TEST_P(CloseSocketTest, UnsentDataStillArrives) {
  Pair pair = NewSlowConnection();
  const size_t total = FillSendBuffer(pair.socket);
  ASSERT_EQ(Close(pair.socket), kOk);
  const PeerSocket::Rest rest = pair.peer.ReadToEnd();
  EXPECT_EQ(rest.data.size(), total);
  EXPECT_EQ(rest.ending, Ending::kOrderly);
}

// Also when the peer's data was never read, which makes a plain kernel socket's
// close a reset.
TEST_P(CloseSocketTest, UnsentDataStillArrivesIfTheReceivedIsUnread) {
  Pair pair = NewSlowConnection();
  ASSERT_TRUE(pair.peer.Write("unread"));
  ASSERT_TRUE(WaitReadable(pair.socket, 6));
  const size_t total = FillSendBuffer(pair.socket);
  ASSERT_EQ(Close(pair.socket), kOk);
  const PeerSocket::Rest rest = pair.peer.ReadToEnd();
  EXPECT_EQ(rest.data.size(), total);
  EXPECT_EQ(rest.ending, Ending::kOrderly);
}

// Doesn't wait for the close: a peer that reads nothing holds nobody up.
TEST_P(CloseSocketTest, BlockingSocketDoesNotWait) {
  Pair pair = NewSlowConnection();
  FillSendBuffer(pair.socket);
  ASSERT_EQ(SetNonBlocking(pair.socket, false), kOk);
  WsaCode code = kNoErrorGiven;
  ThreadGroup thread;
  thread.Start("close", [&] { code = Close(pair.socket); });
  thread.JoinAll(milliseconds(kSoonMs));
  EXPECT_EQ(code, kOk);
  EXPECT_EQ(pair.peer.PeekEnd(), Ending::kStillOpen);
}

TEST_P(CloseSocketTest, AfterShutdownTheEndIsOrderly) {
  Pair pair = NewConnection();
  ASSERT_EQ(Shutdown(pair.socket, SD_BOTH), kOk);
  ASSERT_EQ(Close(pair.socket), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
}

TEST_P(CloseSocketTest, AfterAResetItIsClosed) {
  const Pair pair = NewReset();
  EXPECT_EQ(Close(pair.socket), kOk);
}

// ------------------------------------------------------------- the listener

TEST_P(CloseSocketTest, ListenersQueueIsReset) {
  SockAddr name;
  const SOCKET s = NewListener(&name);
  PeerSocket peer = PeerSocket::ConnectTo(name.ToEndpoint());
  ASSERT_TRUE(peer.is_open());
  ASSERT_EQ(Close(s), kOk);
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
}

TEST_P(CloseSocketTest, ListenerIsNotReachedAnyMore) {
  SockAddr name;
  ASSERT_EQ(Close(NewListener(&name)), kOk);
  int error = 0;
  EXPECT_FALSE(PeerSocket::ConnectTo(name.ToEndpoint(), &error).is_open());
}

TEST_P(CloseSocketTest, ListenersPortIsFree) {
  SockAddr name;
  ASSERT_EQ(Close(NewListener(&name)), kOk);
  const SOCKET s = New();
  ASSERT_EQ(Bind(s, name), kOk);
  EXPECT_EQ(Listen(s), kOk);
}

// -------------------------------------------- 2: blocking calls are cancelled

TEST_P(CloseSocketTest, BlockedConnectIsWoken) {
  PeerListener::Options options;
  options.family = family();
  options.backlog = 0;
  PeerListener full(options);
  full.FillBacklog();
  const SOCKET s = New();
  EXPECT_THAT(
      WhileBlocked([&] { return Connect(s, SockAddr::Of(full.endpoint())); },
                   [&] { EXPECT_EQ(Close(s), kOk); }),
      IsCancelled());
}

TEST_P(CloseSocketTest, BlockedRecvFromIsWoken) {
  const SOCKET s = ConformanceTest::NewBound(family(), Protocol::kUdp);
  char byte;
  WSABUF buffer = {1, &byte};
  DWORD received, flags = 0;
  EXPECT_THAT(WhileBlocked(
                  [&] {
                    return RecvFrom(s, &buffer, 1, &received, &flags, nullptr,
                                    nullptr);
                  },
                  [&] { EXPECT_EQ(Close(s), kOk); }),
              IsCancelled());
}

// ----------- 2: pending overlapped operations fail *with* their indication

std::atomic<int> routines_run{0};
std::atomic<DWORD> routine_error{0};

void CALLBACK KeepError(DWORD error, DWORD, LPWSAOVERLAPPED, DWORD) {
  ++routines_run;
  routine_error = error;
}

TEST_P(CloseSocketTest, PendingRecvEndsWithItsEvent) {
  const Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(1);
  ASSERT_EQ(Recv(pair.socket, &recv.wsabuf, 1, nullptr, &recv.flags,
                 recv.WithEvent()),
            kPending);
  ASSERT_EQ(Close(pair.socket), kOk);
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_THAT(recv.status(), IsAbortedStatus());
  EXPECT_EQ(recv.overlapped.InternalHigh, 0u);
}

TEST_P(CloseSocketTest, PendingRecvEndsWithItsRoutine) {
  const Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(1);
  ASSERT_EQ(Recv(pair.socket, &recv.wsabuf, 1, nullptr, &recv.flags,
                 recv.WithRoutine(KeepError)),
            kPending);
  ASSERT_EQ(Close(pair.socket), kOk);
  EXPECT_EQ(spi_client::SleepAlertable(kSoonMs), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(routines_run, 1);
  EXPECT_THAT(
      routine_error.load(),
      ::testing::AnyOf(DWORD{WSA_OPERATION_ABORTED}, DWORD{WSAECONNABORTED}));
}

TEST_P(CloseSocketTest, PendingRecvFromEndsWithItsEvent) {
  const SOCKET s = ConformanceTest::NewBound(family(), Protocol::kUdp);
  Overlapped& recv = NewOverlapped(1);
  SockAddr from;
  ASSERT_EQ(RecvFrom(s, &recv.wsabuf, 1, nullptr, &recv.flags, from.get(),
                     from.length_pointer(), recv.WithEvent()),
            kPending);
  ASSERT_EQ(Close(s), kOk);
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_THAT(recv.status(), IsAbortedStatus());
}

TEST_P(CloseSocketTest, PendingSendEndsWithItsEvent) {
  const Pair pair = NewSlowConnection();
  FillSendBuffer(pair.socket);
  Overlapped& send = NewOverlapped(std::string(65536, 'x'));
  ASSERT_EQ(Send(pair.socket, &send.wsabuf, 1, nullptr, 0, send.WithEvent()),
            kPending);
  ASSERT_EQ(Close(pair.socket), kOk);
  ASSERT_TRUE(send.event.Wait(kSoonMs));
  EXPECT_THAT(send.status(), IsAbortedStatus());
}

TEST_P(CloseSocketTest, AllPendingRecvsEnd) {
  const Pair pair = NewConnection();
  Overlapped& first = NewOverlapped(1);
  Overlapped& second = NewOverlapped(1);
  Overlapped& third = NewOverlapped(1);
  for (Overlapped* const recv : {&first, &second, &third}) {
    ASSERT_EQ(Recv(pair.socket, &recv->wsabuf, 1, nullptr, &recv->flags,
                   recv->WithEvent()),
              kPending);
  }
  ASSERT_EQ(Close(pair.socket), kOk);
  for (Overlapped* const recv : {&first, &second, &third}) {
    ASSERT_TRUE(recv->event.Wait(kSoonMs));
    EXPECT_THAT(recv->status(), IsAbortedStatus());
  }
}

// ----------------------------------------- 2: registrations are dropped

// No FD_CLOSE afterwards.
TEST_P(CloseSocketTest, SelectedEventIsNotSignalled) {
  Pair pair = NewConnection();
  Event event;
  ASSERT_EQ(EventSelect(pair.socket, event.get(), FD_READ | FD_CLOSE), kOk);
  ASSERT_EQ(Close(pair.socket), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
  pair.peer.Close();
  EXPECT_FALSE(event.Wait(kNotAtAllMs));
}

}  // namespace
}  // namespace wspd::conformance
