// The blocking hook (4.4) and WSPCancelBlockingCall (2) of extension functions
// that wait, and of the codes of WSPIoctl that do. Where something may have
// gone out before the cancel is in cancel_extension_test.cc.
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client_stub/spi_client/blocking_hook.h"
#include "tests/conformance/extension_fixture.h"
#include "tests/testing/peer_datagrams.h"

namespace wspd::conformance {
namespace {

class BlockingExtensionTest : public ExtensionTest {
 protected:
  void TearDown() override {
    spi_client::SetBlockingHook({});
    ExtensionTest::TearDown();
  }

  // Has the hook do `body`, and answer what that does.
  void Install(std::function<bool()> body) {
    body_ = std::move(body);
    spi_client::SetBlockingHook(
        {[](DWORD_PTR context) -> BOOL {
           auto* const test = reinterpret_cast<BlockingExtensionTest*>(context);
           ++test->hook_calls_;
           return test->body_() ? TRUE : FALSE;
         },
         reinterpret_cast<DWORD_PTR>(this)});
  }
  // Has it do `body` when it is called the second time.
  void InstallSecond(std::function<void()> body) {
    Install([this, body = std::move(body)] {
      if (hook_calls_ == 2) body();
      return hook_calls_ < 2;
    });
  }
  // Has it cancel the call that it is in.
  void InstallCancel() {
    Install([this] {
      if (hook_calls_ == 1) cancelled_ = CancelBlockingCall();
      return true;
    });
  }
  void ExpectCancelled(WsaCode code) {
    EXPECT_EQ(code, WsaCode{WSAEINTR});
    EXPECT_EQ(cancelled_, kOk);
    spi_client::SetBlockingHook({});
  }

  // Sockets that aren't for overlapped calls, on which a call with an
  // OVERLAPPED blocks (4.3).
  SOCKET NewPlainListener(SockAddr* name) {
    const SOCKET s = New(0);
    EXPECT_EQ(Bind(s, Loopback()), kOk);
    EXPECT_EQ(Listen(s), kOk);
    *name = NameOf(s);
    return s;
  }
  SOCKET NewPlainBound() {
    const SOCKET s = New(0);
    EXPECT_EQ(Bind(s, Any()), kOk);
    return s;
  }

  int hook_calls_ = 0;
  WsaCode cancelled_ = kNoErrorGiven;

 private:
  std::function<bool()> body_;
};
WSPD_FOR_BOTH_FAMILIES(BlockingExtensionTest);

// ------------------------------------------------------------ 4.9 AcceptEx

TEST_P(BlockingExtensionTest, AcceptExCallsTheHook) {
  SockAddr name;
  const SOCKET listening = NewPlainListener(&name);
  const SOCKET s = New();
  Overlapped& accept = NewOverlapped();
  PeerSocket peer;
  InstallSecond([&] { peer = PeerSocket::ConnectTo(name.ToEndpoint()); });
  ASSERT_EQ(AcceptEx(listening, s, &accept), kOk);
  EXPECT_GE(hook_calls_, 2);
  ASSERT_EQ(SendText(s, "x"), kOk);
  EXPECT_EQ(peer.Read(1), "x");
}

// The listener goes on, as after an accept that was cancelled.
TEST_P(BlockingExtensionTest, AcceptExIsInterrupted) {
  SockAddr name;
  const SOCKET listening = NewPlainListener(&name);
  const SOCKET s = New();
  InstallCancel();
  ExpectCancelled(AcceptEx(listening, s, &NewOverlapped()));
  EXPECT_EQ(Close(s), kOk);
  AcceptOne(listening, name);
}

// ------------------------------------------------ 4.9 ConnectEx, DisconnectEx

class BlockingConnectExTest : public BlockingExtensionTest {
 protected:
  void SetUp() override {
    BlockingExtensionTest::SetUp();
    if (HasFatalFailure()) return;
    PeerListener::Options options;
    options.family = family();
    options.backlog = 0;
    full_ = std::make_unique<PeerListener>(options);
    full_->FillBacklog();
  }

  std::unique_ptr<PeerListener> full_;
};
WSPD_FOR_BOTH_FAMILIES(BlockingConnectExTest);

TEST_P(BlockingConnectExTest, CallsTheHook) {
  const SOCKET s = NewPlainBound();
  std::vector<PeerSocket> peers;
  // Makes room for the next attempt of the handshake.
  Install([&] {
    peers.push_back(full_->Accept(milliseconds(10)));
    return true;
  });
  EXPECT_EQ(ConnectEx(s, SockAddr::Of(full_->endpoint()),
                      &NewOverlapped().overlapped),
            kOk);
  EXPECT_GE(hook_calls_, 1);
}

TEST_P(BlockingConnectExTest, IsInterrupted) {
  const SOCKET s = NewPlainBound();
  InstallCancel();
  ExpectCancelled(ConnectEx(s, SockAddr::Of(full_->endpoint()),
                            &NewOverlapped().overlapped));
  EXPECT_EQ(Close(s), kOk);
}

// DisconnectEx without an OVERLAPPED, behind a send that waits for the peer.
class BlockingDisconnectExTest : public BlockingExtensionTest {
 protected:
  void SetUp() override {
    BlockingExtensionTest::SetUp();
    if (HasFatalFailure()) return;
    pair_ = NewSlowConnection();
    Overlapped& send = NewOverlapped(std::string(kSize, 'x'));
    ASSERT_EQ(
        Send(pair_.socket, &send.wsabuf, 1, &send.bytes, 0, send.WithEvent()),
        kPending);
  }

