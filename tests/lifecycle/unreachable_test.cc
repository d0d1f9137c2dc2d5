// What the provider says when its daemon can't be reached, or no longer knows
// the process.
#include <sys/types.h>

#include <map>
#include <set>
#include <vector>

#include "tests/testing/process_files.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/stub_connection.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNotInitialised{WSANOTINITIALISED};
constexpr WsaCode kNetDown{WSAENETDOWN};
constexpr WsaCode kNotReady{WSASYSNOTREADY};
constexpr milliseconds kPromptly(1000);

class UnreachableTest : public ProviderTest {
 protected:
  // Its functions can be had by a startup only.
  void GetTable() {
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->Cleanup(), kOk);
  }
};

TEST_F(UnreachableTest, StartupWithoutDaemonIsNotReadyAndCountsNothing) {
  GetTable();
  daemon_.Stop();
  EXPECT_LT(TimeOf([&] { EXPECT_EQ(spi_->Startup(), kNotReady); }), kPromptly);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  ASSERT_TRUE(daemon_.Start());
  ASSERT_EQ(spi_->Startup(), kOk);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(UnreachableTest, StartupAtADeadDaemonsSocketFileIsNotReady) {
  GetTable();
  daemon_.Kill();
  EXPECT_LT(TimeOf([&] { EXPECT_EQ(spi_->Startup(), kNotReady); }), kPromptly);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(UnreachableTest, StartupWithoutSocketFileIsNotReady) {
  GetTable();
  UseDaemonAt(daemon_.dir().File("nowhere.sock"));
  EXPECT_LT(TimeOf([&] { EXPECT_EQ(spi_->Startup(), kNotReady); }), kPromptly);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(UnreachableTest, EveryCallIsNetDownPromptly) {
  ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  const SOCKET s = connection.socket;
  SOCKET listener, unbound;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
  ASSERT_EQ(spi_->Socket(&unbound), kOk);
  daemon_.Kill();

  SOCKET other;
  std::string data;
  u_long readable;
  int value;
  const milliseconds time = TimeOf([&] {
    EXPECT_EQ(spi_->Send(s, "data"), kNetDown);
    EXPECT_EQ(spi_->Recv(s, 10, &data), kNetDown);
    EXPECT_EQ(spi_->Socket(&other), kNetDown);
    EXPECT_EQ(spi_->Bind(unbound, {Family::kIpv4, 0}), kNetDown);
    EXPECT_EQ(spi_->Listen(listener), kNetDown);
    EXPECT_EQ(spi_->Accept(listener, &other), kNetDown);
    EXPECT_EQ(spi_->Connect(unbound, listener_.endpoint()), kNetDown);
    EXPECT_EQ(spi_->GetOption(s, SOL_SOCKET, SO_ERROR, &value), kNetDown);
    EXPECT_EQ(spi_->SetOption(s, SOL_SOCKET, SO_KEEPALIVE, 1), kNetDown);
    EXPECT_EQ(spi_->BytesReadable(s, &readable), kNetDown);
    EXPECT_EQ(spi_->SetNonBlocking(s, true), kNetDown);
    EXPECT_EQ(spi_->Shutdown(s, SD_SEND), kNetDown);
  });
  EXPECT_LT(time, 2 * kPromptly);
}

TEST_F(UnreachableTest, WaitingCallsEndWithNetDownWhenTheDaemonDies) {
  ASSERT_EQ(spi_->Startup(), kOk);
  constexpr int kThreads = 8;
  std::vector<Connection> connections;
  for (int i = 0; i < kThreads; ++i) connections.push_back(Connect());
  Operation operation;
  Event event;
  operation.overlapped.hEvent = event.get();
  Connection overlapped = Connect();
  ASSERT_EQ(spi_->StartRecv(overlapped.socket, &operation, 10), kPending);
  ThreadGroup threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.Start("recv", [&, i] {
      std::string data;
      EXPECT_EQ(spi_->Recv(connections[i].socket, 10, &data), kNetDown);
    });
  }
  ASSERT_TRUE(threads.WaitUntilBlocked());
  daemon_.Kill();
  threads.JoinAll(seconds(10));
  EXPECT_TRUE(event.Wait()) << "the overlapped receive goes on";
  EXPECT_FALSE(operation.is_pending());
}

TEST_F(UnreachableTest, EachCleanupTakesOneOffAndIsNetDown) {
  for (int i = 0; i < 3; ++i) ASSERT_EQ(spi_->Startup(), kOk);
  Connect();
  daemon_.Kill();
  const milliseconds time = TimeOf([&] {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(spi_->Cleanup(), kNetDown) << i;
    EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  });
  EXPECT_LT(time, kPromptly);
}

TEST_F(UnreachableTest, StartupWhileSomeAreOwedRegistersThemAll) {
  for (int i = 0; i < 3; ++i) ASSERT_EQ(spi_->Startup(), kOk);
  daemon_.Kill();
  ASSERT_EQ(spi_->Cleanup(), kNetDown);
  ASSERT_TRUE(daemon_.Start());
  ASSERT_EQ(spi_->Startup(), kOk);  // two were owed, so that this makes three
  Connection connection = Connect();
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection.peer.PeekEnd(), Ending::kStillOpen);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(UnreachableTest, FailedStartupWhileSomeAreOwedChangesNothing) {
  for (int i = 0; i < 2; ++i) ASSERT_EQ(spi_->Startup(), kOk);
  daemon_.Kill();
  EXPECT_FALSE(spi_->Startup().ok());
  EXPECT_EQ(spi_->Cleanup(), kNetDown);
  EXPECT_EQ(spi_->Cleanup(), kNetDown);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(UnreachableTest, StoppedDaemonHoldsUpNeitherCleanupNorUnloading) {
  const std::set<pid_t> threads_before = ThreadIds();
  ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  Operation operation;
  ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 10), kPending);
  daemon_.Pause();
  const milliseconds time =
      TimeOf([&] { EXPECT_EQ(spi_->Cleanup(), kNetDown); });
  EXPECT_LT(time, seconds(5));
  EXPECT_FALSE(operation.is_pending());
  EXPECT_TRUE(spi_->Unload());
  spi_.reset();
  for (const std::string& file : MappedFiles()) {
    EXPECT_EQ(file.find("libwsp"), std::string::npos) << file;
  }
  EXPECT_EQ(ThreadIds(), threads_before);
  daemon_.Resume();
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
}

TEST_F(UnreachableTest, StoppedDaemonEndsBlockedCallsAtCleanup) {
  ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  ThreadGroup threads;
  threads.Start("recv", [&] {
    std::string data;
    EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), WsaCode{WSAEINTR});
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  daemon_.Pause();
  EXPECT_EQ(spi_->Cleanup(), kNetDown);
  threads.JoinAll(seconds(10));
  daemon_.Resume();
}

// The daemon answers but manages this registration no longer: the final
// WSPCleanup says so, everything else finds the network down.
class LostRegistrationTest : public UnreachableTest {
 protected:
  void ExpectLost(int startups) {
    SOCKET s;
    EXPECT_EQ(spi_->Socket(&s), kNetDown);
    for (int i = 1; i < startups; ++i) EXPECT_EQ(spi_->Cleanup(), kNetDown);
    EXPECT_EQ(spi_->Cleanup(), WsaCode{WSAEINVAL});
    EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  }
  void ExpectUsable() {
    ASSERT_EQ(spi_->Startup(), kOk);
    Connection connection = Connect();
    EXPECT_EQ(spi_->Cleanup(), kOk);
    EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
    EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  }
};

TEST_F(LostRegistrationTest, FinalCleanupAfterARestartIsInvalid) {
  ASSERT_EQ(spi_->Startup(), kOk);
  Connect();
  daemon_.Kill();
  ASSERT_TRUE(daemon_.Start());
  ExpectLost(1);
  ExpectUsable();
}

TEST_F(LostRegistrationTest, OnlyTheFinalCleanupIsInvalid) {
  for (int i = 0; i < 3; ++i) ASSERT_EQ(spi_->Startup(), kOk);
  daemon_.Kill();
  ASSERT_TRUE(daemon_.Start());
  ExpectLost(3);
  ExpectUsable();
}

TEST_F(LostRegistrationTest, CleanupAsTheFirstCallAfterARestartIsInvalid) {
  ASSERT_EQ(spi_->Startup(), kOk);
  daemon_.Kill();
  ASSERT_TRUE(daemon_.Start());
  EXPECT_EQ(spi_->Cleanup(), WsaCode{WSAEINVAL});
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  ExpectUsable();
}

TEST_F(LostRegistrationTest, SocketsOfALostRegistrationAreDown) {
  ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  daemon_.Kill();
  ASSERT_TRUE(daemon_.Start());
  std::string data;
  EXPECT_EQ(spi_->Send(connection.socket, "data"), kNetDown);
  EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), kNetDown);
  ExpectLost(1);
}

