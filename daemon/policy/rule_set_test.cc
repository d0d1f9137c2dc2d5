#include "daemon/policy/rule_set.h"

#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

std::shared_ptr<RuleSet> Make(const std::string& text) {
  Policy policy;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &policy))
      << text;
  std::vector<PolicyProblem> problems;
  auto rules = RuleSet::Make(policy, &problems);
  for (const auto& problem : problems) ADD_FAILURE() << problem.message;
  return rules;
}

PolicySubject User(uid_t uid) {
  PolicySubject subject;
  subject.uid = uid;
  subject.gid = uid;
  subject.groups.emplace();
  return subject;
}

RuleIndex::Where At(const std::string& address, uint16_t port,
                    absl::Span<const std::string> hosts = {}) {
  const IpPrefix prefix = ParsePrefix(address).value();
  return {RuleIndex::Where::Kind::kOne, {prefix.v6, prefix.first}, port, hosts};
}

RuleIndex::Where AllAt(bool v6, uint16_t port) {
  return {RuleIndex::Where::Kind::kAll, {v6, 0}, port, {}};
}

// The name of the rule that decides, with "-" before it if it denies.
std::string Ask(const RuleSet& rules, const PolicySubject& subject,
                Action action, const RuleIndex::Where& where) {
  const Decision decision = rules.For(subject)->Decide(action, where);
  return (decision.allowed ? "" : "-") + rules.NameOf(decision.rule);
}

TEST(RuleSetTest, WithoutRulesEverythingIsAllowed) {
  const auto rules = Make("");
  EXPECT_EQ(Ask(*rules, User(1), Action::kConnect, At("1.2.3.4", 80)),
            "otherwise");
  EXPECT_TRUE(rules->For(User(1))->is_unrestricted());
  EXPECT_TRUE(rules->For(User(1))->is_empty());
}

TEST(RuleSetTest, TheFirstThatFitsDecides) {
  const auto rules = Make(
      "rules { name: 'a' verdict: ALLOW addresses: '10.1.0.0/16' ports: '80' } "
      "rules { name: 'b' verdict: DENY addresses: '10.0.0.0/8' } "
      "rules { name: 'c' verdict: ALLOW addresses: '10.1.0.0/16' } ");
  const auto ask = [&](const char* address, uint16_t port) {
    return Ask(*rules, User(1), Action::kConnect, At(address, port));
  };
  EXPECT_EQ(ask("10.1.2.3", 80), "a");
  EXPECT_EQ(ask("10.1.2.3", 81), "-b");
  EXPECT_EQ(ask("10.2.2.3", 80), "-b");
  EXPECT_EQ(ask("11.1.2.3", 80), "otherwise");
  EXPECT_EQ(ask("::ffff:10.2.2.3", 80), "-b");
}

TEST(RuleSetTest, OtherwiseMayDeny) {
  const auto rules = Make("otherwise: DENY rules { verdict: ALLOW uids: '5' }");
  EXPECT_EQ(Ask(*rules, User(4), Action::kBind, At("1.2.3.4", 80)),
            "-otherwise");
  EXPECT_FALSE(rules->For(User(4))->is_unrestricted());
  EXPECT_TRUE(rules->For(User(5))->is_unrestricted());
}

TEST(RuleSetTest, ARuleIsAboutItsActions) {
  const auto rules =
      Make("rules { name: 'r' verdict: DENY actions: BIND actions: SEND }");
  EXPECT_EQ(Ask(*rules, User(1), Action::kBind, At("1.2.3.4", 80)), "-r");
  EXPECT_EQ(Ask(*rules, User(1), Action::kSend, At("1.2.3.4", 80)), "-r");
  EXPECT_EQ(Ask(*rules, User(1), Action::kConnect, At("1.2.3.4", 80)),
            "otherwise");
}

