// Network events of every kind that are about to be told of when the final
// cleanup comes.
#include <memory>
#include <string>
#include <tuple>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/message_window.h"
#include "tests/lifecycle/upcall_gate.h"
#include "tests/testing/network_events.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/socket_set.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr UINT kMessage = 0x401;
constexpr WsaCode kWouldBlock{WSAEWOULDBLOCK};

enum class Mode { kEventObject, kWindow };

using Registration = std::tuple<int, Mode>;

std::string NameOfRegistration(
    const ::testing::TestParamInfo<Registration>& info) {
  const auto [kind, mode] = info.param;
  const char* const name = kind == FD_READ      ? "Read"
                           : kind == FD_WRITE   ? "Write"
                           : kind == FD_OOB     ? "Oob"
                           : kind == FD_ACCEPT  ? "Accept"
                           : kind == FD_CONNECT ? "Connect"
                                                : "Close";
  return std::string(name) + (mode == Mode::kWindow ? "Window" : "Event");
}

class AboutToFireTest : public ProviderTest,
                        public ::testing::WithParamInterface<Registration> {
 protected:
  AboutToFireTest()
      : narrow_([] {
          PeerListener::Options options;
          options.receive_buffer = 4096;
          return options;
        }()) {}

  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_FALSE(HasFatalFailure());
    // For the table.
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->Cleanup(), kOk);
    UpcallGate::Reset();
    ASSERT_EQ(spi_->StartupWith(UpcallGate::Upcalls()), kOk);
    gated_ = Connect();
    ASSERT_EQ(spi_->EventSelect(gated_.socket, gated_event_.get(), FD_READ),
              kOk);
    Prepare();
  }

  int kind() const { return std::get<0>(GetParam()); }
  bool has_window() const { return std::get<1>(GetParam()) == Mode::kWindow; }

  WsaCode Select(SOCKET s) {
    return has_window()
               ? spi_->AsyncSelect(s, window_.handle(), kMessage, kind())
               : spi_->EventSelect(s, event_.get(), kind());
  }

  // The socket, selected for the event, which isn't due yet.
  void Prepare() {
    switch (kind()) {
      case FD_ACCEPT:
        ASSERT_EQ(spi_->ListenNew(&socket_, &endpoint_), kOk);
        ASSERT_EQ(Select(socket_), kOk);
        break;
      case FD_CONNECT:
        ASSERT_EQ(spi_->Socket(&socket_), kOk);
        ASSERT_EQ(Select(socket_), kOk);
        break;
      case FD_WRITE: {
        Connection connection = Connect(narrow_);
        socket_ = connection.socket;
        peer_ = std::move(connection.peer);
        ASSERT_EQ(Select(socket_), kOk);
        // At first there is room, which is told of.
        ASSERT_EQ(Next(), FD_WRITE);
        const std::string data(65536, 'x');
        WsaCode code = kOk;
        while (code.ok()) code = spi_->Send(socket_, data);
        ASSERT_EQ(code, kWouldBlock);
        break;
      }
      default: {
        Connection connection = Connect();
        socket_ = connection.socket;
        peer_ = std::move(connection.peer);
        ASSERT_EQ(Select(socket_), kOk);
      }
    }
    ExpectToldNothing();
  }

  void Provoke() {
    switch (kind()) {
      case FD_READ:
        ASSERT_TRUE(peer_.Write("x"));
        break;
      case FD_OOB:
        ASSERT_TRUE(peer_.WriteUrgent("x"));
        break;
      case FD_CLOSE:
        peer_.ShutdownSend();
        break;
      case FD_ACCEPT:
        peer_ = PeerSocket::ConnectTo(endpoint_);
        ASSERT_TRUE(peer_.is_open());
        break;
      case FD_CONNECT:
        ASSERT_EQ(spi_->Connect(socket_, listener_.endpoint()), kWouldBlock);
        peer_ = listener_.Accept();
        ASSERT_TRUE(peer_.is_open());
        break;
      default:
        break;
    }
  }

  // The provider is in the middle of telling of another socket, and has to tell
  // of this one next.
  void HaveItAboutToFire() {
    UpcallGate::CloseFor(gated_event_.get());
    ASSERT_TRUE(gated_.peer.Write("x"));
    UpcallGate::AwaitReached();
    Provoke();
    if (HasFatalFailure()) return;
    ASSERT_TRUE(WaitUntil([this] { return IsTheCase(); }));
    // That answer may overtake the notice. A receive that fails has the daemon
    // record what is the case before it is answered, so that the notice comes
    // with this answer at the latest, behind it, and before the next one.
    std::string none;
    ASSERT_NE(
        spi_->Recv(socket_, 1, &none, kind() == FD_OOB ? 0 : DWORD{MSG_OOB}),
        kOk);
    int value = 0;
    ASSERT_EQ(spi_->GetOption(socket_, SOL_SOCKET, SO_TYPE, &value), kOk);
  }

  // Whether the daemon has seen what the event is about.
  bool IsTheCase() {
    if (kind() == FD_WRITE) peer_.ReadWhatIsThere(1 << 20);
    SocketSet set({socket_});
    const bool writes = kind() == FD_WRITE || kind() == FD_CONNECT;
    const bool urgent = kind() == FD_OOB;
    const timeval none = {0, 0};
    int ready = 0;
    EXPECT_EQ(spi_->Select(writes || urgent ? nullptr : set.get(),
                           writes ? set.get() : nullptr,
                           urgent ? set.get() : nullptr, &none, &ready),
              kOk);
    return ready == 1;
  }

  NetworkEvents Next() {
    if (has_window()) {
      spi_client::PostedMessage posted;
      if (!window_.Take(&posted, 30000)) return {};
      EXPECT_EQ(WSAGETSELECTERROR(posted.lparam), 0);
      return WSAGETSELECTEVENT(posted.lparam);
    }
    if (!event_.Wait()) return {};
    WSANETWORKEVENTS record = {};
    EXPECT_EQ(spi_->EnumNetworkEvents(socket_, event_.get(), &record), kOk);
    return NetworkEvents(record);
  }
  // Tells without the daemon, and takes nothing off but a message.
  bool AwaitTold() {
    if (!has_window()) return event_.Wait();
    return Next() == kind();
  }
  void ExpectToldNothing() {
    spi_client::PostedMessage posted;
    EXPECT_FALSE(event_.IsSet());
    EXPECT_FALSE(window_.Take(&posted, 0));
  }

  PeerListener narrow_;
  Connection gated_;
  Event gated_event_;
  SOCKET socket_ = INVALID_SOCKET;
  Endpoint endpoint_;
  PeerSocket peer_;
  Event event_;
  spi_client::MessageWindow window_;
};

