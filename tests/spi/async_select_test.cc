// WSPAsyncSelect: which messages a window gets, what enables them again, and
// what a second select does (reference, section 4.5).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client_stub/spi_client/message_window.h"
#include "tests/testing/network_events.h"
#include "tests/testing/peer_datagrams.h"
#include "tests/testing/provider_test.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kInval{WSAEINVAL};
constexpr WsaCode kNotSock{WSAENOTSOCK};
constexpr WsaCode kWouldBlock{WSAEWOULDBLOCK};
constexpr UINT kMessage = 0x401;
constexpr int kAll =
    FD_READ | FD_WRITE | FD_OOB | FD_ACCEPT | FD_CONNECT | FD_CLOSE;

class AsyncSelectTest : public ProviderTest,
                        public ::testing::WithParamInterface<Family> {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  WsaCode Select(SOCKET s, int events, UINT message = kMessage) {
    return spi_->AsyncSelect(s, window_.handle(), message, events);
  }
  // The next message, which has to be about this socket; in it the one event.
  NetworkEvents Next(SOCKET s, DWORD timeout_ms = 30000) {
    spi_client::PostedMessage posted;
    if (!window_.Take(&posted, timeout_ms)) return {};
    EXPECT_EQ(posted.message, kMessage);
    EXPECT_EQ(posted.wparam, s);
    return NetworkEvents().With(WSAGETSELECTEVENT(posted.lparam),
                                WSAGETSELECTERROR(posted.lparam));
  }
  // Two messages in either order.
  NetworkEvents NextTwo(SOCKET s) {
    NetworkEvents events = Next(s);
    events.Add(Next(s));
    return events;
  }
  // No message, also not in a moment, and the daemon has nothing on its way:
  // a call has gone there and back.
  void ExpectNothing(SOCKET s) {
    int error;
    EXPECT_EQ(spi_->GetOption(s, SOL_SOCKET, SO_ERROR, &error), kOk);
    EXPECT_EQ(Next(s, 20), NetworkEvents());
  }
  Connection Selected(int events) {
    Connection connection = Connect(peers_);
    EXPECT_EQ(Select(connection.socket, events), kOk);
    if ((events & FD_WRITE) != 0) {
      EXPECT_EQ(Next(connection.socket), FD_WRITE);
    }
    return connection;
  }
  WsaCode RecvSome(SOCKET s, size_t size) {
    std::string data;
    return spi_->Recv(s, size, &data);
  }
  void AwaitReadable(SOCKET s, u_long bytes) {
    u_long readable = 0;
    ASSERT_TRUE(WaitUntil([&] {
      return spi_->BytesReadable(s, &readable).ok() && readable == bytes;
    }));
  }

  PeerListener peers_{GetParam()};
  spi_client::MessageWindow window_;
};

// ----------------------------------------------------------- what is told when

TEST_P(AsyncSelectTest, DataIsToldOnceUntilAReceive) {
  Connection connection = Selected(kAll);
  const SOCKET s = connection.socket;
  ASSERT_TRUE(connection.peer.Write("data"));
  EXPECT_EQ(Next(s), FD_READ);
  ASSERT_TRUE(connection.peer.Write("more"));
  AwaitReadable(s, 8);
  ExpectNothing(s);
  ASSERT_EQ(RecvSome(s, 2), kOk);
  EXPECT_EQ(Next(s), FD_READ) << "some of it is left";
  ASSERT_EQ(RecvSome(s, 6), kOk);
  ExpectNothing(s);
  ASSERT_TRUE(connection.peer.Write("again"));
  EXPECT_EQ(Next(s), FD_READ);
}

TEST_P(AsyncSelectTest, AReceiveThatFailsOnItsArgumentsEnablesIt) {
  Connection connection = Selected(kAll);
  const SOCKET s = connection.socket;
  ASSERT_TRUE(connection.peer.Write("x"));
  EXPECT_EQ(Next(s), FD_READ);
  int error = 0;
  DWORD bytes;
  DWORD flags = 0;
  EXPECT_EQ(spi_->table().lpWSPRecv(s, nullptr, 1, &bytes, &flags, nullptr,
                                    nullptr, nullptr, &error),
            SOCKET_ERROR);
  EXPECT_EQ(error, WSAEFAULT);
  EXPECT_EQ(Next(s), FD_READ);
}

TEST_P(AsyncSelectTest, APendingReceiveSwallowsIt) {
  Connection connection = Selected(kAll);
  Operation operation;
  Event done;
  operation.overlapped.hEvent = done.get();
  ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 4), kPending);
  ASSERT_TRUE(connection.peer.Write("data"));
  ASSERT_TRUE(done.Wait());
  ExpectNothing(connection.socket);
}

TEST_P(AsyncSelectTest, RoomIsToldOfOnlyAfterASendThatWouldBlock) {
  Connection connection = Selected(kAll);
  const SOCKET s = connection.socket;
  const std::string data(64 << 10, 'x');
  size_t total = 0;
  size_t sent = 0;
  ASSERT_EQ(spi_->Send(s, "x", &sent), kOk);
  total += sent;
  ExpectNothing(s);
  WsaCode code;
  while ((code = spi_->Send(s, data, &sent)).ok()) total += sent;
  ASSERT_EQ(code, kWouldBlock);
  EXPECT_EQ(connection.peer.Read(total).size(), total);
  EXPECT_EQ(Next(s), FD_WRITE);
  ExpectNothing(s);
}