// What isn't known never gives a right.
TEST(RuleSetTest, WhatIsNotKnownFitsDenyAlone) {
  const struct {
    const char* condition;
    void (*set)(PolicySubject*);
  } kFields[] = {
      {"cgroups: '/a'", [](PolicySubject* s) { s->cgroup = "/b"; }},
      {"containers: '0123456789ab'",
       [](PolicySubject* s) { s->cgroup = "/b"; }},
      {"user_namespaces: '1'",
       [](PolicySubject* s) {
         s->user_namespace = FileId{1, 2};
       }},
      {"executables: '/proc/self/exe'",
       [](PolicySubject* s) {
         s->executable = FileId{1, 2};
       }},
      {"gids: '77'", [](PolicySubject* s) { s->groups = {{78}}; }},
  };
  for (const auto& field : kFields) {
    SCOPED_TRACE(field.condition);
    PolicySubject unknown = User(1);
    unknown.groups.reset();
    PolicySubject other = User(1);
    field.set(&other);
    const std::string condition = field.condition;
    const auto deny =
        Make("rules { name: 'r' verdict: DENY " + condition + "}");
    const auto allow = Make(
        "otherwise: DENY rules { name: 'r' verdict: ALLOW " + condition + "}");
    const auto where = At("1.2.3.4", 80);
    EXPECT_EQ(Ask(*deny, unknown, Action::kConnect, where), "-r");
    EXPECT_EQ(Ask(*deny, other, Action::kConnect, where), "otherwise");
    EXPECT_EQ(Ask(*allow, unknown, Action::kConnect, where), "-otherwise");
    EXPECT_EQ(Ask(*allow, other, Action::kConnect, where), "-otherwise");
  }
}

TEST(RuleSetTest, WhoIsWhatTheKernelSaid) {
  PolicySubject subject = User(1);
  subject.groups = {{20, 30}};
  subject.cgroup = "/docker/0123456789abcdef";
  subject.container = "0123456789abcdef";
  subject.executable = ReadFileId("/proc/self/exe");
  subject.user_namespace = ReadFileId("/proc/self/ns/user");
  for (const char* condition :
       {"uids: '1'", "uids: '0-5'", "gids: '1'", "gids: '30'",
        "cgroups: '/docker'", "cgroups: '/'", "containers: '0123456789ab'",
        "user_namespaces: 'daemon'", "executables: '/proc/self/exe'",
        "uids: '9' uids: '1' gids: '20'"}) {
    const auto rules =
        Make(std::string("rules { name: 'r' verdict: DENY ") + condition + "}");
    EXPECT_EQ(Ask(*rules, subject, Action::kSend, At("::1", 1)), "-r")
        << condition;
  }
  for (const char* condition :
       {"uids: '2'", "gids: '31'", "cgroups: '/dock'",
        "cgroups: '/docker/0123456789abcde'", "containers: 'ffffffffffff'",
        "user_namespaces: '1'", "executables: '/proc/self/ns/user'",
        "uids: '1' gids: '40'"}) {
    const auto rules =
        Make(std::string("rules { name: 'r' verdict: DENY ") + condition + "}");
    EXPECT_EQ(Ask(*rules, subject, Action::kSend, At("::1", 1)), "otherwise")
        << condition;
  }
}

TEST(RuleSetTest, ALogRuleIsNamedAndDecidesNothing) {
  const auto rules = Make(
      "rules { name: 'l' verdict: LOG ports: '80' } "
      "rules { name: 'd' verdict: DENY addresses: '10.0.0.0/8' } "
      "rules { name: 'm' verdict: LOG addresses: '10.0.0.0/8' } ");
  const auto client = rules->For(User(1));
  Decision decision = client->Decide(Action::kConnect, At("10.0.0.1", 80));
  EXPECT_FALSE(decision.allowed);
  EXPECT_EQ(decision.rule, 1u);
  EXPECT_EQ(decision.log, 0u);
  decision = client->Decide(Action::kConnect, At("11.0.0.1", 80));
  EXPECT_TRUE(decision.allowed);
  EXPECT_EQ(decision.rule, kNoRank);
  EXPECT_EQ(decision.log, 0u);
  // The one behind what decided is never come to.
  decision = client->Decide(Action::kConnect, At("10.0.0.1", 81));
  EXPECT_EQ(decision.log, kNoRank);
}

