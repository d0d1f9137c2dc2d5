// WSPCloseSocket overtakes receives that have had their data, and whose results
// are still on their way: control goes before payload.
#include <deque>
#include <optional>
#include <string>

#include "client_stub/spi_client/event.h"
#include "tests/lifecycle/closing_fixture.h"
#include "tests/testing/admin_view.h"
#include "tests/testing/peer_datagrams.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr ULONG_PTR kStatusBufferOverflow = 0x80000005;

class OvertakenPacketTest : public ClosingTest {
 protected:
  // More than the connection to the daemon takes while nobody reads it, and
  // less than a client may leave unacknowledged.
  static constexpr size_t kReceives = 14;
  static constexpr size_t kEach = 65536;

  void SetUp() override {
    ClosingTest::SetUp();
    ASSERT_FALSE(HasFatalFailure());
    admin_.emplace(daemon_.admin_socket());
    gated_ = Connect();
  }

  uint32_t pending_calls() {
    const auto client = admin_->FindClient();
    return client ? client->pending_calls : 0;
  }

  virtual size_t receive_size() const { return kEach; }
  // Sends what ends one receive.
  virtual bool SendForOne() {
    return closing_.peer.Write(std::string(kEach, 'x'));
  }

  // The daemon has had data for all receives, of which nobody has read the
  // results: the stub's own thread is held up.
  void HaveResultsOnTheirWay() {
    for (size_t i = 0; i < kReceives; ++i) {
      ASSERT_EQ(spi_->StartRecv(closing_.socket, &receives_.emplace_back(),
                                receive_size()),
                kPending);
    }
    gate_.overlapped.hEvent = event_.get();
    ASSERT_EQ(spi_->StartRecv(gated_.socket, &gate_, 1), kPending);
    UpcallGate::CloseFor(event_.get());
    ASSERT_TRUE(gated_.peer.Write("x"));
    UpcallGate::AwaitReached();
    ASSERT_EQ(pending_calls(), kReceives);
    ASSERT_TRUE(WaitUntil([this] {
      if (pending_calls() == 0) return true;
      EXPECT_TRUE(SendForOne());
      return false;
    }));
  }

  // Every operation is told of once.
  void ExpectAllPackets() {
    spi_client::CompletionPacket packet;
    for (size_t i = 0; i < kReceives; ++i) {
      ASSERT_TRUE(port_.Take(&packet, 10000)) << i << " of " << kReceives;
      EXPECT_EQ(packet.key, kKey);
      const Operation& operation = *Operation::Of(packet.overlapped);
      EXPECT_FALSE(operation.is_pending());
      EXPECT_EQ(packet.error, operation.error());
      EXPECT_EQ(packet.bytes, operation.overlapped.InternalHigh);
    }
    ExpectNoPacket();
  }

  Connection gated_;
  Operation gate_;
  Event event_;
  std::deque<Operation> receives_;
  std::optional<AdminView> admin_;
};

TEST_F(OvertakenPacketTest, AllReceivesAreToldOf) {
  HaveResultsOnTheirWay();
  ASSERT_EQ(spi_->Close(closing_.socket), kOk);
  UpcallGate::Open();
  ExpectAllPackets();
  // They had their data before.
  for (const Operation& receive : receives_) {
    EXPECT_EQ(receive.error(), 0u);
    EXPECT_GT(receive.overlapped.InternalHigh, 0u);
  }
  EXPECT_TRUE(WaitUntilGivenBack());
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(given_back(), 1);
}

// Also if the daemon is gone before they are read.
TEST_F(OvertakenPacketTest, AllReceivesAreToldOfIfTheDaemonGoes) {
  HaveResultsOnTheirWay();
  ASSERT_EQ(spi_->Close(closing_.socket), kOk);
  daemon_.Kill();
  UpcallGate::Open();
  ExpectAllPackets();
  EXPECT_TRUE(WaitUntilGivenBack());
  EXPECT_EQ(spi_->Cleanup(), WsaCode{WSAENETDOWN});
  EXPECT_EQ(given_back(), 1);
}

// The final cleanup ends in silence what it still finds, and gives the handle
// back.
TEST_F(OvertakenPacketTest, CleanupGivesTheHandleBack) {
  HaveResultsOnTheirWay();
  ASSERT_EQ(spi_->Close(closing_.socket), kOk);
  ThreadGroup cleaner;
  cleaner.Start("cleanup", [&] { EXPECT_EQ(spi_->Cleanup(), kOk); });
  ASSERT_TRUE(cleaner.WaitUntilBlocked());
  UpcallGate::Open();
  cleaner.JoinAll();
  EXPECT_EQ(given_back(), 1);
  for (const Operation& receive : receives_) {
    EXPECT_FALSE(receive.is_pending());
  }
}

// Datagrams, each of which is too long for its buffer.
class OvertakenDatagramTest : public OvertakenPacketTest {
 protected:
  static constexpr size_t kRoom = 60000;

  Connection Open() override {
    Connection datagrams;
    EXPECT_EQ(spi_->DatagramSocket(&datagrams.socket), kOk);
    EXPECT_EQ(spi_->Bind(datagrams.socket, {Family::kIpv4, 0}), kOk);
    EXPECT_EQ(spi_->GetSockName(datagrams.socket, &own_), kOk);
    return datagrams;
  }
  size_t receive_size() const override { return kRoom; }
  bool SendForOne() override {
    return peer_.Send(std::string(kRoom + 1, 'x'), own_);
  }

 private:
  Endpoint own_;
  PeerDatagrams peer_;
};

// They were there before the close, too: what was pending then is aborted
// (reference, section 2, WSPCloseSocket), not what had ended.
TEST_F(OvertakenDatagramTest, ReceivesThatWereFilledSaySo) {
  HaveResultsOnTheirWay();
  ASSERT_EQ(spi_->Close(closing_.socket), kOk);
  UpcallGate::Open();
  ExpectAllPackets();
  for (const Operation& receive : receives_) {
    EXPECT_EQ(receive.error(), DWORD{WSAEMSGSIZE});
    EXPECT_EQ(receive.status(), kStatusBufferOverflow);
    EXPECT_EQ(receive.overlapped.InternalHigh, kRoom);
    EXPECT_EQ(receive.buffer, std::string(kRoom, 'x'));
  }
  EXPECT_TRUE(WaitUntilGivenBack());
}

}  // namespace
}  // namespace wspd::testing
