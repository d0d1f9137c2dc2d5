// Blocking calls: time-outs, the blocking hook, WSPCancelBlockingCall (4.3,
// 4.4).
#include <functional>

#include "client_stub/spi_client/blocking_hook.h"
#include "tests/conformance/each_function.h"
#include "tests/conformance/select_fixture.h"
#include "tests/conformance/stream_fixture.h"
#include "tests/testing/peer_datagrams.h"

namespace wspd::conformance {
namespace {

using testing::TimeOf;

// ------------------------------------------- 4.3: SO_RCVTIMEO, SO_SNDTIMEO

class TimeoutTest : public StreamTest {
 protected:
  void SetTimeout(SOCKET s, int option, int ms) {
    ASSERT_EQ(SetInt(s, SOL_SOCKET, option, ms), kOk);
  }
};
WSPD_FOR_BOTH_FAMILIES(TimeoutTest);

constexpr int kTimeoutMs = 60;

// → WSAETIMEDOUT, after the time.
TEST_P(TimeoutTest, RecvTimesOut) {
  const Pair pair = NewConnection();
  SetTimeout(pair.socket, SO_RCVTIMEO, kTimeoutMs);
  std::string data;
  WsaCode code;
  const milliseconds time =
      TimeOf([&] { code = RecvText(pair.socket, 1, &data); });
  EXPECT_EQ(code, WsaCode{WSAETIMEDOUT});
  EXPECT_GE(time, milliseconds(kTimeoutMs - 1));
  EXPECT_LT(time, milliseconds(kSoonMs));
}

// A timed-out WSARecv leaves lpNumberOfBytes untouched.
TEST_P(TimeoutTest, RecvLeavesTheCountUntouched) {
  const Pair pair = NewConnection();
  SetTimeout(pair.socket, SO_RCVTIMEO, kTimeoutMs);
  char byte;
  WSABUF buffer = {1, &byte};
  DWORD received = 0x5ead, flags = 0;
  ASSERT_EQ(Recv(pair.socket, &buffer, 1, &received, &flags),
            WsaCode{WSAETIMEDOUT});
  EXPECT_EQ(received, 0x5eadu);
}

TEST_P(TimeoutTest, RecvFromTimesOut) {
  const SOCKET s = ConformanceTest::NewBound(family(), Protocol::kUdp);
  SetTimeout(s, SO_RCVTIMEO, kTimeoutMs);
  char byte;
  WSABUF buffer = {1, &byte};
  DWORD received, flags = 0;
  EXPECT_EQ(RecvFrom(s, &buffer, 1, &received, &flags, nullptr, nullptr),
            WsaCode{WSAETIMEDOUT});
}

TEST_P(TimeoutTest, SendTimesOut) {
  const Pair pair = NewSlowConnection();
  FillSendBuffer(pair.socket);
  ASSERT_EQ(SetNonBlocking(pair.socket, false), kOk);
  SetTimeout(pair.socket, SO_SNDTIMEO, kTimeoutMs);
  EXPECT_EQ(SendText(pair.socket, std::string(300000, 'x')),
            WsaCode{WSAETIMEDOUT});
}

// Data in time is no time-out.
TEST_P(TimeoutTest, DataInTimeIsReceived) {
  Pair pair = NewConnection();
  SetTimeout(pair.socket, SO_RCVTIMEO, kSoonMs);
  std::string data;
  EXPECT_EQ(WhileBlocked([&] { return RecvText(pair.socket, 1, &data); },
                         [&] { EXPECT_TRUE(pair.peer.Write("x")); }),
            kOk);
}

// 4.10: 0 = infinite.
TEST_P(TimeoutTest, ZeroIsForever) {
  Pair pair = NewConnection();
  SetTimeout(pair.socket, SO_RCVTIMEO, 1);
  SetTimeout(pair.socket, SO_RCVTIMEO, 0);
  std::string data;
  EXPECT_EQ(WhileBlocked([&] { return RecvText(pair.socket, 1, &data); },
                         [&] { EXPECT_TRUE(pair.peer.Write("x")); }),
            kOk);
}

// 4.3: only to blocking calls.
TEST_P(TimeoutTest, NonBlockingRecvDoesNotWait) {
  const Pair pair = NewConnection();
  SetTimeout(pair.socket, SO_RCVTIMEO, kSoonMs);
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), WsaCode{WSAEWOULDBLOCK});
}

