// WSPSelect: for what a socket is ready, and how long the call waits (4.6).
#include <string>

#include "tests/conformance/select_fixture.h"
#include "tests/testing/peer_datagrams.h"

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;
using testing::ClosedEndpoint;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::milliseconds;
using testing::TimeOf;

// ------------------------------------------------ 4.6: ready, and for what

class SelectStreamTest : public SelectTest,
                         public ::testing::WithParamInterface<Family> {
 protected:
  Family family() const { return GetParam(); }
};
WSPD_FOR_BOTH_FAMILIES(SelectStreamTest);

// write: send would not block.
TEST_P(SelectStreamTest, ConnectedSocketIsWritable) {
  EXPECT_EQ(ReadyFor(NewConnection(family()).socket), "w");
}

// read: data.
TEST_P(SelectStreamTest, SocketWithDataIsReadable) {
  Pair pair = NewConnection(family());
  ASSERT_TRUE(pair.peer.Write("x"));
  EXPECT_TRUE(Readable(pair.socket, kSoon));
  EXPECT_EQ(ReadyFor(pair.socket), "rw");
}

TEST_P(SelectStreamTest, SocketIsReadableUntilAllIsRead) {
  Pair pair = NewConnection(family());
  ASSERT_TRUE(pair.peer.Write("xy"));
  ASSERT_TRUE(WaitReadable(pair.socket, 2));
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), kOk);
  EXPECT_TRUE(Readable(pair.socket));
  EXPECT_EQ(RecvText(pair.socket, 1, &data), kOk);
  EXPECT_FALSE(Readable(pair.socket));
}

// read: pending accept.
TEST_P(SelectStreamTest, ListenerWithAConnectionIsReadable) {
  SockAddr name;
  const SOCKET listener = NewListener(family(), &name);
  EXPECT_EQ(ReadyFor(listener), "");
  PeerSocket peer = PeerSocket::ConnectTo(name.ToEndpoint());
  EXPECT_TRUE(Readable(listener, kSoon));
  EXPECT_EQ(ReadyFor(listener), "r");
  SOCKET accepted;
  EXPECT_EQ(Accept(listener, &accepted), kOk);
  EXPECT_EQ(ReadyFor(listener), "");
}

// read: closed.
TEST_P(SelectStreamTest, SocketIsReadableWhenThePeerHasClosed) {
  Pair pair = NewConnection(family());
  pair.peer.ShutdownSend();
  EXPECT_TRUE(Readable(pair.socket, kSoon));
  EXPECT_EQ(ReadyFor(pair.socket), "rw");
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), kOk);
  EXPECT_TRUE(Readable(pair.socket)) << "once more";
}

// After RST read+write ready, not except.
TEST_P(SelectStreamTest, SocketIsReadyForAllAfterAReset) {
  Pair pair = NewConnection(family());
  pair.peer.Reset();
  EXPECT_TRUE(Readable(pair.socket, kSoon));
  EXPECT_EQ(ReadyFor(pair.socket), "rw");
}

// Unconnected TCP: nothing ready.
TEST_P(SelectStreamTest, NewSocketIsReadyForNothing) {
  EXPECT_EQ(ReadyFor(NewSocket(family())), "");
}

TEST_P(SelectStreamTest, BoundSocketIsReadyForNothing) {
  EXPECT_EQ(ReadyFor(NewBound(family())), "");
}

// write: connect succeeded.
TEST_P(SelectStreamTest, SocketIsWritableOnceConnected) {
  PeerListener listener(family());
  const SOCKET s = NewConnecting(listener.endpoint());
  EXPECT_TRUE(Writable(s, kSoon));
  EXPECT_EQ(ReadyFor(s), "w");
}

// except: nonblocking connect failed; except only.
TEST_P(SelectStreamTest, FailedConnectIsExceptional) {
  const SOCKET s = NewConnecting(ClosedEndpoint(family()));
  EXPECT_TRUE(Exceptional(s, kSoon));
  EXPECT_EQ(ReadyFor(s), "x");
}

// SO_ERROR = WSAECONNREFUSED and stays so on repeated reads.
TEST_P(SelectStreamTest, ErrorOfAFailedConnectStays) {
  const SOCKET s = NewConnecting(ClosedEndpoint(family()));
  ASSERT_TRUE(Exceptional(s, kSoon));
  for (int i = 0; i < 2; ++i) {
    int error = 0;
    EXPECT_EQ(GetInt(s, SOL_SOCKET, SO_ERROR, &error), kOk);
    EXPECT_EQ(WsaCode{error}, WsaCode{WSAECONNREFUSED});
  }
  EXPECT_EQ(ReadyFor(s), "x");
}

// Connect may be retried; the error goes once one succeeds.
TEST_P(SelectStreamTest, ConnectCanBeRetried) {
  const SOCKET s = NewConnecting(ClosedEndpoint(family()));
  ASSERT_TRUE(Exceptional(s, kSoon));
  PeerListener listener(family());
  EXPECT_THAT(Connect(s, SockAddr::Of(listener.endpoint())),
              AnyOf(WsaCode{WSAEWOULDBLOCK}, kOk));
  EXPECT_EQ(ReadyForAtLast(s, "w"), "w");
  int error = -1;
  EXPECT_EQ(GetInt(s, SOL_SOCKET, SO_ERROR, &error), kOk);
  EXPECT_EQ(error, 0);
}