TEST_P(AsyncSelectTest, AConnectIsToldAndThenThatThereIsRoom) {
  SOCKET s;
  ASSERT_EQ(spi_->Socket(&s, GetParam()), kOk);
  ASSERT_EQ(Select(s, kAll), kOk);
  ExpectNothing(s);
  ASSERT_EQ(spi_->Connect(s, peers_.endpoint()), kWouldBlock);
  EXPECT_EQ(NextTwo(s), FD_CONNECT | FD_WRITE);
  ExpectNothing(s);
}

TEST_P(AsyncSelectTest, AFailedConnectIsToldWithItsErrorAndWithoutFdWrite) {
  SOCKET s;
  ASSERT_EQ(spi_->Socket(&s, GetParam()), kOk);
  ASSERT_EQ(Select(s, kAll), kOk);
  ASSERT_EQ(spi_->Connect(s, ClosedEndpoint(GetParam())), kWouldBlock);
  EXPECT_EQ(Next(s), NetworkEvents().With(FD_CONNECT, WSAECONNREFUSED));
  ExpectNothing(s);
}

TEST_P(AsyncSelectTest, AConnectBeforeTheSelectIsNotTold) {
  Connection connection = Connect(peers_);
  ASSERT_EQ(Select(connection.socket, kAll), kOk);
  EXPECT_EQ(Next(connection.socket), FD_WRITE);
  ExpectNothing(connection.socket);
}

TEST_P(AsyncSelectTest, UrgentDataIsToldByItself) {
  Connection connection = Selected(kAll);
  ASSERT_TRUE(connection.peer.WriteUrgent("u"));
  EXPECT_EQ(Next(connection.socket), FD_OOB);
  ExpectNothing(connection.socket);
}

TEST_P(AsyncSelectTest, TheEndIsToldOnce) {
  Connection connection = Selected(kAll);
  connection.peer.ShutdownSend();
  EXPECT_EQ(Next(connection.socket), FD_CLOSE);
  connection.peer.Close();
  ExpectNothing(connection.socket);
}

TEST_P(AsyncSelectTest, AResetIsToldWithItsError) {
  Connection connection = Selected(kAll);
  connection.peer.Reset();
  EXPECT_EQ(Next(connection.socket),
            NetworkEvents().With(FD_CLOSE, WSAECONNABORTED));
  ExpectNothing(connection.socket);
}

TEST_P(AsyncSelectTest, Datagrams) {
  SOCKET s;
  Endpoint own;
  ASSERT_EQ(spi_->DatagramSocket(&s, GetParam()), kOk);
  ASSERT_EQ(spi_->Bind(s, {GetParam(), 0}), kOk);
  ASSERT_EQ(spi_->GetSockName(s, &own), kOk);
  ASSERT_EQ(Select(s, kAll), kOk);
  EXPECT_EQ(Next(s), FD_WRITE);
  PeerDatagrams peer(GetParam());
  ASSERT_TRUE(peer.Send("one", own));
  EXPECT_EQ(Next(s), FD_READ);
  ASSERT_TRUE(peer.Send("two", own));
  std::string data;
  Endpoint from;
  ASSERT_EQ(spi_->RecvFrom(s, 10, &data, &from), kOk);
  EXPECT_EQ(Next(s), FD_READ);
  ASSERT_EQ(spi_->RecvFrom(s, 10, &data, &from), kOk);
  ExpectNothing(s);
}

// ------------------------------------------------------------------ accepting

TEST_P(AsyncSelectTest, ConnectionsAreToldAndAnAcceptEnablesIt) {
  SOCKET listener, accepted;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint, GetParam()), kOk);
  ASSERT_EQ(Select(listener, FD_ACCEPT), kOk);
  PeerSocket one = PeerSocket::ConnectTo(endpoint);
  EXPECT_EQ(Next(listener), FD_ACCEPT);
  PeerSocket two = PeerSocket::ConnectTo(endpoint);
  ExpectNothing(listener);
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  EXPECT_EQ(Next(listener), FD_ACCEPT) << "the other one";
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  ExpectNothing(listener);
}

// Their first messages already name their handle.
TEST_P(AsyncSelectTest, AcceptedSocketsInheritTheSelect) {
  SOCKET listener, accepted;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint, GetParam()), kOk);
  ASSERT_EQ(Select(listener, kAll), kOk);
  for (int i = 0; i < 20; ++i) {
    PeerSocket peer = PeerSocket::ConnectTo(endpoint);
    ASSERT_TRUE(peer.Write("data"));
    ASSERT_EQ(Next(listener), FD_ACCEPT);
    ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
    ASSERT_EQ(NextTwo(accepted), FD_READ | FD_WRITE);
    EXPECT_EQ(RecvSome(accepted, 4), kOk);
    EXPECT_EQ(RecvSome(accepted, 4), kWouldBlock) << "the mode as well";
    EXPECT_EQ(spi_->Close(accepted), kOk);
  }
  ExpectNothing(listener);
}

