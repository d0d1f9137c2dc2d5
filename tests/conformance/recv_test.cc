// WSPRecv of stream sockets, synchronously; see overlapped_recv_test.cc.
#include <vector>

#include "tests/conformance/stream_fixture.h"
#include "tests/testing/pattern.h"

namespace wspd::conformance {
namespace {

using testing::Pattern;
using testing::PatternError;

class RecvTest : public StreamTest {
 protected:
  // A connection with `data` ready to be received.
  Pair NewWith(const std::string& data) {
    Pair pair = NewConnection();
    EXPECT_TRUE(pair.peer.Write(data));
    EXPECT_TRUE(WaitReadable(pair.socket, static_cast<u_long>(data.size())));
    return pair;
  }
};
WSPD_FOR_BOTH_FAMILIES(RecvTest);

// ------------------------------------------------------- 2: what is received

// 2: as much as is there.
TEST_P(RecvTest, GivesWhatIsThere) {
  const Pair pair = NewWith("hello");
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 100, &data), kOk);
  EXPECT_EQ(data, "hello");
}

TEST_P(RecvTest, RestStaysForTheNext) {
  const Pair pair = NewWith("hello");
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 2, &data), kOk);
  EXPECT_EQ(data, "he");
  ASSERT_EQ(RecvText(pair.socket, 100, &data), kOk);
  EXPECT_EQ(data, "llo");
}

TEST_P(RecvTest, BuffersAreFilledInTurn) {
  const Pair pair = NewWith("abcdef");
  char first[2], second[1], third[8] = {};
  WSABUF buffers[] = {{2, first}, {0, nullptr}, {1, second}, {8, third}};
  DWORD received = 0, flags = 0;
  ASSERT_EQ(Recv(pair.socket, buffers, 4, &received, &flags), kOk);
  EXPECT_EQ(received, 6u);
  EXPECT_EQ(std::string(first, 2), "ab");
  EXPECT_EQ(std::string(second, 1), "c");
  EXPECT_EQ(std::string(third), "def");
}

TEST_P(RecvTest, NothingBeyondTheDataIsWritten) {
  const Pair pair = NewWith("ab");
  char text[] = "......";
  WSABUF buffer = {6, text};
  DWORD received = 0, flags = 0;
  ASSERT_EQ(Recv(pair.socket, &buffer, 1, &received, &flags), kOk);
  EXPECT_EQ(std::string(text), "ab....");
}

TEST_P(RecvTest, ResultFlagsAreNone) {
  const Pair pair = NewWith("ab");
  char text[2];
  WSABUF buffer = {2, text};
  DWORD received = 0, flags = 0;
  ASSERT_EQ(Recv(pair.socket, &buffer, 1, &received, &flags), kOk);
  EXPECT_EQ(flags, 0u);
}

TEST_P(RecvTest, LargeTransferComesWhole) {
  constexpr size_t kSize = 3 << 20;
  Pair pair = NewConnection();
  ThreadGroup writer;
  writer.Start("peer",
               [&] { EXPECT_TRUE(pair.peer.Write(Pattern(0, kSize))); });
  std::string data;
  ASSERT_EQ(RecvExactly(pair.socket, kSize, &data), kOk);
  EXPECT_EQ(data.size(), kSize);
  EXPECT_EQ(PatternError(data, 0), "");
}

TEST_P(RecvTest, BlockingWaitsForData) {
  Pair pair = NewConnection();
  std::string data;
  EXPECT_EQ(WhileBlocked([&] { return RecvText(pair.socket, 10, &data); },
                         [&] { EXPECT_TRUE(pair.peer.Write("x")); }),
            kOk);
  EXPECT_EQ(data, "x");
}

TEST_P(RecvTest, RoomForNothingTakesNothing) {
  const Pair pair = NewWith("x");
  char byte = '.';
  WSABUF buffer = {0, &byte};
  DWORD received = 7, flags = 0;
  ASSERT_EQ(Recv(pair.socket, &buffer, 1, &received, &flags), kOk);
  EXPECT_EQ(received, 0u);
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 1, &data), kOk);
  EXPECT_EQ(data, "x");
}

// 2: WSPRecvFrom fills lpFrom on connectionless only.
TEST_P(RecvTest, RecvFromDoesNotNameThePeer) {
  const Pair pair = NewWith("x");
  char byte;
  WSABUF buffer = {1, &byte};
  DWORD received = 0, flags = 0;
  SockAddr from = SockAddr::Foreign(family(), 7);
  const SockAddr before = from;
  int length = sizeof(sockaddr_storage);
  ASSERT_EQ(
      RecvFrom(pair.socket, &buffer, 1, &received, &flags, from.get(), &length),
      kOk);
  EXPECT_EQ(received, 1u);
  EXPECT_EQ(from, before);
}