TEST_P(AboutToFireTest, TheFinalCleanupIsSilent) {
  HaveItAboutToFire();
  ThreadGroup cleaner;
  cleaner.Start("cleanup", [&] {
    EXPECT_EQ(spi_->Cleanup(), kOk);
    UpcallGate::NoteCleanup();
  });
  EXPECT_TRUE(cleaner.WaitUntilBlocked());
  EXPECT_EQ(cleaner.ended(), 0) << "an upcall is under way";
  UpcallGate::Open();
  cleaner.JoinAll();
  EXPECT_TRUE(gated_event_.IsSet());
  ExpectToldNothing();
  // Nor does it come late.
  EXPECT_EQ(gated_.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(spi_client::SleepAlertable(20), 0u);
  ExpectToldNothing();
  EXPECT_EQ(UpcallGate::late_upcalls(), 0);
}

// The same without the cleanup: it was about to fire, and the provider had all
// that it needs for it.
TEST_P(AboutToFireTest, WithoutACleanupItIsTold) {
  HaveItAboutToFire();
  ExpectToldNothing();
  daemon_.Pause();
  UpcallGate::Open();
  EXPECT_TRUE(AwaitTold());
  daemon_.Resume();
  if (!has_window()) {
    EXPECT_EQ(Next(), kind());
  }
}

TEST_P(AboutToFireTest, AnEarlierCleanupDoesNotKeepItFromBeingTold) {
  ASSERT_EQ(spi_->StartupWith(UpcallGate::Upcalls()), kOk);
  HaveItAboutToFire();
  ThreadGroup cleaner;
  cleaner.Start("cleanup", [&] { EXPECT_EQ(spi_->Cleanup(), kOk); });
  cleaner.JoinAll();
  UpcallGate::Open();
  EXPECT_EQ(Next(), kind());
}

INSTANTIATE_TEST_SUITE_P(
    Events, AboutToFireTest,
    ::testing::Combine(::testing::Values(int{FD_READ}, int{FD_WRITE},
                                         int{FD_OOB}, int{FD_ACCEPT},
                                         int{FD_CONNECT}, int{FD_CLOSE}),
                       ::testing::Values(Mode::kEventObject, Mode::kWindow)),
    NameOfRegistration);

}  // namespace
}  // namespace wspd::testing