  // More than the peer's side of a connection takes while nobody reads.
  static constexpr size_t kSize = 16 << 20;
  Pair pair_;
};
WSPD_FOR_BOTH_FAMILIES(BlockingDisconnectExTest);

TEST_P(BlockingDisconnectExTest, CallsTheHook) {
  InstallSecond([&] { EXPECT_EQ(pair_.peer.Read(kSize).size(), kSize); });
  EXPECT_EQ(DisconnectEx(pair_.socket, nullptr), kOk);
  EXPECT_GE(hook_calls_, 2);
  EXPECT_EQ(pair_.peer.WaitForEnd(), Ending::kOrderly);
}

TEST_P(BlockingDisconnectExTest, IsInterrupted) {
  InstallCancel();
  ExpectCancelled(DisconnectEx(pair_.socket, nullptr));
  EXPECT_EQ(Close(pair_.socket), kOk);
}

// ---------------------------------------------------------- 4.9 WSARecvMsg

class BlockingRecvMsgTest : public BlockingExtensionTest {
 protected:
  void SetUp() override {
    BlockingExtensionTest::SetUp();
    if (HasFatalFailure()) return;
    s_ = ConformanceTest::NewBound(family(), Protocol::kUdp);
    recv_msg_ =
        reinterpret_cast<LPFN_WSARECVMSG>(FindExtension(s_, WSAID_WSARECVMSG));
    ASSERT_NE(recv_msg_, nullptr);
  }
  WsaCode RecvMsg() {
    WSABUF buffer = {1, &byte_};
    WSAMSG message = {};
    message.lpBuffers = &buffer;
    message.dwBufferCount = 1;
    DWORD received = 0;
    WSASetLastError(0);
    if (recv_msg_(s_, &message, &received, nullptr, nullptr) == 0) return kOk;
    const int error = WSAGetLastError();
    return error == 0 ? kNoErrorGiven : WsaCode{error};
  }

  SOCKET s_ = INVALID_SOCKET;
  LPFN_WSARECVMSG recv_msg_ = nullptr;
  char byte_ = '.';
};
WSPD_FOR_BOTH_FAMILIES(BlockingRecvMsgTest);

TEST_P(BlockingRecvMsgTest, CallsTheHook) {
  testing::PeerDatagrams peer(family());
  const Endpoint own = NameOf(s_).ToEndpoint();
  InstallSecond([&] { EXPECT_TRUE(peer.Send("x", own)); });
  ASSERT_EQ(RecvMsg(), kOk);
  EXPECT_EQ(byte_, 'x');
  EXPECT_GE(hook_calls_, 2);
}

TEST_P(BlockingRecvMsgTest, IsInterrupted) {
  InstallCancel();
  ExpectCancelled(RecvMsg());
  EXPECT_EQ(Close(s_), kOk);
}

// ------------------------------------------------------------- 4.9 WSAPoll

class BlockingPollTest : public BlockingExtensionTest {
 protected:
  void SetUp() override {
    BlockingExtensionTest::SetUp();
    if (HasFatalFailure()) return;
    pair_ = NewConnection();
    poll_ = reinterpret_cast<LPFN_WSAPOLL>(
        FindExtension(pair_.socket, WSAID_WSAPOLL));
    ASSERT_NE(poll_, nullptr);
  }
  // Waits for something to read.
  WsaCode Poll() {
    constexpr SHORT kReadNormal = 0x0100;
    WSAPOLLFD entry = {pair_.socket, kReadNormal, 0};
    WSASetLastError(0);
    const INT ready = poll_(&entry, 1, -1);
    if (ready < 0) return WsaCode{WSAGetLastError()};
    EXPECT_EQ(ready, 1);
    EXPECT_EQ(entry.revents, kReadNormal);
    return kOk;
  }

  Pair pair_;
  LPFN_WSAPOLL poll_ = nullptr;
};
WSPD_FOR_BOTH_FAMILIES(BlockingPollTest);

TEST_P(BlockingPollTest, CallsTheHook) {
  InstallSecond([&] { EXPECT_TRUE(pair_.peer.Write("x")); });
  EXPECT_EQ(Poll(), kOk);
  EXPECT_GE(hook_calls_, 2);
}

// The socket goes on, as after a select that was cancelled.
TEST_P(BlockingPollTest, IsInterrupted) {
  InstallCancel();
  ExpectCancelled(Poll());
  ASSERT_TRUE(pair_.peer.Write("x"));
  EXPECT_EQ(Poll(), kOk);
}

// ------------------ 4.9 SIO_ADDRESS_LIST_CHANGE, SIO_ROUTING_INTERFACE_CHANGE

TEST_P(BlockingExtensionTest, WaitForAddressesIsInterrupted) {
  const SOCKET s = New();
  DWORD returned = 0;
  InstallCancel();
  ExpectCancelled(
      Ioctl(s, SIO_ADDRESS_LIST_CHANGE, nullptr, 0, nullptr, 0, &returned));
  EXPECT_EQ(Close(s), kOk);
}

TEST_P(BlockingExtensionTest, WaitForRoutesIsInterrupted) {
  const SOCKET s = New();
  SockAddr destination = Loopback(9);
  DWORD returned = 0;
  InstallCancel();
  ExpectCancelled(Ioctl(s, SIO_ROUTING_INTERFACE_CHANGE, destination.get(),
                        static_cast<DWORD>(destination.length()), nullptr, 0,
                        &returned));
  EXPECT_EQ(Close(s), kOk);
}

}  // namespace
}  // namespace wspd::conformance
