// What a provider makes of the upcalls that it was given (1.3): those of a
// table in which some are counted, or fail.
#include "client_stub/spi_client/upcalls.h"

#include <atomic>
#include <string>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/message_window.h"
#include "tests/conformance/stream_fixture.h"
#include "tests/testing/peer_datagrams.h"
// After the Winsock headers.
#include <mswsock.h>

namespace wspd::conformance {
namespace {

// Of the only case in this process.
std::atomic<bool> no_handles{false};
std::atomic<int> handles_made{0}, handles_released{0};
std::atomic<int> threads_opened{0}, threads_closed{0};
std::atomic<int> routines_queued{0}, messages_posted{0};
std::atomic<HANDLE> queued_for{nullptr};
std::atomic<DWORD> asked_for_entry{0};

SOCKET WSPAPI CreateHandle(DWORD entry, DWORD_PTR context, LPINT error) {
  if (no_handles) {
    *error = WSAENOBUFS;
    return INVALID_SOCKET;
  }
  ++handles_made;
  return spi_client::Upcalls().lpWPUCreateSocketHandle(entry, context, error);
}

SOCKET WSPAPI ModifyHandle(DWORD entry, SOCKET s, LPINT error) {
  if (no_handles) {
    *error = WSAENOBUFS;
    return INVALID_SOCKET;
  }
  ++handles_made;
  return spi_client::Upcalls().lpWPUModifyIFSHandle(entry, s, error);
}

int WSPAPI CloseHandle(SOCKET s, LPINT error) {
  ++handles_released;
  return spi_client::Upcalls().lpWPUCloseSocketHandle(s, error);
}

int WSPAPI OpenThread(LPWSATHREADID id, LPINT error) {
  ++threads_opened;
  return spi_client::Upcalls().lpWPUOpenCurrentThread(id, error);
}

int WSPAPI CloseThread(LPWSATHREADID id, LPINT error) {
  ++threads_closed;
  return spi_client::Upcalls().lpWPUCloseThread(id, error);
}

int WSPAPI QueueRoutine(LPWSATHREADID id, LPWSAUSERAPC apc, DWORD_PTR context,
                        LPINT error) {
  ++routines_queued;
  queued_for = id->ThreadHandle;
  return spi_client::Upcalls().lpWPUQueueApc(id, apc, context, error);
}

BOOL WSPAPI PostWindowMessage(HWND window, UINT message, WPARAM wparam,
                              LPARAM lparam) {
  ++messages_posted;
  return spi_client::Upcalls().lpWPUPostMessage(window, message, wparam,
                                                lparam);
}

int WSPAPI QueryHook(DWORD entry, LPBLOCKINGCALLBACK* hook, PDWORD_PTR context,
                     LPINT error) {
  asked_for_entry = entry;
  return spi_client::Upcalls().lpWPUQueryBlockingCallback(entry, hook, context,
                                                          error);
}

class UpcallsTest : public StreamTest {
 protected:
  void SetUp() override {
    StreamTest::SetUp();
    WSPUPCALLTABLE upcalls = spi_client::Upcalls();
    upcalls.lpWPUCreateSocketHandle = CreateHandle;
    upcalls.lpWPUModifyIFSHandle = ModifyHandle;
    upcalls.lpWPUCloseSocketHandle = CloseHandle;
    upcalls.lpWPUOpenCurrentThread = OpenThread;
    upcalls.lpWPUCloseThread = CloseThread;
    upcalls.lpWPUQueueApc = QueueRoutine;
    upcalls.lpWPUPostMessage = PostWindowMessage;
    upcalls.lpWPUQueryBlockingCallback = QueryHook;
    ASSERT_EQ(spi().StartupWith(upcalls), kOk);
  }
  // The catalog's number of a socket.
  DWORD EntryOf(SOCKET s) { return InfoOf(s).dwCatalogEntryId; }
  // Whether handles are the system's, which the SPI client doesn't release.
  bool HasKernelHandles(SOCKET s) {
    return (InfoOf(s).dwServiceFlags1 & XP1_IFS_HANDLES) != 0;
  }

