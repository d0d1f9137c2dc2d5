// WSPEventSelect and WSPEnumNetworkEvents: what is recorded, what enables it
// again, and what a second select does (reference, section 4.5).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client_stub/spi_client/event.h"
#include "tests/testing/network_events.h"
#include "tests/testing/peer_datagrams.h"
#include "tests/testing/provider_test.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kInval{WSAEINVAL};
constexpr WsaCode kNotSock{WSAENOTSOCK};
constexpr WsaCode kWouldBlock{WSAEWOULDBLOCK};
constexpr int kAll =
    FD_READ | FD_WRITE | FD_OOB | FD_ACCEPT | FD_CONNECT | FD_CLOSE;
constexpr int kConnected = FD_CONNECT | FD_WRITE;

class EventSelectTest : public ProviderTest,
                        public ::testing::WithParamInterface<Family> {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  WsaCode Select(SOCKET s, int events) {
    return spi_->EventSelect(s, event_.get(), events);
  }
  // What is recorded now.
  NetworkEvents Record(SOCKET s) {
    WSANETWORKEVENTS record = {};
    EXPECT_EQ(spi_->EnumNetworkEvents(s, event_.get(), &record), kOk);
    return NetworkEvents(record);
  }
  // Waits for the event and takes what is recorded.
  NetworkEvents Next(SOCKET s) {
    if (!event_.Wait()) {
      ADD_FAILURE() << "the event isn't set";
      return {};
    }
    return Record(s);
  }
  // Takes records until all of `events` have come.
  NetworkEvents Gather(SOCKET s, int events) {
    NetworkEvents all;
    const Clock::time_point end = Clock::now() + kDeadline;
    const auto complete = [&] {
      for (int event = 1; event <= events; event <<= 1) {
        if ((events & event) != 0 && !all.Has(event)) return false;
      }
      return true;
    };
    while (!complete() && Clock::now() < end) {
      if (event_.Wait(100)) all.Add(Record(s));
    }
    return all;
  }
  // That nothing is recorded, also not in a moment.
  void ExpectNothing(SOCKET s) {
    EXPECT_EQ(Record(s), NetworkEvents());
    EXPECT_FALSE(event_.Wait(20)) << Record(s);
  }

  // A connection that has told of its beginning.
  Connection Selected(int events) {
    Connection connection = Connect(peers_);
    EXPECT_EQ(Select(connection.socket, events), kOk);
    if ((events & kConnected) != 0) {
      EXPECT_EQ(Gather(connection.socket, events & kConnected),
                NetworkEvents(events & kConnected));
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
  // A listener with a port, selected for FD_ACCEPT and more.
  SOCKET Listener(Endpoint* endpoint, int events) {
    SOCKET listener = INVALID_SOCKET;
    EXPECT_EQ(spi_->ListenNew(&listener, endpoint, GetParam()), kOk);
    EXPECT_EQ(Select(listener, events), kOk);
    return listener;
  }

  PeerListener peers_{GetParam()};
  Event event_;
};

// ------------------------------------------------------------------- FD_READ

TEST_P(EventSelectTest, DataIsReadAndAReceiveEnablesIt) {
  Connection connection = Selected(kAll);
  const SOCKET s = connection.socket;
  ASSERT_TRUE(connection.peer.Write("data"));
  EXPECT_EQ(Next(s), FD_READ);
  ExpectNothing(s);
  // Some of it is left.
  ASSERT_EQ(RecvSome(s, 2), kOk);
  EXPECT_EQ(Next(s), FD_READ);
  ASSERT_EQ(RecvSome(s, 2), kOk);
  ExpectNothing(s);
  ASSERT_TRUE(connection.peer.Write("more"));
  EXPECT_EQ(Next(s), FD_READ);
}

TEST_P(EventSelectTest, NewDataIsReadAlsoWithoutAReceive) {
  Connection connection = Selected(kAll);
  ASSERT_TRUE(connection.peer.Write("data"));
  EXPECT_EQ(Next(connection.socket), FD_READ);
  ASSERT_TRUE(connection.peer.Write("more"));
  EXPECT_EQ(Next(connection.socket), FD_READ);
}

TEST_P(EventSelectTest, LookingAtDataEnablesItToo) {
  Connection connection = Selected(kAll);
  const SOCKET s = connection.socket;
  ASSERT_TRUE(connection.peer.Write("x"));
  EXPECT_EQ(Next(s), FD_READ);
  std::string data;
  ASSERT_EQ(spi_->Recv(s, 1, &data, MSG_PEEK), kOk);
  EXPECT_EQ(Next(s), FD_READ);
}

TEST_P(EventSelectTest, AReceiveThatFailsEnablesItAllTheSame) {
  Connection connection = Selected(kAll);
  const SOCKET s = connection.socket;
  ASSERT_TRUE(connection.peer.Write("x"));
  EXPECT_EQ(Next(s), FD_READ);
  ExpectNothing(s);
  // On its arguments, which the daemon never sees.
  int error = 0;
  DWORD bytes;
  DWORD flags = 0;
  EXPECT_EQ(spi_->table().lpWSPRecv(s, nullptr, 1, &bytes, &flags, nullptr,
                                    nullptr, nullptr, &error),
            SOCKET_ERROR);
  EXPECT_EQ(error, WSAEFAULT);
  EXPECT_EQ(Next(s), FD_READ);
}

TEST_P(EventSelectTest, APendingReceiveSwallowsIt) {
  Connection connection = Selected(kAll);
  const SOCKET s = connection.socket;
  Operation operation;
  Event done;
  operation.overlapped.hEvent = done.get();
  ASSERT_EQ(spi_->StartRecv(s, &operation, 4), kPending);
  ASSERT_TRUE(connection.peer.Write("data"));
  ASSERT_TRUE(done.Wait());
  ExpectNothing(s);
}

TEST_P(EventSelectTest, DatagramsAreRead) {
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
  EXPECT_EQ(Next(s), FD_READ);
  std::string data;
  Endpoint from;
  ASSERT_EQ(spi_->RecvFrom(s, 10, &data, &from), kOk);
  EXPECT_EQ(Next(s), FD_READ);
  ASSERT_EQ(spi_->RecvFrom(s, 10, &data, &from), kOk);
  ExpectNothing(s);
}

// ------------------------------------------------------------------ FD_WRITE

TEST_P(EventSelectTest, RoomIsToldOfOnlyAfterASendThatWouldBlock) {
  Connection connection = Selected(kAll);
  const SOCKET s = connection.socket;
  size_t total = 0;
  size_t sent = 0;
  ASSERT_EQ(spi_->Send(s, "x", &sent), kOk);
  total += sent;
  ExpectNothing(s);
  const std::string data(64 << 10, 'x');
  WsaCode code;
  while ((code = spi_->Send(s, data, &sent)).ok()) total += sent;
  ASSERT_EQ(code, kWouldBlock);
  ExpectNothing(s);
  EXPECT_EQ(connection.peer.Read(total).size(), total);
  EXPECT_EQ(Next(s), FD_WRITE);
  ExpectNothing(s);
}

TEST_P(EventSelectTest, AConnectionBeginsWithBoth) {
  SOCKET s;
  ASSERT_EQ(spi_->Socket(&s, GetParam()), kOk);
  ASSERT_EQ(Select(s, kAll), kOk);
  ExpectNothing(s);
  ASSERT_EQ(spi_->Connect(s, peers_.endpoint()), kWouldBlock);
  EXPECT_EQ(Gather(s, kConnected), kConnected);
  ExpectNothing(s);
}

// ----------------------------------------------------------------- FD_CONNECT

TEST_P(EventSelectTest, AFailedConnectIsToldWithItsErrorAndWithoutFdWrite) {
  SOCKET s;
  ASSERT_EQ(spi_->Socket(&s, GetParam()), kOk);
  ASSERT_EQ(Select(s, kAll), kOk);
  ASSERT_EQ(spi_->Connect(s, ClosedEndpoint(GetParam())), kWouldBlock);
  EXPECT_EQ(Next(s), NetworkEvents().With(FD_CONNECT, WSAECONNREFUSED));
  ExpectNothing(s);
}

TEST_P(EventSelectTest, AConnectBeforeTheSelectIsToldAfterwards) {
  Connection connection = Connect(peers_);
  ASSERT_EQ(Select(connection.socket, kAll), kOk);
  EXPECT_EQ(Next(connection.socket), kConnected);
  ExpectNothing(connection.socket);
}

TEST_P(EventSelectTest, ADatagramSocketConnectsAtOnce) {
  SOCKET s;
  PeerDatagrams peer(GetParam());
  ASSERT_EQ(spi_->DatagramSocket(&s, GetParam()), kOk);
  ASSERT_EQ(Select(s, FD_CONNECT | FD_READ), kOk);
  ASSERT_EQ(spi_->Connect(s, peer.endpoint()), kOk);
  EXPECT_EQ(Next(s), FD_CONNECT);
}

// --------------------------------------------------------------------- FD_OOB

TEST_P(EventSelectTest, UrgentDataIsToldByItself) {
  Connection connection = Selected(kAll);
  const SOCKET s = connection.socket;
  ASSERT_TRUE(connection.peer.WriteUrgent("u"));
  EXPECT_EQ(Next(s), FD_OOB);
  ExpectNothing(s);
}

TEST_P(EventSelectTest, EachUrgentByteIsToldAndNoneIsData) {
  Connection connection = Selected(kAll);
  const SOCKET s = connection.socket;
  ASSERT_TRUE(connection.peer.Write("ab"));
  EXPECT_EQ(Next(s), FD_READ);
  for (const char* urgent : {"1", "2", "3"}) {
    ASSERT_TRUE(connection.peer.WriteUrgent(urgent));
    EXPECT_EQ(Next(s), FD_OOB);
    ExpectNothing(s);
  }
  u_long readable = 0;
  ASSERT_EQ(spi_->BytesReadable(s, &readable), kOk);
  EXPECT_EQ(readable, 2u);
  std::string data;
  ASSERT_EQ(spi_->Recv(s, 10, &data), kOk);
  EXPECT_EQ(data, "ab");
  EXPECT_EQ(spi_->Recv(s, 10, &data), kWouldBlock);
  // One receive takes one, and tells of the rest.
  for (const char* urgent : {"1", "2", "3"}) {
    ASSERT_EQ(spi_->Recv(s, 10, &data, MSG_OOB), kOk);
    EXPECT_EQ(data, urgent);
    EXPECT_EQ(Gather(s, *urgent == '3' ? 0 : FD_OOB),
              *urgent == '3' ? 0 : FD_OOB);
  }
  ExpectNothing(s);
}

TEST_P(EventSelectTest, DataBehindAnUrgentByteIsTold) {
  Connection connection = Selected(kAll);
  const SOCKET s = connection.socket;
  ASSERT_TRUE(connection.peer.Write("ab"));
  EXPECT_EQ(Next(s), FD_READ);
  ASSERT_TRUE(connection.peer.WriteUrgent("1"));
  EXPECT_EQ(Next(s), FD_OOB);
  // Neither has been received.
  for (const char* data : {"c", "d"}) {
    ASSERT_TRUE(connection.peer.Write(data));
    EXPECT_EQ(Next(s), FD_READ);
    ExpectNothing(s);
  }
}

TEST_P(EventSelectTest, UrgentDataInLineIsData) {
  Connection connection = Connect(peers_);
  const SOCKET s = connection.socket;
  ASSERT_EQ(spi_->SetOption(s, SOL_SOCKET, SO_OOBINLINE, 1), kOk);
  ASSERT_EQ(Select(s, FD_READ | FD_OOB), kOk);
  ASSERT_TRUE(connection.peer.WriteUrgent("u"));
  EXPECT_EQ(Next(s), FD_READ);
}

// ------------------------------------------------------------------- FD_CLOSE

TEST_P(EventSelectTest, AnOrderlyEndIsToldOnce) {
  Connection connection = Selected(kAll);
  connection.peer.ShutdownSend();
  EXPECT_EQ(Next(connection.socket), FD_CLOSE);
  connection.peer.Close();
  ExpectNothing(connection.socket);
}

TEST_P(EventSelectTest, AResetIsToldWithItsError) {
  Connection connection = Selected(kAll);
  connection.peer.Reset();
  EXPECT_EQ(Next(connection.socket),
            NetworkEvents().With(FD_CLOSE, WSAECONNABORTED));
  ExpectNothing(connection.socket);
}

TEST_P(EventSelectTest, ASocketsOwnShutdownIsNoEvent) {
  Connection connection = Selected(kAll);
  ASSERT_EQ(spi_->Shutdown(connection.socket, SD_SEND), kOk);
  ASSERT_TRUE(connection.peer.WaitForEnd() == Ending::kOrderly);
  ExpectNothing(connection.socket);
}

TEST_P(EventSelectTest, TheEndIsToldWhileDataIsUnread) {
  Connection connection = Selected(kAll);
  ASSERT_TRUE(connection.peer.Write("last"));
  connection.peer.ShutdownSend();
  EXPECT_EQ(Gather(connection.socket, FD_READ | FD_CLOSE), FD_READ | FD_CLOSE);
  std::string data;
  ASSERT_EQ(spi_->RecvExactly(connection.socket, 4, &data), kOk);
  EXPECT_EQ(data, "last");
  ExpectNothing(connection.socket);
  ASSERT_EQ(spi_->Recv(connection.socket, 4, &data), kOk);
  EXPECT_EQ(data, "");
  ExpectNothing(connection.socket);
}

// ------------------------------------------------------------------ FD_ACCEPT

TEST_P(EventSelectTest, ConnectionsAreToldAndAnAcceptEnablesIt) {
  Endpoint endpoint;
  const SOCKET listener = Listener(&endpoint, FD_ACCEPT);
  ExpectNothing(listener);
  PeerSocket one = PeerSocket::ConnectTo(endpoint);
  EXPECT_EQ(Next(listener), FD_ACCEPT);
  PeerSocket two = PeerSocket::ConnectTo(endpoint);
  EXPECT_EQ(Next(listener), FD_ACCEPT);
  SOCKET accepted;
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  EXPECT_EQ(Next(listener), FD_ACCEPT) << "the other one";
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  ExpectNothing(listener);
  EXPECT_EQ(spi_->Accept(listener, &accepted), kWouldBlock);
}

int CALLBACK Defer(LPWSABUF, LPWSABUF, LPQOS, LPQOS, LPWSABUF, LPWSABUF, GROUP*,
                   DWORD_PTR) {
  return CF_DEFER;
}

TEST_P(EventSelectTest, ADeferredAcceptDoesNotEnableIt) {
  Endpoint endpoint;
  const SOCKET listener = Listener(&endpoint, FD_ACCEPT);
  PeerSocket peer = PeerSocket::ConnectTo(endpoint);
  EXPECT_EQ(Next(listener), FD_ACCEPT);
  SOCKET accepted;
  ASSERT_EQ(spi_->Accept(listener, &accepted, Defer), WsaCode{WSATRY_AGAIN});
  ExpectNothing(listener);
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
}

TEST_P(EventSelectTest, AnAcceptThatFailsEnablesItAllTheSame) {
  Endpoint endpoint;
  const SOCKET listener = Listener(&endpoint, FD_ACCEPT);
  PeerSocket peer = PeerSocket::ConnectTo(endpoint);
  EXPECT_EQ(Next(listener), FD_ACCEPT);
  ExpectNothing(listener);
  sockaddr_storage address;
  int length = 1;
  int error = 0;
  EXPECT_EQ(
      spi_->table().lpWSPAccept(listener, reinterpret_cast<sockaddr*>(&address),
                                &length, nullptr, 0, &error),
      INVALID_SOCKET);
  EXPECT_EQ(error, WSAEFAULT);
  EXPECT_EQ(Next(listener), FD_ACCEPT);
}

TEST_P(EventSelectTest, AcceptedSocketsInheritTheSelect) {
  Endpoint endpoint;
  const SOCKET listener = Listener(&endpoint, kAll);
  PeerSocket peer = PeerSocket::ConnectTo(endpoint);
  EXPECT_EQ(Next(listener), FD_ACCEPT);
  SOCKET accepted;
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  EXPECT_TRUE(event_.Wait());
  EXPECT_TRUE(Gather(accepted, FD_WRITE).Has(FD_WRITE));
  ASSERT_TRUE(peer.Write("data"));
  EXPECT_EQ(Next(accepted), FD_READ);
  EXPECT_EQ(RecvSome(accepted, 4), kOk);
  EXPECT_EQ(RecvSome(accepted, 4), kWouldBlock) << "the mode as well";
  EXPECT_EQ(spi_->SetNonBlocking(accepted, false), kInval);
  // Each has its own from now on.
  ASSERT_EQ(spi_->EventSelect(accepted, nullptr, 0), kOk);
  ASSERT_TRUE(peer.Write("more"));
  ExpectNothing(accepted);
  PeerSocket other = PeerSocket::ConnectTo(endpoint);
  EXPECT_EQ(Next(listener), FD_ACCEPT);
}

TEST_P(EventSelectTest, AcceptedSocketsOfAConditionInheritTheSelect) {
  Endpoint endpoint;
  const SOCKET listener = Listener(&endpoint, kAll);
  PeerSocket peer = PeerSocket::ConnectTo(endpoint);
  EXPECT_EQ(Next(listener), FD_ACCEPT);
  SOCKET accepted;
  const auto accept = [](LPWSABUF, LPWSABUF, LPQOS, LPQOS, LPWSABUF, LPWSABUF,
                         GROUP*, DWORD_PTR) -> int { return CF_ACCEPT; };
  ASSERT_EQ(spi_->Accept(listener, &accepted, accept), kOk);
  EXPECT_TRUE(Gather(accepted, FD_WRITE).Has(FD_WRITE));
  ASSERT_TRUE(peer.Write("data"));
  EXPECT_EQ(Next(accepted), FD_READ);
}

// ------------------------------------------------------------ a second select

TEST_P(EventSelectTest, ASecondSelectReplacesTheFirst) {
  Connection connection = Selected(FD_READ);
  Event other;
  ASSERT_EQ(spi_->EventSelect(connection.socket, other.get(), FD_READ), kOk);
  ASSERT_TRUE(connection.peer.Write("x"));
  EXPECT_TRUE(other.Wait());
  EXPECT_FALSE(event_.IsSet());
}

TEST_P(EventSelectTest, TheNullEventCancels) {
  Connection connection = Selected(kAll);
  ASSERT_EQ(spi_->EventSelect(connection.socket, nullptr, 0), kOk);
  ASSERT_TRUE(connection.peer.Write("x"));
  AwaitReadable(connection.socket, 1);
  ExpectNothing(connection.socket);
  ASSERT_EQ(Select(connection.socket, kAll), kOk);
  EXPECT_TRUE(Gather(connection.socket, FD_READ).Has(FD_READ));
  // So does one without events.
  ASSERT_EQ(Select(connection.socket, 0), kOk);
  ASSERT_TRUE(connection.peer.Write("y"));
  AwaitReadable(connection.socket, 2);
  EXPECT_FALSE(event_.IsSet());
}

TEST_P(EventSelectTest, WhatWasEnumeratedIsNotToldAgainByASecondSelect) {
  Connection connection = Selected(kAll);
  ASSERT_TRUE(connection.peer.Write("x"));
  EXPECT_EQ(Next(connection.socket), FD_READ);
  ASSERT_EQ(Select(connection.socket, kAll), kOk);
  ExpectNothing(connection.socket);
  ASSERT_EQ(spi_->EventSelect(connection.socket, nullptr, 0), kOk);
  ASSERT_EQ(Select(connection.socket, kAll), kOk);
  ExpectNothing(connection.socket);
  ASSERT_TRUE(connection.peer.Write("y"));
  EXPECT_EQ(Next(connection.socket), FD_READ);
}

TEST_P(EventSelectTest, WhatWasNotEnumeratedComesBackWhenItIsSelectedAgain) {
  Connection connection = Selected(kAll);
  const SOCKET s = connection.socket;
  ASSERT_TRUE(connection.peer.Write("x"));
  ASSERT_TRUE(event_.Wait());
  ASSERT_EQ(Select(s, FD_CLOSE), kOk);
  EXPECT_EQ(Record(s), NetworkEvents()) << "not selected now";
  ASSERT_EQ(Select(s, FD_READ), kOk);
  EXPECT_EQ(Next(s), FD_READ);
}

// ------------------------------------------------------------ the socket's
// mode

TEST_P(EventSelectTest, ASelectMakesNonBlockingAndKeepsItSo) {
  Connection connection = Connect(peers_);
  const SOCKET s = connection.socket;
  ASSERT_EQ(Select(s, FD_READ), kOk);
  EXPECT_EQ(RecvSome(s, 1), kWouldBlock);
  EXPECT_EQ(spi_->SetNonBlocking(s, false), kInval);
  EXPECT_EQ(spi_->SetNonBlocking(s, true), kOk);
  ASSERT_EQ(spi_->EventSelect(s, nullptr, 0), kOk);
  EXPECT_EQ(RecvSome(s, 1), kWouldBlock);
  ASSERT_EQ(spi_->SetNonBlocking(s, false), kOk);
  ASSERT_TRUE(connection.peer.Write("x"));
  EXPECT_EQ(RecvSome(s, 1), kOk);
}

// ------------------------------------------------------------------ arguments

TEST_P(EventSelectTest, BadArguments) {
  Connection connection = Connect(peers_);
  const SOCKET s = connection.socket;
  EXPECT_EQ(spi_->EventSelect(s, nullptr, FD_READ), kInval);
  int error = 0;
  const WSAEVENT closed = spi_client::OpenEventObject(&error);
  ASSERT_TRUE(spi_client::CloseEventObject(closed, &error));
  EXPECT_EQ(spi_->EventSelect(s, closed, FD_READ), kInval);
  EXPECT_EQ(Select(s, 1 << FD_MAX_EVENTS), kInval);
  EXPECT_EQ(Select(INVALID_SOCKET, FD_READ), kNotSock);
  // None of them made it non-blocking.
  ASSERT_TRUE(connection.peer.Write("x"));
  EXPECT_EQ(RecvSome(s, 1), kOk);
  ASSERT_EQ(Select(s, FD_READ), kOk);
  // Nor do they change a select that is there.
  EXPECT_EQ(Select(s, 1 << FD_MAX_EVENTS), kInval);
  ASSERT_TRUE(connection.peer.Write("x"));
  EXPECT_EQ(Next(s), FD_READ);

  WSANETWORKEVENTS record;
  EXPECT_EQ(spi_->EnumNetworkEvents(s, event_.get(), nullptr), kInval);
  EXPECT_EQ(spi_->EnumNetworkEvents(INVALID_SOCKET, event_.get(), &record),
            kNotSock);
  EXPECT_EQ(spi_->EnumNetworkEvents(s, closed, &record), kInval);
}

// Whether the library knows of the record already, or has to ask for it.
TEST_P(EventSelectTest, EnumerationWithAClosedEventLeavesTheRecord) {
  Connection connection = Selected(FD_READ | FD_CLOSE);
  int error = 0;
  const WSAEVENT closed = spi_client::OpenEventObject(&error);
  ASSERT_TRUE(spi_client::CloseEventObject(closed, &error));
  WSANETWORKEVENTS record;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(connection.peer.Write("x"));
    ASSERT_TRUE(event_.Wait());
    ASSERT_EQ(spi_->EnumNetworkEvents(connection.socket, closed, &record),
              kInval);
    ASSERT_EQ(Next(connection.socket), FD_READ);
    ASSERT_EQ(RecvSome(connection.socket, 1), kOk);
  }
}

TEST_P(EventSelectTest, EnumerationLeavesOtherEntriesAlone) {
  Connection connection = Selected(FD_READ);
  ASSERT_TRUE(connection.peer.Write("x"));
  ASSERT_TRUE(event_.Wait());
  WSANETWORKEVENTS record;
  record.lNetworkEvents = -1;
  for (int& error : record.iErrorCode) error = 1234;
  ASSERT_EQ(spi_->EnumNetworkEvents(connection.socket, event_.get(), &record),
            kOk);
  EXPECT_EQ(record.lNetworkEvents, FD_READ);
  for (int bit = 0; bit < FD_MAX_EVENTS; ++bit) {
    EXPECT_EQ(record.iErrorCode[bit], bit == FD_READ_BIT ? 0 : 1234);
  }
}

TEST_P(EventSelectTest, EnumerationResetsTheEventItIsGiven) {
  Connection connection = Selected(FD_READ);
  WSANETWORKEVENTS record;
  ASSERT_TRUE(connection.peer.Write("x"));
  ASSERT_TRUE(event_.Wait());
  ASSERT_EQ(spi_->EnumNetworkEvents(connection.socket, nullptr, &record), kOk);
  EXPECT_EQ(record.lNetworkEvents, FD_READ);
  EXPECT_TRUE(event_.IsSet());
  ASSERT_EQ(spi_->EnumNetworkEvents(connection.socket, event_.get(), &record),
            kOk);
  EXPECT_EQ(record.lNetworkEvents, 0);
  EXPECT_FALSE(event_.IsSet());
}

INSTANTIATE_TEST_SUITE_P(Families, EventSelectTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6));

