// What waits for its turn: calls behind a MSG_WAITALL receive, and behind sends
// that nobody reads.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "client_stub/spi_client/event.h"
#include "tests/lifecycle/data_fixture.h"
#include "tests/testing/pattern.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kWouldBlock{WSAEWOULDBLOCK};

class OrderTest : public DataTest {};

INSTANTIATE_TEST_SUITE_P(Families, OrderTest, ::testing::Values(Family::kIpv4));

// ------------------------------------------- receives behind a MSG_WAITALL

class WaitAllTest : public OrderTest {
 protected:
  static constexpr size_t kAll = 200000;

  void SetUp() override {
    OrderTest::SetUp();
    connection_ = Connect();
    all_.flags = MSG_WAITALL;
    ASSERT_EQ(spi_->StartRecv(connection_.socket, &all_, kAll), kPending);
  }
  void WriteAll() {
    for (size_t i = 0; i < kAll; i += kAll / 4) {
      ASSERT_TRUE(connection_.peer.Write(Pattern(i, kAll / 4)));
      u_long readable;  // the daemon has handled what was there before
      ASSERT_EQ(spi_->BytesReadable(connection_.socket, &readable), kOk);
    }
  }

  Connection connection_;
  Operation all_;
};

INSTANTIATE_TEST_SUITE_P(Families, WaitAllTest,
                         ::testing::Values(Family::kIpv4));