 private:
  WSAPROTOCOL_INFOW InfoOf(SOCKET s) {
    WSAPROTOCOL_INFOW info = {};
    int length = sizeof(info);
    EXPECT_EQ(GetOption(s, SOL_SOCKET, SO_PROTOCOL_INFOW, &info, &length), kOk);
    return info;
  }
};
WSPD_FOR_BOTH_FAMILIES(UpcallsTest);

void CALLBACK NoRoutine(DWORD, DWORD, LPWSAOVERLAPPED, DWORD) {}

// ----------- WPUCreate- and WPUCloseSocketHandle, or WPUModifyIFSHandle

// WSAENOBUFS.
TEST_P(UpcallsTest, SocketWithoutAHandleFails) {
  no_handles = true;
  SOCKET s;
  EXPECT_EQ(Socket(&s, AddressFamily(family()), SOCK_STREAM, IPPROTO_TCP),
            WsaCode{WSAENOBUFS});
  no_handles = false;
  EXPECT_EQ(Socket(&s, AddressFamily(family()), SOCK_STREAM, IPPROTO_TCP), kOk);
}

TEST_P(UpcallsTest, AcceptWithoutAHandleFails) {
  SockAddr name;
  const SOCKET listening = NewListener(&name);
  PeerSocket unlucky = PeerSocket::ConnectTo(name.ToEndpoint());
  ASSERT_TRUE(unlucky.is_open());
  no_handles = true;
  SOCKET s;
  EXPECT_EQ(Accept(listening, &s), WsaCode{WSAENOBUFS});
  no_handles = false;
  // The listener goes on, with that connection or with another.
  PeerSocket next = PeerSocket::ConnectTo(name.ToEndpoint());
  EXPECT_EQ(Accept(listening, &s), kOk);
}

// Each is released, by the close or by the cleanup, and once.
TEST_P(UpcallsTest, EveryHandleIsReleasedOnce) {
  SockAddr name;
  const SOCKET listening = NewListener(&name);
  const Pair pair = AcceptOne(listening, name);
  const SOCKET closed = New();
  ASSERT_EQ(handles_made, 3);
  const bool kernel = HasKernelHandles(closed);
  ASSERT_EQ(Close(closed), kOk);
  EXPECT_EQ(handles_released, kernel ? 0 : 1);
  ASSERT_EQ(Cleanup(), kOk);
  ASSERT_EQ(Cleanup(), kOk);
  EXPECT_EQ(handles_released, kernel ? 0 : 3);
}

// ------------------- WPUQueueApc, WPUOpenCurrentThread and WPUCloseThread

// The thread is the one that came with the call: none is opened for it.
TEST_P(UpcallsTest, RoutineIsQueuedForTheThreadOfTheCall) {
  Pair pair = NewConnection();
  Overlapped& recv = NewOverlapped(10);
  ASSERT_EQ(Recv(pair.socket, &recv.wsabuf, 1, nullptr, &recv.flags,
                 recv.WithRoutine(NoRoutine)),
            kPending);
  ASSERT_TRUE(pair.peer.Write("hello"));
  EXPECT_EQ(spi_client::SleepAlertable(kSoonMs), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(routines_queued, 1);
  EXPECT_EQ(queued_for, spi_client::CurrentThreadId().ThreadHandle);
  EXPECT_EQ(threads_opened, 0);
  EXPECT_EQ(threads_closed, 0);
}

// For calls in which Ws2_32 hands in none: each opened one is closed again.
TEST_P(UpcallsTest, ExtensionFunctionOpensTheThreadAndClosesIt) {
  testing::PeerDatagrams peer(family());
  const SOCKET s = ConformanceTest::NewBound(family(), Protocol::kUdp);
  const auto receive =
      reinterpret_cast<LPFN_WSARECVMSG>(FindExtension(s, WSAID_WSARECVMSG));
  ASSERT_NE(receive, nullptr);
  Overlapped& recv = NewOverlapped(10);
  WSAMSG message = {nullptr, 0, &recv.wsabuf, 1, {0, nullptr}, 0};
  ASSERT_EQ(receive(s, &message, nullptr, &recv.overlapped, NoRoutine),
            SOCKET_ERROR);
  ASSERT_EQ(WSAGetLastError(), WSA_IO_PENDING);
  EXPECT_EQ(threads_opened, 1);
  EXPECT_EQ(threads_closed, 0);
  ASSERT_TRUE(peer.Send("hello", NameOf(s).ToEndpoint()));
  EXPECT_EQ(spi_client::SleepAlertable(kSoonMs), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_TRUE(
      WaitUntil([] { return threads_closed == 1; }, milliseconds(kSoonMs)));
  EXPECT_EQ(threads_opened, 1);
}

// … also of a call that doesn't begin.
TEST_P(UpcallsTest, ThreadOfARefusedCallIsClosed) {
  const SOCKET s = NewSocket(family(), Protocol::kUdp);
  const auto receive =
      reinterpret_cast<LPFN_WSARECVMSG>(FindExtension(s, WSAID_WSARECVMSG));
  ASSERT_NE(receive, nullptr);
  Overlapped& recv = NewOverlapped(10);
  WSAMSG message = {nullptr, 0, &recv.wsabuf, 1, {0, nullptr}, 0};
  EXPECT_EQ(receive(s, &message, nullptr, &recv.overlapped, NoRoutine),
            SOCKET_ERROR);
  EXPECT_EQ(WSAGetLastError(), WSAEINVAL);
  EXPECT_TRUE(WaitUntil([] { return threads_closed == threads_opened; },
                        milliseconds(kSoonMs)));
}

// --------------------------------------------------------- WPUPostMessage

// The required way to post messages of WSPAsyncSelect.
TEST_P(UpcallsTest, MessagesGoByTheUpcall) {
  spi_client::MessageWindow window;
  Pair pair = NewConnection();
  ASSERT_EQ(AsyncSelect(pair.socket, window.handle(), 0x400, FD_READ), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  spi_client::PostedMessage message;
  ASSERT_TRUE(window.Take(&message, kSoonMs));
  EXPECT_EQ(messages_posted, 1);
}

// ----------------------------------------------- WPUQueryBlockingCallback

// With the catalog's entry of the socket.
TEST_P(UpcallsTest, HookIsAskedForWithTheEntry) {
  Pair pair = NewConnection();
  std::string data;
  EXPECT_EQ(WhileBlocked([&] { return RecvText(pair.socket, 1, &data); },
                         [&] { EXPECT_TRUE(pair.peer.Write("x")); }),
            kOk);
  EXPECT_EQ(asked_for_entry, EntryOf(pair.socket));
}

}  // namespace
}  // namespace wspd::conformance
