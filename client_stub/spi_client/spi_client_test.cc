#include "client_stub/spi_client/spi_client.h"

#include <dlfcn.h>

#include <cstring>
#include <string>

#include "client_stub/spi_client/blocking_hook.h"
#include "client_stub/spi_client/catalog.h"
#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/message_window.h"
#include "client_stub/spi_client/upcalls.h"
#include "client_stub/spi_client/wsa_error_name.h"
#include "gtest/gtest.h"

namespace wspd::spi_client {
namespace {

constexpr char kProvider[] =
    "client_stub/spi_client/testing/libkernel_provider.so";

class SpiClientTest : public ::testing::Test {
 protected:
  SpiClientTest() : client_(SpiClient::Load(kProvider, &message_)) {}
  void SetUp() override { ASSERT_NE(client_, nullptr) << message_; }

  std::string message_;
  std::unique_ptr<SpiClient> client_;
  int error_ = 0;
};

TEST_F(SpiClientTest, EveryStartupIsOneOfTheProvider) {
  WSPDATA data = {};
  ASSERT_EQ(client_->Startup(MAKEWORD(2, 2), &data), 0);
  ASSERT_EQ(client_->Startup(), 0);
  EXPECT_EQ(data.wVersion, MAKEWORD(2, 2));
  EXPECT_EQ(client_->table().lpWSPCleanup(&error_), 0);
  EXPECT_EQ(client_->table().lpWSPCleanup(&error_), 0);
  EXPECT_EQ(client_->table().lpWSPCleanup(&error_), SOCKET_ERROR);
  EXPECT_EQ(error_, WSANOTINITIALISED);
}

TEST_F(SpiClientTest, AProvidersRefusalIsHandedOn) {
  EXPECT_EQ(client_->Startup(MAKEWORD(1, 1)), WSAVERNOTSUPPORTED);
  WSPPROC_TABLE table;
  WSAPROTOCOL_INFOW info = CatalogEntries()[0];
  EXPECT_EQ(client_->startup_function()(MAKEWORD(2, 2), nullptr, &info,
                                        Upcalls(), &table),
            WSAEFAULT);
}

TEST_F(SpiClientTest, ATableWithAHoleIsRefusedAndTheStartupGivenBack) {
  EXPECT_EQ(client_->Startup(MAKEWORD(2, 3)), WSAEINVALIDPROCTABLE);
  ASSERT_EQ(client_->Startup(), 0);
  EXPECT_EQ(client_->table().lpWSPCleanup(&error_), 0);
  EXPECT_EQ(client_->table().lpWSPCleanup(&error_), SOCKET_ERROR);
}

TEST_F(SpiClientTest, AProvidersSocketsHaveOurHandles) {
  ASSERT_EQ(client_->Startup(), 0);
  const WSPPROC_TABLE& table = client_->table();
  const SOCKET s = table.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, nullptr,
                                     0, WSA_FLAG_OVERLAPPED, &error_);
  ASSERT_NE(s, INVALID_SOCKET) << WsaErrorName(error_);
  DWORD_PTR context;
  EXPECT_EQ(Upcalls().lpWPUQuerySocketHandleContext(s, &context, &error_), 0);
  EXPECT_EQ(table.lpWSPCloseSocket(s, &error_), 0);
  EXPECT_EQ(table.lpWSPCloseSocket(s, &error_), SOCKET_ERROR);
  EXPECT_EQ(error_, WSAENOTSOCK);
  EXPECT_EQ(table.lpWSPCleanup(&error_), 0);
}

bool IsLoaded() {
  void* const library = dlopen(kProvider, RTLD_NOLOAD | RTLD_NOW);
  if (library != nullptr) dlclose(library);
  return library != nullptr;
}

TEST_F(SpiClientTest, UnloadedProviderIsGone) {
  EXPECT_TRUE(IsLoaded());
  EXPECT_TRUE(client_->Unload());
  EXPECT_FALSE(IsLoaded());
}

TEST_F(SpiClientTest, ProviderPathIsThatOfTheLoadedFile) {
  GUID provider = CatalogEntries()[0].ProviderId;
  WCHAR path[MAX_PATH];
  int length = 4;
  EXPECT_EQ(Upcalls().lpWPUGetProviderPath(&provider, path, &length, &error_),
            SOCKET_ERROR);
  EXPECT_EQ(error_, WSAEFAULT);
  EXPECT_EQ(length, static_cast<int>(sizeof(kProvider)));
  ASSERT_EQ(Upcalls().lpWPUGetProviderPath(&provider, path, &length, &error_),
            0);
  EXPECT_EQ(std::string(path, path + length), std::string(kProvider, length));
  provider.Data1 ^= 1;
  EXPECT_EQ(Upcalls().lpWPUGetProviderPath(&provider, path, &length, &error_),
            SOCKET_ERROR);
  EXPECT_EQ(error_, WSAEINVAL);
}

TEST(SpiClientLoadTest, FailureSaysWhatIsWrong) {
  std::string error;
  EXPECT_EQ(SpiClient::Load("/nowhere/libwsp.so", &error), nullptr);
  EXPECT_NE(error.find("/nowhere/libwsp.so"), std::string::npos) << error;
  EXPECT_EQ(SpiClient::Load("libm.so.6", &error), nullptr);
  EXPECT_NE(error.find("WSPStartup"), std::string::npos) << error;
}

TEST(UpcallsTest, NoneIsMissing) {
  void* functions[15];
  static_assert(sizeof(functions) == sizeof(WSPUPCALLTABLE));
  std::memcpy(functions, &Upcalls(), sizeof(functions));
  for (int i = 0; i < 15; ++i) EXPECT_NE(functions[i], nullptr) << i;
}

BOOL CALLBACK Hook(DWORD_PTR) { return FALSE; }

TEST(UpcallsTest, BlockingCallbackIsTheThreadsHook) {
  LPBLOCKINGCALLBACK callback = Hook;
  DWORD_PTR context = 1;
  int error;
  EXPECT_EQ(
      Upcalls().lpWPUQueryBlockingCallback(1001, &callback, &context, &error),
      0);
  EXPECT_EQ(callback, nullptr);
  SetBlockingHook({Hook, 5});
  EXPECT_EQ(
      Upcalls().lpWPUQueryBlockingCallback(1001, &callback, &context, &error),
      0);
  EXPECT_EQ(callback, Hook);
  EXPECT_EQ(context, 5u);
  SetBlockingHook({});
}

TEST(UpcallsTest, PostMessageReachesTheWindow) {
  MessageWindow window;
  EXPECT_TRUE(Upcalls().lpWPUPostMessage(window.handle(), 0x400, 1, 2));
  PostedMessage message;
  EXPECT_TRUE(window.Take(&message, 0));
  EXPECT_EQ(message.lparam, 2);
}

TEST(UpcallsTest, FdIsSetLooksAtTheListOnly) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(8, &set);
  set.fd_array[1] = 9;
  EXPECT_TRUE(Upcalls().lpWPUFDIsSet(8, &set));
  EXPECT_FALSE(Upcalls().lpWPUFDIsSet(9, &set));
}