// ------------------------------------------------------------ a second select

TEST_P(AsyncSelectTest, EverySelectTellsWhatIsTrue) {
  Connection connection = Selected(kAll);
  const SOCKET s = connection.socket;
  ASSERT_TRUE(connection.peer.Write("x"));
  EXPECT_EQ(Next(s), FD_READ);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(Select(s, FD_READ), kOk);
    EXPECT_EQ(Next(s), FD_READ);
  }
  ExpectNothing(s);
  ASSERT_EQ(RecvSome(s, 1), kOk);
  connection.peer.ShutdownSend();
  ASSERT_EQ(Select(s, FD_CLOSE), kOk);
  EXPECT_EQ(Next(s), FD_CLOSE);
  ASSERT_EQ(Select(s, FD_CLOSE), kOk);
  EXPECT_EQ(Next(s), FD_CLOSE);
  ExpectNothing(s);
}

TEST_P(AsyncSelectTest, ASecondSelectReplacesTheFirst) {
  Connection connection = Selected(FD_READ);
  spi_client::MessageWindow other;
  ASSERT_EQ(spi_->AsyncSelect(connection.socket, other.handle(), 77, FD_READ),
            kOk);
  ASSERT_TRUE(connection.peer.Write("x"));
  spi_client::PostedMessage posted;
  ASSERT_TRUE(other.Take(&posted, 30000));
  EXPECT_EQ(posted.message, 77u);
  EXPECT_EQ(posted.wparam, connection.socket);
  EXPECT_EQ(WSAGETSELECTEVENT(posted.lparam), FD_READ);
  ExpectNothing(connection.socket);
}

TEST_P(AsyncSelectTest, AnEventObjectReplacesAWindowAndTheOtherWayRound) {
  Connection connection = Selected(FD_READ);
  const SOCKET s = connection.socket;
  Event event;
  ASSERT_EQ(spi_->EventSelect(s, event.get(), FD_READ), kOk);
  ASSERT_TRUE(connection.peer.Write("x"));
  EXPECT_TRUE(event.Wait());
  ExpectNothing(s);
  WSANETWORKEVENTS record;
  ASSERT_EQ(spi_->EnumNetworkEvents(s, event.get(), &record), kOk);
  EXPECT_EQ(record.lNetworkEvents, FD_READ);
  ASSERT_EQ(Select(s, FD_READ), kOk);
  EXPECT_EQ(Next(s), FD_READ);
  ASSERT_EQ(RecvSome(s, 1), kOk);
  ASSERT_TRUE(connection.peer.Write("y"));
  EXPECT_EQ(Next(s), FD_READ);
  EXPECT_FALSE(event.IsSet());
}

TEST_P(AsyncSelectTest, NoEventsCancel) {
  Connection connection = Selected(FD_READ);
  const SOCKET s = connection.socket;
  ASSERT_EQ(spi_->AsyncSelect(s, nullptr, 0, 0), kOk);
  ASSERT_TRUE(connection.peer.Write("x"));
  AwaitReadable(s, 1);
  ExpectNothing(s);
  EXPECT_EQ(RecvSome(s, 1), kOk);
  EXPECT_EQ(RecvSome(s, 1), kWouldBlock) << "still non-blocking";
  EXPECT_EQ(spi_->SetNonBlocking(s, false), kOk);
}

// ------------------------------------------------------------------ arguments

TEST_P(AsyncSelectTest, BadArguments) {
  Connection connection = Connect(peers_);
  const SOCKET s = connection.socket;
  EXPECT_EQ(spi_->AsyncSelect(s, nullptr, kMessage, FD_READ), kInval);
  EXPECT_EQ(Select(s, 1 << FD_MAX_EVENTS), kInval);
  EXPECT_EQ(Select(INVALID_SOCKET, FD_READ), kNotSock);
  ASSERT_TRUE(connection.peer.Write("x"));
  EXPECT_EQ(RecvSome(s, 1), kOk) << "still blocking";
  ASSERT_EQ(Select(s, FD_READ), kOk);
  EXPECT_EQ(RecvSome(s, 1), kWouldBlock);
  EXPECT_EQ(spi_->SetNonBlocking(s, false), kInval);
}

TEST_P(AsyncSelectTest, AWindowThatIsGoneHearsNothing) {
  Connection connection = Connect(peers_);
  {
    const spi_client::MessageWindow gone;
    ASSERT_EQ(
        spi_->AsyncSelect(connection.socket, gone.handle(), kMessage, FD_READ),
        kOk);
  }
  ASSERT_TRUE(connection.peer.Write("x"));
  AwaitReadable(connection.socket, 1);
  EXPECT_EQ(RecvSome(connection.socket, 1), kOk);
}

INSTANTIATE_TEST_SUITE_P(Families, AsyncSelectTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6));

}  // namespace
}  // namespace wspd::testing