// One of the two isn't the other.
TEST_P(TimeoutTest, SendTimeIsNotForRecv) {
  Pair pair = NewConnection();
  SetTimeout(pair.socket, SO_SNDTIMEO, 1);
  std::string data;
  EXPECT_EQ(WhileBlocked([&] { return RecvText(pair.socket, 1, &data); },
                         [&] { EXPECT_TRUE(pair.peer.Write("x")); }),
            kOk);
}

// 5.4: a time-out is not the socket's error.
TEST_P(TimeoutTest, IsNoSocketError) {
  const Pair pair = NewConnection();
  SetTimeout(pair.socket, SO_RCVTIMEO, 1);
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 1, &data), WsaCode{WSAETIMEDOUT});
  EXPECT_EQ(ErrorOf(pair.socket), 0);
}

// ------------------------------------------------------ 4.4: the blocking hook

// The hook of the case: what it does, and what it answers.
struct Hook {
  int calls = 0;
  std::function<bool()> body;
};

BOOL CALLBACK CallHook(DWORD_PTR context) {
  auto* const hook = reinterpret_cast<Hook*>(context);
  ++hook->calls;
  return hook->body() ? TRUE : FALSE;
}

class BlockingHookTest : public StreamTest {
 protected:
  void TearDown() override {
    spi_client::SetBlockingHook({});
    StreamTest::TearDown();
  }
  void Install(std::function<bool()> body) {
    hook_.body = std::move(body);
    spi_client::SetBlockingHook(
        {CallHook, reinterpret_cast<DWORD_PTR>(&hook_)});
  }
  // A connection with a byte ready to be received.
  Pair NewReady() {
    Pair pair = NewConnection();
    EXPECT_TRUE(pair.peer.Write("x"));
    EXPECT_TRUE(WaitReadable(pair.socket, 1));
    return pair;
  }

  Hook hook_;
  std::string data_;
};
WSPD_FOR_BOTH_FAMILIES(BlockingHookTest);

// TRUE: it is called again, FALSE: the default wait.
TEST_P(BlockingHookTest, IsCalledWhileTrue) {
  Pair pair = NewConnection();
  Install([&] {
    if (hook_.calls == 5) {
      EXPECT_TRUE(pair.peer.Write("x"));
    }
    return hook_.calls < 5;
  });
  ASSERT_EQ(RecvText(pair.socket, 1, &data_), kOk);
  EXPECT_GE(hook_.calls, 5);
  EXPECT_EQ(data_, "x");
}

TEST_P(BlockingHookTest, FalseWaits) {
  Pair pair = NewConnection();
  Install([] { return false; });
  const spi_client::BlockingHook hook = spi_client::CurrentBlockingHook();
  EXPECT_EQ(WhileBlocked(
                [&] {
                  spi_client::SetBlockingHook(hook);
                  return RecvText(pair.socket, 1, &data_);
                },
                [&] { EXPECT_TRUE(pair.peer.Write("x")); }),
            kOk);
  EXPECT_GE(hook_.calls, 1);
}

// Only if the call cannot finish at once.
TEST_P(BlockingHookTest, IsNotCalledIfDataIsThere) {
  const Pair pair = NewReady();
  Install([] { return false; });
  ASSERT_EQ(RecvText(pair.socket, 1, &data_), kOk);
  EXPECT_EQ(hook_.calls, 0);
}

// Only if the socket is blocking.
TEST_P(BlockingHookTest, IsNotCalledOnANonBlockingSocket) {
  const Pair pair = NewConnection();
  ASSERT_EQ(SetNonBlocking(pair.socket), kOk);
  Install([] { return false; });
  EXPECT_EQ(RecvText(pair.socket, 1, &data_), WsaCode{WSAEWOULDBLOCK});
  EXPECT_EQ(hook_.calls, 0);
}

