// One process holds both ends of a connection, so that its sender waits for its
// own receiver. Nothing else may have to wait for either.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "client_stub/spi_client/blocking_hook.h"
#include "tests/testing/echo_server.h"
#include "tests/testing/pattern.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr size_t kSize = 64 << 20;
constexpr std::chrono::microseconds kBound(10000);
// Of what has to be set up anew for each time.
constexpr int kRounds = 25;

using Times = std::vector<Clock::duration>;

// That each took at most kBound. The machine is granted one hiccup in a
// hundred, shorter than anything that waits for the transfer.
void ExpectWithinBound(const char* what, Times times) {
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  std::sort(times.begin(), times.end());
  const auto time = [&](size_t rank) {
    return duration_cast<microseconds>(times[times.size() - rank]).count();
  };
  EXPECT_LT(time(2), kBound.count())
      << what << ": us, the longest but one of " << times.size();
  EXPECT_LT(time(1), 10 * kBound.count()) << what << ": us, the longest";
}

class BothEndsTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    StartUpAndSend();
  }

  void StartUpAndSend() {
    ASSERT_EQ(spi_->Startup(), kOk);
    Send();
  }

  // A connection to ourselves, and a thread that sends 64 MiB into it.
  void Send() {
    SOCKET listener;
    Endpoint endpoint;
    ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
    ASSERT_EQ(spi_->ConnectNew(endpoint, &sending_), kOk);
    ASSERT_EQ(spi_->Accept(listener, &receiving_), kOk);
    ASSERT_EQ(spi_->Close(listener), kOk);
    sender_.Start("sender", [this] {
      size_t sent = 0;
      send_result_ = spi_->Send(sending_, data_, &sent);
      send_end_ = Clock::now();
      sent_ = sent;
    });
    ASSERT_TRUE(sender_.WaitUntilBlocked());
    ASSERT_EQ(sender_.ended(), 0) << "the kernel took all of it";
  }

  // A hundred calls, each within the bound.
  template <typename Call>
  void ExpectPrompt(const char* what, const Call& call) {
    Times times;
    for (int i = 0; i < 100; ++i) {
      const Clock::time_point begin = Clock::now();
      call();
      times.push_back(Clock::now() - begin);
    }
    ExpectWithinBound(what, times);
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
  Clock::time_point send_end_;
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

BOOL CALLBACK CancellingHook(DWORD_PTR context) {
  EXPECT_EQ(reinterpret_cast<Spi*>(context)->CancelBlocking(), kOk);
  return FALSE;
}

TEST_F(BothEndsTest, CancellingABlockedReceiveFromItsHookIsPrompt) {
  SOCKET s;
  ASSERT_EQ(spi_->ConnectNew(echo_.endpoint(), &s), kOk);
  spi_client::SetBlockingHook(
      {CancellingHook, reinterpret_cast<DWORD_PTR>(spi_.get())});
  ExpectPrompt("cancelled receive", [&] {
    std::string data;
    EXPECT_EQ(spi_->Recv(s, 10, &data), WsaCode{WSAEINTR});
  });
  spi_client::SetBlockingHook({});
  ExpectEveryByte();
}

TEST_F(BothEndsTest, ClosingInterruptsABlockedReceivePromptly) {
  Times times;
  for (int i = 0; i < kRounds; ++i) {
    SOCKET s;
    ASSERT_EQ(spi_->ConnectNew(echo_.endpoint(), &s), kOk);
    Clock::time_point end;
    ThreadGroup receiver;
    receiver.Start("receiver", [&] {
      std::string data;
      EXPECT_FALSE(spi_->Recv(s, 10, &data).ok());
      end = Clock::now();
    });
    ASSERT_TRUE(receiver.WaitUntilBlocked());
    const Clock::time_point begin = Clock::now();
    EXPECT_EQ(spi_->Close(s), kOk);
    receiver.JoinAll(seconds(10));
    times.push_back(end - begin);
  }
  ExpectWithinBound("close with a blocked receive", times);
  ExpectEveryByte();
}

TEST_F(BothEndsTest, ClosingTheSendingEndInterruptsTheSenderPromptly) {
  Times times;
  for (int i = 0; i < kRounds; ++i) {
    if (i > 0) Send();
    ASSERT_FALSE(HasFailure());
    const Clock::time_point begin = Clock::now();
    EXPECT_EQ(spi_->Close(sending_), kOk);
    sender_.JoinAll(seconds(10));
    times.push_back(send_end_ - begin);
    EXPECT_FALSE(send_result_.ok());
    EXPECT_EQ(spi_->Close(receiving_), kOk);
  }
  ExpectWithinBound("close of the sending end", times);
}

TEST_F(BothEndsTest, CleanupIsPromptAndInterruptsTheSender) {
  Times cleanups, senders;
  for (int i = 0; i < kRounds; ++i) {
    if (i > 0) StartUpAndSend();
    ASSERT_FALSE(HasFailure());
    const Clock::time_point begin = Clock::now();
    EXPECT_EQ(spi_->Cleanup(), kOk);
    cleanups.push_back(Clock::now() - begin);
    sender_.JoinAll(seconds(10));
    senders.push_back(send_end_ - begin);
    EXPECT_EQ(send_result_, WsaCode{WSAEINTR});
  }
  ExpectWithinBound("cleanup", cleanups);
  ExpectWithinBound("sender at cleanup", senders);
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
