// A duplicated socket lives on with its other owner when one cleans up for good
// or dies; the last one's end is the connection's.
#include <memory>
#include <string>

#include "tests/testing/admin_view.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/socket_holder.h"

namespace wspd::testing {
namespace {

// How an owner goes that doesn't close.
enum class Going { kCleanup, kDeath };

class DuplicateTest : public ProviderTest,
                      public ::testing::WithParamInterface<Going> {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    // Only now does it know where the daemon is.
    holder_ = std::make_unique<SocketHolder>();
    connection_ = Connect();
    WSAPROTOCOL_INFOW info;
    ASSERT_EQ(spi_->Duplicate(connection_.socket,
                              static_cast<DWORD>(holder_->pid()), &info),
              kOk);
    ASSERT_EQ(holder_->Claim(info), kOk);
  }
  void TearDown() override {
    holder_.reset();
    ProviderTest::TearDown();
  }

  // The holder goes, and the daemon knows.
  void HolderGoes() {
    AdminView view(daemon_.admin_socket());
    if (GetParam() == Going::kCleanup) {
      EXPECT_EQ(holder_->Do("cleanup").code, kOk);
    } else {
      holder_->process().Kill();
    }
    EXPECT_TRUE(WaitUntil([&] { return view.GetTotals().sockets == 1; }));
  }

  std::unique_ptr<SocketHolder> holder_;
  Connection connection_;
};

TEST_P(DuplicateTest, TheOtherKeepsWhatIsQueued) {
  ASSERT_TRUE(connection_.peer.Write("queued before"));
  HolderGoes();
  std::string data;
  ASSERT_EQ(spi_->RecvExactly(connection_.socket, 13, &data), kOk);
  EXPECT_EQ(data, "queued before");
  ASSERT_EQ(spi_->Send(connection_.socket, "and after"), kOk);
  EXPECT_EQ(connection_.peer.Read(9), "and after");
  EXPECT_EQ(connection_.peer.PeekEnd(), Ending::kStillOpen);
}

TEST_P(DuplicateTest, TheOtherKeepsItsPendingCalls) {
  Operation operation;
  Event event;
  operation.overlapped.hEvent = event.get();
  EXPECT_EQ(holder_->Do("startrecv 4").code, kPending);
  ASSERT_EQ(spi_->StartRecv(connection_.socket, &operation, 10), kPending);
  HolderGoes();
  EXPECT_TRUE(operation.is_pending());
  ASSERT_TRUE(connection_.peer.Write("ours"));
  ASSERT_TRUE(event.Wait());
  EXPECT_EQ(operation.error(), 0u);
  EXPECT_EQ(operation.buffer.substr(0, operation.overlapped.InternalHigh),
            "ours");
}

TEST_P(DuplicateTest, TheOtherKeepsItsOptions) {
  const std::string option =
      std::to_string(SOL_SOCKET) + " " + std::to_string(SO_KEEPALIVE) + " 1";
  EXPECT_EQ(holder_->Do("setoption " + option).code, kOk);
  EXPECT_EQ(holder_->Do("nonblocking 1").code, kOk);
  HolderGoes();
  int value = 0;
  EXPECT_EQ(
      spi_->GetOption(connection_.socket, SOL_SOCKET, SO_KEEPALIVE, &value),
      kOk);
  EXPECT_EQ(value, 1);
  std::string data;
  EXPECT_EQ(spi_->Recv(connection_.socket, 1, &data), WsaCode{WSAEWOULDBLOCK});
}

TEST_P(DuplicateTest, TheLastOnesGoingResets) {
  EXPECT_EQ(spi_->Close(connection_.socket), kOk);
  EXPECT_EQ(connection_.peer.PeekEnd(), Ending::kStillOpen);
  if (GetParam() == Going::kCleanup) {
    EXPECT_EQ(holder_->Do("cleanup").code, kOk);
  } else {
    holder_->process().Kill();
  }
  EXPECT_EQ(connection_.peer.WaitForEnd(), Ending::kReset);
}

INSTANTIATE_TEST_SUITE_P(Goings, DuplicateTest,
                         ::testing::Values(Going::kCleanup, Going::kDeath),
                         [](const auto& info) {
                           return info.param == Going::kCleanup ? "Cleanup"
                                                                : "Death";
                         });

// The owner that goes is the one that the socket came from.
class DuplicateSourceTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    // Only now does it know where the daemon is.
    holder_ = std::make_unique<SocketHolder>();
    connection_ = Connect();
    ASSERT_EQ(spi_->Duplicate(connection_.socket,
                              static_cast<DWORD>(holder_->pid()), &info_),
              kOk);
  }
  void TearDown() override {
    holder_.reset();
    ProviderTest::TearDown();
  }

  std::unique_ptr<SocketHolder> holder_;
  Connection connection_;
  WSAPROTOCOL_INFOW info_ = {};
};

TEST_F(DuplicateSourceTest, FinalCleanupOfTheSourceHarmsNoTarget) {
  ASSERT_EQ(holder_->Claim(info_), kOk);
  ASSERT_TRUE(connection_.peer.Write("queued"));
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(holder_->Do("receive 6").text, "queued");
  EXPECT_EQ(holder_->Do("send back").code, kOk);
  EXPECT_EQ(connection_.peer.Read(4), "back");
  EXPECT_EQ(holder_->Do("close").code, kOk);
  EXPECT_EQ(connection_.peer.WaitForEnd(), Ending::kOrderly);
}

TEST_F(DuplicateSourceTest, WhatNobodyClaimedEndsWithTheSource) {
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection_.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(holder_->Claim(info_), WsaCode{WSAEINVAL});
}

TEST_F(DuplicateSourceTest, EachOwnerHasASocket) {
  AdminView view(daemon_.admin_socket());
  EXPECT_EQ(view.GetTotals().sockets, 1u);
  ASSERT_EQ(holder_->Claim(info_), kOk);
  EXPECT_EQ(view.GetTotals().sockets, 2u);
  EXPECT_EQ(view.FindClient(holder_->pid())->sockets, 1u);
}

}  // namespace
}  // namespace wspd::testing
