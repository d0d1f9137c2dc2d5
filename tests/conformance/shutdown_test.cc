// WSPShutdown, in every state.
#include "tests/conformance/stream_fixture.h"
#include "tests/testing/pattern.h"

namespace wspd::conformance {
namespace {

std::string HowName(int how) {
  return how == SD_RECEIVE ? "Receive" : how == SD_SEND ? "Send" : "Both";
}

// For SD_RECEIVE, SD_SEND and SD_BOTH alike.
class ShutdownStateTest
    : public ConformanceTest,
      public ::testing::WithParamInterface<std::tuple<Family, int>> {
 protected:
  Family family() const { return std::get<0>(GetParam()); }
  int how() const { return std::get<1>(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(
    , ShutdownStateTest,
    ::testing::Combine(::testing::Values(Family::kIpv4, Family::kIpv6),
                       ::testing::Values(SD_RECEIVE, SD_SEND, SD_BOTH)),
    [](const auto& info) {
      return HowName(std::get<1>(info.param)) +
             FamilyName(std::get<0>(info.param));
    });

// 4.12: unconnected WSAENOTCONN.
TEST_P(ShutdownStateTest, FreshSocketIsNotConnected) {
  EXPECT_EQ(Shutdown(NewSocket(family()), how()), WsaCode{WSAENOTCONN});
}

TEST_P(ShutdownStateTest, BoundSocketIsNotConnected) {
  EXPECT_EQ(Shutdown(NewBound(family()), how()), WsaCode{WSAENOTCONN});
}

// 4.12, 5.2: … or listening; it goes on listening.
TEST_P(ShutdownStateTest, ListenerIsNotConnected) {
  SockAddr name;
  const SOCKET s = NewListener(family(), &name);
  EXPECT_EQ(Shutdown(s, how()), WsaCode{WSAENOTCONN});
  AcceptOne(s, name);
}

// 4.12: repeat ok.
TEST_P(ShutdownStateTest, RepeatIsFine) {
  const Pair pair = NewConnection(family());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Shutdown(pair.socket, how()), kOk);
}

TEST_P(ShutdownStateTest, AcceptedSocketIsShutDown) {
  const Pair pair = NewAccepted(family());
  EXPECT_EQ(Shutdown(pair.socket, how()), kOk);
}

// 2: never frees.
TEST_P(ShutdownStateTest, SocketIsStillThere) {
  const Pair pair = NewConnection(family());
  ASSERT_EQ(Shutdown(pair.socket, how()), kOk);
  SockAddr name;
  EXPECT_EQ(GetSockName(pair.socket, &name), kOk);
  EXPECT_EQ(Close(pair.socket), kOk);
}

// 4.12: getpeername still works.
TEST_P(ShutdownStateTest, PeersNameStays) {
  const Pair pair = NewConnection(family());
  SockAddr before, after;
  ASSERT_EQ(GetPeerName(pair.socket, &before), kOk);
  ASSERT_EQ(Shutdown(pair.socket, how()), kOk);
  ASSERT_EQ(GetPeerName(pair.socket, &after), kOk);
  EXPECT_EQ(after, before);
}

TEST_P(ShutdownStateTest, ConnectedStaysConnected) {
  const Pair pair = NewConnection(family());
  ASSERT_EQ(Shutdown(pair.socket, how()), kOk);
  EXPECT_EQ(Connect(pair.socket, SockAddr::Loopback(family(), 9)),
            WsaCode{WSAEISCONN});
}

// 4.12: after SD_RECEIVE recv WSAESHUTDOWN.
TEST_P(ShutdownStateTest, RecvAfterwards) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(Shutdown(pair.socket, how()), kOk);
  std::string data;
  if (how() == SD_SEND) {
    ASSERT_TRUE(pair.peer.Write("x"));
    ASSERT_EQ(RecvText(pair.socket, 1, &data), kOk);
    EXPECT_EQ(data, "x");
  } else {
    EXPECT_EQ(RecvText(pair.socket, 1, &data), WsaCode{WSAESHUTDOWN});
  }
}

// 4.12: after SD_SEND send WSAESHUTDOWN.
TEST_P(ShutdownStateTest, SendAfterwards) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(Shutdown(pair.socket, how()), kOk);
  if (how() == SD_RECEIVE) {
    ASSERT_EQ(SendText(pair.socket, "x"), kOk);
    EXPECT_EQ(pair.peer.Read(1), "x");
  } else {
    EXPECT_EQ(SendText(pair.socket, "x"), WsaCode{WSAESHUTDOWN});
  }
}

// 2: SD_SEND sends a FIN; SD_RECEIVE tells the peer nothing.
TEST_P(ShutdownStateTest, PeerSeesTheEndOfSendingAlone) {
  Pair pair = NewConnection(family());
  ASSERT_EQ(Shutdown(pair.socket, how()), kOk);
  if (how() == SD_RECEIVE) {
    EXPECT_EQ(pair.peer.PeekEnd(), Ending::kStillOpen);
  } else {
    EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
  }
}

// 2 [WT], 4.12: UDP unconnected is fine.
TEST_P(ShutdownStateTest, UnconnectedDatagramSocketIsFine) {
  EXPECT_EQ(Shutdown(NewBound(family(), Protocol::kUdp), how()), kOk);
}

TEST_P(ShutdownStateTest, UnboundDatagramSocketIsFine) {
  EXPECT_EQ(Shutdown(NewSocket(family(), Protocol::kUdp), how()), kOk);
}

// ------------------------------------------------------------------ the rest

class ShutdownTest : public StreamTest {};
WSPD_FOR_BOTH_FAMILIES(ShutdownTest);

// 2: WSAEINVAL (how).
TEST_P(ShutdownTest, UnknownHowIsInvalid) {
  const Pair pair = NewConnection();
  EXPECT_EQ(Shutdown(pair.socket, 3), WsaCode{WSAEINVAL});
  EXPECT_EQ(Shutdown(pair.socket, -1), WsaCode{WSAEINVAL});
  EXPECT_EQ(SendText(pair.socket, "x"), kOk);
}

// 2: SD_SEND sends FIN after queued data.
TEST_P(ShutdownTest, QueuedDataIsSentFirst) {
  Pair pair = NewSlowConnection();
  const size_t total = FillSendBuffer(pair.socket);
  ASSERT_EQ(Shutdown(pair.socket, SD_SEND), kOk);
  const PeerSocket::Rest rest = pair.peer.ReadToEnd();
  EXPECT_EQ(rest.data.size(), total);
  EXPECT_EQ(rest.ending, Ending::kOrderly);
}

// 2: never blocks.
TEST_P(ShutdownTest, DoesNotWaitForQueuedData) {
  const Pair pair = NewSlowConnection();
  FillSendBuffer(pair.socket);
  ASSERT_EQ(SetNonBlocking(pair.socket, false), kOk);
  EXPECT_EQ(Shutdown(pair.socket, SD_BOTH), kOk);
}

// The same after sends that are still under way.
TEST_P(ShutdownTest, PendingSendsGoFirst) {
  constexpr size_t kSize = 1 << 20;
  Pair pair = NewSlowConnection();
  Overlapped& send = NewOverlapped(testing::Pattern(0, kSize));
  ASSERT_THAT(Send(pair.socket, &send.wsabuf, 1, nullptr, 0, send.WithEvent()),
              ::testing::AnyOf(kOk, kPending));
  ASSERT_EQ(Shutdown(pair.socket, SD_SEND), kOk);
  const PeerSocket::Rest rest = pair.peer.ReadToEnd();
  EXPECT_EQ(rest.data.size(), kSize);
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_TRUE(send.event.Wait(kSoonMs));
}

// 2: SD_RECEIVE: if unread data is queued the connection is reset.
TEST_P(ShutdownTest, ReceiveWithUnreadDataResets) {
  Pair pair = NewConnection();
  ASSERT_TRUE(pair.peer.Write("unread"));
  ASSERT_TRUE(WaitReadable(pair.socket, 6));
  ASSERT_EQ(Shutdown(pair.socket, SD_RECEIVE), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(milliseconds(kSoonMs)), Ending::kReset);
}

// 2: … or becomes queued.
TEST_P(ShutdownTest, DataAfterReceiveResets) {
  Pair pair = NewConnection();
  ASSERT_EQ(Shutdown(pair.socket, SD_RECEIVE), kOk);
  ASSERT_TRUE(pair.peer.Write("too late"));
  EXPECT_EQ(pair.peer.WaitForEnd(milliseconds(kSoonMs)), Ending::kReset);
}

TEST_P(ShutdownTest, OneDirectionAfterTheOther) {
  Pair pair = NewConnection();
  ASSERT_EQ(Shutdown(pair.socket, SD_SEND), kOk);
  ASSERT_EQ(Shutdown(pair.socket, SD_RECEIVE), kOk);
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), WsaCode{WSAESHUTDOWN});
  EXPECT_EQ(SendText(pair.socket, "x"), WsaCode{WSAESHUTDOWN});
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
}

