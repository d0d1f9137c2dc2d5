// The final cleanup and the calls of extension functions that are pending then:
// cancelled in their OVERLAPPED, without event and routine, also later; the
// blocking ones of other threads are interrupted.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/event.h"
#include "tests/lifecycle/data_fixture.h"
#include "tests/testing/extensions.h"
#include "tests/testing/peer_datagrams.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/thread_group.h"
// After the Winsock headers.
#include <mswsock.h>

namespace wspd::testing {
namespace {

constexpr DWORD kRecord = sizeof(sockaddr_in6) + 16;

int g_routines = 0;
void CALLBACK CountRoutine(DWORD, DWORD, LPWSAOVERLAPPED, DWORD) {
  ++g_routines;
}

class ExtensionCleanupTest : public DataTest {
 protected:
  // What is pending, with its event.
  struct Pending {
    Pending() { operation.overlapped.hEvent = event.get(); }
    Operation operation;
    Event event;
    std::string buffer = std::string(100 + 2 * kRecord, '-');
  };

  void SetUp() override {
    DataTest::SetUp();
    g_routines = 0;
    listening_ = Listen();
  }

  template <typename Function>
  Function Get(const GUID& id) {
    return GetExtension<Function>(*spi_, listening_, id);
  }
  Pending* Add() {
    pending_.push_back(std::make_unique<Pending>());
    return pending_.back().get();
  }
  // An AcceptEx that wants first data, or none.
  SOCKET StartAccept(DWORD data_bytes) {
    Pending* pending = Add();
    SOCKET accepting = INVALID_SOCKET;
    EXPECT_EQ(spi_->Socket(&accepting, GetParam()), kOk);
    EXPECT_EQ(CodeOfBool(Get<LPFN_ACCEPTEX>(WSAID_ACCEPTEX)(
                  listening_, accepting, &pending->buffer[0], data_bytes,
                  kRecord, kRecord, nullptr, &pending->operation.overlapped)),
              kPending);
    return accepting;
  }
  void ExpectSilence() {
    for (const auto& pending : pending_) {
      EXPECT_FALSE(pending->operation.is_pending());
      EXPECT_EQ(pending->operation.error(), DWORD{WSA_OPERATION_ABORTED});
      EXPECT_EQ(pending->operation.status(), kStatusCancelled);
      EXPECT_FALSE(pending->event.IsSet());
    }
    spi_client::SleepAlertable(0);
    EXPECT_EQ(g_routines, 0);
  }

