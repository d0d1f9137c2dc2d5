#include "daemon/admin/admin_service.h"

#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/admin/fake_inventory.h"
#include "daemon/base/log.h"
#include "daemon/base/version.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uid_t kRoot = 0;
constexpr uid_t kAlice = 70001;
constexpr uid_t kBob = 70002;
constexpr uid_t kStranger = 70003;
constexpr gid_t kAdmins = 80001;

class AdminServiceTest : public ::testing::Test {
 protected:
  AdminServiceTest() : service_(&inventory_, TestOptions()) {
    inventory_.AddClient(1, 11, kAlice);
    inventory_.AddClient(2, 22, kBob);
    inventory_.AddSocket(1, 11, kAlice, 100);
    inventory_.AddSocket(1, 11, kAlice, 101);
    inventory_.AddSocket(2, 22, kBob, 100);
    inventory_.AddName(1, 11, kAlice, "a.example");
    inventory_.AddName(2, 22, kBob, "b.example");
    inventory_.AddName(1, 11, kAlice, "c.example");
  }

  static AdminService::Options TestOptions() {
    AdminService::Options options;
    options.admin_socket = "/run/admin";
    options.admin_group = kAdmins;
    return options;
  }

  std::vector<int> ClientPids(uid_t caller,
                              const std::vector<uid_t>& uids = {}) {
    wsp::v1::ListClientsRequest request;
    for (const uid_t uid : uids) request.add_uids(uid);
    std::vector<int> pids;
    const auto response = service_.ListClients(caller, request);
    for (const auto& client : response.value().clients()) {
      pids.push_back(client.pid());
    }
    return pids;
  }

  std::vector<int> SocketPids(uid_t caller, int pid = 0) {
    wsp::v1::ListSocketsRequest request;
    request.set_pid(pid);
    std::vector<int> pids;
    const auto response = service_.ListSockets(caller, request);
    for (const auto& socket : response.value().sockets()) {
      pids.push_back(socket.pid());
    }
    return pids;
  }

  std::vector<std::string> Names(
      const Caller& caller,
      const wsp::v1::ListNamesRequest& request = {}) const {
    std::vector<std::string> names;
    const auto response = service_.ListNames(caller, request);
    for (const auto& name : response.value().names()) {
      names.push_back(name.name());
    }
    return names;
  }

  FakeInventory inventory_;
  AdminService service_;
};

TEST_F(AdminServiceTest, AdministratorsSeeTheNamesOfAllOthersThoseOfTheirOwn) {
  const auto all = ElementsAre("a.example", "b.example", "c.example");
  EXPECT_THAT(Names(kRoot), all);
  EXPECT_THAT(Names(geteuid()), all);
  EXPECT_THAT(Names(Caller(kStranger, {100, kAdmins})), all);
  EXPECT_THAT(Names(kAlice), ElementsAre("a.example", "c.example"));
  EXPECT_THAT(Names(kBob), ElementsAre("b.example"));
  EXPECT_THAT(Names(kStranger), IsEmpty());
  // Whatever they ask for.
  wsp::v1::ListNamesRequest request;
  request.add_pids(22);
  EXPECT_THAT(Names(kAlice, request), IsEmpty());
  request.Clear();
  request.set_client_id(2);
  EXPECT_THAT(Names(kAlice, request), IsEmpty());
  request.Clear();
  request.add_uids(kBob);
  EXPECT_THAT(Names(kAlice, request), IsEmpty());
}

