#include "client_stub/spi_client/name_space_client.h"

#include <dlfcn.h>

#include <string>
#include <thread>

#include "gtest/gtest.h"

namespace wspd::spi_client {
namespace {

constexpr char kProvider[] =
    "client_stub/spi_client/testing/libfake_name_space.so";
constexpr GUID kFailing = {1, 0, 0, {}};
constexpr GUID kWithAHole = {2, 0, 0, {}};

class NameSpaceClientTest : public ::testing::Test {
 protected:
  NameSpaceClientTest()
      : client_(NameSpaceClient::Load(kProvider, &message_)) {}
  void SetUp() override { ASSERT_NE(client_, nullptr) << message_; }

  int Cleanup() {
    GUID provider = kTcpIpNameSpace;
    return client_->table().NSPCleanup(&provider);
  }

  std::string message_;
  std::unique_ptr<NameSpaceClient> client_;
};

TEST_F(NameSpaceClientTest, EveryStartupIsOneOfTheProvider) {
  ASSERT_EQ(client_->Startup(), 0);
  ASSERT_EQ(client_->Startup(), 0);
  EXPECT_EQ(Cleanup(), 0);
  EXPECT_EQ(Cleanup(), 0);
  EXPECT_EQ(Cleanup(), SOCKET_ERROR);
  EXPECT_EQ(WSAGetLastError(), WSANOTINITIALISED);
}

TEST_F(NameSpaceClientTest, AProvidersRefusalIsHandedOn) {
  EXPECT_EQ(client_->Startup(kFailing), WSASYSNOTREADY);
}

TEST_F(NameSpaceClientTest, ATableWithAHoleIsRefusedAndTheStartupGivenBack) {
  EXPECT_EQ(client_->Startup(kWithAHole), WSAEINVALIDPROCTABLE);
  ASSERT_EQ(client_->Startup(), 0);
  EXPECT_EQ(Cleanup(), 0);
  EXPECT_EQ(Cleanup(), SOCKET_ERROR);
}

TEST_F(NameSpaceClientTest, UnloadedProviderIsGone) {
  EXPECT_TRUE(client_->Unload());
  EXPECT_EQ(dlopen(kProvider, RTLD_NOLOAD | RTLD_NOW), nullptr);
}

TEST(NameSpaceClientLoadTest, FailureSaysWhatIsWrong) {
  std::string error;
  EXPECT_EQ(NameSpaceClient::Load("/nowhere/libwsp.so", &error), nullptr);
  EXPECT_NE(error.find("/nowhere/libwsp.so"), std::string::npos) << error;
  EXPECT_EQ(NameSpaceClient::Load("libm.so.6", &error), nullptr);
  EXPECT_NE(error.find("NSPStartup"), std::string::npos) << error;
}

TEST(LastErrorTest, EachThreadHasItsOwn) {
  WSASetLastError(WSAEINTR);
  std::thread([] {
    EXPECT_EQ(WSAGetLastError(), 0);
    WSASetLastError(WSAEINVAL);
  }).join();
  EXPECT_EQ(WSAGetLastError(), WSAEINTR);
}

}  // namespace
}  // namespace wspd::spi_client