TEST(UpcallsTest, ModifyIfsHandleKeepsTheHandle) {
  int error;
  EXPECT_EQ(Upcalls().lpWPUModifyIFSHandle(1001, 77, &error), 77u);
}

// A provider finds it in the program, as on Windows in ws2_32.
TEST(UpcallsTest, CompleteOverlappedRequestIsExportedAndSetsTheEvent) {
  const auto complete =
      reinterpret_cast<decltype(&WPUCompleteOverlappedRequest)>(
          dlsym(RTLD_DEFAULT, "WPUCompleteOverlappedRequest"));
  ASSERT_NE(complete, nullptr);
  int error = 0;
  WSAOVERLAPPED overlapped = {};
  overlapped.hEvent = OpenEventObject(&error);
  EXPECT_EQ(complete(0x4444, &overlapped, 0, 0, &error), SOCKET_ERROR);
  EXPECT_EQ(error, WSAEINVAL);
  const SOCKET s = Upcalls().lpWPUCreateSocketHandle(1001, 0, &error);
  EXPECT_EQ(complete(s, &overlapped, 0, 0, &error), 0);
  EXPECT_EQ(WaitForEvents(&overlapped.hEvent, 1, false, 0, false),
            WSA_WAIT_EVENT_0);
  Upcalls().lpWPUCloseSocketHandle(s, &error);
  CloseEventObject(overlapped.hEvent, &error);
}

// The same, for a provider that asks whether an event is one.
TEST(UpcallsTest, WaitForMultipleEventsIsExportedAndTellsOpenEvents) {
  const auto wait = reinterpret_cast<decltype(&WSAWaitForMultipleEvents)>(
      dlsym(RTLD_DEFAULT, "WSAWaitForMultipleEvents"));
  ASSERT_NE(wait, nullptr);
  int error = 0;
  const WSAEVENT event = OpenEventObject(&error);
  EXPECT_EQ(wait(1, &event, FALSE, 0, FALSE), WSA_WAIT_TIMEOUT);
  SetEventObject(event, &error);
  // Being asked doesn't change it.
  EXPECT_EQ(wait(1, &event, FALSE, 0, FALSE), WSA_WAIT_EVENT_0);
  EXPECT_EQ(wait(1, &event, FALSE, 0, FALSE), WSA_WAIT_EVENT_0);
  CloseEventObject(event, &error);
  EXPECT_EQ(wait(1, &event, FALSE, 0, FALSE), WSA_WAIT_FAILED);
}

TEST(CatalogTest, EntriesAreWindowsOwnWithoutKernelHandles) {
  const WSAPROTOCOL_INFOW* tcp = FindCatalogEntry(AF_INET, SOCK_STREAM);
  ASSERT_NE(tcp, nullptr);
  EXPECT_EQ(tcp->dwServiceFlags1, 0x20066u & ~XP1_IFS_HANDLES);
  EXPECT_EQ(tcp->dwCatalogEntryId, 1001u);
  EXPECT_EQ(tcp->iMaxSockAddr, static_cast<int>(sizeof(sockaddr_in)));
  const WSAPROTOCOL_INFOW* udp6 = FindCatalogEntry(AF_INET6, SOCK_DGRAM);
  ASSERT_NE(udp6, nullptr);
  EXPECT_EQ(udp6->dwServiceFlags1, 0x20609u & ~XP1_IFS_HANDLES);
  EXPECT_EQ(udp6->iMinSockAddr, 28);
  EXPECT_EQ(FindCatalogEntry(AF_INET, SOCK_RAW), nullptr);
}

TEST(WsaErrorNameTest, GivesNameAndNumber) {
  EXPECT_EQ(WsaErrorName(WSAECONNREFUSED), "WSAECONNREFUSED (10061)");
  EXPECT_EQ(WsaErrorName(12345), "12345");
}

}  // namespace
}  // namespace wspd::spi_client
