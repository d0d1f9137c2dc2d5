// What enables each network event again: the table of 4.5, row by row, told by
// events and by messages.
#include <string>

#include "mswsock.h"
#include "tests/conformance/network_event_fixture.h"

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;

using RecvMsgFunction = INT(WSAAPI*)(SOCKET, LPWSAMSG, LPDWORD, LPWSAOVERLAPPED,
                                     LPWSAOVERLAPPED_COMPLETION_ROUTINE);

class EventReenablingTest : public NoticeTest {
 protected:
  // A connection that has been told of FD_READ for two bytes that it has got.
  Pair NewWithTwoBytes() {
    Pair pair = NewRegistered(family(), FD_READ);
    EXPECT_TRUE(pair.peer.Write("xy"));
    Expect(pair.socket, FD_READ);
    EXPECT_TRUE(WaitReadable(pair.socket, 2));
    return pair;
  }
  WsaCode RecvOne(SOCKET s, DWORD flags = 0) {
    std::string data;
    return RecvText(s, 1, &data, flags);
  }
};
WSPD_FOR_ALL_NOTICES(EventReenablingTest);

// -------------------------------------------------- FD_READ: recv family,
// level

// If the condition still holds the event is recorded at once.
TEST_P(EventReenablingTest, ReadByReceive) {
  Pair pair = NewWithTwoBytes();
  EXPECT_EQ(RecvOne(pair.socket), kOk);
  Expect(pair.socket, FD_READ, 0);
}

TEST_P(EventReenablingTest, ReadByReceiveFrom) {
  Pair pair = NewWithTwoBytes();
  char byte;
  WSABUF buffer = {1, &byte};
  DWORD bytes = 0, flags = 0;
  EXPECT_EQ(RecvFrom(pair.socket, &buffer, 1, &bytes, &flags, nullptr, nullptr),
            kOk);
  Expect(pair.socket, FD_READ, 0);
}

TEST_P(EventReenablingTest, ReadByAnOverlappedReceive) {
  Pair pair = NewWithTwoBytes();
  Overlapped operation(1);
  EXPECT_THAT(Recv(pair.socket, &operation.wsabuf, 1, &operation.bytes,
                   &operation.flags, operation.WithEvent()),
              AnyOf(kOk, kPending));
  ASSERT_TRUE(operation.event.Wait(kSoonMs));
  Expect(pair.socket, FD_READ, 0);
}

// A peek reads too.
TEST_P(EventReenablingTest, ReadByAPeek) {
  Pair pair = NewWithTwoBytes();
  EXPECT_EQ(RecvOne(pair.socket, MSG_PEEK), kOk);
  Expect(pair.socket, FD_READ, 0);
}

TEST_P(EventReenablingTest, ReadByAReceiveOfADatagram) {
  const SOCKET s = NewWithTwoDatagrams();
  std::string data;
  EXPECT_EQ(RecvText(s, 10, &data), kOk);
  Expect(s, FD_READ, 0);
  EXPECT_EQ(RecvText(s, 10, &data), kOk);
  ExpectNothing(s);
}

TEST_P(EventReenablingTest, ReadByAReceiveOfAMessage) {
  const SOCKET s = NewWithTwoDatagrams();
  const auto function =
      reinterpret_cast<RecvMsgFunction>(FindExtension(s, WSAID_WSARECVMSG));
  ASSERT_NE(function, nullptr);
  char data[10];
  WSABUF part = {sizeof(data), data};
  WSAMSG message = {nullptr, 0, &part, 1, {0, nullptr}, 0};
  DWORD bytes = 0;
  EXPECT_EQ(function(s, &message, &bytes, nullptr, nullptr), 0);
  Expect(s, FD_READ, 0);
}

// Nothing more is recorded if the condition doesn't hold …
TEST_P(EventReenablingTest, NoReadOnceAllIsRead) {
  Pair pair = NewWithTwoBytes();
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 10, &data), kOk);
  ExpectNothing(pair.socket);
}

// … until it does.
TEST_P(EventReenablingTest, ReadOfWhatComesAfterAllWasRead) {
  Pair pair = NewWithTwoBytes();
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 10, &data), kOk);
  ASSERT_TRUE(pair.peer.Write("z"));
  Expect(pair.socket, FD_READ, 0);
}

// A failing re-enabling call still re-enables: here it finds nothing.
TEST_P(EventReenablingTest, ReadByAReceiveThatWouldBlock) {
  Pair pair = NewWithTwoBytes();
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 10, &data), kOk);
  EXPECT_EQ(RecvOne(pair.socket), WsaCode{WSAEWOULDBLOCK});
  ASSERT_TRUE(pair.peer.Write("z"));
  Expect(pair.socket, FD_READ, 0);
}

// 4.5 [WT]: a recv failing on arguments re-enables in message mode.
TEST_P(EventReenablingTest, ReadByAReceiveRefusedForItsArguments) {
  if (!message_mode()) GTEST_SKIP() << "measured in message mode only";
  Pair pair = NewWithTwoBytes();
  DWORD bytes = 0, flags = 0;
  EXPECT_NE(Recv(pair.socket, nullptr, 1, &bytes, &flags), kOk);
  Expect(pair.socket, FD_READ, 0);
}

