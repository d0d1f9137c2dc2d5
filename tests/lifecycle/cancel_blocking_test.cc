// WSPCancelBlockingCall from the blocking hook of each call of waiting.h: that
// one ends, its socket goes on where the call had taken nothing, and nobody
// else's call ends.
#include <memory>
#include <string>

#include "client_stub/spi_client/blocking_hook.h"
#include "tests/lifecycle/pending_call.h"
#include "tests/lifecycle/pending_peers.h"
#include "tests/testing/network_namespace.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kInterrupted{WSAEINTR};

class CancelBlockingTest : public ProviderTest,
                           public ::testing::WithParamInterface<WaitingKind> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(EnterFreshNetwork());
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    peers_ = std::make_unique<PendingPeers>(waiting(), GetParam().family);
    call_ = std::make_unique<PendingCall>(
        spi_.get(), waiting(), GetParam().family, Telling::kBlocking);
    call_->Prepare(peers_->endpoint());
    ASSERT_FALSE(HasFatalFailure());
    peers_->Meet(call_->own());
  }
  void TearDown() override {
    spi_client::SetBlockingHook({});
    // So that what was closed has nothing to wait for.
    if (peers_ != nullptr) peers_->Leave();
    ProviderTest::TearDown();
  }

  Waiting waiting() const { return GetParam().waiting; }

  // The call, which its hook cancels.
  WsaCode CallAndCancel() {
    hook_calls_ = 0;
    spi_client::SetBlockingHook(
        {[](DWORD_PTR context) -> BOOL {
           auto* const test = reinterpret_cast<CancelBlockingTest*>(context);
           if (test->hook_calls_++ == 0) {
             test->peers_->MeetCall(test->call_->own());
             EXPECT_EQ(test->spi_->CancelBlocking(), kOk);
           }
           return FALSE;
         },
         reinterpret_cast<DWORD_PTR>(this)});
    const WsaCode code = call_->Call();
    spi_client::SetBlockingHook({});
    EXPECT_GE(hook_calls_, 1);
    return code;
  }

  std::unique_ptr<PendingPeers> peers_;
  std::unique_ptr<PendingCall> call_;
  int hook_calls_ = 0;
};

TEST_P(CancelBlockingTest, TheCallIsInterruptedAndItsSocketMayBeClosed) {
  PeerListener listener;
  Connection bystander = Connect(listener);
  ThreadGroup threads;
  threads.Start("bystander", [&] {
    std::string data;
    EXPECT_EQ(spi_->Recv(bystander.socket, 4, &data), kOk);
    EXPECT_EQ(data, "data");
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(CallAndCancel(), kInterrupted);
  EXPECT_EQ(threads.ended(), 0);
  EXPECT_EQ(call_->Close(), kOk);
  ASSERT_TRUE(bystander.peer.Write("data"));
  threads.JoinAll();
}

// Of what had begun to send or to connect only closing is safe.
TEST_P(CancelBlockingTest, TheCallMayBeMadeAgain) {
  if (waiting() == Waiting::kSend || waiting() == Waiting::kConnectEx ||
      waiting() == Waiting::kConnectExData) {
    return;
  }
  EXPECT_EQ(CallAndCancel(), kInterrupted);
  ThreadGroup threads;
  threads.Start("again", [&] { EXPECT_EQ(call_->Call(), kOk); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_EQ(threads.ended(), 0);
  EXPECT_TRUE(WaitUntil([&] {
    peers_->Proceed();
    return threads.ended() > 0;
  }));
  threads.JoinAll();
}

INSTANTIATE_TEST_SUITE_P(Kinds, CancelBlockingTest,
                         ::testing::ValuesIn(WaitingKinds()),
                         [](const auto& info) { return NameOf(info.param); });

}  // namespace
}  // namespace wspd::testing