// … and listen is allowed afterwards.
TEST_P(SelectStreamTest, ListenIsAllowedAfterAFailedConnect) {
  const SOCKET s = NewConnecting(ClosedEndpoint(family()));
  ASSERT_TRUE(Exceptional(s, kSoon));
  EXPECT_EQ(Listen(s), kOk);
}

// A connect that goes on is ready for nothing.
TEST_P(SelectStreamTest, ConnectingSocketIsReadyForNothing) {
  PeerListener::Options options;
  options.family = family();
  options.backlog = 0;
  PeerListener listener(options);
  listener.FillBacklog();
  const SOCKET s = NewSocket(family());
  ASSERT_EQ(SetNonBlocking(s), kOk);
  ASSERT_EQ(Connect(s, SockAddr::Of(listener.endpoint())),
            WsaCode{WSAEWOULDBLOCK});
  EXPECT_EQ(ReadyFor(s), "");
}

// write: not while a send would block.
TEST_P(SelectStreamTest, FullSocketIsNotWritable) {
  Pair pair = NewSlowConnection(family());
  const size_t sent = FillSendBuffer(pair.socket);
  EXPECT_FALSE(Writable(pair.socket));
  EXPECT_EQ(pair.peer.Read(sent).size(), sent);
  EXPECT_TRUE(Writable(pair.socket, kSoon));
}

// except: OOB data when not OOBINLINE.
TEST_P(SelectStreamTest, UrgentDataIsExceptional) {
  Pair pair = NewConnection(family());
  ASSERT_TRUE(pair.peer.WriteUrgent("!"));
  EXPECT_TRUE(Exceptional(pair.socket, kSoon));
  EXPECT_FALSE(Readable(pair.socket));
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data, MSG_OOB), kOk);
  EXPECT_FALSE(Exceptional(pair.socket));
}

// read: data (OOB too if OOBINLINE).
TEST_P(SelectStreamTest, UrgentDataInlineIsReadable) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(SetInt(pair.socket, SOL_SOCKET, SO_OOBINLINE, 1), kOk);
  ASSERT_TRUE(pair.peer.WriteUrgent("!"));
  EXPECT_TRUE(Readable(pair.socket, kSoon));
  EXPECT_FALSE(Exceptional(pair.socket));
}

// ------------------------------------------------------------- 4.6: waiting

