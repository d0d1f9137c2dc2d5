// Registrations of WSPEventSelect and WSPAsyncSelect over the life of what they
// belong to: the final cleanup and WSPCloseSocket end them silently, a broken
// stream doesn't, and the end of the daemon isn't kept from who waits.
#include "tests/testing/network_events.h"

#include <atomic>
#include <set>
#include <string>
#include <vector>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/message_window.h"
#include "tests/lifecycle/upcall_gate.h"
#include "tests/testing/process_files.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/stub_connection.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr UINT kMessage = 0x401;

class NetworkEventsTest : public ProviderTest {
 protected:
  explicit NetworkEventsTest(const DaemonOptions& options = {})
      : ProviderTest(options) {}

  void SetUp() override {
    ProviderTest::SetUp();
    const StubConnection::Finder finder;
    ASSERT_EQ(spi_->Startup(), kOk);
    connection_ = finder.Find();
    ASSERT_TRUE(connection_.is_found());
  }
  NetworkEvents Record(SOCKET s, const Event& event) {
    WSANETWORKEVENTS record = {};
    EXPECT_EQ(spi_->EnumNetworkEvents(s, event.get(), &record), kOk);
    return NetworkEvents(record);
  }
  bool Takes(spi_client::MessageWindow* window, DWORD timeout_ms) {
    return window->Take(&posted_, timeout_ms);
  }

  StubConnection connection_;
  spi_client::PostedMessage posted_;
};

class AboutToFireTest : public NetworkEventsTest {
 protected:
  void SetUp() override {
    NetworkEventsTest::SetUp();
    ASSERT_EQ(spi_->Cleanup(), kOk);
    UpcallGate::Reset();
    ASSERT_EQ(spi_->StartupWith(UpcallGate::Upcalls()), kOk);

    first_ = Connect();
    second_ = Connect();
    third_ = Connect();
    ASSERT_EQ(spi_->EventSelect(first_.socket, slow_.get(), FD_READ), kOk);
    ASSERT_EQ(spi_->EventSelect(second_.socket, event_.get(), FD_READ), kOk);
    ASSERT_EQ(
        spi_->AsyncSelect(third_.socket, window_.handle(), kMessage, FD_READ),
        kOk);
  }

  // The stub is in the middle of telling of the first socket, and has to tell
  // of the two others next.
  void HaveThemAboutToFire() {
    UpcallGate::CloseFor(slow_.get());
    ASSERT_TRUE(first_.peer.Write("x"));
    UpcallGate::AwaitReached();
    ASSERT_TRUE(second_.peer.Write("x"));
    ASSERT_TRUE(third_.peer.Write("x"));
    // Their notices come before the answers of later calls.
    for (const SOCKET s : {second_.socket, third_.socket}) {
      u_long readable = 0;
      ASSERT_TRUE(WaitUntil([&] {
        return spi_->BytesReadable(s, &readable).ok() && readable == 1;
      }));
    }
    int error;
    ASSERT_EQ(spi_->GetOption(second_.socket, SOL_SOCKET, SO_ERROR, &error),
              kOk);
  }

  Connection first_, second_, third_;
  Event slow_, event_;
  spi_client::MessageWindow window_;
};

std::atomic<int> routines{0};
void CALLBACK CountRoutine(DWORD, DWORD, LPWSAOVERLAPPED, DWORD) { ++routines; }