// Other calls don't.
TEST_P(EventReenablingTest, NoReadByOtherCalls) {
  Pair pair = NewWithTwoBytes();
  u_long bytes = 0;
  SockAddr name;
  EXPECT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_EQ(BytesReadable(pair.socket, &bytes), kOk);
  EXPECT_EQ(GetPeerName(pair.socket, &name), kOk);
  ExpectNothing(pair.socket);
}

// ------------------------------------------------ FD_OOB: recv with OOB, level

TEST_P(EventReenablingTest, OutOfBandByAReceiveOfIt) {
  Pair pair = NewRegistered(family(), FD_OOB);
  ASSERT_TRUE(pair.peer.WriteUrgent("1"));
  Expect(pair.socket, FD_OOB);
  EXPECT_EQ(RecvOne(pair.socket, MSG_OOB), kOk);
  ExpectNothing(pair.socket);
  ASSERT_TRUE(pair.peer.WriteUrgent("2"));
  Expect(pair.socket, FD_OOB, 0);
}

// Not by another receive.
TEST_P(EventReenablingTest, NoOutOfBandByAnOrdinaryReceive) {
  Pair pair = NewRegistered(family(), FD_OOB);
  ASSERT_TRUE(pair.peer.Write("x"));
  ASSERT_TRUE(pair.peer.WriteUrgent("1"));
  Expect(pair.socket, FD_OOB);
  EXPECT_EQ(RecvOne(pair.socket), kOk);
  ExpectNothing(pair.socket);
}

// ------------------------------------------- FD_WRITE: send family, by failing

TEST_P(EventReenablingTest, WriteBySendThatWouldBlock) {
  Pair pair = NewSlowConnection(family());
  ASSERT_EQ(Register(pair.socket, FD_WRITE), kOk);
  Expect(pair.socket, FD_WRITE);
  for (int i = 0; i < 2; ++i) {
    const size_t sent = FillSendBuffer(pair.socket);
    EXPECT_EQ(pair.peer.Read(sent).size(), sent);
    Expect(pair.socket, FD_WRITE, 0);
  }
}

TEST_P(EventReenablingTest, WriteBySendToThatWouldBlock) {
  Pair pair = NewSlowConnection(family());
  ASSERT_EQ(Register(pair.socket, FD_WRITE), kOk);
  Expect(pair.socket, FD_WRITE);
  std::string data(65536, 'x');
  WSABUF buffer = {static_cast<u_long>(data.size()), &data[0]};
  size_t total = 0;
  WsaCode code;
  while (code.ok()) {
    DWORD sent = 0;
    code = SendTo(pair.socket, &buffer, 1, &sent, 0, nullptr, 0);
    if (code.ok()) total += sent;
  }
  EXPECT_EQ(code, WsaCode{WSAEWOULDBLOCK});
  EXPECT_EQ(pair.peer.Read(total).size(), total);
  Expect(pair.socket, FD_WRITE, 0);
}

// Without a failed send, none.
TEST_P(EventReenablingTest, NoWriteBySendsThatGo) {
  Pair pair = NewRegistered(family(), FD_WRITE);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_EQ(pair.peer.Read(3), "xxx");
  ExpectNothing(pair.socket);
}

// -------------------------------------------------- FD_ACCEPT: accept, level

TEST_P(EventReenablingTest, AcceptByAccept) {
  SockAddr name;
  const SOCKET listener = NewRegisteredListener(family(), &name);
  PeerSocket a = PeerSocket::ConnectTo(name.ToEndpoint());
  Expect(listener, FD_ACCEPT);
  SOCKET accepted;
  EXPECT_EQ(Accept(listener, &accepted), kOk);
  ExpectNothing(listener);
  PeerSocket b = PeerSocket::ConnectTo(name.ToEndpoint());
  Expect(listener, FD_ACCEPT, 0);
}

// Level: at once for a connection that is queued.
TEST_P(EventReenablingTest, AcceptAtOnceForTheNextOne) {
  SockAddr name;
  const SOCKET listener = NewListener(family(), &name);
  PeerSocket a = PeerSocket::ConnectTo(name.ToEndpoint());
  PeerSocket b = PeerSocket::ConnectTo(name.ToEndpoint());
  ASSERT_EQ(Register(listener, FD_ACCEPT), kOk);
  Expect(listener, FD_ACCEPT);
  SOCKET accepted;
  EXPECT_EQ(Accept(listener, &accepted), kOk);
  Expect(listener, FD_ACCEPT, 0);
}

int CALLBACK Defer(LPWSABUF, LPWSABUF, LPQOS, LPQOS, LPWSABUF, LPWSABUF, GROUP*,
                   DWORD_PTR) {
  return CF_DEFER;
}
int CALLBACK Reject(LPWSABUF, LPWSABUF, LPQOS, LPQOS, LPWSABUF, LPWSABUF,
                    GROUP*, DWORD_PTR) {
  return CF_REJECT;
}

