// What goes on around the upcalls: failing ones, and calls made from within.
#include <atomic>
#include <string>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/upcalls.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNotInitialised{WSANOTINITIALISED};

// ------------------------------------------------------- no handle to be had

std::atomic<bool> no_handles{false};

SOCKET WSPAPI ScarceSocketHandle(DWORD entry, DWORD_PTR context, LPINT error) {
  if (!no_handles) {
    return spi_client::Upcalls().lpWPUCreateSocketHandle(entry, context, error);
  }
  *error = WSAENOBUFS;
  return INVALID_SOCKET;
}

class NoHandleTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    no_handles = false;
    // The table comes with the first of the two.
    ASSERT_EQ(spi_->Startup(), kOk);
    WSPUPCALLTABLE upcalls = spi_client::Upcalls();
    upcalls.lpWPUCreateSocketHandle = ScarceSocketHandle;
    ASSERT_EQ(spi_->StartupWith(upcalls), kOk);
  }
};

TEST_F(NoHandleTest, AcceptClosesTheConnectionAndNotTheListener) {
  SOCKET listener, accepted;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
  PeerSocket unlucky = PeerSocket::ConnectTo(endpoint);
  ASSERT_TRUE(unlucky.is_open());
  no_handles = true;
  EXPECT_EQ(spi_->Accept(listener, &accepted), WsaCode{WSAENOBUFS});
  EXPECT_NE(unlucky.WaitForEnd(), Ending::kStillOpen);

  no_handles = false;
  PeerSocket lucky = PeerSocket::ConnectTo(endpoint);
  ASSERT_TRUE(lucky.is_open());
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  EXPECT_EQ(spi_->Send(accepted, "hello"), kOk);
  EXPECT_EQ(lucky.Read(5), "hello");
}

TEST_F(NoHandleTest, SocketSaysSo) {
  SOCKET s;
  no_handles = true;
  EXPECT_EQ(spi_->Socket(&s), WsaCode{WSAENOBUFS});
  no_handles = false;
  EXPECT_EQ(spi_->Socket(&s), kOk);
}

}  // namespace
}  // namespace wspd::testing
