// SO_LINGER, SO_DONTLINGER and what they make of WSPCloseSocket (4.8).
#include <functional>

#include "client_stub/spi_client/blocking_hook.h"
#include "tests/conformance/stream_fixture.h"

namespace wspd::conformance {
namespace {

class LingerTest : public StreamTest {
 protected:
  WsaCode SetLinger(SOCKET s, u_short on, u_short seconds) {
    const LINGER linger = {on, seconds};
    return SetOption(s, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
  }
  LINGER LingerOf(SOCKET s) {
    LINGER linger = {7, 7};
    int length = sizeof(linger);
    EXPECT_EQ(GetOption(s, SOL_SOCKET, SO_LINGER, &linger, &length), kOk);
    EXPECT_EQ(length, int{sizeof(linger)});
    return linger;
  }
  int DontLingerOf(SOCKET s) {
    int value = -1;
    EXPECT_EQ(GetInt(s, SOL_SOCKET, SO_DONTLINGER, &value), kOk);
    return value;
  }
  // Blocking, with more unsent than the peer takes.
  Pair NewFull(u_short linger_seconds, size_t* total) {
    Pair pair = NewSlowConnection();
    *total = FillSendBuffer(pair.socket);
    EXPECT_EQ(SetNonBlocking(pair.socket, false), kOk);
    EXPECT_EQ(SetLinger(pair.socket, 1, linger_seconds), kOk);
    return pair;
  }
};
WSPD_FOR_BOTH_FAMILIES(LingerTest);

// ------------------------------------------------------------ the options

// 4.8: linger off is the default.
TEST_P(LingerTest, OffByDefault) {
  const SOCKET s = New();
  EXPECT_EQ(LingerOf(s).l_onoff, 0);
  EXPECT_NE(DontLingerOf(s), 0);
}

TEST_P(LingerTest, ReadsBackWhatWasSet) {
  const SOCKET s = New();
  ASSERT_EQ(SetLinger(s, 1, 10), kOk);
  EXPECT_NE(LingerOf(s).l_onoff, 0);
  EXPECT_EQ(LingerOf(s).l_linger, 10);
}

// Seconds of 16 bits.
TEST_P(LingerTest, LongestTimeReadsBack) {
  const SOCKET s = New();
  ASSERT_EQ(SetLinger(s, 1, 0xffff), kOk);
  EXPECT_EQ(LingerOf(s).l_linger, 0xffff);
}

TEST_P(LingerTest, LingerTurnsDontLingerOff) {
  const SOCKET s = New();
  ASSERT_EQ(SetLinger(s, 1, 10), kOk);
  EXPECT_EQ(DontLingerOf(s), 0);
}

// 4.8: SO_DONTLINGER TRUE = l_onoff 0.
TEST_P(LingerTest, DontLingerTurnsLingerOff) {
  const SOCKET s = New();
  ASSERT_EQ(SetLinger(s, 1, 10), kOk);
  ASSERT_EQ(SetInt(s, SOL_SOCKET, SO_DONTLINGER, 1), kOk);
  EXPECT_EQ(LingerOf(s).l_onoff, 0);
  EXPECT_NE(DontLingerOf(s), 0);
}

TEST_P(LingerTest, LingerOffReadsBack) {
  const SOCKET s = New();
  ASSERT_EQ(SetLinger(s, 1, 10), kOk);
  ASSERT_EQ(SetLinger(s, 0, 0), kOk);
  EXPECT_EQ(LingerOf(s).l_onoff, 0);
}

// 4.10 [WT]: needs 4 bytes.
TEST_P(LingerTest, ShortValueIsAFault) {
  const SOCKET s = New();
  const LINGER linger = {1, 10};
  EXPECT_EQ(SetOption(s, SOL_SOCKET, SO_LINGER, &linger, 3),
            WsaCode{WSAEFAULT});
  EXPECT_EQ(LingerOf(s).l_onoff, 0);
}

TEST_P(LingerTest, ShortRoomIsAFault) {
  LINGER linger;
  int length = 3;
  EXPECT_EQ(GetOption(New(), SOL_SOCKET, SO_LINGER, &linger, &length),
            WsaCode{WSAEFAULT});
}

// 4.10: UDP → WSAENOPROTOOPT.
TEST_P(LingerTest, DatagramSocketHasNone) {
  const SOCKET s = NewSocket(family(), Protocol::kUdp);
  EXPECT_EQ(SetLinger(s, 1, 1), WsaCode{WSAENOPROTOOPT});
  LINGER linger;
  int length = sizeof(linger);
  EXPECT_EQ(GetOption(s, SOL_SOCKET, SO_LINGER, &linger, &length),
            WsaCode{WSAENOPROTOOPT});
}

TEST_P(LingerTest, DatagramSocketHasNoDontLinger) {
  const SOCKET s = NewSocket(family(), Protocol::kUdp);
  EXPECT_EQ(SetInt(s, SOL_SOCKET, SO_DONTLINGER, 1), WsaCode{WSAENOPROTOOPT});
}

// ------------------------------------------------ 4.8: time 0, a hard close

TEST_P(LingerTest, ZeroResets) {
  Pair pair = NewConnection();
  ASSERT_EQ(SetLinger(pair.socket, 1, 0), kOk);
  ASSERT_EQ(Close(pair.socket), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kReset);
}

// Unsent data is lost.
TEST_P(LingerTest, ZeroLosesUnsentData) {
  size_t total = 0;
  Pair pair = NewFull(0, &total);
  ASSERT_EQ(Close(pair.socket), kOk);
  ASSERT_TRUE(
      WaitUntil([&] { return pair.peer.HasFailed(); }, milliseconds(kSoonMs)));
  const PeerSocket::Rest rest = pair.peer.ReadToEnd();
  EXPECT_LT(rest.data.size(), total);
  EXPECT_EQ(rest.ending, Ending::kReset);
}

TEST_P(LingerTest, ZeroDoesNotWaitOnANonBlockingSocketEither) {
  size_t total = 0;
  Pair pair = NewFull(0, &total);
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  EXPECT_EQ(Close(pair.socket), kOk);
}

// --------------------------- 4.8: a time, blocking: graceful if done in time

TEST_P(LingerTest, BlockingWaitsUntilThePeerHasAll) {
  size_t total = 0;
  Pair pair = NewFull(30, &total);
  PeerSocket::Rest rest;
  EXPECT_EQ(WhileBlocked([&] { return Close(pair.socket); },
                         [&] { rest = pair.peer.ReadToEnd(); }),
            kOk);
  EXPECT_EQ(rest.data.size(), total);
  EXPECT_EQ(rest.ending, Ending::kOrderly);
}

TEST_P(LingerTest, NothingUnsentNeedsNoWaiting) {
  Pair pair = NewConnection();
  ASSERT_EQ(SetLinger(pair.socket, 1, 30), kOk);
  ASSERT_EQ(Close(pair.socket), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
}

// … else abortive at the timeout.
TEST_P(LingerTest, BlockingResetsAtItsTime) {
  size_t total = 0;
  Pair pair = NewFull(1, &total);
  WsaCode code;
  const milliseconds time = testing::TimeOf([&] { code = Close(pair.socket); });
  EXPECT_EQ(code, kOk);
  EXPECT_GE(time, milliseconds(900));
  EXPECT_TRUE(
      WaitUntil([&] { return pair.peer.HasFailed(); }, milliseconds(kSoonMs)));
}

// --------------------------------- 4.4: a close that waits calls the hook

class LingerHookTest : public LingerTest {
 protected:
  void TearDown() override {
    spi_client::SetBlockingHook({});
    LingerTest::TearDown();
  }
  // Calls `body` in the hook, which answers what that does.
  void Install(std::function<bool()> body) {
    body_ = std::move(body);
    spi_client::SetBlockingHook(
        {[](DWORD_PTR context) -> BOOL {
           auto* const test = reinterpret_cast<LingerHookTest*>(context);
           ++test->hook_calls_;
           return test->body_() ? TRUE : FALSE;
         },
         reinterpret_cast<DWORD_PTR>(this)});
  }

  int hook_calls_ = 0;
  std::function<bool()> body_;
};
WSPD_FOR_BOTH_FAMILIES(LingerHookTest);

TEST_P(LingerHookTest, IsCalledByACloseThatWaits) {
  size_t total = 0;
  Pair pair = NewFull(60, &total);
  PeerSocket::Rest rest;
  Install([&] {
    if (hook_calls_ == 2) rest = pair.peer.ReadToEnd();
    return hook_calls_ < 2;
  });
  EXPECT_EQ(Close(pair.socket), kOk);
  EXPECT_GE(hook_calls_, 2);
  EXPECT_EQ(rest.data.size(), total);
  EXPECT_EQ(rest.ending, Ending::kOrderly);
}

// Only if it would block.
TEST_P(LingerHookTest, IsNotCalledByACloseInTheBackground) {
  size_t total = 0;
  Pair pair = NewFull(0, &total);
  ASSERT_EQ(SetLinger(pair.socket, 0, 0), kOk);
  Install([] { return false; });
  EXPECT_EQ(Close(pair.socket), kOk);
  EXPECT_EQ(hook_calls_, 0);
}

TEST_P(LingerHookTest, IsNotCalledByAHardClose) {
  size_t total = 0;
  Pair pair = NewFull(0, &total);
  Install([] { return false; });
  EXPECT_EQ(Close(pair.socket), kOk);
  EXPECT_EQ(hook_calls_, 0);
}

// Only if the socket is blocking.
TEST_P(LingerHookTest, IsNotCalledByANonBlockingClose) {
  size_t total = 0;
  Pair pair = NewFull(60, &total);
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  Install([] { return false; });
  EXPECT_EQ(Close(pair.socket), WsaCode{WSAEWOULDBLOCK});
  EXPECT_EQ(hook_calls_, 0);
}

// 2 WSPCancelBlockingCall: the close ends WSAEINTR. The stream has lost
// nothing, and ends as 4.8 has it: gracefully if done in time.
TEST_P(LingerHookTest, CancelledCloseIsInterrupted) {
  size_t total = 0;
  Pair pair = NewFull(60, &total);
  WsaCode cancelled = kNoErrorGiven;
  Install([&] {
    if (hook_calls_ == 1) cancelled = CancelBlockingCall();
    return true;
  });
  EXPECT_EQ(Close(pair.socket), WsaCode{WSAEINTR});
  EXPECT_EQ(cancelled, kOk);
  spi_client::SetBlockingHook({});
  // Closing is always safe; whether it is needed isn't told.
  const WsaCode again = Close(pair.socket);
  EXPECT_TRUE(again.ok() || again == WsaCode{WSAENOTSOCK}) << again;
  const PeerSocket::Rest rest = pair.peer.ReadToEnd();
  EXPECT_EQ(rest.data.size(), total);
  EXPECT_EQ(rest.ending, Ending::kOrderly);
}

// ------------------------------- 4.8: a time, non-blocking: WSAEWOULDBLOCK

TEST_P(LingerTest, NonBlockingWouldBlock) {
  size_t total = 0;
  Pair pair = NewFull(30, &total);
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  EXPECT_EQ(Close(pair.socket), WsaCode{WSAEWOULDBLOCK});
}

// 2: not closed, no disconnect begun, call again.
TEST_P(LingerTest, NonBlockingStaysOpen) {
  size_t total = 0;
  Pair pair = NewFull(30, &total);
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  ASSERT_EQ(Close(pair.socket), WsaCode{WSAEWOULDBLOCK});
  ASSERT_EQ(pair.peer.Read(total).size(), total);
  ASSERT_TRUE(WaitUntil([&] { return SendText(pair.socket, "more").ok(); },
                        milliseconds(kSoonMs)));
  EXPECT_EQ(pair.peer.Read(4), "more");
}

TEST_P(LingerTest, NonBlockingClosesOnceAllIsSent) {
  size_t total = 0;
  Pair pair = NewFull(30, &total);
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  ASSERT_EQ(Close(pair.socket), WsaCode{WSAEWOULDBLOCK});
  ASSERT_EQ(pair.peer.Read(total).size(), total);
  EXPECT_TRUE(WaitUntil([&] { return Close(pair.socket).ok(); },
                        milliseconds(kSoonMs)));
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
}

TEST_P(LingerTest, NonBlockingWithNothingUnsentCloses) {
  Pair pair = NewConnection();
  ASSERT_EQ(SetLinger(pair.socket, 1, 30), kOk);
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  EXPECT_EQ(Close(pair.socket), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
}

// On what isn't connected there is nothing to wait for.
TEST_P(LingerTest, UnconnectedSocketsCloseAtOnce) {
  for (const SOCKET s : {New(), NewBound(), NewListener()}) {
    ASSERT_EQ(SetLinger(s, 1, 30), kOk);
    EXPECT_EQ(Close(s), kOk);
  }
}

}  // namespace
}  // namespace wspd::conformance