// 4.12: an overlapped recv pending before SD_RECEIVE still completes.
TEST_P(ShutdownTest, PendingRecvStillCompletes) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Recv(pair.socket, &recv.wsabuf, 1, nullptr, &recv.flags,
                 recv.WithEvent()),
            kPending);
  ASSERT_EQ(Shutdown(pair.socket, SD_RECEIVE), kOk);
  EXPECT_FALSE(recv.event.Wait(kNotAtAllMs));
  ASSERT_TRUE(pair.peer.Write("data"));
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  ASSERT_EQ(GetOverlappedResult(pair.socket, &recv.overlapped, &recv.bytes,
                                false, &recv.flags),
            kOk);
  EXPECT_EQ(recv.buffer.substr(0, recv.bytes), "data");
}

TEST_P(ShutdownTest, PendingRecvIsUntouchedBySend) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Recv(pair.socket, &recv.wsabuf, 1, nullptr, &recv.flags,
                 recv.WithEvent()),
            kPending);
  ASSERT_EQ(Shutdown(pair.socket, SD_SEND), kOk);
  ASSERT_TRUE(pair.peer.Write("data"));
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_EQ(recv.status(), kStatusSuccess);
}

TEST_P(ShutdownTest, FineAfterThePeersEnd) {
  Pair pair = NewConnection();
  pair.peer.ShutdownSend();
  std::string data;
  ASSERT_EQ(RecvText(pair.socket, 1, &data), kOk);
  EXPECT_EQ(Shutdown(pair.socket, SD_BOTH), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
}

// 4.12: and the own name.
TEST_P(ShutdownTest, NameStays) {
  const Pair pair = NewConnection();
  const SockAddr name = NameOf(pair.socket);
  ASSERT_EQ(Shutdown(pair.socket, SD_BOTH), kOk);
  EXPECT_EQ(NameOf(pair.socket), name);
}

}  // namespace
}  // namespace wspd::conformance