// Only if the function may block.
TEST_P(BlockingHookTest, IsNotCalledByFunctionsThatDoNotBlock) {
  Install([] { return false; });
  const SOCKET s = New();
  ASSERT_EQ(Bind(s, Loopback()), kOk);
  ASSERT_EQ(Listen(s), kOk);
  NameOf(s);
  ErrorOf(s);
  ASSERT_EQ(Close(s), kOk);
  EXPECT_EQ(hook_.calls, 0);
}

TEST_P(BlockingHookTest, IsNotCalledForOverlappedCalls) {
  Pair pair = NewConnection();
  Install([] { return false; });
  Overlapped& recv = NewOverlapped(1);
  ASSERT_EQ(Recv(pair.socket, &recv.wsabuf, 1, nullptr, &recv.flags,
                 recv.WithEvent()),
            kPending);
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_EQ(hook_.calls, 0);
}

// 1.3: per thread.
TEST_P(BlockingHookTest, IsNotCalledInAnotherThread) {
  Pair pair = NewConnection();
  Install([] { return false; });
  EXPECT_EQ(WhileBlocked([&] { return RecvText(pair.socket, 1, &data_); },
                         [&] { EXPECT_TRUE(pair.peer.Write("x")); }),
            kOk);
  EXPECT_EQ(hook_.calls, 0);
}

TEST_P(BlockingHookTest, IsCalledByAccept) {
  SockAddr name;
  const SOCKET listening = NewListener(&name);
  PeerSocket peer;
  Install([&] {
    if (hook_.calls == 2) peer = PeerSocket::ConnectTo(name.ToEndpoint());
    return hook_.calls < 2;
  });
  SOCKET s;
  ASSERT_EQ(Accept(listening, &s), kOk);
  EXPECT_GE(hook_.calls, 2);
}

TEST_P(BlockingHookTest, IsCalledBySend) {
  Pair pair = NewSlowConnection();
  const size_t total = FillSendBuffer(pair.socket);
  ASSERT_EQ(SetNonBlocking(pair.socket, false), kOk);
  Install([&] {
    if (hook_.calls == 2) {
      EXPECT_EQ(pair.peer.Read(total).size(), total);
    }
    return hook_.calls < 2;
  });
  ASSERT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_GE(hook_.calls, 2);
}

TEST_P(BlockingHookTest, IsCalledByConnect) {
  PeerListener::Options options;
  options.family = family();
  options.backlog = 0;
  PeerListener full(options);
  full.FillBacklog();
  std::vector<PeerSocket> peers;
  Install([&] {
    // Makes room for the next attempt of the handshake.
    peers.push_back(full.Accept(milliseconds(10)));
    return true;
  });
  EXPECT_EQ(Connect(New(), SockAddr::Of(full.endpoint())), kOk);
  EXPECT_GE(hook_.calls, 2);
}

TEST_P(BlockingHookTest, IsCalledByRecvFrom) {
  testing::PeerDatagrams peer(family());
  const SOCKET s = ConformanceTest::NewBound(family(), Protocol::kUdp);
  const Endpoint own = NameOf(s).ToEndpoint();
  Install([&] {
    if (hook_.calls == 2) {
      EXPECT_TRUE(peer.Send("x", own));
    }
    return hook_.calls < 2;
  });
  char byte = '.';
  WSABUF buffer = {1, &byte};
  DWORD received = 0, flags = 0;
  ASSERT_EQ(RecvFrom(s, &buffer, 1, &received, &flags, nullptr, nullptr), kOk);
  EXPECT_EQ(byte, 'x');
  EXPECT_GE(hook_.calls, 2);
}

TEST_P(BlockingHookTest, IsCalledBySelect) {
  Pair pair = NewConnection();
  Install([&] {
    if (hook_.calls == 2) {
      EXPECT_TRUE(pair.peer.Write("x"));
    }
    return hook_.calls < 2;
  });
  SocketSet read({pair.socket});
  int ready = 0;
  ASSERT_EQ(Select(read.get(), nullptr, nullptr, nullptr, &ready), kOk);
  EXPECT_EQ(ready, 1);
  EXPECT_GE(hook_.calls, 2);
}

