#ifndef WSPD_TESTS_LIFECYCLE_CLOSING_FIXTURE_H_
#define WSPD_TESTS_LIFECYCLE_CLOSING_FIXTURE_H_

#include <fcntl.h>

#include <atomic>

#include "client_stub/spi_client/completion_port.h"
#include "tests/lifecycle/upcall_gate.h"
#include "tests/testing/provider_test.h"

namespace wspd::testing {

// A socket on a completion port that is closed while the provider is held up in
// an upcall, and what becomes of its handle. Packets are posted by the handle,
// so that one that is given back too early loses them.
class ClosingTest : public ProviderTest {
 protected:
  static constexpr ULONG_PTR kKey = 0xc105e;

  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_FALSE(HasFatalFailure());
    // For the table.
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->Cleanup(), kOk);
    UpcallGate::Reset();
    given_back_ = 0;
    watched_ = INVALID_SOCKET;
    WSPUPCALLTABLE upcalls = UpcallGate::Upcalls();
    upcalls.lpWPUCloseSocketHandle = CloseSocketHandle;
    ASSERT_EQ(spi_->StartupWith(upcalls), kOk);
    closing_ = Open();
    watched_ = closing_.socket;
    int error;
    DWORD_PTR context;
    kernel_handle_ = upcalls.lpWPUQuerySocketHandleContext(
                         closing_.socket, &context, &error) != 0;
    ASSERT_TRUE(port_.Bind(closing_.socket, kKey));
  }
  void TearDown() override {
    UpcallGate::Open();
    // So that what was closed has nothing to wait for.
    closing_.peer.Close();
    ProviderTest::TearDown();
  }

  // The socket that is going to be closed, a connection unless a test wants
  // another.
  virtual Connection Open() { return Connect(); }

  // How often the handle of `closing_` has been given back. One of the system's
  // is closed instead.
  static int given_back() {
    if (!kernel_handle_) return given_back_;
    return fcntl(static_cast<int>(watched_), F_GETFD) == -1 ? 1 : 0;
  }
  static bool WaitUntilGivenBack() {
    return WaitUntil([] { return given_back() > 0; });
  }
  // Of an operation that ended with these bytes.
  void ExpectPacket(const Operation& operation, DWORD bytes) {
    spi_client::CompletionPacket packet;
    ASSERT_TRUE(port_.Take(&packet, 30000)) << "no packet";
    EXPECT_EQ(packet.key, kKey);
    EXPECT_EQ(packet.overlapped, &operation.overlapped);
    EXPECT_EQ(packet.error, 0u);
    EXPECT_EQ(packet.bytes, bytes);
  }
  void ExpectNoPacket() {
    spi_client::CompletionPacket packet;
    EXPECT_FALSE(port_.Take(&packet, 0));
  }

  spi_client::CompletionPort port_;
  Connection closing_;

 private:
  static int WSPAPI CloseSocketHandle(SOCKET s, LPINT error) {
    if (s == watched_) ++given_back_;
    return UpcallGate::Upcalls().lpWPUCloseSocketHandle(s, error);
  }

  static inline std::atomic<int> given_back_{0};
  static inline std::atomic<SOCKET> watched_{INVALID_SOCKET};
  static inline std::atomic<bool> kernel_handle_{false};
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_LIFECYCLE_CLOSING_FIXTURE_H_
