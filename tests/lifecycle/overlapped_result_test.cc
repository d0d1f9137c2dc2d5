// A thread that waits in WSPGetOverlappedResult while the operation comes to an
// end that nobody is told of.
#include <atomic>
#include <string>

#include "client_stub/spi_client/event.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNotInitialised{WSANOTINITIALISED};
constexpr WsaCode kAborted{WSA_OPERATION_ABORTED};

class OverlappedResultTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  // A receive with an event, and a thread that waits for its result.
  void Begin() {
    connection_ = Connect();
    operation_.overlapped.hEvent = event_.get();
    ASSERT_EQ(spi_->StartRecv(connection_.socket, &operation_, 10), kPending);
    threads_.Start("result", [this] {
      result_ = spi_->GetResult(connection_.socket, &operation_, true, &bytes_);
    });
    ASSERT_TRUE(threads_.WaitUntilBlocked());
    ASSERT_EQ(threads_.ended(), 0);
  }
  WsaCode Result() {
    threads_.JoinAll(seconds(10));
    return result_;
  }

  Connection connection_;
  Operation operation_;
  Event event_;
  DWORD bytes_ = 0;
  WsaCode result_ = kNoErrorGiven;
  ThreadGroup threads_;
};

// With what became of the operation; the event wouldn't wake it.
TEST_F(OverlappedResultTest, TheFinalCleanupEndsTheWait) {
  Begin();
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(Result(), kAborted);
  EXPECT_EQ(operation_.status(), kStatusCancelled);
  EXPECT_FALSE(event_.IsSet());
  EXPECT_EQ(spi_->GetResult(connection_.socket, &operation_, false, &bytes_),
            kNotInitialised);
}

TEST_F(OverlappedResultTest, AnEarlierCleanupLeavesItWaiting) {
  ASSERT_EQ(spi_->Startup(), kOk);
  Begin();
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(threads_.ended(), 0);
  ASSERT_TRUE(connection_.peer.Write("hello"));
  EXPECT_EQ(Result(), kOk);
  EXPECT_EQ(bytes_, 5u);
}

TEST_F(OverlappedResultTest, CloseSocketEndsTheWaitWithTheEvent) {
  Begin();
  EXPECT_EQ(spi_->Close(connection_.socket), kOk);
  EXPECT_FALSE(Result().ok());
  EXPECT_TRUE(event_.Wait());
  EXPECT_EQ(operation_.error(), DWORD{WSA_OPERATION_ABORTED});
}

TEST_F(OverlappedResultTest, TheDaemonsEndEndsTheWait) {
  Begin();
  daemon_.Kill();
  EXPECT_EQ(Result(), WsaCode{WSAENETDOWN});
}

// Several wait for one, others for others.
TEST_F(OverlappedResultTest, EveryWaitEnds) {
  Begin();
  for (int i = 0; i < 8; ++i) {
    threads_.Start("another", [this] {
      DWORD bytes = 0;
      EXPECT_EQ(spi_->GetResult(connection_.socket, &operation_, true, &bytes),
                kAborted);
    });
  }
  ASSERT_TRUE(threads_.WaitUntilBlocked());
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(Result(), kAborted);
}

// What was cancelled by the socket's end says so, before the cleanup.
TEST_F(OverlappedResultTest, AnAbortedOperationsResultIsTheError) {
  Connection first = Connect();
  Connection second = Connect();
  Operation operation;
  Event event;
  operation.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(first.socket, &operation, 10), kPending);
  EXPECT_EQ(spi_->Close(first.socket), kOk);
  ASSERT_TRUE(event.Wait());
  // By another socket: the first is none any more.
  DWORD bytes = 0;
  EXPECT_EQ(spi_->GetResult(second.socket, &operation, true, &bytes), kAborted);
}

}  // namespace
}  // namespace wspd::testing
