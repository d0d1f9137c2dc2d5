// A client in a network namespace without a network, where nothing could be
// resolved; and what the daemon has of clients that only look names up.
#include <sched.h>
#include <svcguid.h>

#include <string>
#include <vector>

#include "tests/name_space/fixture.h"
#include "tests/testing/admin_view.h"
#include "tests/testing/child_process.h"
#include "tests/testing/role.h"
#include "tests/testing/thread_group.h"
#include "tests/testing/wait_until.h"

namespace wspd::testing {
namespace {

constexpr GUID kByName = SVCID_INET_HOSTADDRBYNAME;

void LeaveNetwork() {
  WSPD_ROLE_CHECK(
      unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0,
      "no network namespace");
}

// Says what it finds for each name that it is told, until there are no more.
int LookUpWithoutNetwork(Role& role) {
  LeaveNetwork();
  std::unique_ptr<NameSpace> name_space = NameSpace::Load();
  WSPD_ROLE_CHECK(name_space->Startup() == kOk, "startup");
  role.parent.Send("ready");
  for (std::string name = role.parent.Receive(); !name.empty();
       name = role.parent.Receive()) {
    const std::u16string wide(name.begin(), name.end());
    std::vector<LookupRecord> records;
    const WsaCode code =
        name_space->LookUp(kByName, wide.c_str(), LUP_RETURN_ADDR, &records);
    std::string found = ToString(code);
    if (!records.empty()) found = records[0].addresses.at(0);
    role.parent.Send(found);
  }
  WSPD_ROLE_CHECK(name_space->Cleanup() == kOk, "cleanup");
  return 0;
}
const RoleRegistration kLookUp("LookUpWithoutNetwork", LookUpWithoutNetwork);

class IsolatedTest : public NameSpaceTest {};

TEST_F(IsolatedTest, AClientWithoutNetworkHasTheDaemonsNames) {
  dns_.AddAddress("dns.example", "192.0.2.7");
  ChildProcess client("LookUpWithoutNetwork");
  ASSERT_EQ(client.channel().Receive(), "ready");
  client.channel().Send("f");
  EXPECT_EQ(client.channel().Receive(), "192.0.2.1 0 tcp");
  client.channel().Send("dns.example");
  EXPECT_EQ(client.channel().Receive(), "192.0.2.7 0 tcp");
  client.channel().Send("none.example");
  EXPECT_EQ(client.channel().Receive(), ToString({WSAHOST_NOT_FOUND}));
  client.channel().Close();
  EXPECT_EQ(client.Wait(), 0);
}

TEST_F(IsolatedTest, TheDeathOfAClientEndsItsLookups) {
  AdminView admin(daemon_.admin_socket());
  ChildProcess client("LookUpWithoutNetwork");
  ASSERT_EQ(client.channel().Receive(), "ready");
  client.channel().Send("silent.example");
  ASSERT_TRUE(dns_.AwaitQuestionFor("silent.example"));
  const auto attached = admin.FindClient(client.pid());
  ASSERT_TRUE(attached.has_value());
  EXPECT_EQ(attached->startups, 0u);
  EXPECT_EQ(attached->pending_calls, 1u);
  client.Kill();
  EXPECT_TRUE(WaitUntil([&] { return admin.GetTotals().IsEmpty(); }));
}

TEST_F(IsolatedTest, EndHasTheDaemonCancelTheLookup) {
  AdminView admin(daemon_.admin_socket());
  ASSERT_EQ(name_space_->Startup(), kOk);
  HANDLE lookup;
  ASSERT_EQ(
      name_space_->Begin(kByName, u"silent.example", LUP_RETURN_ADDR, &lookup),
      kOk);
  ThreadGroup threads;
  threads.Start("next",
                [&] { EXPECT_EQ(name_space_->Next(lookup), kCancelled); });
  ASSERT_TRUE(dns_.AwaitQuestionFor("silent.example"));
  const auto pending_calls = [&] {
    const auto client = admin.FindClient();
    return client.has_value() ? client->pending_calls : 99;
  };
  EXPECT_EQ(pending_calls(), 1u);
  EXPECT_EQ(name_space_->End(lookup), kOk);
  EXPECT_TRUE(WaitUntil([&] { return pending_calls() == 0; }));
}

}  // namespace
}  // namespace wspd::testing