class GraceTest : public LostRegistrationTest {
 protected:
  GraceTest() = default;

  // The provider's connection to the daemon, which comes with the startup.
  void StartUpAndConnect() {
    StubConnection::Finder finder;
    ASSERT_EQ(spi_->Startup(), kOk);
    stub_ = finder.Find();
    ASSERT_TRUE(stub_.is_found());
    connection_ = Connect();
  }

  StubConnection stub_;
  Connection connection_;
};

TEST_F(GraceTest, BrokenStreamIsResumedByTheNextCall) {
  StartUpAndConnect();
  stub_.Break();
  EXPECT_EQ(spi_->Send(connection_.socket, "still there"), kOk);
  EXPECT_EQ(connection_.peer.Read(11), "still there");
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection_.peer.WaitForEnd(), Ending::kReset);
}

TEST_F(GraceTest, BrokenStreamIsResumedByACallThatWaits) {
  StartUpAndConnect();
  ThreadGroup threads;
  threads.Start("recv", [&] {
    std::string data;
    EXPECT_EQ(spi_->Recv(connection_.socket, 10, &data), kOk);
    EXPECT_EQ(data, "hello");
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  stub_.Break();
  EXPECT_TRUE(connection_.peer.Write("hello"));
  threads.JoinAll(seconds(10));
  EXPECT_EQ(spi_->Cleanup(), kOk);
}

TEST_F(GraceTest, FinalCleanupIsInvalidWhenTheGraceIsOver) {
  StartUpAndConnect();
  stub_.Break();
  EXPECT_EQ(connection_.peer.WaitForEnd(seconds(20)), Ending::kReset);
  ExpectLost(1);
  ExpectUsable();
}

TEST_F(GraceTest, CleanupWithinTheGraceIsFinal) {
  StartUpAndConnect();
  stub_.Break();
  const milliseconds time = TimeOf([&] {
    EXPECT_EQ(spi_->Cleanup(), kOk);
    EXPECT_EQ(connection_.peer.WaitForEnd(), Ending::kReset);
  });
  EXPECT_LT(time, seconds(1)) << "the reset came from the end of the grace";
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

}  // namespace
}  // namespace wspd::testing
