// WSPSend of stream sockets, synchronously; see overlapped_send_test.cc.
#include <vector>

#include "tests/conformance/stream_fixture.h"
#include "tests/testing/pattern.h"

namespace wspd::conformance {
namespace {

using testing::Pattern;
using testing::PatternError;

class SendTest : public StreamTest {};
WSPD_FOR_BOTH_FAMILIES(SendTest);

// ------------------------------------------------------------ 2: what is sent

TEST_P(SendTest, PeerReadsWhatIsSent) {
  Pair pair = NewConnection();
  DWORD sent = 0;
  ASSERT_EQ(SendText(pair.socket, "hello", 0, &sent), kOk);
  EXPECT_EQ(sent, 5u);
  EXPECT_EQ(pair.peer.Read(5), "hello");
}

// 2: blocking: all bytes consumed.
TEST_P(SendTest, BlockingSendsAll) {
  constexpr size_t kSize = 3 << 20;
  Pair pair = NewConnection();
  const std::string data = Pattern(0, kSize);
  std::string read;
  ThreadGroup reader;
  reader.Start("peer", [&] { read = pair.peer.Read(kSize); });
  DWORD sent = 0;
  ASSERT_EQ(SendText(pair.socket, data, 0, &sent), kOk);
  EXPECT_EQ(sent, kSize);
  reader.JoinAll();
  EXPECT_EQ(read.size(), kSize);
  EXPECT_EQ(PatternError(read, 0), "");
}

TEST_P(SendTest, BlockingWaitsForThePeer) {
  Pair pair = NewSlowConnection();
  size_t total = FillSendBuffer(pair.socket);
  ASSERT_EQ(SetNonBlocking(pair.socket, false), kOk);
  const std::string data(300000, 'x');
  ThreadGroup reader;
  EXPECT_EQ(WhileBlocked([&] { return SendText(pair.socket, data); },
                         [&] {
                           EXPECT_EQ(pair.peer.Read(total + data.size()).size(),
                                     total + data.size());
                         }),
            kOk);
}

// 1.2: several buffers, one after the other.
TEST_P(SendTest, BuffersAreGathered) {
  Pair pair = NewConnection();
  char first[] = {'a', 'b'}, second[] = {'c'}, third[] = {'d', 'e', 'f'};
  WSABUF buffers[] = {{2, first}, {1, second}, {3, third}};
  DWORD sent = 0;
  ASSERT_EQ(Send(pair.socket, buffers, 3, &sent), kOk);
  EXPECT_EQ(sent, 6u);
  EXPECT_EQ(pair.peer.Read(6), "abcdef");
}

TEST_P(SendTest, EmptyBuffersAmongThemAreSkipped) {
  Pair pair = NewConnection();
  char first[] = {'a'}, last[] = {'b'};
  WSABUF buffers[] = {{0, nullptr}, {1, first}, {0, first}, {1, last}};
  DWORD sent = 0;
  ASSERT_EQ(Send(pair.socket, buffers, 4, &sent), kOk);
  EXPECT_EQ(sent, 2u);
  EXPECT_EQ(pair.peer.Read(2), "ab");
}

TEST_P(SendTest, ManyBuffersAreGathered) {
  constexpr int kBuffers = 200;
  Pair pair = NewConnection();
  std::string data = Pattern(0, kBuffers * 10);
  std::vector<WSABUF> buffers;
  for (int i = 0; i < kBuffers; ++i) buffers.push_back({10, &data[i * 10]});
  DWORD sent = 0;
  ASSERT_EQ(Send(pair.socket, buffers.data(), kBuffers, &sent), kOk);
  EXPECT_EQ(sent, data.size());
  EXPECT_EQ(pair.peer.Read(data.size()), data);
}

// Nothing to send is sent at once.
TEST_P(SendTest, NoBytesAreFine) {
  Pair pair = NewConnection();
  DWORD sent = 7;
  EXPECT_EQ(SendText(pair.socket, "", 0, &sent), kOk);
  EXPECT_EQ(sent, 0u);
}

TEST_P(SendTest, SeveralSendsKeepTheirOrder) {
  Pair pair = NewConnection();
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(SendText(pair.socket, Pattern(i * 10, 10)), kOk);
  }
  EXPECT_EQ(PatternError(pair.peer.Read(1000), 0), "");
}

TEST_P(SendTest, BuffersAreOnlyRead) {
  Pair pair = NewConnection();
  char text[] = "text";
  WSABUF buffer = {4, text};
  DWORD sent;
  ASSERT_EQ(Send(pair.socket, &buffer, 1, &sent), kOk);
  EXPECT_EQ(std::string(text), "text");
  EXPECT_EQ(buffer.len, 4u);
  EXPECT_EQ(buffer.buf, text);
}

TEST_P(SendTest, AcceptedSocketSends) {
  Pair pair = NewAccepted();
  ASSERT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_EQ(pair.peer.Read(1), "x");
}

// 4.3 of sends on sockets made without WSA_FLAG_OVERLAPPED: as on any.
TEST_P(SendTest, SocketWithoutOverlappedFlagSends) {
  Pair pair = ConformanceTest::NewConnection(family(), 0);
  ASSERT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_EQ(pair.peer.Read(1), "x");
}

// 2: a connected stream socket ignores lpTo.
TEST_P(SendTest, SendToIgnoresTheName) {
  Pair pair = NewConnection();
  const SockAddr elsewhere = SockAddr::Foreign(family(), 9);
  char byte = 'x';
  WSABUF buffer = {1, &byte};
  DWORD sent = 0;
  ASSERT_EQ(SendTo(pair.socket, &buffer, 1, &sent, 0, elsewhere.get(),
                   elsewhere.length()),
            kOk);
  EXPECT_EQ(sent, 1u);
  EXPECT_EQ(pair.peer.Read(1), "x");
}

TEST_P(SendTest, SendToWithoutANameSends) {
  Pair pair = NewConnection();
  char byte = 'x';
  WSABUF buffer = {1, &byte};
  DWORD sent = 0;
  ASSERT_EQ(SendTo(pair.socket, &buffer, 1, &sent, 0, nullptr, 0), kOk);
  EXPECT_EQ(pair.peer.Read(1), "x");
}

// ------------------------------------------------------------- 2: non-blocking

// 2: non-blocking stream: 1..n bytes, then WSAEWOULDBLOCK.
TEST_P(SendTest, NonBlockingSendsWhatFits) {
  Pair pair = NewSlowConnection();
  const size_t total = FillSendBuffer(pair.socket);
  EXPECT_GT(total, 0u);
  DWORD sent = 7;
  EXPECT_EQ(SendText(pair.socket, "x", 0, &sent), WsaCode{WSAEWOULDBLOCK});
  ASSERT_EQ(Close(pair.socket), kOk);
  EXPECT_EQ(pair.peer.ReadToEnd().data.size(), total);
}

TEST_P(SendTest, NonBlockingGoesOnWhenThePeerHasRead) {
  Pair pair = NewSlowConnection();
  const size_t total = FillSendBuffer(pair.socket);
  ASSERT_EQ(pair.peer.Read(total).size(), total);
  EXPECT_TRUE(WaitUntil([&] { return SendText(pair.socket, "y").ok(); },
                        milliseconds(kSoonMs)));
  EXPECT_EQ(pair.peer.Read(1), "y");
}

TEST_P(SendTest, NonBlockingSmallSendIsWhole) {
  Pair pair = NewConnection();
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  DWORD sent = 0;
  ASSERT_EQ(SendText(pair.socket, "hello", 0, &sent), kOk);
  EXPECT_EQ(sent, 5u);
}

// 4.3: WSAEWOULDBLOCK is no failure of the socket.
TEST_P(SendTest, WouldBlockIsNoSocketError) {
  const Pair pair = NewSlowConnection();
  FillSendBuffer(pair.socket);
  EXPECT_EQ(ErrorOf(pair.socket), 0);
}

// ------------------------------------------------------------- 2: flags

// 2: flags DONTROUTE: the loopback interface needs no route.
TEST_P(SendTest, DontRouteSends) {
  Pair pair = NewConnection();
  ASSERT_EQ(SendText(pair.socket, "x", MSG_DONTROUTE), kOk);
  EXPECT_EQ(pair.peer.Read(1), "x");
}

// 2: WSAEOPNOTSUPP (PARTIAL): TCP has no messages.
TEST_P(SendTest, PartialIsNotSupported) {
  const Pair pair = NewConnection();
  EXPECT_EQ(SendText(pair.socket, "x", MSG_PARTIAL), WsaCode{WSAEOPNOTSUPP});
}

// ------------------------------------------------------------- 2: errors

TEST_P(SendTest, FreshSocketIsNotConnected) {
  EXPECT_EQ(SendText(New(), "x"), WsaCode{WSAENOTCONN});
}

TEST_P(SendTest, BoundSocketIsNotConnected) {
  EXPECT_EQ(SendText(NewBound(), "x"), WsaCode{WSAENOTCONN});
}

TEST_P(SendTest, ListenerIsNotConnected) {
  EXPECT_EQ(SendText(NewListener(), "x"), WsaCode{WSAENOTCONN});
}

TEST_P(SendTest, SendToOnAFreshSocketIsNotConnected) {
  const SockAddr name = PeerName();
  char byte = 'x';
  WSABUF buffer = {1, &byte};
  DWORD sent;
  EXPECT_EQ(SendTo(New(), &buffer, 1, &sent, 0, name.get(), name.length()),
            WsaCode{WSAENOTCONN});
}

// 2: WSAESHUTDOWN.
TEST_P(SendTest, AfterShutdownIsAnError) {
  const Pair pair = NewConnection();
  ASSERT_EQ(Shutdown(pair.socket, SD_SEND), kOk);
  EXPECT_EQ(SendText(pair.socket, "x"), WsaCode{WSAESHUTDOWN});
}

// 5.2: send after RST: WSAECONNRESET, each time.
TEST_P(SendTest, AfterAResetIsAnErrorEachTime) {
  const Pair pair = NewReset();
  EXPECT_EQ(SendText(pair.socket, "x"), WsaCode{WSAECONNRESET});
  EXPECT_EQ(SendText(pair.socket, "x"), WsaCode{WSAECONNRESET});
}

// The peer closes with data unread: a later send meets the reset.
TEST_P(SendTest, SendToAPeerThatIsGoneFailsInTheEnd) {
  Pair pair = NewConnection();
  pair.peer.Close();
  WsaCode code;
  ASSERT_TRUE(WaitUntil(
      [&] {
        code = SendText(pair.socket, "x");
        return !code.ok();
      },
      milliseconds(kSoonMs)));
  EXPECT_THAT(
      code, ::testing::AnyOf(WsaCode{WSAECONNRESET}, WsaCode{WSAECONNABORTED}));
}

TEST_P(SendTest, BlockedSendMeetsTheReset) {
  Pair pair = NewSlowConnection();
  FillSendBuffer(pair.socket);
  ASSERT_EQ(SetNonBlocking(pair.socket, false), kOk);
  const std::string data(300000, 'x');
  EXPECT_EQ(WhileBlocked([&] { return SendText(pair.socket, data); },
                         [&] { pair.peer.Reset(); }),
            WsaCode{WSAECONNRESET});
}

// 3.3: a call in another thread, when the socket is closed.
TEST_P(SendTest, BlockedSendIsWokenByClose) {
  const Pair pair = NewSlowConnection();
  FillSendBuffer(pair.socket);
  ASSERT_EQ(SetNonBlocking(pair.socket, false), kOk);
  const std::string data(300000, 'x');
  EXPECT_THAT(WhileBlocked([&] { return SendText(pair.socket, data); },
                           [&] { EXPECT_EQ(Close(pair.socket), kOk); }),
              IsCancelled());
}

// 2: both directions at once don't stand in each other's way.
TEST_P(SendTest, SendsWhileAnotherThreadReceives) {
  Pair pair = NewConnection();
  std::string data;
  EXPECT_EQ(WhileBlocked([&] { return RecvText(pair.socket, 1, &data); },
                         [&] {
                           EXPECT_EQ(SendText(pair.socket, "x"), kOk);
                           EXPECT_EQ(pair.peer.Read(1), "x");
                           EXPECT_TRUE(pair.peer.Write("y"));
                         }),
            kOk);
  EXPECT_EQ(data, "y");
}

}  // namespace
}  // namespace wspd::conformance