TEST_P(RecvTest, RecvFromWithoutANameReceives) {
  const Pair pair = NewWith("x");
  char byte = '.';
  WSABUF buffer = {1, &byte};
  DWORD received = 0, flags = 0;
  ASSERT_EQ(
      RecvFrom(pair.socket, &buffer, 1, &received, &flags, nullptr, nullptr),
      kOk);
  EXPECT_EQ(byte, 'x');
}

// ------------------------------------------------------------- 2: flags

// 2: MSG_PEEK.
TEST_P(RecvTest, PeekLeavesTheData) {
  const Pair pair = NewWith("hello");
  std::string data;
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(RecvText(pair.socket, 3, &data, MSG_PEEK), kOk);
    EXPECT_EQ(data, "hel");
  }
  ASSERT_EQ(RecvText(pair.socket, 100, &data), kOk);
  EXPECT_EQ(data, "hello");
}

TEST_P(RecvTest, PeekWaitsForData) {
  Pair pair = NewConnection();
  std::string data;
  EXPECT_EQ(
      WhileBlocked([&] { return RecvText(pair.socket, 1, &data, MSG_PEEK); },
                   [&] { EXPECT_TRUE(pair.peer.Write("x")); }),
      kOk);
  EXPECT_EQ(data, "x");
}

TEST_P(RecvTest, PeekWithoutDataWouldBlock) {
  const Pair pair = NewConnection();
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data, MSG_PEEK), WsaCode{WSAEWOULDBLOCK});
}

// 2: MSG_WAITALL: fill.
TEST_P(RecvTest, WaitAllFillsTheBuffer) {
  Pair pair = NewWith("hel");
  std::string data;
  EXPECT_EQ(
      WhileBlocked([&] { return RecvText(pair.socket, 5, &data, MSG_WAITALL); },
                   [&] { EXPECT_TRUE(pair.peer.Write("lo!")); }),
      kOk);
  EXPECT_EQ(data, "hello");
}

TEST_P(RecvTest, WaitAllFillsALargeBuffer) {
  constexpr size_t kSize = 1 << 20;
  Pair pair = NewConnection();
  ThreadGroup writer;
  writer.Start("peer",
               [&] { EXPECT_TRUE(pair.peer.Write(Pattern(0, kSize))); });
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, kSize, &data, MSG_WAITALL), kOk);
  EXPECT_EQ(data.size(), kSize);
  EXPECT_EQ(PatternError(data, 0), "");
}

TEST_P(RecvTest, WaitAllEndsWithTheConnection) {
  Pair pair = NewWith("hel");
  pair.peer.ShutdownSend();
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 5, &data, MSG_WAITALL), kOk);
  EXPECT_EQ(data, "hel");
}

// 2: MSG_WAITALL not with PEEK: it looks at what is there, or is refused.
TEST_P(RecvTest, WaitAllDoesNotWaitForAPeek) {
  const Pair pair = NewWith("hel");
  std::string data;
  const WsaCode code = RecvText(pair.socket, 5, &data, MSG_WAITALL | MSG_PEEK);
  EXPECT_THAT(code, ::testing::AnyOf(kOk, WsaCode{WSAEOPNOTSUPP}));
  if (code.ok()) {
    EXPECT_EQ(data, "hel");
  }
  ASSERT_EQ(RecvText(pair.socket, 5, &data), kOk);
  EXPECT_EQ(data, "hel");
}

// 2: … and not on a non-blocking socket.
TEST_P(RecvTest, WaitAllDoesNotWaitOnANonBlockingSocket) {
  const Pair pair = NewWith("hel");
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  std::string data;
  const WsaCode code = RecvText(pair.socket, 5, &data, MSG_WAITALL);
  EXPECT_THAT(code, ::testing::AnyOf(kOk, WsaCode{WSAEOPNOTSUPP}));
  if (code.ok()) {
    EXPECT_EQ(data, "hel");
  }
}

// ------------------------------------------------------------- 2: the end

// 2: 0 = graceful close.
TEST_P(RecvTest, GracefulCloseIsNoBytes) {
  Pair pair = NewConnection();
  pair.peer.ShutdownSend();
  std::string data = "before";
  ASSERT_EQ(RecvText(pair.socket, 1, &data), kOk);
  EXPECT_EQ(data, "");
}

TEST_P(RecvTest, GracefulCloseIsSoEachTime) {
  Pair pair = NewConnection();
  pair.peer.Close();
  std::string data;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(RecvText(pair.socket, 1, &data), kOk);
}

