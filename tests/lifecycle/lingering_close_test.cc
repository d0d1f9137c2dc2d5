// A WSPCloseSocket that waits for its linger time. Whatever ends it but that
// time ends the wait alone: the socket is closed since it began, and what
// WSPSend had accepted still arrives.
#include <signal.h>

#include <functional>
#include <string>

#include "client_stub/spi_client/blocking_hook.h"
#include "tests/testing/child_process.h"
#include "tests/testing/pattern.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/role.h"
#include "tests/testing/spawn.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kInterrupted{WSAEINTR};
constexpr int kLingerSeconds = 60;

PeerListener::Options NarrowOptions() {
  PeerListener::Options options;
  options.receive_buffer = 4096;
  return options;
}

// Sends as much as is taken of a Pattern that begins at 0, and has the close
// wait for that. How much it was.
size_t FillAndLinger(Spi* spi, SOCKET s) {
  EXPECT_EQ(spi->SetNonBlocking(s, true), kOk);
  size_t total = 0, sent = 0;
  while (spi->Send(s, Pattern(total, 1 << 16), &sent).ok()) total += sent;
  EXPECT_EQ(spi->SetNonBlocking(s, false), kOk);
  EXPECT_EQ(spi->SetLinger(s, true, kLingerSeconds), kOk);
  return total;
}

// Connects to port [0], and closes what lingers. Says how much that is, and
// that the close waits.
int CloseAndWait(Role& role) {
  const Endpoint endpoint = {
      Family::kIpv4, static_cast<uint16_t>(std::stoi(role.arguments[0]))};
  std::unique_ptr<Spi> spi = Spi::Load();
  WSPD_ROLE_CHECK(spi != nullptr, "load");
  SOCKET s;
  WsaCode code = spi->Startup();
  WSPD_ROLE_CHECK(code.ok(), ToString(code));
  code = spi->ConnectNew(endpoint, &s);
  WSPD_ROLE_CHECK(code.ok(), ToString(code));
  role.parent.Send(std::to_string(FillAndLinger(spi.get(), s)));
  ThreadGroup threads;
  threads.Start("close", [&] { spi->Close(s); });
  WSPD_ROLE_CHECK(threads.WaitUntilBlocked() && threads.ended() == 0,
                  "blocked");
  role.parent.Send("closing");
  role.parent.Receive();
  WSPD_ROLE_CHECK(false, "nobody killed it");
  return 1;
}
const RoleRegistration kCloseAndWait("CloseAndWait", CloseAndWait);

class LingeringCloseTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }
  void TearDown() override {
    spi_client::SetBlockingHook({});
    // So that what was closed has nothing to wait for.
    connection_ = {};
    ProviderTest::TearDown();
  }

  void Open() {
    connection_ = Connect(narrow_);
    total_ = FillAndLinger(spi_.get(), connection_.socket);
  }
  // WSPCloseSocket, in whose hook, when that is called first, `body` runs.
  WsaCode CloseWith(std::function<void()> body) {
    body_ = std::move(body);
    hook_calls_ = 0;
    spi_client::SetBlockingHook(
        {[](DWORD_PTR context) -> BOOL {
           auto* const test = reinterpret_cast<LingeringCloseTest*>(context);
           if (test->hook_calls_++ == 0) test->body_();
           return FALSE;
         },
         reinterpret_cast<DWORD_PTR>(this)});
    const WsaCode code = spi_->Close(connection_.socket);
    spi_client::SetBlockingHook({});
    EXPECT_EQ(hook_calls_, 1);
    return code;
  }
  void ExpectAllArrives() {
    const PeerSocket::Rest rest = connection_.peer.ReadToEnd();
    EXPECT_EQ(rest.ending, Ending::kOrderly);
    EXPECT_EQ(rest.data.size(), total_);
    EXPECT_EQ(PatternError(rest.data, 0), "");
  }

  PeerListener narrow_{NarrowOptions()};
  Connection connection_;
  size_t total_ = 0;
  int hook_calls_ = 0;
  std::function<void()> body_;
};