// Unless the result is WSATRY_AGAIN (deferred).
TEST_P(EventReenablingTest, NoAcceptByADeferredOne) {
  SockAddr name;
  const SOCKET listener = NewRegisteredListener(family(), &name);
  PeerSocket peer = PeerSocket::ConnectTo(name.ToEndpoint());
  Expect(listener, FD_ACCEPT);
  SOCKET accepted;
  EXPECT_EQ(Accept(listener, &accepted, nullptr, Defer), WsaCode{WSATRY_AGAIN});
  ExpectNothing(listener);
}

// A failing re-enabling call still re-enables.
TEST_P(EventReenablingTest, AcceptByARejectedOne) {
  SockAddr name;
  const SOCKET listener = NewRegisteredListener(family(), &name);
  PeerSocket a = PeerSocket::ConnectTo(name.ToEndpoint());
  Expect(listener, FD_ACCEPT);
  SOCKET accepted;
  EXPECT_EQ(Accept(listener, &accepted, nullptr, Reject),
            WsaCode{WSAECONNREFUSED});
  PeerSocket b = PeerSocket::ConnectTo(name.ToEndpoint());
  Expect(listener, FD_ACCEPT, 0);
}

TEST_P(EventReenablingTest, AcceptByOneThatWouldBlock) {
  SockAddr name;
  const SOCKET listener = NewRegisteredListener(family(), &name);
  PeerSocket a = PeerSocket::ConnectTo(name.ToEndpoint());
  Expect(listener, FD_ACCEPT);
  SOCKET accepted;
  EXPECT_EQ(Accept(listener, &accepted), kOk);
  EXPECT_EQ(Accept(listener, &accepted), WsaCode{WSAEWOULDBLOCK});
  PeerSocket b = PeerSocket::ConnectTo(name.ToEndpoint());
  Expect(listener, FD_ACCEPT, 0);
}

// ------------------------------------------- FD_CONNECT and FD_CLOSE: never

TEST_P(EventReenablingTest, ConnectOnlyOnce) {
  PeerListener listener(family());
  const SOCKET s = NewSocket(family());
  ASSERT_EQ(Register(s, FD_CONNECT), kOk);
  EXPECT_THAT(Connect(s, SockAddr::Of(listener.endpoint())),
              AnyOf(WsaCode{WSAEWOULDBLOCK}, kOk));
  Expect(s, FD_CONNECT, 0);
  EXPECT_EQ(SendText(s, "x"), kOk);
  EXPECT_EQ(RecvOne(s), WsaCode{WSAEWOULDBLOCK});
  EXPECT_EQ(Connect(s, SockAddr::Of(listener.endpoint())), WsaCode{WSAEISCONN});
  ExpectNothing(s);
}

TEST_P(EventReenablingTest, CloseOnlyOnce) {
  Pair pair = NewRegistered(family(), FD_CLOSE);
  pair.peer.ShutdownSend();
  Expect(pair.socket, FD_CLOSE, 0);
  EXPECT_EQ(RecvOne(pair.socket), kOk);
  EXPECT_EQ(SendText(pair.socket, "x"), kOk);
  EXPECT_EQ(Shutdown(pair.socket, SD_SEND), kOk);
  ExpectNothing(pair.socket);
}

// -------------------------- FD_*_CHANGE: the ioctl again, after WSAEWOULDBLOCK

TEST_P(EventReenablingTest, ChangesByTheirIoctls) {
  const SOCKET s = NewDatagrams();
  ASSERT_EQ(Register(s, FD_ADDRESS_LIST_CHANGE), kOk);
  for (int i = 0; i < 2; ++i) {
    DWORD returned = 0;
    EXPECT_EQ(
        Ioctl(s, SIO_ADDRESS_LIST_CHANGE, nullptr, 0, nullptr, 0, &returned),
        WsaCode{WSAEWOULDBLOCK});
  }
  ExpectNothing(s);
}

// ----------------------------------------------------------------- several

// Level events of one socket don't disturb each other.
TEST_P(EventReenablingTest, ReadAndCloseByThemselves) {
  Pair pair = NewRegistered(family(), FD_READ | FD_CLOSE);
  ASSERT_TRUE(pair.peer.Write("xy"));
  Expect(pair.socket, FD_READ);
  EXPECT_EQ(RecvOne(pair.socket), kOk);
  Expect(pair.socket, FD_READ);
  pair.peer.Close();
  Expect(pair.socket, FD_CLOSE, 0);
  EXPECT_EQ(RecvOne(pair.socket), kOk);
  EXPECT_EQ(RecvOne(pair.socket), kOk);
  ExpectNothing(pair.socket);
}

// 4.5 [WT]: a partial receive posts FD_READ again, down to the last byte.
TEST_P(EventReenablingTest, ReadForEachByte) {
  Pair pair = NewRegistered(family(), FD_READ);
  ASSERT_TRUE(pair.peer.Write("12345"));
  ASSERT_TRUE(WaitReadable(pair.socket, 5));
  for (int i = 0; i < 5; ++i) {
    Expect(pair.socket, FD_READ, 0);
    EXPECT_EQ(RecvOne(pair.socket), kOk);
  }
  ExpectNothing(pair.socket);
}

}  // namespace
}  // namespace wspd::conformance
