// What becomes of requests to be told of changes of the network when their
// socket is closed, and at the final cleanup.
#include <vector>

#include "client_stub/spi_client/event.h"
#include "tests/spi/network_change_fixture.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kInterrupted{WSAEINTR};

int routine_calls;

void CALLBACK CountingRoutine(DWORD error, DWORD, LPWSAOVERLAPPED, DWORD) {
  ++routine_calls;
  EXPECT_EQ(error, DWORD{WSA_OPERATION_ABORTED});
}

class ChangeCancelTest : public ChangeTest {
 protected:
  void SetUp() override {
    ChangeTest::SetUp();
    routine_calls = 0;
  }

  void StartThree() {
    ASSERT_EQ(StartAddressChange(ipv4_, &with_event_), kPending);
    ASSERT_EQ(StartAddressChange(ipv4_, &with_routine_, CountingRoutine),
              kPending);
    ASSERT_EQ(StartRoutingChange(ipv4_, {192, 0, 2, 77}, &routing_), kPending);
  }
  static void ExpectCancelled(const Request& request) {
    EXPECT_EQ(request.operation.status(), kStatusCancelled);
    EXPECT_EQ(request.operation.error(), DWORD{WSA_OPERATION_ABORTED});
  }
  // Calls that wait, on a socket of their own each.
  void Block(ThreadGroup* threads, SOCKET s) {
    threads->Start("address list", [this, s] {
      DWORD returned = 0;
      EXPECT_EQ(Ioctl(s, SIO_ADDRESS_LIST_CHANGE, nullptr, 0, &returned),
                kInterrupted);
    });
    threads->Start("routing interface", [this, s] {
      DWORD returned = 0;
      const sockaddr_in to = Ipv4({192, 0, 2, 77});
      EXPECT_EQ(
          Ioctl(s, SIO_ROUTING_INTERFACE_CHANGE, &to, sizeof(to), &returned),
          kInterrupted);
    });
  }

  Request with_event_, with_routine_, routing_;
};

TEST_F(ChangeCancelTest, CloseAbortsWithEventAndRoutine) {
  StartThree();
  EXPECT_EQ(spi_->Close(ipv4_), kOk);
  EXPECT_TRUE(with_event_.event.Wait());
  EXPECT_TRUE(routing_.event.Wait());
  ExpectCancelled(with_event_);
  ExpectCancelled(with_routine_);
  ExpectCancelled(routing_);
  EXPECT_EQ(spi_client::SleepAlertable(10000), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(routine_calls, 1);
}

TEST_F(ChangeCancelTest, FinalCleanupAbortsWithoutEventOrRoutine) {
  StartThree();
  EXPECT_EQ(spi_->Cleanup(), kOk);
  ExpectCancelled(with_event_);
  ExpectCancelled(with_routine_);
  ExpectCancelled(routing_);
  // Nor when the change comes.
  ASSERT_TRUE(Ip("addr add 192.0.2.2/24 dev v0"));
  spi_client::SleepAlertable(100);
  EXPECT_EQ(routine_calls, 0);
  EXPECT_FALSE(with_event_.event.IsSet());
  EXPECT_FALSE(routing_.event.IsSet());
}

TEST_F(ChangeCancelTest, CloseEndsBlockedCalls) {
  ThreadGroup threads;
  Block(&threads, ipv4_);
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(spi_->Close(ipv4_), kOk);
  threads.JoinAll(seconds(10));
}

TEST_F(ChangeCancelTest, FinalCleanupEndsBlockedCalls) {
  ThreadGroup threads;
  Block(&threads, ipv4_);
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(spi_->Cleanup(), kOk);
  threads.JoinAll(seconds(10));
}

TEST_F(ChangeCancelTest, ChangesAndClosesMayComeTogether) {
  std::vector<SOCKET> sockets(30);
  std::vector<Request> requests(sockets.size());
  for (size_t i = 0; i < sockets.size(); ++i) {
    ASSERT_EQ(spi_->Socket(&sockets[i]), kOk);
    ASSERT_EQ(StartAddressChange(sockets[i], &requests[i]), kPending);
  }
  ThreadGroup threads;
  threads.Start("change",
                [] { EXPECT_TRUE(Ip("addr add 192.0.2.2/24 dev v0")); });
  for (const SOCKET s : sockets) EXPECT_EQ(spi_->Close(s), kOk);
  for (const Request& request : requests) {
    EXPECT_TRUE(request.event.Wait());
    EXPECT_TRUE(request.operation.error() == 0 ||
                request.operation.error() == DWORD{WSA_OPERATION_ABORTED});
  }
  threads.JoinAll();
}

}  // namespace
}  // namespace wspd::testing