TEST_F(LingeringCloseTest, WaitsOnAfterItsHook) {
  Open();
  PeerSocket::Rest rest;
  EXPECT_EQ(CloseWith([&] { rest = connection_.peer.ReadToEnd(); }), kOk);
  EXPECT_EQ(rest.data.size(), total_);
  EXPECT_EQ(rest.ending, Ending::kOrderly);
}

TEST_F(LingeringCloseTest, CancelledInItsHookItIsDone) {
  Open();
  EXPECT_EQ(CloseWith([&] { EXPECT_EQ(spi_->CancelBlocking(), kOk); }),
            kInterrupted);
  EXPECT_EQ(spi_->Send(connection_.socket, "x"), WsaCode{WSAENOTSOCK});
  ExpectAllArrives();
}

// The handle is still there, since a cancelled call leaves only the close.
TEST_F(LingeringCloseTest, CancelledItIsMadeAgainAtOnce) {
  Open();
  EXPECT_EQ(CloseWith([&] { EXPECT_EQ(spi_->CancelBlocking(), kOk); }),
            kInterrupted);
  EXPECT_EQ(spi_->Close(connection_.socket), kOk);
  EXPECT_EQ(spi_->Close(connection_.socket), WsaCode{WSAENOTSOCK});
  ExpectAllArrives();
}

// Also those that the daemon hasn't seen yet, as the second one here.
TEST_F(LingeringCloseTest, CancelledItHasAbortedOverlappedCalls) {
  Open();
  Event events[2];
  Operation sends[2];
  for (int i = 0; i < 2; ++i) {
    sends[i].overlapped.hEvent = events[i].get();
    ASSERT_EQ(spi_->StartSend(connection_.socket, &sends[i],
                              std::string(1 << 20, 'x')),
              kPending);
  }
  EXPECT_EQ(CloseWith([&] { EXPECT_EQ(spi_->CancelBlocking(), kOk); }),
            kInterrupted);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(events[i].Wait());
    EXPECT_EQ(sends[i].error(), DWORD{WSA_OPERATION_ABORTED});
  }
  EXPECT_EQ(spi_->Close(connection_.socket), kOk);
}

TEST_F(LingeringCloseTest, FinalCleanupOfAnotherThreadInterruptsIt) {
  Open();
  ThreadGroup threads;
  threads.Start("close", [&] {
    EXPECT_EQ(spi_->Close(connection_.socket), kInterrupted);
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_EQ(threads.ended(), 0);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  threads.JoinAll(seconds(10));
  ExpectAllArrives();
}

TEST_F(LingeringCloseTest, EarlierCleanupLeavesItAlone) {
  ASSERT_EQ(spi_->Startup(), kOk);
  Open();
  ThreadGroup threads;
  threads.Start("close",
                [&] { EXPECT_EQ(spi_->Close(connection_.socket), kOk); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(spi_->Cleanup(), kOk);
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(threads.ended(), 0);
  ExpectAllArrives();
  threads.JoinAll(seconds(10));
}

TEST_F(LingeringCloseTest, FinalCleanupInItsHookInterruptsIt) {
  Open();
  EXPECT_EQ(CloseWith([&] { EXPECT_EQ(spi_->Cleanup(), kOk); }), kInterrupted);
  EXPECT_EQ(spi_->Cleanup(), WsaCode{WSANOTINITIALISED});
  ExpectAllArrives();
}

TEST_F(LingeringCloseTest, DeathOfItsProcessLetsItLingerOn) {
  ChildProcess child("CloseAndWait", {std::to_string(narrow_.endpoint().port)});
  connection_.peer = narrow_.Accept();
  ASSERT_TRUE(connection_.peer.is_open());
  const std::string total = child.channel().Receive();
  ASSERT_NE(total, "") << "the client has ended";
  total_ = std::stoul(total);
  ASSERT_EQ(child.channel().Receive(), "closing");
  child.Signal(SIGKILL);
  const int status = child.Wait();
  EXPECT_EQ(status, SIGKILL) << DescribeStatus(status);
  ExpectAllArrives();
}

}  // namespace
}  // namespace wspd::testing