TEST_F(AboutToFireTest, TheFinalCleanupIsSilent) {
  // Overlapped operations beside them.
  Connection with_event = Connect();
  Connection with_routine = Connect();
  Event done;
  Operation operation, routine_operation;
  operation.overlapped.hEvent = done.get();
  routines = 0;
  ASSERT_EQ(spi_->StartRecv(with_event.socket, &operation, 4), kPending);
  ASSERT_EQ(
      spi_->StartRecv(with_routine.socket, &routine_operation, 4, CountRoutine),
      kPending);
  HaveThemAboutToFire();
  ThreadGroup cleaner;
  std::atomic<bool> returned{false};
  cleaner.Start("cleaner", [&] {
    EXPECT_EQ(spi_->Cleanup(), kOk);
    UpcallGate::NoteCleanup();
    returned = true;
  });
  ASSERT_TRUE(cleaner.WaitUntilBlocked());
  EXPECT_FALSE(returned) << "an upcall is under way";
  UpcallGate::Open();
  cleaner.JoinAll();
  // What was under way came about; nothing that was behind it.
  EXPECT_TRUE(slow_.IsSet());
  EXPECT_FALSE(event_.IsSet());
  EXPECT_FALSE(Takes(&window_, 0));
  EXPECT_FALSE(done.IsSet());
  EXPECT_EQ(operation.error(), DWORD{WSA_OPERATION_ABORTED});
  // Nor does it come late.
  EXPECT_EQ(second_.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(third_.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(spi_client::SleepAlertable(50), 0u);
  EXPECT_FALSE(event_.IsSet());
  EXPECT_FALSE(done.IsSet());
  EXPECT_FALSE(Takes(&window_, 0));
  EXPECT_EQ(routines, 0);
  EXPECT_EQ(UpcallGate::late_upcalls(), 0);
}

// The opposite of the above for operations, and the same for registrations.
TEST_F(AboutToFireTest, CloseSocketTellsOfOperationsAndNotOfEvents) {
  Operation operation, routine_operation;
  Event done;
  operation.overlapped.hEvent = done.get();
  routines = 0;
  ASSERT_EQ(spi_->EventSelect(second_.socket, event_.get(), FD_CLOSE), kOk);
  ASSERT_EQ(
      spi_->AsyncSelect(third_.socket, window_.handle(), kMessage, FD_CLOSE),
      kOk);
  ASSERT_EQ(spi_->StartRecv(second_.socket, &operation, 4), kPending);
  ASSERT_EQ(spi_->StartRecv(third_.socket, &routine_operation, 4, CountRoutine),
            kPending);
  EXPECT_EQ(spi_->Close(second_.socket), kOk);
  EXPECT_EQ(spi_->Close(third_.socket), kOk);
  EXPECT_TRUE(done.Wait());
  EXPECT_EQ(operation.error(), DWORD{WSA_OPERATION_ABORTED});
  EXPECT_EQ(spi_client::SleepAlertable(20000), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(routines, 1);
  EXPECT_EQ(second_.peer.WaitForEnd(), Ending::kOrderly);
  EXPECT_EQ(third_.peer.WaitForEnd(), Ending::kOrderly);
  EXPECT_FALSE(event_.Wait(20));
  EXPECT_FALSE(Takes(&window_, 0));
}

TEST_F(AboutToFireTest, CloseSocketForgetsWhatIsToBeTold) {
  HaveThemAboutToFire();
  EXPECT_EQ(spi_->Close(second_.socket), kOk);
  EXPECT_EQ(spi_->Close(third_.socket), kOk);
  UpcallGate::Open();
  EXPECT_TRUE(slow_.Wait());
  EXPECT_FALSE(event_.Wait(20));
  EXPECT_FALSE(Takes(&window_, 0));
}

TEST_F(AboutToFireTest, CloseSocketWaitsForWhatIsBeingTold) {
  HaveThemAboutToFire();
  ThreadGroup closer;
  closer.Start("closer", [&] { EXPECT_EQ(spi_->Close(first_.socket), kOk); });
  ASSERT_TRUE(closer.WaitUntilBlocked());
  EXPECT_EQ(closer.ended(), 0);
  UpcallGate::Open();
  closer.JoinAll();
  EXPECT_TRUE(slow_.IsSet());
}

TEST_F(AboutToFireTest, ASecondSelectForgetsWhatTheFirstWasToTell) {
  HaveThemAboutToFire();
  EXPECT_EQ(spi_->EventSelect(second_.socket, nullptr, 0), kOk);
  EXPECT_EQ(spi_->AsyncSelect(third_.socket, nullptr, 0, 0), kOk);
  UpcallGate::Open();
  EXPECT_TRUE(slow_.Wait());
  EXPECT_FALSE(event_.Wait(20));
  EXPECT_FALSE(Takes(&window_, 0));
}

// -------------------------------------------------------------- the final
// cleanup, and data that comes at the same time

TEST_F(NetworkEventsTest, NothingIsToldOnceTheFinalCleanupHasReturned) {
  for (int round = 0; round < 30; ++round) {
    std::vector<Connection> connections;
    Event event;
    spi_client::MessageWindow window;
    for (int i = 0; i < 8; ++i) {
      connections.push_back(Connect());
      const SOCKET s = connections.back().socket;
      ASSERT_EQ(i % 2 == 0 ? spi_->EventSelect(s, event.get(), FD_READ)
                           : spi_->AsyncSelect(s, window.handle(), kMessage,
                                               FD_READ | FD_CLOSE),
                kOk);
    }
    ThreadGroup writer;
    std::atomic<bool> began{false};
    writer.Start("writer", [&] {
      for (Connection& connection : connections) {
        connection.peer.Write("x");
        began = true;
      }
    });
    ASSERT_TRUE(WaitUntil([&] { return began.load(); }));
    ASSERT_EQ(spi_->Cleanup(), kOk);
    // What came before may be there.
    int error = 0;
    spi_client::ResetEventObject(event.get(), &error);
    while (Takes(&window, 0)) {
    }
    writer.JoinAll();
    EXPECT_FALSE(event.Wait(2));
    EXPECT_FALSE(Takes(&window, 0));
    ASSERT_EQ(spi_->Startup(), kOk);
  }
}

TEST_F(NetworkEventsTest, RegistrationsEndWithTheStartupThatTheyBelongTo) {
  Connection connection = Connect();
  Event event;
  const std::set<pid_t> threads = ThreadIds();
  ASSERT_EQ(spi_->EventSelect(connection.socket, event.get(), FD_READ), kOk);
  EXPECT_EQ(ThreadIds().size(), threads.size() + 1) << "the stub's own";
  ASSERT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(ThreadIds(), threads);
  ASSERT_EQ(spi_->Startup(), kOk);
  Connection next = Connect();
  ASSERT_TRUE(next.peer.Write("x"));
  std::string data;
  EXPECT_EQ(spi_->Recv(next.socket, 1, &data), kOk);
  EXPECT_FALSE(event.IsSet());
}

// ------------------------------------------------------------ broken streams

// Nobody makes a call: the stub resumes by itself.
TEST_F(NetworkEventsTest, EventsGoOnAfterABrokenStream) {
  Connection connection = Connect();
  Connection posted = Connect();
  Event event;
  spi_client::MessageWindow window;
  ASSERT_EQ(spi_->EventSelect(connection.socket, event.get(), FD_READ), kOk);
  ASSERT_EQ(
      spi_->AsyncSelect(posted.socket, window.handle(), kMessage, FD_READ),
      kOk);
  connection_.Break();
  ASSERT_TRUE(connection.peer.Write("x"));
  ASSERT_TRUE(posted.peer.Write("x"));
  EXPECT_TRUE(event.Wait());
  EXPECT_EQ(Record(connection.socket, event), FD_READ);
  EXPECT_TRUE(Takes(&window, 30000));
  EXPECT_EQ(WSAGETSELECTEVENT(posted_.lparam), FD_READ);
}

class BreakingTest : public NetworkEventsTest {
 protected:
  BreakingTest()
      : NetworkEventsTest([] {
          DaemonOptions options;
          options.flags = {"--test_break_after_frames=5"};
          return options;
        }()) {}
};

TEST_F(BreakingTest, NothingIsLostOrToldTwice) {
  Connection connection = Connect();
  Connection posted = Connect();
  Event event;
  spi_client::MessageWindow window;
  ASSERT_EQ(spi_->EventSelect(connection.socket, event.get(), FD_READ), kOk);
  ASSERT_EQ(
      spi_->AsyncSelect(posted.socket, window.handle(), kMessage, FD_READ),
      kOk);
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(connection.peer.Write("x"));
    ASSERT_TRUE(posted.peer.Write("x"));
    ASSERT_TRUE(event.Wait()) << i;
    ASSERT_EQ(Record(connection.socket, event), FD_READ) << i;
    ASSERT_TRUE(Takes(&window, 30000)) << i;
    ASSERT_EQ(WSAGETSELECTEVENT(posted_.lparam), FD_READ);
    std::string data;
    ASSERT_EQ(spi_->Recv(connection.socket, 1, &data), kOk) << i;
    ASSERT_EQ(spi_->Recv(posted.socket, 1, &data), kOk) << i;
    ASSERT_EQ(Record(connection.socket, event), NetworkEvents()) << i;
    ASSERT_FALSE(Takes(&window, 0)) << i;
  }
}

// ------------------------------------------------------- the end of the daemon

TEST_F(NetworkEventsTest, WhoWaitsHearsThatTheDaemonIsGone) {
  Connection connection = Connect();
  Connection posted = Connect();
  Event event;
  spi_client::MessageWindow window;
  ASSERT_EQ(spi_->EventSelect(connection.socket, event.get(), FD_READ), kOk);
  ASSERT_EQ(
      spi_->AsyncSelect(posted.socket, window.handle(), kMessage, FD_CLOSE),
      kOk);
  daemon_.Kill();
  ASSERT_TRUE(event.Wait());
  WSANETWORKEVENTS record;
  EXPECT_EQ(spi_->EnumNetworkEvents(connection.socket, event.get(), &record),
            WsaCode{WSAENETDOWN});
  ASSERT_TRUE(Takes(&window, 30000));
  EXPECT_EQ(posted_.wparam, posted.socket);
  EXPECT_EQ(WSAGETSELECTEVENT(posted_.lparam), FD_CLOSE);
  EXPECT_EQ(WSAGETSELECTERROR(posted_.lparam), WSAENETDOWN);
  EXPECT_FALSE(Takes(&window, 20));
}

}  // namespace
}  // namespace wspd::testing