// Only if it cannot finish at once.
TEST_P(BlockingHookTest, IsNotCalledBySelectThatNeedNotWait) {
  const Pair pair = NewReady();
  Install([] { return false; });
  SocketSet read({pair.socket});
  int ready = 0;
  ASSERT_EQ(Select(read.get(), nullptr, nullptr, nullptr, &ready), kOk);
  SocketSet again({pair.socket});
  ASSERT_EQ(Select(nullptr, nullptr, again.get(), &kAtOnce, &ready), kOk);
  EXPECT_EQ(hook_.calls, 0);
}

// 3.4: a cleanup out of the hook must not wait for the call that it is in.
TEST_P(BlockingHookTest, MayCleanUp) {
  const Pair pair = NewConnection();
  WsaCode cleaned = kNoErrorGiven;
  Install([&] {
    if (hook_.calls == 1) cleaned = Cleanup();
    return false;
  });
  const WsaCode code = RecvText(pair.socket, 1, &data_);
  EXPECT_EQ(cleaned, kOk);
  EXPECT_EQ(code, WsaCode{WSAEINTR});
  EXPECT_EQ(Cleanup(), WsaCode{WSANOTINITIALISED});
}

// 2 (common): WSAEINPROGRESS while a callback is in progress.
TEST_P(BlockingHookTest, CallInsideIsInProgress) {
  Pair pair = NewConnection();
  const Pair other = NewReady();
  WsaCode inside;
  Install([&] {
    std::string data;
    inside = RecvText(other.socket, 1, &data);
    EXPECT_TRUE(pair.peer.Write("x"));
    return false;
  });
  ASSERT_EQ(RecvText(pair.socket, 1, &data_), kOk);
  EXPECT_EQ(inside, WsaCode{WSAEINPROGRESS});
}

// 2 (common): … of every function that works on sockets.
class FunctionInHookTest : public ConformanceTest,
                           public ::testing::WithParamInterface<FunctionCall> {
 protected:
  void TearDown() override {
    spi_client::SetBlockingHook({});
    ConformanceTest::TearDown();
  }
};

INSTANTIATE_TEST_SUITE_P(, FunctionInHookTest,
                         ::testing::ValuesIn(SocketFunctions()),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

TEST_P(FunctionInHookTest, IsInProgress) {
  Pair pair = NewConnection(Family::kIpv4);
  const SOCKET other = NewSocket(Family::kIpv4);
  WsaCode inside;
  Hook hook;
  hook.body = [&] {
    if (hook.calls == 1) {
      inside = GetParam().call(*this, other);
      EXPECT_TRUE(pair.peer.Write("x"));
    }
    return false;
  };
  spi_client::SetBlockingHook({CallHook, reinterpret_cast<DWORD_PTR>(&hook)});
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 1, &data), kOk);
  EXPECT_EQ(hook.calls, 1);
  EXPECT_EQ(inside, WsaCode{WSAEINPROGRESS});
  // Nothing has happened to the socket.
  spi_client::SetBlockingHook({});
  EXPECT_EQ(Bind(other, SockAddr::Loopback(Family::kIpv4)), kOk);
}

// -------------------------------------------- 2: WSPCancelBlockingCall

class CancelBlockingCallTest : public BlockingHookTest {
 protected:
  // Cancels in the hook, once.
  void InstallCancel() {
    Install([&] {
      if (hook_.calls == 1) cancelled_ = CancelBlockingCall();
      return true;
    });
  }
  WsaCode cancelled_ = kNoErrorGiven;
};
WSPD_FOR_BOTH_FAMILIES(CancelBlockingCallTest);

// WSAEINVAL (nothing outstanding).
TEST_P(CancelBlockingCallTest, NothingOutstandingIsInvalid) {
  EXPECT_EQ(CancelBlockingCall(), WsaCode{WSAEINVAL});
}

// Of the calling thread.
TEST_P(CancelBlockingCallTest, CallOfAnotherThreadIsNotMeant) {
  Pair pair = NewConnection();
  EXPECT_EQ(WhileBlocked([&] { return RecvText(pair.socket, 1, &data_); },
                         [&] {
                           EXPECT_EQ(CancelBlockingCall(), WsaCode{WSAEINVAL});
                           EXPECT_TRUE(pair.peer.Write("x"));
                         }),
            kOk);
}

