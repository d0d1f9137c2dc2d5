// Every kind of call that may be pending, and the process that made it dies:
// it ends as by the final cleanup.
#include <memory>
#include <string>
#include <vector>

#include "tests/lifecycle/pending_call.h"
#include "tests/lifecycle/pending_peers.h"
#include "tests/testing/admin_view.h"
#include "tests/testing/child_process.h"
#include "tests/testing/network_namespace.h"
#include "tests/testing/process_files.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/role.h"
#include "tests/testing/spawn.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

// The client that dies. Arguments: what waits, the family, the peers' port. It
// says each socket's port once that is prepared and again once the call is
// made, with the parent's word in between.
int Caller(Role& role) {
  const auto waiting = static_cast<Waiting>(std::stoi(role.arguments[0]));
  const auto family = static_cast<Family>(std::stoi(role.arguments[1]));
  const Endpoint peer = {family,
                         static_cast<uint16_t>(std::stoi(role.arguments[2]))};
  std::unique_ptr<Spi> spi = Spi::Load();
  WSPD_ROLE_CHECK(spi != nullptr, "load");
  const WsaCode code = spi->Startup();
  WSPD_ROLE_CHECK(code.ok(), ToString(code));
  std::vector<std::unique_ptr<PendingCall>> calls;
  ThreadGroup threads;
  for (const Telling telling : TellingsOf(waiting)) {
    calls.push_back(
        std::make_unique<PendingCall>(spi.get(), waiting, family, telling));
    PendingCall* const call = calls.back().get();
    call->Prepare(peer);
    WSPD_ROLE_CHECK(!::testing::Test::HasFailure(), "prepare");
    role.parent.Send(std::to_string(call->own().port));
    role.parent.Receive();
    if (call->blocks()) {
      threads.Start("call", [call] { call->Call(); });
    } else {
      const WsaCode begun = call->Call();
      WSPD_ROLE_CHECK(begun == kPending, ToString(begun));
    }
    role.parent.Send("called");
    role.parent.Receive();
    call->AwaitMet();
  }
  WSPD_ROLE_CHECK(threads.WaitUntilBlocked(), "blocked");
  for (const auto& call : calls) {
    WSPD_ROLE_CHECK(call->blocks() || call->is_pending(), "pending");
  }
  role.parent.Send("pending");
  role.parent.Receive();
  WSPD_ROLE_CHECK(false, "nobody killed it");
  return 1;
}
const RoleRegistration kCaller("Caller", Caller);

class PendingDeathTest : public ProviderTest,
                         public ::testing::WithParamInterface<WaitingKind> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(EnterFreshNetwork());
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  // Has the client get to where all its calls are pending.
  void Begin() {
    const auto [waiting, family] = GetParam();
    peers_ = std::make_unique<PendingPeers>(waiting, family);
    client_ = std::make_unique<ChildProcess>(
        "Caller",
        std::vector<std::string>{std::to_string(static_cast<int>(waiting)),
                                 std::to_string(static_cast<int>(family)),
                                 std::to_string(peers_->endpoint().port)});
    LineChannel& channel = client_->channel();
    for (size_t i = 0; i < TellingsOf(waiting).size(); ++i) {
      const std::string port = channel.Receive();
      ASSERT_NE(port, "") << "the client has ended";
      const Endpoint own = {family, static_cast<uint16_t>(std::stoi(port))};
      peers_->Meet(own);
      channel.Send("call");
      ASSERT_EQ(channel.Receive(), "called");
      peers_->MeetCall(own);
      channel.Send("met");
    }
    ASSERT_EQ(channel.Receive(), "pending");
  }

  std::unique_ptr<PendingPeers> peers_;
  std::unique_ptr<ChildProcess> client_;
};

TEST_P(PendingDeathTest, LeavesNothingBehind) {
  AdminView admin(daemon_.admin_socket());
  ASSERT_EQ(admin.GetTotals().clients, 1u);
  const size_t descriptors = OpenDescriptors(daemon_.pid()).size();
  Begin();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_GT(admin.FindClient(client_->pid())->pending_calls, 0u);
  client_->Kill();
  EXPECT_TRUE(WaitUntil([&] {
    return !admin.FindClient(client_->pid()) && admin.GetTotals().sockets == 0;
  }));
  EXPECT_EQ(admin.GetTotals().lingering_sockets, 0u) << "closed, not reset";
  EXPECT_TRUE(WaitUntil([&] {
    return OpenDescriptors(daemon_.pid()).size() <= descriptors;
  })) << "descriptors are left in the daemon";
  peers_->ExpectGone();
  // Others are served, and the daemon stops in good order.
  PeerListener listener;
  Connection connection = Connect(listener);
  EXPECT_EQ(spi_->Send(connection.socket, "alive"), kOk);
  EXPECT_EQ(connection.peer.Read(5), "alive");
  EXPECT_EQ(admin.GetTotals().clients_died, 1u);
}

INSTANTIATE_TEST_SUITE_P(Kinds, PendingDeathTest,
                         ::testing::ValuesIn(WaitingKinds()),
                         [](const auto& info) { return NameOf(info.param); });

}  // namespace
}  // namespace wspd::testing
