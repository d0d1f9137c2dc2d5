#include "daemon/policy/policy_store.h"

#include <arpa/inet.h>
#include <errno.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "daemon/policy/unprivileged_ports.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

std::shared_ptr<const RuleSet> Parse(const std::string& text) {
  Policy policy;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &policy))
      << text;
  std::vector<PolicyProblem> problems;
  auto rules = RuleSet::Make(policy, &problems);
  for (const auto& problem : problems) ADD_FAILURE() << problem.message;
  return rules;
}

NetAddress V4(const char* text, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  EXPECT_EQ(inet_pton(AF_INET, text, &address.sin_addr), 1);
  return NetAddress(address);
}

NetAddress V6(const char* text, uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  EXPECT_EQ(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
  return NetAddress(address);
}

class Recorder : public PolicyObserver {
 public:
  void OnPolicyEvent(const PolicyEvent& event) override {
    absl::MutexLock lock(&mu_);
    last_ = std::string(event.denied ? "-" : "") + std::string(event.rule) +
            " " + ActionName(event.action) + " " + std::string(event.host) +
            ":" + std::to_string(event.port);
    client_id_ = event.client_id;
    socket_id_ = event.socket.socket_id;
    error_ = event.error;
    ++count_;
  }
  std::string last() {
    absl::MutexLock lock(&mu_);
    return last_;
  }
  uint64_t client_id() {
    absl::MutexLock lock(&mu_);
    return client_id_;
  }
  uint64_t socket_id() {
    absl::MutexLock lock(&mu_);
    return socket_id_;
  }
  int error() {
    absl::MutexLock lock(&mu_);
    return error_;
  }
  int count() {
    absl::MutexLock lock(&mu_);
    return count_;
  }

 private:
  absl::Mutex mu_;
  std::string last_ ABSL_GUARDED_BY(mu_);
  uint64_t client_id_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t socket_id_ ABSL_GUARDED_BY(mu_) = 0;
  int error_ ABSL_GUARDED_BY(mu_) = 0;
  int count_ ABSL_GUARDED_BY(mu_) = 0;
};

class PolicyStoreTest : public testing::Test {
 protected:
  void Make(const std::string& text) {
    store_ = PolicyStore::Create(Parse(text), &recorder_);
    access_ = Attach(1000);
  }

  std::shared_ptr<const ClientAccess> Attach(uid_t uid, pid_t pid = 4242) {
    PeerIdentity identity;
    identity.pid = pid;
    identity.uid = uid;
    identity.start_time_ticks = pid;
    return store_->AccessOf(identity, ProcessKey::Of(identity, ""), client_id_);
  }

  Recorder recorder_;
  std::shared_ptr<PolicyStore> store_;
  std::shared_ptr<const ClientAccess> access_;
  const std::shared_ptr<std::atomic<uint64_t>> client_id_ =
      std::make_shared<std::atomic<uint64_t>>(0);
};

TEST_F(PolicyStoreTest, WithoutRulesAllIsAllowed) {
  Make("");
  EXPECT_TRUE(access_->is_unrestricted());
  EXPECT_EQ(access_->Connect(V4("10.0.0.1", 80), false), 0);
  EXPECT_EQ(access_->Send(V4("10.0.0.1", 80)), 0);
  EXPECT_EQ(access_->ResolveHost("example.com"), 0);
  EXPECT_EQ(recorder_.count(), 0);
}

TEST_F(PolicyStoreTest, ADenialNamesClientAndSocket) {
  Make("rules { verdict: DENY }");
  // That which the process is by then.
  *client_id_ = 5;
  const PolicySocket socket = {wsp::v1::PLANE_UNSPECIFIED, 6, 7, 0};
  const SocketAccess access(*access_, socket);
  const NetAddress address = V4("10.0.0.1", 80);
  for (const auto& ask : std::vector<std::function<int()>>{
           [&] { return access.Connect(address, false); },
           [&] { return access.Bind(address.WithPort(0)); },
           [&] { return access.Listen(address); },
           [&] { return access.Accept(address, -1); },
           [&] { return access.Send(address); }}) {
    const int count = recorder_.count();
    EXPECT_EQ(ask(), EACCES);
    EXPECT_EQ(recorder_.count(), count + 1);
    EXPECT_EQ(recorder_.client_id(), 5u);
    EXPECT_EQ(recorder_.socket_id(), 7u);
  }
  EXPECT_EQ(access_->ResolveHost("example.com"), EACCES);
  EXPECT_EQ(recorder_.client_id(), 5u);
  EXPECT_EQ(recorder_.socket_id(), 0u);
  *client_id_ = 0;
  EXPECT_EQ(access.Send(address), EACCES);
  EXPECT_EQ(recorder_.client_id(), 0u);
}

TEST_F(PolicyStoreTest, RawSocketsAreForNobodyAndDenialsAreTold) {
  const PolicySocket socket;
  const auto told = [&](const char* rules, int family) {
    Make(rules);
    const int count = recorder_.count();
    EXPECT_EQ(access_->Raw(family, socket), EPERM) << rules;
    EXPECT_EQ(recorder_.count(), count + 1) << rules;
    EXPECT_EQ(recorder_.error(), EPERM) << rules;
    return recorder_.last();
  };
  const std::string by_default = "-wspd makes no raw sockets raw :0";
  EXPECT_EQ(told("", AF_INET), by_default);
  EXPECT_EQ(told("rules { verdict: ALLOW actions: RAW }", AF_INET), by_default);
  EXPECT_EQ(
      told("rules { name: 'no raw' verdict: DENY actions: RAW }", AF_INET),
      "-no raw raw :0");
  EXPECT_EQ(told("otherwise: DENY", AF_INET6), "-otherwise raw :0");
  // It would have any address of its family, and has no port.
  const char* const ipv4 =
      "rules { name: 'no' verdict: DENY actions: RAW addresses: '10.0.0.0/8' }";
  EXPECT_EQ(told(ipv4, AF_INET), "-no raw :0");
  EXPECT_EQ(told(ipv4, AF_INET6), "-no raw :0");
  EXPECT_EQ(told("rules { name: 'no' verdict: DENY actions: RAW "
                 "addresses: '2001:db8::/32' }",
                 AF_INET),
            by_default);
  EXPECT_EQ(told("rules { verdict: DENY actions: RAW ports: '0' }", AF_INET),
            by_default);
  EXPECT_EQ(ClientAccess::Unrestricted()->Raw(AF_INET, socket), EPERM);
}

// It takes nothing from anybody.
TEST_F(PolicyStoreTest, ADenialOfRawSocketsRestrictsNobody) {
  Make("rules { verdict: DENY actions: RAW }");
  EXPECT_TRUE(access_->is_unrestricted());
  Make("rules { verdict: DENY actions: RAW actions: SEND }");
  EXPECT_FALSE(access_->is_unrestricted());
}

TEST_F(PolicyStoreTest, ADenialNamesItsRule) {
  Make("rules { name: 'r' verdict: DENY addresses: '10.0.0.0/8' }");
  EXPECT_FALSE(access_->is_unrestricted());
  EXPECT_EQ(access_->Connect(V4("10.0.0.1", 80), false), EACCES);
  EXPECT_EQ(recorder_.last(), "-r connect :80");
  EXPECT_EQ(access_->Connect(V6("::ffff:10.0.0.1", 80), false), EACCES);
  EXPECT_EQ(access_->Send(V4("10.0.0.1", 53)), EACCES);
  EXPECT_EQ(access_->Listen(V4("10.0.0.1", 8080)), EACCES);
  EXPECT_EQ(access_->Bind(V4("10.0.0.1", 8080)), EACCES);
  EXPECT_EQ(access_->Bind(V4("0.0.0.0", 8080)), EACCES);
  EXPECT_EQ(access_->Bind(V6("::", 8080)), EACCES);
  EXPECT_EQ(access_->ResolveAddress(V4("10.0.0.1", 0)), EACCES);
  EXPECT_EQ(recorder_.last(), "-r resolve :0");
  EXPECT_EQ(access_->Connect(V4("11.0.0.1", 80), false), 0);
}

// connect() to an address that says nothing is to the host itself.
TEST_F(PolicyStoreTest, NoAddressIsTheHostItself) {
  Make("rules { verdict: DENY actions: CONNECT addresses: '127.0.0.0/8' }");
  EXPECT_EQ(access_->Connect(V4("0.0.0.0", 80), false), EACCES);
  EXPECT_EQ(access_->Connect(V6("::", 80), false), EACCES);
  EXPECT_EQ(access_->Connect(V6("::ffff:0.0.0.0", 80), false), EACCES);
  EXPECT_EQ(access_->Connect(V6("::1", 80), false), 0);
  store_->Replace(
      Parse("rules { verdict: DENY actions: CONNECT addresses: '::1' }"));
  EXPECT_EQ(access_->Connect(V4("0.0.0.0", 80), false), 0);
  EXPECT_EQ(access_->Connect(V6("::", 80), false), EACCES);
}

TEST_F(PolicyStoreTest, ADatagramSocketsConnectSends) {
  Make("rules { verdict: DENY actions: SEND addresses: '10.0.0.0/8' }");
  EXPECT_EQ(access_->Connect(V4("10.0.0.1", 80), false), 0);
  EXPECT_EQ(access_->Connect(V4("10.0.0.1", 80), true), EACCES);
}

TEST_F(PolicyStoreTest, PortsOfPrivilegeNeedMoreThanAnAllow) {
  Make("rules { verdict: ALLOW }");
  PolicySubject user;
  user.uid = 4242;
  EXPECT_EQ(Attach(0)->Bind(V4("127.0.0.1", 1)), 0);
  EXPECT_EQ(recorder_.count(), 0);
  if (MayBindPort(user, 1)) GTEST_SKIP() << "no port needs a privilege here";
  EXPECT_EQ(Attach(4242)->Bind(V4("127.0.0.1", 1)), EACCES);
  EXPECT_EQ(recorder_.last(), "-low ports take CAP_NET_BIND_SERVICE bind :1");
  EXPECT_EQ(recorder_.error(), EACCES);
  // Whoever may nothing is told which rule says so.
  Make("rules { name: 'no' verdict: DENY }");
  EXPECT_EQ(Attach(4242)->Bind(V4("127.0.0.1", 1)), EACCES);
  EXPECT_EQ(recorder_.last(), "-no bind :1");
}

TEST_F(PolicyStoreTest, HostsAreThoseThatWereFoundForTheProcess) {
  Make(
      "otherwise: DENY rules { name: 'r' verdict: ALLOW hosts: "
      "'*.example.com' }");
  EXPECT_EQ(access_->ResolveHost("www.Example.com."), 0);
  EXPECT_EQ(access_->ResolveHost("example.com"), EACCES);
  EXPECT_EQ(recorder_.last(), "-otherwise resolve example.com:0");
  EXPECT_EQ(access_->Connect(V4("192.0.2.1", 80), false), EACCES);
  access_->NoteResolved({"WWW.example.com", "host.example.net"},
                        {V4("192.0.2.1", 0)});
  EXPECT_EQ(access_->Connect(V4("192.0.2.1", 80), false), 0);
  EXPECT_EQ(access_->Connect(V6("::ffff:192.0.2.1", 80), false), 0);
  // Another attachment of the process, and another process.
  EXPECT_EQ(Attach(1000)->Connect(V4("192.0.2.1", 80), false), 0);
  EXPECT_EQ(Attach(1000, 77)->Connect(V4("192.0.2.1", 80), false), EACCES);
}

TEST_F(PolicyStoreTest, HostsThatWereFoundBeforeARuleNamesThemCount) {
  Make("");
  access_->NoteResolved({"www.example.com"}, {V4("192.0.2.1", 0)});
  store_->Replace(
      Parse("rules { name: 'no' verdict: DENY hosts: 'www.example.com' }"));
  EXPECT_EQ(access_->Connect(V4("192.0.2.1", 80), false), EACCES);
  EXPECT_EQ(access_->Connect(V4("192.0.2.2", 80), false), 0);
  store_->Replace(
      Parse("otherwise: DENY rules { name: 'yes' verdict: ALLOW hosts: "
            "'www.example.com' }"));
  EXPECT_EQ(access_->Connect(V4("192.0.2.1", 80), false), 0);
}

TEST_F(PolicyStoreTest, OtherRulesAreInForceAtOnce) {
  Make("");
  const auto other = Attach(1001);
  store_->Replace(Parse("rules { name: 'new' verdict: DENY uids: '1000' }"));
  EXPECT_FALSE(access_->is_unrestricted());
  EXPECT_EQ(access_->Connect(V4("192.0.2.1", 80), false), EACCES);
  EXPECT_EQ(other->Connect(V4("192.0.2.1", 80), false), 0);
  EXPECT_EQ(Attach(1000)->Send(V4("192.0.2.1", 80)), EACCES);
  store_->Replace(Parse(""));
  EXPECT_TRUE(access_->is_unrestricted());
  EXPECT_EQ(access_->Connect(V4("192.0.2.1", 80), false), 0);
}

TEST_F(PolicyStoreTest, WhatIsLoggedIsAllowed) {
  Make("rules { name: 'l' verdict: LOG ports: '80' }");
  EXPECT_TRUE(access_->is_unrestricted());
  EXPECT_EQ(access_->Connect(V4("192.0.2.1", 80), false), 0);
  EXPECT_EQ(recorder_.last(), "l connect :80");
  EXPECT_EQ(access_->Connect(V4("192.0.2.1", 81), false), 0);
  EXPECT_EQ(recorder_.count(), 1);
}

TEST_F(PolicyStoreTest, SaysWhatItWouldSayAndTellsNobody) {
  Make(
      "rules { name: 'l' verdict: LOG } "
      "rules { name: 'a' verdict: ALLOW ports: '443' } "
      "rules { name: 'h' verdict: DENY hosts: 'bad.example' } "
      "rules { name: 'd' verdict: DENY uids: '7' addresses: '127.0.0.0/8' } ");
  PolicySubject subject;
  subject.uid = 7;
  auto answer = store_->Ask(subject, Action::kConnect, V4("0.0.0.0", 80), "");
  EXPECT_FALSE(answer.allowed);
  EXPECT_FALSE(answer.unrestricted);
  EXPECT_EQ(answer.number, 4u);
  EXPECT_EQ(answer.rule, "d");
  EXPECT_EQ(answer.log_rule, "l");
  EXPECT_EQ(
      store_->Ask(subject, Action::kConnect, V4("127.0.0.1", 443), "").rule,
      "a");
  EXPECT_EQ(
      store_->Ask(subject, Action::kConnect, V4("192.0.2.1", 80), "bad.Example")
          .rule,
      "h");
  EXPECT_EQ(
      store_->Ask(subject, Action::kResolve, NetAddress(), "bad.example").rule,
      "h");
  answer = store_->Ask(subject, Action::kConnect, V4("192.0.2.1", 80), "");
  EXPECT_TRUE(answer.allowed);
  EXPECT_EQ(answer.number, 0u);
  EXPECT_EQ(answer.rule, "otherwise");
  EXPECT_EQ(recorder_.count(), 0);
}

// One of two rules denies it, whichever are in force.
TEST_F(PolicyStoreTest, ThereIsNoMomentWithoutRules) {
  const auto first = Parse("rules { verdict: DENY addresses: '10.0.0.0/8' }");
  const auto second = Parse("rules { verdict: DENY ports: '80' }");
  Make("rules { verdict: DENY }");
  std::atomic<bool> done{false};
  std::atomic<int> allowed{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([&, i] {
      const auto own = Attach(1000, 100 + i);
      while (!done.load()) {
        if (access_->Send(V4("10.0.0.1", 80)) == 0) ++allowed;
        if (own->Send(V4("10.0.0.1", 80)) == 0) ++allowed;
        if (Attach(1000, 200 + i)->Send(V4("10.0.0.1", 80)) == 0) ++allowed;
      }
    });
  }
  for (int i = 0; i < 300; ++i) store_->Replace(i % 2 == 0 ? first : second);
  done.store(true);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(allowed.load(), 0);
}

}  // namespace
}  // namespace wspd