// ------------------------------------------------------------------------ many

class ManyEventsTest : public EventSelectTest {};

// One event object for all: whoever waits for it asks them one after the other.
// None is told twice, and none is lost.
TEST_P(ManyEventsTest, AThousandSocketsMayShareAnEvent) {
  constexpr size_t kCount = 1000;
  PeerListener peers(PeerListener::Options{GetParam(), 2048, 0});
  std::vector<Connection> connections;
  for (size_t i = 0; i < kCount; ++i) {
    connections.push_back(Connect(peers));
    ASSERT_EQ(Select(connections.back().socket, FD_READ | FD_CLOSE), kOk);
  }
  for (Connection& connection : connections) {
    ASSERT_TRUE(connection.peer.Write("x"));
  }
  std::vector<int> told(kCount);
  size_t left = kCount;
  while (left > 0 && event_.Wait()) {
    for (size_t i = 0; i < kCount; ++i) {
      if (Record(connections[i].socket).Has(FD_READ)) {
        ++told[i];
        if (told[i] == 1) --left;
      }
    }
  }
  EXPECT_EQ(left, 0u);
  EXPECT_EQ(told, std::vector<int>(kCount, 1));
}

// Each byte comes while the one before is being received: every one of them
// leads to an event, or to what the receive finds.
TEST_P(ManyEventsTest, NoDataIsEverWithoutItsEvent) {
  constexpr size_t kBytes = 3000;
  Connection connection = Selected(kAll);
  std::string received;
  size_t written = 0;
  while (received.size() < kBytes) {
    while (written < kBytes && written < received.size() + 3) {
      ASSERT_TRUE(connection.peer.Write(std::string(1, 'a' + written % 26)));
      ++written;
    }
    ASSERT_TRUE(event_.Wait()) << received.size();
    const NetworkEvents events = Record(connection.socket);
    if (!events.Has(FD_READ)) continue;
    std::string data;
    const WsaCode code = spi_->Recv(connection.socket, 1, &data);
    if (!code.ok()) {
      ASSERT_EQ(code, kWouldBlock);
    }
    received += data;
  }
  for (size_t i = 0; i < kBytes; ++i) {
    ASSERT_EQ(received[i], static_cast<char>('a' + i % 26));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ManyEventsTest,
                         ::testing::Values(Family::kIpv4));

}  // namespace
}  // namespace wspd::testing
