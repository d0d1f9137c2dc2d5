// One process holds both ends of a connection, so that its sender waits for its
// own receiver. Nothing else may have to wait for either.
#include <algorithm>
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/echo_server.h"
#include "tests/testing/pattern.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr size_t kSize = 64 << 20;
constexpr std::chrono::microseconds kBound(10000);

class BothEndsTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    StartUpAndSend();
  }

  // Startup, a connection to ourselves, and a thread that sends 64 MiB into it.
  void StartUpAndSend() {
    ASSERT_EQ(spi_->Startup(), kOk);
    SOCKET listener;
    Endpoint endpoint;
    ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
    ASSERT_EQ(spi_->ConnectNew(endpoint, &sending_), kOk);
    ASSERT_EQ(spi_->Accept(listener, &receiving_), kOk);
    sender_.Start("sender", [this] {
      size_t sent = 0;
      send_result_ = spi_->Send(sending_, data_, &sent);
      sent_ = sent;
    });
    ASSERT_TRUE(sender_.WaitUntilBlocked());
    ASSERT_EQ(sender_.ended(), 0) << "the kernel took all of it";
  }

  // How long each of a hundred calls takes: almost all within the bound, and
  // none so long that it must have waited for something.
  template <typename Call>
  void ExpectPrompt(const char* what, const Call& call) {
    std::vector<Clock::duration> times;
    for (int i = 0; i < 100; ++i) {
      const Clock::time_point begin = Clock::now();
      call();
      times.push_back(Clock::now() - begin);
    }
    std::sort(times.begin(), times.end());
    using std::chrono::duration_cast;
    using std::chrono::microseconds;
    EXPECT_LT(times[97], kBound)
        << what << ": " << duration_cast<microseconds>(times[97]).count()
        << " us at the 98th percentile, "
        << duration_cast<microseconds>(times[50]).count()
        << " us in the middle";
    EXPECT_LT(times[99], 20 * kBound) << what;
  }

  void ExpectEveryByte() {
    std::string data;
    ASSERT_EQ(spi_->RecvExactly(receiving_, kSize, &data), kOk);
    EXPECT_EQ(data.size(), kSize);
    EXPECT_EQ(PatternError(data, 0), "");
    sender_.JoinAll();
    EXPECT_EQ(send_result_, kOk);
    EXPECT_EQ(sent_, kSize);
  }

  EchoServer echo_;
  const std::string data_ = Pattern(0, kSize);
  SOCKET sending_ = INVALID_SOCKET;
  SOCKET receiving_ = INVALID_SOCKET;
  ThreadGroup sender_;
  WsaCode send_result_;
  size_t sent_ = 0;
};

TEST_F(BothEndsTest, CallsOnOtherSocketsArePromptAndEveryByteArrives) {
  SOCKET s;
  ASSERT_EQ(spi_->ConnectNew(echo_.endpoint(), &s), kOk);
  ExpectPrompt("echo", [&] {
    std::string data;
    EXPECT_EQ(spi_->Send(s, "hello"), kOk);
    EXPECT_EQ(spi_->RecvExactly(s, 5, &data), kOk);
  });
  ExpectPrompt("socket and close", [&] {
    SOCKET other;
    EXPECT_EQ(spi_->Socket(&other), kOk);
    EXPECT_EQ(spi_->Close(other), kOk);
  });
  ExpectPrompt("option", [&] {
    int value;
    EXPECT_EQ(spi_->GetOption(s, SOL_SOCKET, SO_ERROR, &value), kOk);
  });
  ExpectEveryByte();
}

TEST_F(BothEndsTest, CallsOnTheReceivingEndArePrompt) {
  ExpectPrompt("readable bytes", [&] {
    u_long bytes = 0;
    EXPECT_EQ(spi_->BytesReadable(receiving_, &bytes), kOk);
    EXPECT_GT(bytes, 0u);
  });
  ExpectEveryByte();
}

TEST_F(BothEndsTest, CancellationIsPrompt) {
  ExpectPrompt("close with a pending receive", [&] {
    SOCKET s;
    Operation operation;
    Event event;
    operation.overlapped.hEvent = event.get();
    EXPECT_EQ(spi_->ConnectNew(echo_.endpoint(), &s), kOk);
    EXPECT_EQ(spi_->StartRecv(s, &operation, 10), kPending);
    EXPECT_EQ(spi_->Close(s), kOk);
    EXPECT_TRUE(event.Wait());
    EXPECT_EQ(operation.error(), DWORD{WSA_OPERATION_ABORTED});
  });
  ExpectEveryByte();
}

TEST_F(BothEndsTest, ClosingTheSendingEndInterruptsTheSenderPromptly) {
  const Clock::time_point begin = Clock::now();
  EXPECT_EQ(spi_->Close(sending_), kOk);
  sender_.JoinAll(seconds(10));
  EXPECT_LT(Clock::now() - begin, 10 * kBound);
  EXPECT_FALSE(send_result_.ok());
}

TEST_F(BothEndsTest, CleanupIsPrompt) {
  std::vector<Clock::duration> times;
  for (int i = 0; i < 9; ++i) {
    if (i > 0) StartUpAndSend();
    ASSERT_FALSE(HasFailure());
    const Clock::time_point begin = Clock::now();
    EXPECT_EQ(spi_->Cleanup(), kOk);
    times.push_back(Clock::now() - begin);
    sender_.JoinAll(seconds(10));
    EXPECT_EQ(send_result_, WsaCode{WSAEINTR});
  }
  std::sort(times.begin(), times.end());
  EXPECT_LT(times[4], kBound)
      << std::chrono::duration_cast<std::chrono::microseconds>(times[4]).count()
      << " us";
}

TEST_F(BothEndsTest, OverlappedSendsOfAllTheBytesComplete) {
  constexpr size_t kEach = 1 << 20;
  SOCKET listener, from, to;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
  ASSERT_EQ(spi_->ConnectNew(endpoint, &from), kOk);
  ASSERT_EQ(spi_->Accept(listener, &to), kOk);
  std::vector<Operation> operations(kSize / kEach);
  for (size_t i = 0; i < operations.size(); ++i) {
    const WsaCode code =
        spi_->StartSend(from, &operations[i], Pattern(i * kEach, kEach));
    ASSERT_TRUE(code.ok() || code == kPending) << code;
  }
  std::string data;
  ASSERT_EQ(spi_->RecvExactly(to, kSize, &data), kOk);
  EXPECT_EQ(PatternError(data, 0), "");
  EXPECT_EQ(data.size(), kSize);
  for (Operation& operation : operations) {
    ASSERT_TRUE(WaitUntil([&] { return !operation.is_pending(); }));
    DWORD bytes = 0;
    EXPECT_EQ(spi_->GetResult(from, &operation, false, &bytes), kOk);
    EXPECT_EQ(bytes, kEach);
  }
  ExpectEveryByte();
}

}  // namespace
}  // namespace wspd::testing