TEST_P(RecvTest, DataComesBeforeTheEnd) {
  Pair pair = NewConnection();
  ASSERT_TRUE(pair.peer.Write("bye"));
  pair.peer.Close();
  std::string data;
  ASSERT_EQ(RecvExactly(pair.socket, 100, &data), kOk);
  EXPECT_EQ(data, "bye");
}

TEST_P(RecvTest, BlockedRecvSeesTheEnd) {
  Pair pair = NewConnection();
  std::string data = "before";
  EXPECT_EQ(WhileBlocked([&] { return RecvText(pair.socket, 1, &data); },
                         [&] { pair.peer.Close(); }),
            kOk);
  EXPECT_EQ(data, "");
}

// After the peer's end this side may still send.
TEST_P(RecvTest, SendingGoesOnAfterThePeersEnd) {
  Pair pair = NewConnection();
  pair.peer.ShutdownSend();
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 1, &data), kOk);
  ASSERT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_EQ(pair.peer.Read(1), "x");
}

// 4.3, 5.2: a reset: WSAECONNRESET, each time.
TEST_P(RecvTest, ResetIsAnErrorEachTime) {
  Pair pair = NewConnection();
  pair.peer.Reset();
  std::string data;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(RecvText(pair.socket, 1, &data), WsaCode{WSAECONNRESET});
  }
}

TEST_P(RecvTest, BlockedRecvMeetsTheReset) {
  Pair pair = NewConnection();
  std::string data;
  EXPECT_EQ(WhileBlocked([&] { return RecvText(pair.socket, 1, &data); },
                         [&] { pair.peer.Reset(); }),
            WsaCode{WSAECONNRESET});
}

// 4.3, 5.4: SO_ERROR remains 0.
TEST_P(RecvTest, ResetIsNoSocketError) {
  const Pair pair = NewReset();
  EXPECT_EQ(ErrorOf(pair.socket), 0);
}

// ------------------------------------------------------------- 2: errors

// 2: WSAEWOULDBLOCK.
TEST_P(RecvTest, NonBlockingWithoutData) {
  const Pair pair = NewConnection();
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), WsaCode{WSAEWOULDBLOCK});
}

TEST_P(RecvTest, NonBlockingGivesWhatIsThere) {
  const Pair pair = NewWith("ab");
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 10, &data), kOk);
  EXPECT_EQ(data, "ab");
  EXPECT_EQ(RecvText(pair.socket, 10, &data), WsaCode{WSAEWOULDBLOCK});
}

TEST_P(RecvTest, FreshSocketIsNotConnected) {
  std::string data;
  EXPECT_EQ(RecvText(New(), 1, &data), WsaCode{WSAENOTCONN});
}

TEST_P(RecvTest, BoundSocketIsNotConnected) {
  std::string data;
  EXPECT_EQ(RecvText(NewBound(), 1, &data), WsaCode{WSAENOTCONN});
}

TEST_P(RecvTest, ListenerIsNotConnected) {
  std::string data;
  EXPECT_EQ(RecvText(NewListener(), 1, &data), WsaCode{WSAENOTCONN});
}

// 2: WSAESHUTDOWN, also with data there.
TEST_P(RecvTest, AfterShutdownIsAnError) {
  const Pair pair = NewConnection();
  ASSERT_EQ(Shutdown(pair.socket, SD_RECEIVE), kOk);
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), WsaCode{WSAESHUTDOWN});
}

// 3.3: a call in another thread, when the socket is closed.
TEST_P(RecvTest, BlockedRecvIsWokenByClose) {
  const Pair pair = NewConnection();
  std::string data;
  EXPECT_THAT(WhileBlocked([&] { return RecvText(pair.socket, 1, &data); },
                           [&] { EXPECT_EQ(Close(pair.socket), kOk); }),
              IsCancelled());
}

// 4.1: several threads may receive; each byte goes to one of them.
TEST_P(RecvTest, TwoThreadsShareTheData) {
  Pair pair = NewConnection();
  std::string first, second;
  ThreadGroup threads;
  threads.Start("first",
                [&] { EXPECT_EQ(RecvText(pair.socket, 1, &first), kOk); });
  threads.Start("second",
                [&] { EXPECT_EQ(RecvText(pair.socket, 1, &second), kOk); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_TRUE(pair.peer.Write("ab"));
  threads.JoinAll();
  EXPECT_THAT(first + second, ::testing::AnyOf("ab", "ba"));
}

}  // namespace
}  // namespace wspd::conformance
