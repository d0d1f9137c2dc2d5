// The final cleanup and the calls of extension functions that are pending then:
// cancelled in their OVERLAPPED, without event and routine, also later.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/event.h"
#include "tests/lifecycle/data_fixture.h"
#include "tests/testing/extensions.h"
#include "tests/testing/peer_datagrams.h"
#include "tests/testing/temp_dir.h"
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

INSTANTIATE_TEST_SUITE_P(Families, ExtensionCleanupTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& info) {
                           return info.param == Family::kIpv4 ? "Ipv4" : "Ipv6";
                         });

}  // namespace
}  // namespace wspd::testing