TEST_F(AdminServiceTest, NamesAreThoseOfAClientAndComeInPages) {
  wsp::v1::ListNamesRequest request;
  request.add_pids(22);
  EXPECT_THAT(Names(kRoot, request), ElementsAre("b.example"));
  request.add_pids(11);
  EXPECT_THAT(Names(kRoot, request),
              ElementsAre("a.example", "b.example", "c.example"));
  request.Clear();
  request.set_client_id(1);
  EXPECT_THAT(Names(kRoot, request), ElementsAre("a.example", "c.example"));
  request.set_page_size(1);
  const auto page = service_.ListNames(kRoot, request);
  EXPECT_EQ(page->names_size(), 1);
  request.set_page_token(page->next_page_token());
  EXPECT_THAT(Names(kRoot, request), ElementsAre("c.example"));
  request.set_page_token("x");
  EXPECT_EQ(service_.ListNames(kRoot, request).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(AdminServiceTest, NamesThatAreNoUtf8AreMadeIt) {
  inventory_.AddName(1, 11, kStranger, "a\xff.example");
  EXPECT_THAT(Names(kStranger), ElementsAre("a\xef\xbf\xbd.example"));
}

TEST_F(AdminServiceTest, WhatRulesSayIsForWhomItIsAbout) {
  wsp::v1::TestPolicyRequest request;
  request.set_uid(kAlice);
  EXPECT_EQ(service_.TestPolicy(kRoot, request)->rule(), "even");
  EXPECT_EQ(service_.TestPolicy(geteuid(), request)->rule(), "even");
  EXPECT_EQ(service_.TestPolicy(kAlice, request)->rule(), "even");
  const auto refused = service_.TestPolicy(kBob, request);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(AdminServiceTest, WhoSeesAllMayAskWhatRulesSayToOthers) {
  wsp::v1::TestPolicyRequest request;
  request.set_uid(kAlice);
  const Caller member(kStranger, {100, kAdmins});
  EXPECT_EQ(service_.TestPolicy(member, request)->rule(), "even");
  for (const bool administrator : {false, true}) {
    const Caller remote(Caller::Remote{{"CN:a"}, administrator});
    EXPECT_EQ(service_.TestPolicy(remote, request)->rule(), "even");
  }
  const auto refused =
      service_.TestPolicy(Caller(kStranger, {100}), request).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr(absl::StrCat("the members of group ", kAdmins)));
}

TEST_F(AdminServiceTest, RootAndTheDaemonsOwnUserSeeAll) {
  for (uid_t caller : {kRoot, geteuid()}) {
    EXPECT_THAT(ClientPids(caller), ElementsAre(11, 22));
    EXPECT_THAT(SocketPids(caller), ElementsAre(11, 11, 22));
  }
}

TEST_F(AdminServiceTest, MembersOfTheGroupAreAdministrators) {
  const Caller member(kStranger, {100, kAdmins});
  wsp::v1::ListClientsRequest all;
  EXPECT_EQ(service_.ListClients(member, all)->clients_size(), 2);
  wsp::v1::DisconnectClientRequest request;
  request.set_client_id(2);
  EXPECT_EQ(service_.DisconnectClient(member, request)->client().pid(), 22);
  EXPECT_EQ(service_.ListClients(Caller(kStranger, {100}), all)->clients_size(),
            0);
  const auto denied =
      service_.DisconnectClient(Caller(kStranger, {100}), request).status();
  EXPECT_THAT(std::string(denied.message()),
              HasSubstr(absl::StrCat("the members of group ", kAdmins)));
  EXPECT_THAT(inventory_.disconnected(), ElementsAre(22));
}

TEST_F(AdminServiceTest, AGroupThatIsNotConfiguredMakesNobodyOne) {
  const AdminService without(&inventory_, AdminService::Options());
  const Caller stranger(kStranger, {0, kAdmins});
  EXPECT_EQ(without.ListClients(stranger, {})->clients_size(), 0);
}

TEST_F(AdminServiceTest, TheLevelIsSetUntilItIsSetAgain) {
  wsp::v1::SetLogLevelRequest request;
  request.set_level(wsp::v1::LOG_LEVEL_DEBUG);
  EXPECT_EQ(service_.SetLogLevel(kAlice, request).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(service_.SetLogLevel(kRoot, request)->before(),
            wsp::v1::LOG_LEVEL_INFO);
  EXPECT_TRUE(LogEnabled(LogLevel::kDebug));
  EXPECT_EQ(service_.GetServerInfo(kAlice, {})->log_level(),
            wsp::v1::LOG_LEVEL_DEBUG);
  request.set_level(wsp::v1::LOG_LEVEL_INFO);
  EXPECT_EQ(service_.SetLogLevel(kRoot, request)->before(),
            wsp::v1::LOG_LEVEL_DEBUG);
  request.set_level(static_cast<wsp::v1::LogLevel>(77));
  const auto wrong = service_.SetLogLevel(kRoot, request).status();
  EXPECT_EQ(wrong.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(wrong.message()), HasSubstr("level is 77"));
  EXPECT_FALSE(LogEnabled(LogLevel::kDebug));
}

TEST_F(AdminServiceTest, WithoutAControlThereIsNothingToReload) {
  EXPECT_EQ(service_.Reload(kRoot, {}).status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(service_.Reload(kAlice, {}).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(AdminServiceTest, OthersSeeTheirOwn) {
  EXPECT_THAT(ClientPids(kAlice), ElementsAre(11));
  EXPECT_THAT(SocketPids(kAlice), ElementsAre(11, 11));
  EXPECT_THAT(SocketPids(kBob), ElementsAre(22));
  EXPECT_THAT(ClientPids(kStranger), IsEmpty());
  EXPECT_THAT(SocketPids(kStranger), IsEmpty());
}

TEST_F(AdminServiceTest, FiltersNarrowAndNeverWiden) {
  EXPECT_THAT(ClientPids(kRoot, {kBob}), ElementsAre(22));
  EXPECT_THAT(ClientPids(kAlice, {kBob}), IsEmpty());
  EXPECT_THAT(ClientPids(kAlice, {kAlice, kBob}), ElementsAre(11));
  inventory_.AddClient(3, 33, kRoot);
  EXPECT_THAT(ClientPids(kRoot, {kRoot}), ElementsAre(33));
  wsp::v1::ListClientsRequest request;
  request.set_client_id(2);
  EXPECT_EQ(service_.ListClients(kRoot, request)->clients(0).pid(), 22);
  EXPECT_EQ(service_.ListClients(kRoot, request)->clients_size(), 1);
  EXPECT_EQ(service_.ListClients(kAlice, request)->clients_size(), 0);
  request.Clear();
  request.add_pids(22);
  EXPECT_EQ(service_.ListClients(kRoot, request)->clients_size(), 1);
  request.add_pids(33);
  EXPECT_EQ(service_.ListClients(kRoot, request)->clients_size(), 2);
  EXPECT_EQ(service_.ListClients(kBob, request)->clients_size(), 1);
  EXPECT_THAT(SocketPids(kRoot, 22), ElementsAre(22));
  EXPECT_THAT(SocketPids(kAlice, 22), IsEmpty());
}

TEST_F(AdminServiceTest, TheKernelsTcpIsAskedOnlyForWhoWantsIt) {
  wsp::v1::ListSocketsRequest request;
  ASSERT_TRUE(service_.ListSockets(kRoot, request).ok());
  EXPECT_TRUE(inventory_.asked_for_tcp());
  request.add_fields("active_at_ns");
  ASSERT_TRUE(service_.ListSockets(kRoot, request).ok());
  EXPECT_FALSE(inventory_.asked_for_tcp());
  request.add_fields("tcp");
  ASSERT_TRUE(service_.ListSockets(kRoot, request).ok());
  EXPECT_TRUE(inventory_.asked_for_tcp());
}

TEST_F(AdminServiceTest, WhatMayNotBeSeenIsNotFound) {
  wsp::v1::GetClientRequest client;
  client.set_pid(22);
  EXPECT_EQ(service_.GetClient(kBob, client)->client().client_id(), 2u);
  const auto hidden = service_.GetClient(kAlice, client).status();
  client.set_pid(23);
  const auto missing = service_.GetClient(kAlice, client).status();
  EXPECT_EQ(hidden.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(missing.message(), "there is no client with pid 23");

  wsp::v1::GetSocketRequest socket;
  socket.set_client_id(2);
  socket.set_socket_id(100);
  EXPECT_EQ(service_.GetSocket(kBob, socket)->socket().pid(), 22);
  EXPECT_EQ(service_.GetSocket(kAlice, socket).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(AdminServiceTest, ASocketWithoutANumberIsFoundByItsCookie) {
  wsp::v1::Socket accepted;
  accepted.set_client_id(2);
  accepted.set_pid(22);
  accepted.set_uid(kBob);
  accepted.set_cookie(0xabc);
  inventory_.AddSocket(accepted);
  wsp::v1::GetSocketRequest request;
  request.set_client_id(2);
  // Neither says nothing.
  EXPECT_EQ(service_.GetSocket(kRoot, request).status().code(),
            absl::StatusCode::kNotFound);
  request.set_cookie(0xabc);
  EXPECT_EQ(service_.GetSocket(kBob, request)->socket().cookie(), 0xabcu);
  EXPECT_FALSE(service_.GetSocket(kAlice, request).ok());
  request.set_socket_id(100);
  EXPECT_FALSE(service_.GetSocket(kRoot, request).ok());
}

TEST_F(AdminServiceTest, AnyBytesOfAClientBecomeText) {
  wsp::v1::Client client;
  client.set_client_id(99);
  client.set_pid(33);
  client.set_executable("/bin/\xff");
  client.add_command_line("a\xff");
  client.set_client_name("n\xff");
  client.set_cgroup("/\xff");
  inventory_.AddClient(client);
  wsp::v1::GetClientRequest request;
  request.set_pid(33);
  const auto response = service_.GetClient(kRoot, request);
  wsp::v1::GetClientResponse parsed;
  EXPECT_TRUE(parsed.ParseFromString(response->SerializeAsString()));
  EXPECT_EQ(parsed.client().command_line(0), "a\xef\xbf\xbd");
  EXPECT_EQ(service_.ListClients(kRoot, {})->clients(2).executable(),
            "/bin/\xef\xbf\xbd");
}

TEST_F(AdminServiceTest, OnlyThePrivilegedDisconnect) {
  wsp::v1::DisconnectClientRequest request;
  request.set_pid(11);
  const auto denied = service_.DisconnectClient(kAlice, request).status();
  EXPECT_EQ(denied.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(denied.message()),
              HasSubstr(absl::StrCat("the caller has uid ", kAlice)));
  EXPECT_THAT(inventory_.disconnected(), IsEmpty());

  EXPECT_TRUE(service_.DisconnectClient(kRoot, request).ok());
  EXPECT_THAT(inventory_.disconnected(), ElementsAre(11));
  request.set_pid(12);
  EXPECT_EQ(service_.DisconnectClient(kRoot, request).status().code(),
            absl::StatusCode::kNotFound);
  request.clear_pid();
  EXPECT_EQ(service_.DisconnectClient(kRoot, request).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(AdminServiceTest, OnlyThePrivilegedReset) {
  wsp::v1::ResetSocketRequest request;
  request.set_client_id(2);
  request.set_socket_id(100);
  const auto denied = service_.ResetSocket(kBob, request).status();
  EXPECT_EQ(denied.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(denied.message()),
              HasSubstr(absl::StrCat("the caller has uid ", kBob)));
  EXPECT_THAT(inventory_.reset(), IsEmpty());

  EXPECT_EQ(service_.ResetSocket(kRoot, request)->socket().pid(), 22);
  EXPECT_TRUE(service_.ResetSocket(geteuid(), request).ok());
  EXPECT_THAT(inventory_.reset(), ElementsAre(100, 100));
  request.set_socket_id(101);
  EXPECT_EQ(service_.ResetSocket(kRoot, request).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(AdminServiceTest, OnlyThePrivilegedClose) {
  wsp::v1::EndSocketRequest request;
  request.set_socket_id(100);
  const auto denied = service_.EndSocket(kBob, request).status();
  EXPECT_EQ(denied.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(denied.message()), HasSubstr("close sockets"));
  EXPECT_THAT(inventory_.closed(), IsEmpty());
  request.set_client_id(2);
  EXPECT_EQ(service_.EndSocket(kRoot, request)->socket().pid(), 22);
  EXPECT_THAT(inventory_.closed(), ElementsAre(100));
  EXPECT_THAT(inventory_.reset(), IsEmpty());
  request.set_socket_id(101);
  EXPECT_EQ(service_.EndSocket(kRoot, request).status().code(),
            absl::StatusCode::kNotFound);
  request.clear_socket_id();
  EXPECT_EQ(service_.EndSocket(kRoot, request).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(AdminServiceTest, AClientAloneIsNoSocketToReset) {
  wsp::v1::ResetSocketRequest request;
  request.set_client_id(2);
  const auto status = service_.ResetSocket(kRoot, request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("socket_id or cookie"));
  EXPECT_THAT(inventory_.reset(), IsEmpty());
}

TEST_F(AdminServiceTest, AUserMayWatchBySixteenStreams) {
  const wsp::v1::WatchEventsRequest request;
  std::vector<std::unique_ptr<RpcSource>> watches;
  for (int i = 0; i < 16; ++i) {
    watches.push_back(*service_.WatchEvents(kAlice, request));
  }
  const auto refused = service_.WatchEvents(kAlice, request).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("16 streams"));
  // Which is nobody else's affair.
  EXPECT_TRUE(service_.WatchEvents(kBob, request).ok());
  watches.pop_back();
  EXPECT_TRUE(service_.WatchEvents(kAlice, request).ok());
  for (int i = 0; i < 20; ++i) {
    watches.push_back(*service_.WatchEvents(kRoot, request));
  }
}

TEST_F(AdminServiceTest, WhoReadsFromElsewhereSeesAllAndWatchesByAFewStreams) {
  const auto reader = [](const char* name) {
    return Caller(Caller::Remote{{name}, false});
  };
  EXPECT_EQ(service_.ListClients(reader("CN:a"), {})->clients_size(), 2);
  const wsp::v1::WatchEventsRequest request;
  std::vector<std::unique_ptr<RpcSource>> watches;
  for (int i = 0; i < 16; ++i) {
    watches.push_back(*service_.WatchEvents(reader("CN:a"), request));
  }
  const auto refused = service_.WatchEvents(reader("CN:a"), request).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("CN:a watches"));
  EXPECT_TRUE(service_.WatchEvents(reader("CN:b"), request).ok());
  // No uid is one of theirs.
  EXPECT_TRUE(service_.WatchEvents(static_cast<uid_t>(-1), request).ok());
  EXPECT_TRUE(
      service_.WatchEvents(Caller(Caller::Remote{{"CN:a"}, true}), request)
          .ok());
}

TEST_F(AdminServiceTest, WhoReadsFromElsewhereDoesNothing) {
  // Whatever uid it might be taken for.
  const Caller reader(Caller::Remote{{"DNS:a.test", "CN:a"}, false});
  wsp::v1::DisconnectClientRequest request;
  request.set_pid(11);
  const auto refused = service_.DisconnectClient(reader, request).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("DNS:a.test,CN:a"));
  EXPECT_EQ(service_.ResetSocket(reader, {}).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(service_.SetLogLevel(reader, {}).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(AdminServiceTest, ServerInfoIsForEverybody) {
  const auto info =
      service_.GetServerInfo(kStranger, wsp::v1::GetServerInfoRequest());
  EXPECT_EQ(info->version(), kVersion);
  EXPECT_EQ(info->pid(), getpid());
  EXPECT_EQ(info->admin_socket(), "/run/admin");
  EXPECT_EQ(info->clients(), 2u);
}

TEST_F(AdminServiceTest, LimitsAreThoseThatWereSetLast) {
  service_.SetLimits({{"clients", 7}, {"lookups", 8}});
  const auto info =
      service_.GetServerInfo(kStranger, wsp::v1::GetServerInfoRequest());
  ASSERT_EQ(info->configured_limits_size(), 2);
  EXPECT_EQ(info->configured_limits(0).name(), "clients");
  EXPECT_EQ(info->configured_limits(1).value(), 8u);
}

}  // namespace
}  // namespace wspd
