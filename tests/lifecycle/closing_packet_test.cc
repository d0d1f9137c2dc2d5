// A socket that is closed while another thread tells of the end of an
// overlapped operation on it: the packet, which comes last, is not lost.
#include <string>

#include "client_stub/spi_client/event.h"
#include "tests/lifecycle/closing_fixture.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

class ClosingPacketTest : public ClosingTest {
 protected:
  // A receive has ended, and the stub's own thread is about to post its packet.
  void HaveItAboutToBePosted() {
    recv_.overlapped.hEvent = event_.get();
    ASSERT_EQ(spi_->StartRecv(closing_.socket, &recv_, 5), kPending);
    UpcallGate::CloseFor(event_.get());
    ASSERT_TRUE(closing_.peer.Write("hello"));
    UpcallGate::AwaitReached();
  }

  Operation recv_;
  Event event_;
};

TEST_F(ClosingPacketTest, ClosingLeavesTheHandleForThePacket) {
  HaveItAboutToBePosted();
  ASSERT_EQ(spi_->Close(closing_.socket), kOk);
  // For everything else it is no socket any more.
  EXPECT_EQ(spi_->Send(closing_.socket, "x"), WsaCode{WSAENOTSOCK});
  EXPECT_EQ(spi_->Close(closing_.socket), WsaCode{WSAENOTSOCK});
  EXPECT_EQ(given_back(), 0);
  UpcallGate::Open();
  ExpectPacket(recv_, 5);
  EXPECT_TRUE(WaitUntilGivenBack());
  ExpectNoPacket();
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(given_back(), 1);
}

// Nothing waits for it: it goes back at once.
TEST_F(ClosingPacketTest, ClosingGivesBackAHandleThatNothingNeeds) {
  ASSERT_EQ(spi_->StartRecv(closing_.socket, &recv_, 5), kPending);
  ASSERT_EQ(spi_->Close(closing_.socket), kOk);
  EXPECT_EQ(given_back(), 1);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(given_back(), 1);
}

TEST_F(ClosingPacketTest, WhatAClosedSocketHadPendingIsToldOfAndThenItsHandle) {
  HaveItAboutToBePosted();
  Operation pending;
  ASSERT_EQ(spi_->StartRecv(closing_.socket, &pending, 5), kPending);
  ASSERT_EQ(spi_->Close(closing_.socket), kOk);
  // By the thread that closes.
  spi_client::CompletionPacket packet;
  ASSERT_TRUE(port_.Take(&packet, 30000));
  EXPECT_EQ(packet.overlapped, &pending.overlapped);
  EXPECT_EQ(packet.error, DWORD{WSA_OPERATION_ABORTED});
  EXPECT_EQ(given_back(), 0);
  UpcallGate::Open();
  ExpectPacket(recv_, 5);
  EXPECT_TRUE(WaitUntilGivenBack());
}

// The final cleanup waits for the upcall, and gives back what is left then.
TEST_F(ClosingPacketTest, CleanupGivesTheHandleBackOnce) {
  HaveItAboutToBePosted();
  ASSERT_EQ(spi_->Close(closing_.socket), kOk);
  ThreadGroup cleaner;
  cleaner.Start("cleanup", [&] { EXPECT_EQ(spi_->Cleanup(), kOk); });
  ASSERT_TRUE(cleaner.WaitUntilBlocked());
  EXPECT_EQ(given_back(), 0);
  UpcallGate::Open();
  cleaner.JoinAll();
  ExpectPacket(recv_, 5);
  EXPECT_EQ(given_back(), 1);
}

TEST_F(ClosingPacketTest, LostDaemonLeavesTheHandleForThePacket) {
  HaveItAboutToBePosted();
  ASSERT_EQ(spi_->Close(closing_.socket), kOk);
  daemon_.Kill();
  EXPECT_EQ(given_back(), 0);
  UpcallGate::Open();
  ExpectPacket(recv_, 5);
  EXPECT_TRUE(WaitUntilGivenBack());
  EXPECT_EQ(spi_->Cleanup(), WsaCode{WSAENETDOWN});
  EXPECT_EQ(given_back(), 1);
}

}  // namespace
}  // namespace wspd::testing