TEST(RuleSetTest, AllAddressesAreDeniedByAnyAndAllowedByEach) {
  const auto deny = Make(
      "rules { name: 'r' verdict: DENY actions: BIND addresses: '10.0.0.0/8' "
      "}");
  EXPECT_EQ(Ask(*deny, User(1), Action::kBind, AllAt(false, 80)), "-r");
  EXPECT_EQ(Ask(*deny, User(1), Action::kBind, AllAt(true, 80)), "-r");
  const auto v6 =
      Make("rules { name: 'r' verdict: DENY addresses: '2001:db8::/32' }");
  EXPECT_EQ(Ask(*v6, User(1), Action::kBind, AllAt(false, 80)), "otherwise");
  EXPECT_EQ(Ask(*v6, User(1), Action::kBind, AllAt(true, 80)), "-r");
  const auto some = Make(
      "otherwise: DENY rules { name: 'r' verdict: ALLOW "
      "addresses: '127.0.0.0/8' }");
  EXPECT_EQ(Ask(*some, User(1), Action::kBind, AllAt(false, 80)), "-otherwise");
  const auto v4 = Make(
      "otherwise: DENY rules { name: 'r' verdict: ALLOW "
      "addresses: '0.0.0.0/0' ports: '80' }");
  EXPECT_EQ(Ask(*v4, User(1), Action::kBind, AllAt(false, 80)), "r");
  EXPECT_EQ(Ask(*v4, User(1), Action::kBind, AllAt(false, 81)), "-otherwise");
  EXPECT_EQ(Ask(*v4, User(1), Action::kBind, AllAt(true, 80)), "-otherwise");
  const auto both = Make(
      "otherwise: DENY rules { name: 'r' verdict: ALLOW "
      "addresses: '0.0.0.0/0' addresses: '::/0' }");
  EXPECT_EQ(Ask(*both, User(1), Action::kBind, AllAt(true, 80)), "r");
}

TEST(RuleSetTest, HostsAreWhatTheAddressIsKnownBy) {
  const auto rules = Make(
      "otherwise: DENY "
      "rules { name: 'e' verdict: DENY hosts: 'bad.example.com' } "
      "rules { name: 'b' verdict: ALLOW hosts: '*.example.com' ports: '443' } "
      "rules { name: 's' verdict: ALLOW hosts: '*' ports: '80' } ");
  const auto ask = [&](std::vector<std::string> hosts, uint16_t port) {
    return Ask(*rules, User(1), Action::kConnect, At("192.0.2.1", port, hosts));
  };
  EXPECT_EQ(ask({"www.example.com"}, 443), "b");
  EXPECT_EQ(ask({"other.net", "a.b.example.com"}, 443), "b");
  EXPECT_EQ(ask({"www.example.com", "bad.example.com"}, 443), "-e");
  EXPECT_EQ(ask({"example.com"}, 443), "-otherwise");
  EXPECT_EQ(ask({"example.com"}, 80), "s");
  EXPECT_EQ(ask({}, 80), "-otherwise");
  EXPECT_TRUE(rules->For(User(1))->NamesHosts(Action::kConnect));
}

TEST(RuleSetTest, NamesAreLookedUpByHostsAndAddressesByAddress) {
  const auto rules = Make(
      "rules { name: 'h' verdict: DENY actions: RESOLVE hosts: '*.evil.net' } "
      "rules { name: 'p' verdict: DENY ports: '53' } "
      "rules { name: 'a' verdict: DENY addresses: '10.0.0.0/8' } ");
  const std::vector<std::string> evil = {"x.evil.net"};
  const std::vector<std::string> good = {"x.good.net"};
  RuleIndex::Where where;
  where.hosts = evil;
  EXPECT_EQ(Ask(*rules, User(1), Action::kResolve, where), "-h");
  where.hosts = good;
  EXPECT_EQ(Ask(*rules, User(1), Action::kResolve, where), "otherwise");
  EXPECT_EQ(Ask(*rules, User(1), Action::kResolve, At("10.0.0.1", 0)), "-a");
  EXPECT_EQ(Ask(*rules, User(1), Action::kResolve, At("11.0.0.1", 53)),
            "otherwise");
}

TEST(RuleSetTest, WhatIsBehindARuleForAllRestrictsNobody) {
  const auto rules = Make(
      "rules { verdict: LOG } "
      "rules { name: 'a' verdict: ALLOW uids: '5' } "
      "rules { name: 'd' verdict: DENY } ");
  EXPECT_TRUE(rules->For(User(5))->is_unrestricted());
  // It logs.
  EXPECT_FALSE(rules->For(User(5))->is_empty());
  EXPECT_FALSE(rules->For(User(6))->is_unrestricted());
  const auto some =
      Make("rules { verdict: ALLOW actions: CONNECT } rules { verdict: DENY }");
  EXPECT_FALSE(some->For(User(5))->is_unrestricted());
}

TEST(RuleSetTest, SubjectsWithTheSameRulesShareThem) {
  const auto rules = Make("rules { verdict: DENY uids: '5-6' }");
  const auto five = rules->For(User(5));
  EXPECT_EQ(five, rules->For(User(6)));
  EXPECT_NE(five, rules->For(User(7)));
}

}  // namespace
}  // namespace wspd
