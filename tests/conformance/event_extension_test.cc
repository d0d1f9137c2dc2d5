// What extension functions and cut datagrams do to network events (4.5), told
// by events and by messages.
#include <string>

#include "tests/conformance/network_event_fixture.h"
// After the Winsock headers.
#include <mswsock.h>

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;

// What AcceptEx wants for an address: 16 bytes more than the largest.
constexpr DWORD kNameRoom = sizeof(sockaddr_in6) + 16;

class EventExtensionTest : public NoticeTest {
 protected:
  WsaCode AcceptEx(SOCKET listener, SOCKET s, Overlapped* accept) {
    accept->buffer.assign(2 * kNameRoom, '\0');
    const auto function =
        reinterpret_cast<LPFN_ACCEPTEX>(FindExtension(s, WSAID_ACCEPTEX));
    EXPECT_NE(function, nullptr);
    if (function == nullptr) return kNoErrorGiven;
    DWORD received = 0;
    WSASetLastError(0);
    if (function(listener, s, &accept->buffer[0], 0, kNameRoom, kNameRoom,
                 &received, accept->WithEvent().overlapped)) {
      return kOk;
    }
    const int error = WSAGetLastError();
    return error == 0 ? kNoErrorGiven : WsaCode{error};
  }
};
WSPD_FOR_ALL_NOTICES(EventExtensionTest);

// FD_ACCEPT is re-enabled by AcceptEx, too.
TEST_P(EventExtensionTest, AcceptByAcceptEx) {
  SockAddr name;
  const SOCKET listener = NewRegisteredListener(family(), &name);
  PeerSocket a = PeerSocket::ConnectTo(name.ToEndpoint());
  Expect(listener, FD_ACCEPT);
  Overlapped& accept = NewOverlapped();
  ASSERT_THAT(AcceptEx(listener, NewSocket(family()), &accept),
              AnyOf(kOk, kPending));
  ASSERT_TRUE(accept.event.Wait(kSoonMs));
  ExpectNothing(listener);
  PeerSocket b = PeerSocket::ConnectTo(name.ToEndpoint());
  Expect(listener, FD_ACCEPT, 0);
}

// [WT]: a pending AcceptEx swallows FD_ACCEPT.
TEST_P(EventExtensionTest, NoAcceptForWhatAPendingAcceptExTakes) {
  SockAddr name;
  const SOCKET listener = NewRegisteredListener(family(), &name);
  Overlapped& accept = NewOverlapped();
  ASSERT_EQ(AcceptEx(listener, NewSocket(family()), &accept), kPending);
  PeerSocket a = PeerSocket::ConnectTo(name.ToEndpoint());
  ASSERT_TRUE(accept.event.Wait(kSoonMs));
  ExpectNothing(listener);
  PeerSocket b = PeerSocket::ConnectTo(name.ToEndpoint());
  Expect(listener, FD_ACCEPT, 0);
}

// FD_READ by an overlapped WSARecvMsg.
TEST_P(EventExtensionTest, ReadByAnOverlappedReceiveOfAMessage) {
  const SOCKET s = NewWithTwoDatagrams();
  const auto function =
      reinterpret_cast<LPFN_WSARECVMSG>(FindExtension(s, WSAID_WSARECVMSG));
  ASSERT_NE(function, nullptr);
  Overlapped& recv = NewOverlapped(10);
  WSAMSG message = {nullptr, 0, &recv.wsabuf, 1, {0, nullptr}, 0};
  if (function(s, &message, nullptr, recv.WithEvent().overlapped, nullptr) !=
      0) {
    ASSERT_EQ(WSAGetLastError(), WSA_IO_PENDING);
  }
  ASSERT_TRUE(recv.event.Wait(kSoonMs));
  EXPECT_EQ(recv.buffer.substr(0, 3), "one");
  Expect(s, FD_READ, 0);
}

// A failing re-enabling call still re-enables: here with WSAEMSGSIZE.
TEST_P(EventExtensionTest, ReadByAReceiveThatCutsItsDatagram) {
  const SOCKET s = NewWithTwoDatagrams();
  char byte;
  WSABUF buffer = {1, &byte};
  DWORD bytes = 0, flags = 0;
  EXPECT_EQ(RecvFrom(s, &buffer, 1, &bytes, &flags, nullptr, nullptr),
            WsaCode{WSAEMSGSIZE});
  Expect(s, FD_READ, 0);
}

}  // namespace
}  // namespace wspd::conformance