  SOCKET listening_ = INVALID_SOCKET;
  std::vector<std::unique_ptr<Pending>> pending_;
};

TEST_P(ExtensionCleanupTest, AcceptExEndsInSilence) {
  const SOCKET first = StartAccept(10);
  PeerSocket silent = PeerSocket::ConnectTo(endpoint_);
  int seconds = -1;
  ASSERT_TRUE(WaitUntil([&] {
    EXPECT_EQ(spi_->GetOption(first, SOL_SOCKET, SO_CONNECT_TIME, &seconds),
              kOk);
    return seconds >= 0;
  }));
  StartAccept(0);
  ASSERT_EQ(spi_->Cleanup(), kOk);
  ExpectSilence();
  EXPECT_EQ(silent.WaitForEnd(), Ending::kReset);
  // Nobody is there any more.
  int error = 0;
  EXPECT_FALSE(PeerSocket::ConnectTo(endpoint_, &error).is_open());
  ExpectSilence();
}

TEST_P(ExtensionCleanupTest, ConnectExEndsInSilence) {
  PeerListener full({GetParam(), 0, 0});
  full.FillBacklog();
  SOCKET s = INVALID_SOCKET;
  ASSERT_EQ(spi_->Socket(&s, GetParam()), kOk);
  ASSERT_EQ(spi_->Bind(s, {GetParam(), 0}), kOk);
  SocketAddress address(full.endpoint());
  Pending* pending = Add();
  ASSERT_EQ(CodeOfBool(Get<LPFN_CONNECTEX>(WSAID_CONNECTEX)(
                s, address.get(), address.length, nullptr, 0, nullptr,
                &pending->operation.overlapped)),
            kPending);
  ASSERT_EQ(spi_->Cleanup(), kOk);
  ExpectSilence();
}

TEST_P(ExtensionCleanupTest, WhatSendsEndsInSilence) {
  const PeerListener::Options options = {GetParam(), 10, 4096};
  PeerListener slow(options);
  const std::string data(8 << 20, 'x');
  // The first data of a ConnectEx, a TransmitFile and a DisconnectEx behind it.
  SOCKET s = INVALID_SOCKET;
  ASSERT_EQ(spi_->Socket(&s, GetParam()), kOk);
  ASSERT_EQ(spi_->Bind(s, {GetParam(), 0}), kOk);
  SocketAddress address(slow.endpoint());
  ASSERT_EQ(
      CodeOfBool(Get<LPFN_CONNECTEX>(WSAID_CONNECTEX)(
          s, address.get(), address.length, const_cast<char*>(data.data()),
          DWORD{8 << 20}, nullptr, &Add()->operation.overlapped)),
      kPending);
  PeerSocket first = slow.Accept();
  EXPECT_EQ(first.Read(1), "x");

  Connection connection = ProviderTest::Connect(slow);
  TempDir dir;
  const OwnedFd file(open(dir.File("file").c_str(), O_RDWR | O_CREAT, 0600));
  ASSERT_EQ(ftruncate(file.get(), 8 << 20), 0);
  ASSERT_EQ(CodeOfBool(Get<LPFN_TRANSMITFILE>(WSAID_TRANSMITFILE)(
                connection.socket,
                reinterpret_cast<HANDLE>(static_cast<INT_PTR>(file.get())), 0,
                0, &Add()->operation.overlapped, nullptr, 0)),
            kPending);
  ASSERT_EQ(CodeOfBool(Get<LPFN_DISCONNECTEX>(WSAID_DISCONNECTEX)(
                connection.socket, &Add()->operation.overlapped, 0, 0)),
            kPending);
  ASSERT_EQ(spi_->Cleanup(), kOk);
  ExpectSilence();
  EXPECT_EQ(first.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  ExpectSilence();
}

TEST_P(ExtensionCleanupTest, MessagesEndInSilence) {
  SOCKET s = INVALID_SOCKET;
  ASSERT_EQ(spi_->DatagramSocket(&s, GetParam()), kOk);
  ASSERT_EQ(spi_->Bind(s, {GetParam(), 0}), kOk);
  Endpoint own;
  ASSERT_EQ(spi_->GetSockName(s, &own), kOk);
  for (const bool with_routine : {false, true}) {
    Pending* pending = Add();
    WSABUF buffer = {10, &pending->buffer[0]};
    WSAMSG message = {};
    message.lpBuffers = &buffer;
    message.dwBufferCount = 1;
    ASSERT_EQ(CodeOfInt(Get<LPFN_WSARECVMSG>(WSAID_WSARECVMSG)(
                  s, &message, nullptr, &pending->operation.overlapped,
                  with_routine ? CountRoutine : nullptr)),
              kPending);
  }
  ASSERT_EQ(spi_->Cleanup(), kOk);
  ExpectSilence();
  PeerDatagrams peer(GetParam());
  ASSERT_TRUE(peer.Send("late", own));
  ExpectSilence();
}

// ------------------------------------------------------------ blocking calls

class BlockingExtensionCleanupTest : public ExtensionCleanupTest {
 protected:
  // More than the peer's side of a connection takes while nobody reads.
  static constexpr size_t kSize = 8 << 20;

  BlockingExtensionCleanupTest()
      : slow_(PeerListener::Options{GetParam(), 10, 4096}) {}

  WsaCode TransmitFile(SOCKET s) {
    TempDir dir;
    const OwnedFd file(open(dir.File("file").c_str(), O_RDWR | O_CREAT, 0600));
    EXPECT_EQ(ftruncate(file.get(), kSize), 0);
    return CodeOfBool(Get<LPFN_TRANSMITFILE>(WSAID_TRANSMITFILE)(
        s, reinterpret_cast<HANDLE>(static_cast<INT_PTR>(file.get())), 0, 0,
        nullptr, nullptr, 0));
  }
  WsaCode TransmitPackets(SOCKET s) {
    std::string data(kSize, 'x');
    TRANSMIT_PACKETS_ELEMENT element = {};
    element.dwElFlags = TP_ELEMENT_MEMORY;
    element.cLength = static_cast<ULONG>(data.size());
    element.pBuffer = &data[0];
    return CodeOfBool(Get<LPFN_TRANSMITPACKETS>(WSAID_TRANSMITPACKETS)(
        s, &element, 1, 0, nullptr, 0));
  }
  WsaCode Disconnect(SOCKET s) {
    return CodeOfBool(
        Get<LPFN_DISCONNECTEX>(WSAID_DISCONNECTEX)(s, nullptr, 0, 0));
  }
  WsaCode RecvMsg(SOCKET s) {
    char byte;
    WSABUF buffer = {1, &byte};
    WSAMSG message = {};
    message.lpBuffers = &buffer;
    message.dwBufferCount = 1;
    DWORD received = 0;
    return CodeOfInt(Get<LPFN_WSARECVMSG>(WSAID_WSARECVMSG)(
        s, &message, &received, nullptr, nullptr));
  }
  WsaCode Poll(SOCKET s) {
    WSAPOLLFD entry = {s, POLLRDNORM, 0};
    return CodeOfInt(Get<LPFN_WSAPOLL>(WSAID_WSAPOLL)(&entry, 1, -1));
  }
  // Makes `call` in a thread of its own, which the cleanup has to interrupt.
  void Start(const char* name, std::function<WsaCode()> call) {
    threads_.Start(name, [name, call = std::move(call)] {
      EXPECT_EQ(call(), WsaCode{WSAEINTR}) << name;
    });
  }
  void ExpectBlocked() {
    ASSERT_TRUE(threads_.WaitUntilBlocked());
    ASSERT_EQ(threads_.ended(), 0);
  }
  // From this thread; an earlier cleanup leaves them alone.
  void CleanUpMeanwhile() {
    ASSERT_NO_FATAL_FAILURE(ExpectBlocked());
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->Cleanup(), kOk);
    ASSERT_NO_FATAL_FAILURE(ExpectBlocked());
    ASSERT_EQ(spi_->Cleanup(), kOk);
    threads_.JoinAll();
    ExpectSilence();
  }

  PeerListener slow_;
  ThreadGroup threads_;
};

TEST_P(BlockingExtensionCleanupTest, WhatSendsIsInterrupted) {
  Connection file = ProviderTest::Connect(slow_);
  Connection packets = ProviderTest::Connect(slow_);
  Start("TransmitFile", [this, s = file.socket] { return TransmitFile(s); });
  Start("TransmitPackets",
        [this, s = packets.socket] { return TransmitPackets(s); });
  CleanUpMeanwhile();
  EXPECT_EQ(file.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(packets.peer.WaitForEnd(), Ending::kReset);
}

// It waits for the send before it.
TEST_P(BlockingExtensionCleanupTest, DisconnectExIsInterrupted) {
  Connection connection = ProviderTest::Connect(slow_);
  ASSERT_EQ(spi_->StartSend(connection.socket, &Add()->operation,
                            std::string(kSize, 'x')),
            kPending);
  Start("DisconnectEx",
        [this, s = connection.socket] { return Disconnect(s); });
  CleanUpMeanwhile();
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
}

TEST_P(BlockingExtensionCleanupTest, WhatWaitsForOthersIsInterrupted) {
  Connection connection = Connect();
  SOCKET datagrams = INVALID_SOCKET;
  ASSERT_EQ(spi_->DatagramSocket(&datagrams, GetParam()), kOk);
  ASSERT_EQ(spi_->Bind(datagrams, {GetParam(), 0}), kOk);
  Start("WSARecvMsg", [this, datagrams] { return RecvMsg(datagrams); });
  Start("WSAPoll", [this, s = connection.socket] { return Poll(s); });
  CleanUpMeanwhile();
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
}

constexpr auto kFamilyName = [](const auto& info) {
  return info.param == Family::kIpv4 ? "Ipv4" : "Ipv6";
};

INSTANTIATE_TEST_SUITE_P(Families, ExtensionCleanupTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6),
                         kFamilyName);
INSTANTIATE_TEST_SUITE_P(Families, BlockingExtensionCleanupTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6),
                         kFamilyName);

}  // namespace
}  // namespace wspd::testing
