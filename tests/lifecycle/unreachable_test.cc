// What the provider says when its daemon can't be reached, or no longer knows
// the process.
#include <sys/types.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "client_stub/spi_client/blocking_hook.h"
#include "tests/testing/process_files.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/slowness.h"
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
  EXPECT_LT(TimeOf([&] { EXPECT_EQ(spi_->Startup(), kNotReady); }),
            kPromptly * Slowness());
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  ASSERT_TRUE(daemon_.Start());
  ASSERT_EQ(spi_->Startup(), kOk);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(UnreachableTest, StartupAtADeadDaemonsSocketFileIsNotReady) {
  GetTable();
  daemon_.Kill();
  EXPECT_LT(TimeOf([&] { EXPECT_EQ(spi_->Startup(), kNotReady); }),
            kPromptly * Slowness());
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(UnreachableTest, StartupWithoutSocketFileIsNotReady) {
  GetTable();
  UseDaemonAt(daemon_.dir().File("nowhere.sock"));
  EXPECT_LT(TimeOf([&] { EXPECT_EQ(spi_->Startup(), kNotReady); }),
            kPromptly * Slowness());
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

// Runs one call while the daemon is gone.
void ExpectNetDown(const char* name, const std::function<WsaCode()>& call) {
  WsaCode code;
  const milliseconds time = TimeOf([&] { code = call(); });
  EXPECT_EQ(code, kNetDown) << name;
  EXPECT_LT(time, milliseconds(500) * Slowness()) << name;
}

TEST_F(UnreachableTest, EveryCallIsNetDownPromptly) {
  ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  const SOCKET s = connection.socket;
  SOCKET listener, unbound, other;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
  ASSERT_EQ(spi_->Socket(&unbound), kOk);
  Operation pending, operation;
  Event event;
  pending.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(s, &pending, 10), kPending);
  daemon_.Kill();

  std::string data;
  u_long readable;
  int value;
  DWORD bytes;
  // What a lent socket sends may be on its way before anything notices.
  if (OnLentPlane()) {
    ExpectNetDown("GetSockName, first",
                  [&] { return spi_->GetSockName(s, &endpoint); });
  }
  ExpectNetDown("Send", [&] { return spi_->Send(s, "data"); });
  ExpectNetDown("Recv", [&] { return spi_->Recv(s, 10, &data); });
  ExpectNetDown("Send, overlapped",
                [&] { return spi_->StartSend(s, &operation, "data"); });
  ExpectNetDown("Recv, overlapped",
                [&] { return spi_->StartRecv(s, &operation, 10); });
  ExpectNetDown("GetOverlappedResult",
                [&] { return spi_->GetResult(s, &pending, true, &bytes); });
  ExpectNetDown("Socket", [&] { return spi_->Socket(&other); });
  ExpectNetDown("Bind", [&] {
    return spi_->Bind(unbound, {Family::kIpv4, 0});
  });
  ExpectNetDown("Listen", [&] { return spi_->Listen(listener); });
  ExpectNetDown("Accept", [&] { return spi_->Accept(listener, &other); });
  ExpectNetDown("Connect",
                [&] { return spi_->Connect(unbound, listener_.endpoint()); });
  ExpectNetDown("GetSockName", [&] { return spi_->GetSockName(s, &endpoint); });
  ExpectNetDown("GetPeerName", [&] { return spi_->GetPeerName(s, &endpoint); });
  ExpectNetDown("GetSockOpt", [&] {
    return spi_->GetOption(s, SOL_SOCKET, SO_ERROR, &value);
  });
  ExpectNetDown("SetSockOpt", [&] {
    return spi_->SetOption(s, SOL_SOCKET, SO_KEEPALIVE, 1);
  });
  ExpectNetDown("Ioctl(FIONREAD)",
                [&] { return spi_->BytesReadable(s, &readable); });
  ExpectNetDown("Ioctl(FIONBIO)",
                [&] { return spi_->SetNonBlocking(s, true); });
  ExpectNetDown("Shutdown", [&] { return spi_->Shutdown(s, SD_SEND); });
  ExpectNetDown("CloseSocket", [&] { return spi_->Close(unbound); });
  ExpectNetDown("CloseSocket", [&] { return spi_->Close(s); });
  ExpectNetDown("Cleanup", [&] { return spi_->Cleanup(); });
}

// It is about the calling thread, whose call has ended with the daemon.
TEST_F(UnreachableTest, CancelBlockingCallFindsNothingToCancel) {
  ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  daemon_.Kill();
  EXPECT_LT(
      TimeOf([&] { EXPECT_EQ(spi_->CancelBlocking(), WsaCode{WSAEINVAL}); }),
      milliseconds(500));
}

struct Cancelling {
  Spi* spi;
  DaemonProcess* daemon;
  WsaCode result{-2};
};

// The daemon dies before the hook cancels the call that the hook is run by.
TEST_F(UnreachableTest, CancelBlockingCallInAHookEndsTheCall) {
  ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  Cancelling cancelling = {spi_.get(), &daemon_};
  spi_client::SetBlockingHook({[](DWORD_PTR context) -> BOOL {
                                 auto* const cancelling =
                                     reinterpret_cast<Cancelling*>(context);
                                 if (!cancelling->daemon->is_running())
                                   return FALSE;
                                 cancelling->daemon->Kill();
                                 cancelling->result =
                                     cancelling->spi->CancelBlocking();
                                 return FALSE;
                               },
                               reinterpret_cast<DWORD_PTR>(&cancelling)});
  std::string data;
  const milliseconds time = TimeOf([&] {
    const WsaCode code = spi_->Recv(connection.socket, 10, &data);
    // A lent socket's waits don't ask the daemon, and the cancelling ends them.
    EXPECT_EQ(code, OnLentPlane() ? WsaCode{WSAEINTR} : kNetDown);
  });
  spi_client::SetBlockingHook({});
  EXPECT_EQ(cancelling.result, kOk);
  EXPECT_LT(time, milliseconds(500) * Slowness());
}

// The daemon dies without a call to notice it: the first one does, whichever.
class FirstCallTest : public UnreachableTest {
 protected:
  void SetUp() override {
    UnreachableTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    connection_ = Connect();
  }
  Connection connection_;
};

TEST_F(FirstCallTest, ClosingIsNetDown) {
  daemon_.Kill();
  ExpectNetDown("CloseSocket", [&] { return spi_->Close(connection_.socket); });
}

TEST_F(FirstCallTest, NamesAreNetDown) {
  daemon_.Kill();
  Endpoint endpoint;
  ExpectNetDown("GetSockName", [&] {
    return spi_->GetSockName(connection_.socket, &endpoint);
  });
}

TEST_F(FirstCallTest, OverlappedSendIsNetDown) {
  daemon_.Kill();
  Operation operation;
  ExpectNetDown("Send, overlapped", [&] {
    return spi_->StartSend(connection_.socket, &operation, "data");
  });
  EXPECT_FALSE(operation.is_pending());
}

TEST_F(FirstCallTest, OverlappedReceiveIsNetDown) {
  daemon_.Kill();
  Operation operation;
  ExpectNetDown("Recv, overlapped", [&] {
    return spi_->StartRecv(connection_.socket, &operation, 10);
  });
  EXPECT_FALSE(operation.is_pending());
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
  EXPECT_LT(time, kPromptly * Slowness());
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

TEST_F(UnreachableTest, StoppedDaemonHoldsUpNoneOfSeveralCleanups) {
  for (int i = 0; i < 2; ++i) ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  daemon_.Pause();
  for (int i = 0; i < 2; ++i) {
    const milliseconds time =
        TimeOf([&] { EXPECT_EQ(spi_->Cleanup(), kNetDown) << i; });
    EXPECT_LT(time, seconds(5)) << i;
  }
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
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
  // A lent socket's sends and receives go on until a call to the daemon.
  if (OnLentPlane()) {
    Endpoint endpoint;
    EXPECT_EQ(spi_->Send(connection.socket, "data"), kOk);
    EXPECT_EQ(connection.peer.Read(4), "data");
    EXPECT_EQ(spi_->GetSockName(connection.socket, &endpoint), kNetDown);
  }
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

// Cleanups that a stopped daemon didn't hear of count when it goes on with the
// registration that it kept.
TEST_F(GraceTest, CleanupsOfAStoppedDaemonCountOnceItGoesOn) {
  StartUpAndConnect();
  for (int i = 1; i < 4; ++i) ASSERT_EQ(spi_->Startup(), kOk);
  daemon_.Pause();
  EXPECT_EQ(spi_->Cleanup(), kNetDown);
  stub_.Break();
  EXPECT_EQ(spi_->Cleanup(), kNetDown);
  daemon_.Resume();
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection_.peer.PeekEnd(), Ending::kStillOpen);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection_.peer.WaitForEnd(seconds(1)), Ending::kReset);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  ExpectUsable();
}

TEST_F(GraceTest, LastCleanupIsFinalAfterOneThatAStoppedDaemonMissed) {
  StartUpAndConnect();
  ASSERT_EQ(spi_->Startup(), kOk);
  daemon_.Pause();
  stub_.Break();
  EXPECT_EQ(spi_->Cleanup(), kNetDown);
  daemon_.Resume();
  ASSERT_EQ(spi_->Startup(), kOk);
  EXPECT_EQ(spi_->Send(connection_.socket, "still open"), kOk);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection_.peer.PeekEnd(), Ending::kStillOpen);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection_.peer.WaitForEnd(seconds(1)), Ending::kReset);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

}  // namespace
}  // namespace wspd::testing
