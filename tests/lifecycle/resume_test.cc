// A stream that breaks again and again under load: no call runs twice, and no
// byte is lost or doubled.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/testing/echo_server.h"
#include "tests/testing/pattern.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNotInitialised{WSANOTINITIALISED};

// The daemon breaks a stream after each so many of its frames.
constexpr int kFrames = 7;
// How many breaks each test is to see, of which its log tells.
constexpr int kBreaks = 1000;

class ResumeTest : public ProviderTest {
 protected:
  ResumeTest()
      : ProviderTest([] {
          DaemonOptions options;
          options.flags = {"--test_break_after_frames=" +
                           std::to_string(kFrames)};
          return options;
        }()) {}

  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  // How often the stub has come back so far, from the log.
  int Resumes() const {
    const std::string log = daemon_.Log();
    int count = 0;
    for (size_t at = 0; (at = log.find(" client resumed ", at)) != log.npos;) {
      ++count;
      ++at;
    }
    return count;
  }
};

TEST_F(ResumeTest, EchoLosesAndDoublesNothing) {
  EchoServer echo;
  SOCKET s;
  ASSERT_EQ(spi_->ConnectNew(echo.endpoint(), &s), kOk);
  uint64_t offset = 0;
  for (int i = 0; i < kBreaks * kFrames / 2; ++i) {
    const size_t size = 1 + i % 1500;
    std::string data;
    ASSERT_EQ(spi_->Send(s, Pattern(offset, size)), kOk) << i;
    ASSERT_EQ(spi_->RecvExactly(s, size, &data), kOk) << i;
    ASSERT_EQ(data.size(), size);
    ASSERT_EQ(PatternError(data, offset), "") << i;
    offset += size;
  }
  EXPECT_GE(Resumes(), kBreaks);
}

// Each thread sends until the stream has broken often enough.
TEST_F(ResumeTest, BulkBothWaysOnSeveralThreadsLosesAndDoublesNothing) {
  constexpr int kThreads = 4;
  constexpr size_t kSize = 100000;
  EchoServer echo;
  std::vector<SOCKET> sockets(kThreads);
  for (SOCKET& s : sockets) {
    ASSERT_EQ(spi_->ConnectNew(echo.endpoint(), &s), kOk);
  }
  std::atomic<bool> enough{false};
  std::vector<size_t> sent(kThreads), received(kThreads);
  ThreadGroup threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.Start("send", [&, i] {
      for (; !enough; sent[i] += kSize) {
        const WsaCode code = spi_->Send(sockets[i], Pattern(sent[i], kSize, i));
        ASSERT_EQ(code, kOk) << sent[i];
      }
      ASSERT_EQ(spi_->Shutdown(sockets[i], SD_SEND), kOk);
    });
    threads.Start("recv", [&, i] {
      for (std::string data;; received[i] += data.size()) {
        ASSERT_EQ(spi_->Recv(sockets[i], 60000, &data), kOk) << received[i];
        if (data.empty()) return;
        ASSERT_EQ(PatternError(data, received[i], i), "");
      }
    });
  }
  while (Resumes() < kBreaks && threads.ended() == 0) {
    std::this_thread::sleep_for(milliseconds(50));  // the log is long
  }
  enough = true;
  threads.JoinAll(seconds(200));
  EXPECT_EQ(received, sent);
}

TEST_F(ResumeTest, OverlappedOperationsCompleteOnce) {
  constexpr int kRounds = kBreaks * kFrames / 2;
  constexpr size_t kSize = 10000;
  EchoServer echo;
  SOCKET s;
  ASSERT_EQ(spi_->ConnectNew(echo.endpoint(), &s), kOk);
  for (int i = 0; i < kRounds; ++i) {
    Event sent, received;
    Operation send, recv;
    send.overlapped.hEvent = sent.get();
    recv.overlapped.hEvent = received.get();
    std::string data;
    while (data.size() < kSize) {
      const WsaCode code = spi_->StartRecv(s, &recv, kSize - data.size());
      ASSERT_TRUE(code.ok() || code == kPending) << code;
      if (data.empty()) {
        const WsaCode sending =
            spi_->StartSend(s, &send, Pattern(i * kSize, kSize));
        ASSERT_TRUE(sending.ok() || sending == kPending) << sending;
      }
      ASSERT_TRUE(received.Wait()) << i;
      DWORD bytes = 0;
      ASSERT_EQ(spi_->GetResult(s, &recv, false, &bytes), kOk);
      data.append(recv.buffer, 0, bytes);
    }
    ASSERT_TRUE(sent.Wait()) << i;
    ASSERT_EQ(PatternError(data, i * kSize), "") << i;
  }
  EXPECT_GE(Resumes(), kBreaks);
}

// A connection that a peer sees, and each that a listener hands out, is the
// trace of one call that has run.
TEST_F(ResumeTest, ConnectsAndAcceptsRunOnce) {
  constexpr int kCount = kBreaks;
  SOCKET listener;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
  for (int i = 0; i < kCount; ++i) {
    Connection connection = Connect();
    ASSERT_FALSE(HasFailure()) << i;
    PeerSocket peer = PeerSocket::ConnectTo(endpoint);
    SOCKET accepted;
    ASSERT_EQ(spi_->Accept(listener, &accepted), kOk) << i;
    ASSERT_TRUE(peer.Write(std::to_string(i)));
    const size_t size = std::to_string(i).size();
    std::string data;
    ASSERT_EQ(spi_->RecvExactly(accepted, size, &data), kOk);
    ASSERT_EQ(data, std::to_string(i)) << "not the connection it should be";
    ASSERT_EQ(spi_->Close(accepted), kOk);
    ASSERT_EQ(spi_->Close(connection.socket), kOk);
    ASSERT_EQ(connection.peer.WaitForEnd(), Ending::kOrderly) << i;
    ASSERT_EQ(peer.WaitForEnd(), Ending::kOrderly) << i;
  }
  EXPECT_FALSE(listener_.Accept(milliseconds(0)).is_open())
      << "a connect ran twice";
  EXPECT_GE(Resumes(), kBreaks);
}

TEST_F(ResumeTest, StartupsAndCleanupsCountOnce) {
  constexpr int kCount = kBreaks * kFrames / 2;
  Connection connection = Connect();
  for (int i = 0; i < kCount; ++i) ASSERT_EQ(spi_->Startup(), kOk) << i;
  for (int i = 0; i < kCount; ++i) ASSERT_EQ(spi_->Cleanup(), kOk) << i;
  EXPECT_EQ(connection.peer.PeekEnd(), Ending::kStillOpen);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  EXPECT_GE(Resumes(), kBreaks);
}

TEST_F(ResumeTest, FinalCleanupsRunOnce) {
  ASSERT_EQ(spi_->Cleanup(), kOk);
  constexpr int kCount = kBreaks * 5 / 2;
  for (int i = 0; i < kCount; ++i) {
    ASSERT_EQ(spi_->Startup(), kOk) << i;
    Connection connection = Connect();
    ASSERT_FALSE(HasFailure()) << i;
    // So that the break comes at another call each time.
    for (int j = 0; j < i % kFrames; ++j) {
      u_long bytes = 0;
      ASSERT_EQ(spi_->BytesReadable(connection.socket, &bytes), kOk) << i;
    }
    ASSERT_EQ(spi_->Cleanup(), kOk) << i;
    ASSERT_EQ(connection.peer.WaitForEnd(), Ending::kReset) << i;
  }
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  EXPECT_GE(Resumes(), kBreaks);
}

}  // namespace
}  // namespace wspd::testing