TEST_P(SelectStreamTest, WaitEndsWhenDataComes) {
  Pair pair = NewConnection(family());
  ThreadGroup threads;
  bool ready = false;
  threads.Start("select", [&] { ready = Readable(pair.socket, kSoon); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_TRUE(pair.peer.Write("x"));
  threads.JoinAll();
  EXPECT_TRUE(ready);
}

// NULL timeout = forever.
TEST_P(SelectStreamTest, WaitWithoutALimitEndsWhenDataComes) {
  Pair pair = NewConnection(family());
  ThreadGroup threads;
  int ready = 0;
  threads.Start("select", [&] {
    SocketSet read({pair.socket});
    EXPECT_EQ(Select(read.get(), nullptr, nullptr, nullptr, &ready), kOk);
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_TRUE(pair.peer.Write("x"));
  threads.JoinAll();
  EXPECT_EQ(ready, 1);
}

// Any one of several ends the wait, and only that one is told.
TEST_P(SelectStreamTest, WaitEndsForTheOneThatIsReady) {
  Pair a = NewConnection(family()), b = NewConnection(family());
  const SOCKET listener = NewListener(family());
  SocketSet read({a.socket, listener, b.socket});
  ASSERT_TRUE(b.peer.Write("x"));
  int ready = 0;
  EXPECT_EQ(Select(read.get(), nullptr, nullptr, &kSoon, &ready), kOk);
  EXPECT_EQ(ready, 1);
  EXPECT_THAT(read.sockets(), ElementsAre(b.socket));
}

// 0 on time-out with sets emptied.
TEST_P(SelectStreamTest, TimeoutEmptiesTheSets) {
  Pair pair = NewConnection(family());
  SocketSet read({pair.socket}), except({pair.socket});
  int ready = -1;
  const milliseconds time = TimeOf([&] {
    EXPECT_EQ(Select(read.get(), nullptr, except.get(), &kShortly, &ready),
              kOk);
  });
  EXPECT_EQ(ready, 0);
  EXPECT_THAT(read.sockets(), IsEmpty());
  EXPECT_THAT(except.sockets(), IsEmpty());
  EXPECT_GE(time.count(), kNotAtAllMs - 10);
}

// {0,0} = poll.
TEST_P(SelectStreamTest, PollReturnsAtOnce) {
  Pair pair = NewConnection(family());
  SocketSet read({pair.socket});
  int ready = -1;
  EXPECT_EQ(Select(read.get(), nullptr, nullptr, &kAtOnce, &ready), kOk);
  EXPECT_EQ(ready, 0);
  EXPECT_THAT(read.sockets(), IsEmpty());
}

// timeval is never modified.
TEST_P(SelectStreamTest, TimeLimitIsNotModified) {
  Pair pair = NewConnection(family());
  const TIMEVAL limit = {5, 6};
  EXPECT_TRUE(Writable(pair.socket, limit));
  EXPECT_EQ(limit.tv_sec, 5);
  EXPECT_EQ(limit.tv_usec, 6);
}

// WSAEINVAL (timeout bad).
TEST_P(SelectStreamTest, NegativeTimeLimitIsInvalid) {
  Pair pair = NewConnection(family());
  for (const TIMEVAL& limit : {TIMEVAL{-1, 0}, TIMEVAL{0, -1}}) {
    SocketSet read({pair.socket});
    int ready = 0;
    EXPECT_EQ(Select(read.get(), nullptr, nullptr, &limit, &ready),
              WsaCode{WSAEINVAL});
  }
}

// Closing a socket while another thread selects it → woken.
TEST_P(SelectStreamTest, CloseEndsAWait) {
  Pair pair = NewConnection(family());
  ThreadGroup threads;
  threads.Start("select", [&] {
    SocketSet read({pair.socket});
    int ready = 0;
    const WsaCode code = Select(read.get(), nullptr, nullptr, nullptr, &ready);
    EXPECT_TRUE(ready == 1 || code == WsaCode{WSAENOTSOCK} ||
                code == WsaCode{WSAEINTR})
        << ready << " ready, " << code;
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(Close(pair.socket), kOk);
  threads.JoinAll();
}

// … or WSAENOTSOCK when in except only.
TEST_P(SelectStreamTest, CloseEndsAWaitForExceptions) {
  Pair pair = NewConnection(family());
  ThreadGroup threads;
  threads.Start("select", [&] {
    SocketSet except({pair.socket});
    int ready = 0;
    EXPECT_EQ(Select(nullptr, nullptr, except.get(), nullptr, &ready),
              WsaCode{WSAENOTSOCK});
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(Close(pair.socket), kOk);
  threads.JoinAll();
}

// 3.3 C2: cancelled by the final cleanup.
TEST_P(SelectStreamTest, CleanupEndsAWait) {
  Pair pair = NewConnection(family());
  ThreadGroup threads;
  WsaCode code;
  threads.Start("select", [&] {
    SocketSet read({pair.socket});
    int ready = 0;
    code = Select(read.get(), nullptr, nullptr, nullptr, &ready);
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(Cleanup(), kOk);
  threads.JoinAll();
  EXPECT_EQ(code, WsaCode{WSAEINTR});
}

// A select doesn't mind how the socket itself waits.
TEST_P(SelectStreamTest, NonBlockingSocketIsWaitedFor) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  ThreadGroup threads;
  bool ready = false;
  threads.Start("select", [&] { ready = Readable(pair.socket, kSoon); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_TRUE(pair.peer.Write("x"));
  threads.JoinAll();
  EXPECT_TRUE(ready);
}

// --------------------------------------------------------- 4.6: datagrams

class SelectDatagramTest : public SelectStreamTest {
 protected:
  SelectDatagramTest() : peer_(family()) {}

  SOCKET NewDatagrams() { return NewBound(family(), Protocol::kUdp); }
  void SendDatagram(SOCKET s, const std::string& data) {
    SockAddr name;
    ASSERT_EQ(GetSockName(s, &name), kOk);
    ASSERT_TRUE(peer_.Send(data, name.ToEndpoint()));
  }

  testing::PeerDatagrams peer_;
};
WSPD_FOR_BOTH_FAMILIES(SelectDatagramTest);

// Bound UDP writable.
TEST_P(SelectDatagramTest, BoundSocketIsWritable) {
  EXPECT_EQ(ReadyFor(NewDatagrams()), "w");
}

TEST_P(SelectDatagramTest, SocketWithADatagramIsReadable) {
  const SOCKET s = NewDatagrams();
  SendDatagram(s, "x");
  EXPECT_TRUE(Readable(s, kSoon));
  EXPECT_EQ(ReadyFor(s), "rw");
}

TEST_P(SelectDatagramTest, SocketWithAnEmptyDatagramIsReadable) {
  const SOCKET s = NewDatagrams();
  SendDatagram(s, "");
  EXPECT_TRUE(Readable(s, kSoon));
}

// An error that a receive would give is something to read.
TEST_P(SelectDatagramTest, SocketWithAnErrorIsReadable) {
  const SOCKET s = NewSocket(family(), Protocol::kUdp);
  ASSERT_EQ(Connect(s, SockAddr::Of(peer_.endpoint())), kOk);
  peer_.Close();
  EXPECT_EQ(SendText(s, "anybody?"), kOk);
  EXPECT_TRUE(Readable(s, kSoon));
  std::string data;
  EXPECT_EQ(RecvText(s, 1, &data), WsaCode{WSAECONNRESET});
  EXPECT_FALSE(Readable(s));
}

}  // namespace
}  // namespace wspd::conformance