// That call ends WSAEINTR.
TEST_P(CancelBlockingCallTest, RecvIsInterrupted) {
  const Pair pair = NewConnection();
  InstallCancel();
  EXPECT_EQ(RecvText(pair.socket, 1, &data_), WsaCode{WSAEINTR});
  EXPECT_EQ(cancelled_, kOk);
}

TEST_P(CancelBlockingCallTest, AcceptIsInterrupted) {
  const SOCKET listening = NewListener();
  InstallCancel();
  SOCKET s;
  EXPECT_EQ(Accept(listening, &s), WsaCode{WSAEINTR});
}

// Accept leaves the socket fully usable.
TEST_P(CancelBlockingCallTest, ListenerGoesOn) {
  SockAddr name;
  const SOCKET listening = NewListener(&name);
  InstallCancel();
  SOCKET s;
  ASSERT_EQ(Accept(listening, &s), WsaCode{WSAEINTR});
  spi_client::SetBlockingHook({});
  AcceptOne(listening, name);
}

TEST_P(CancelBlockingCallTest, SelectIsInterrupted) {
  const Pair pair = NewConnection();
  InstallCancel();
  SocketSet read({pair.socket});
  int ready = 0;
  EXPECT_EQ(Select(read.get(), nullptr, nullptr, nullptr, &ready),
            WsaCode{WSAEINTR});
  EXPECT_EQ(cancelled_, kOk);
}

// Select leaves the sockets fully usable.
TEST_P(CancelBlockingCallTest, SelectedSocketsGoOn) {
  Pair pair = NewConnection();
  InstallCancel();
  SocketSet read({pair.socket});
  int ready = 0;
  ASSERT_EQ(Select(read.get(), nullptr, nullptr, nullptr, &ready),
            WsaCode{WSAEINTR});
  spi_client::SetBlockingHook({});
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_EQ(RecvText(pair.socket, 1, &data_), kOk);
  EXPECT_EQ(data_, "x");
  ASSERT_EQ(SendText(pair.socket, "y"), kOk);
  EXPECT_EQ(pair.peer.Read(1), "y");
}

TEST_P(CancelBlockingCallTest, ConnectIsInterrupted) {
  PeerListener::Options options;
  options.family = family();
  options.backlog = 0;
  PeerListener full(options);
  full.FillBacklog();
  InstallCancel();
  EXPECT_EQ(Connect(New(), SockAddr::Of(full.endpoint())), WsaCode{WSAEINTR});
}

TEST_P(CancelBlockingCallTest, SendIsInterrupted) {
  const Pair pair = NewSlowConnection();
  FillSendBuffer(pair.socket);
  ASSERT_EQ(SetNonBlocking(pair.socket, false), kOk);
  InstallCancel();
  EXPECT_EQ(SendText(pair.socket, std::string(300000, 'x')), WsaCode{WSAEINTR});
}

// If the stream's integrity was lost, as by a send of which nobody knows how
// much went out: the connection is reset, and later calls are WSAECONNABORTED.
TEST_P(CancelBlockingCallTest, SendInPartResetsTheConnection) {
  Pair pair = NewSlowConnection();
  InstallCancel();
  ASSERT_EQ(SendText(pair.socket, std::string(16 << 20, 'x')),
            WsaCode{WSAEINTR});
  spi_client::SetBlockingHook({});
  const PeerSocket::Rest rest = pair.peer.ReadToEnd();
  EXPECT_LT(rest.data.size(), size_t{16 << 20});
  EXPECT_EQ(rest.ending, Ending::kReset);
  EXPECT_EQ(SendText(pair.socket, "x"), WsaCode{WSAECONNABORTED});
  EXPECT_EQ(RecvText(pair.socket, 1, &data_), WsaCode{WSAECONNABORTED});
  EXPECT_EQ(Close(pair.socket), kOk);
}

// Closing is always safe.
TEST_P(CancelBlockingCallTest, SocketMayBeClosed) {
  const Pair pair = NewConnection();
  InstallCancel();
  ASSERT_EQ(RecvText(pair.socket, 1, &data_), WsaCode{WSAEINTR});
  EXPECT_EQ(Close(pair.socket), kOk);
}

}  // namespace
}  // namespace wspd::conformance