TEST_P(WaitAllTest, KeepsItsPlaceBeforeLaterReceives) {
  constexpr size_t kEach = 1000;
  Operation second, third;
  ASSERT_EQ(spi_->StartRecv(connection_.socket, &second, kEach), kPending);
  third.flags = MSG_WAITALL;
  ASSERT_EQ(spi_->StartRecv(connection_.socket, &third, kEach), kPending);
  std::string last;
  ThreadGroup threads;
  threads.Start("recv", [&] {
    EXPECT_EQ(spi_->RecvExactly(connection_.socket, kEach, &last), kOk);
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  WriteAll();
  ASSERT_TRUE(connection_.peer.Write(Pattern(kAll, 3 * kEach)));
  threads.JoinAll();
  for (const Operation* operation : {&all_, &second, &third}) {
    ASSERT_TRUE(WaitUntil([&] { return !operation->is_pending(); }));
    EXPECT_EQ(operation->error(), 0u);
  }
  EXPECT_EQ(PatternError(all_.buffer + second.buffer + third.buffer + last, 0),
            "");
}

TEST_P(WaitAllTest, HoldsNothingBackThatMayNotWait) {
  std::string data;
  ASSERT_EQ(spi_->SetOption(connection_.socket, SOL_SOCKET, SO_RCVTIMEO, 50),
            kOk);
  EXPECT_EQ(spi_->Recv(connection_.socket, 10, &data), WsaCode{WSAETIMEDOUT});
  ASSERT_EQ(spi_->SetNonBlocking(connection_.socket, true), kOk);
  EXPECT_EQ(spi_->Recv(connection_.socket, 10, &data), kWouldBlock);
  WriteAll();
  ASSERT_TRUE(WaitUntil([&] { return !all_.is_pending(); }));
  EXPECT_EQ(PatternError(all_.buffer, 0), "");
}

TEST_P(WaitAllTest, EndsWithThoseBehindItWhenItsSocketIsClosed) {
  Operation second;
  Event event;
  second.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(connection_.socket, &second, 10), kPending);
  EXPECT_EQ(spi_->Close(connection_.socket), kOk);
  EXPECT_TRUE(event.Wait());
  EXPECT_EQ(all_.error(), DWORD{WSA_OPERATION_ABORTED});
  EXPECT_EQ(second.error(), DWORD{WSA_OPERATION_ABORTED});
}

// --------------------------------------------- calls behind sends that wait

// More than the kernel and the provider's credit take while nobody reads.
constexpr size_t kTooMuch = 32 << 20;

class BehindSendsTest : public OrderTest {
 protected:
  void SetUp() override {
    OrderTest::SetUp();
    connection_ = Connect();
    ASSERT_EQ(spi_->StartSend(connection_.socket, &send_, Pattern(0, kTooMuch)),
              kPending);
  }

  Connection connection_;
  Operation send_;
};

INSTANTIATE_TEST_SUITE_P(Families, BehindSendsTest,
                         ::testing::Values(Family::kIpv4));

TEST_P(BehindSendsTest, ShutdownDoesNotBlockAndComesAfterThem) {
  EXPECT_LT(TimeOf([&] {
              EXPECT_EQ(spi_->Shutdown(connection_.socket, SD_SEND), kOk);
            }),
            seconds(5));
  EXPECT_TRUE(send_.is_pending());
  Operation late;
  EXPECT_EQ(spi_->StartSend(connection_.socket, &late, "late"),
            WsaCode{WSAESHUTDOWN});
  const PeerSocket::Rest rest = connection_.peer.ReadToEnd();
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_EQ(rest.data.size(), kTooMuch);
  EXPECT_EQ(PatternError(rest.data, 0), "");
}

TEST_P(BehindSendsTest, ShutdownEndsWithTheSocket) {
  EXPECT_EQ(spi_->Shutdown(connection_.socket, SD_BOTH), kOk);
  EXPECT_EQ(spi_->Close(connection_.socket), kOk);
  EXPECT_FALSE(send_.is_pending());
  EXPECT_EQ(send_.error(), DWORD{WSA_OPERATION_ABORTED});
  Connection fresh = Connect();
  EXPECT_EQ(spi_->Send(fresh.socket, "fresh"), kOk);
  EXPECT_EQ(fresh.peer.Read(5), "fresh");
}

TEST_P(BehindSendsTest, NonBlockingSendWouldBlock) {
  ASSERT_EQ(spi_->SetNonBlocking(connection_.socket, true), kOk);
  EXPECT_EQ(spi_->Send(connection_.socket, "x"), kWouldBlock);
  EXPECT_EQ(connection_.peer.Read(kTooMuch).size(), kTooMuch);
  ASSERT_TRUE(WaitUntil([&] { return !send_.is_pending(); }));
  EXPECT_EQ(spi_->Send(connection_.socket, "late"), kOk);
  EXPECT_EQ(connection_.peer.Read(4), "late");
}

TEST_P(BehindSendsTest, SendTimesOutWhileItWaits) {
  ASSERT_EQ(spi_->SetOption(connection_.socket, SOL_SOCKET, SO_SNDTIMEO, 200),
            kOk);
  const milliseconds time = TimeOf([&] {
    EXPECT_EQ(spi_->Send(connection_.socket, std::string(200000, 'x')),
              WsaCode{WSAETIMEDOUT});
  });
  EXPECT_GE(time, milliseconds(190));
  EXPECT_LT(time, seconds(2));
  EXPECT_EQ(connection_.peer.Read(kTooMuch).size(), kTooMuch);
  EXPECT_EQ(spi_->Send(connection_.socket, "late"), kOk);
  EXPECT_EQ(connection_.peer.Read(4), "late");
}

TEST_P(OrderTest, SendTimesOutOnceForAllItsChunks) {
  Connection connection = Connect();
  ASSERT_EQ(spi_->SetOption(connection.socket, SOL_SOCKET, SO_SNDTIMEO, 300),
            kOk);
  std::atomic<bool> stop{false};
  ThreadGroup threads;
  // A reader so slow that no chunk waits for as long as the limit.
  threads.Start("reader", [&] {
    while (!stop) {
      connection.peer.ReadWhatIsThere(100000);
      std::this_thread::sleep_for(milliseconds(10));
    }
  });
  const milliseconds time = TimeOf([&] {
    EXPECT_EQ(spi_->Send(connection.socket, std::string(kTooMuch, 'x')),
              WsaCode{WSAETIMEDOUT});
  });
  stop = true;
  EXPECT_LT(time, seconds(2));
}

}  // namespace
}  // namespace wspd::testing
