#include "daemon/policy/rule_compiler.h"

#include <unistd.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::HasSubstr;

Policy Parse(const std::string& text) {
  Policy policy;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &policy))
      << text;
  return policy;
}

// The only problem of a policy with one rule.
PolicyProblem ProblemOf(const std::string& rule) {
  std::vector<PolicyProblem> problems;
  (void)CompileRules(Parse("rules { " + rule + " }"), &problems);
  if (problems.size() != 1) {
    ADD_FAILURE() << problems.size() << " problems of " << rule;
    return {};
  }
  return problems[0];
}

TEST(RuleCompilerTest, ReadsEveryField) {
  std::vector<PolicyProblem> problems;
  const std::vector<Rule> rules = CompileRules(
      Parse("rules { name: 'n' verdict: LOG uids: 'root' uids: '1000-1999' "
            "gids: 'root' gids: '5' cgroups: '/a/b/' "
            "containers: '0123456789AB' user_namespaces: 'daemon' "
            "user_namespaces: '42' executables: '/proc/self/exe' "
            "actions: CONNECT actions: RAW addresses: '10.0.0.0/8' "
            "ports: '443' ports: '1-1023' hosts: '*.Example.com' }"),
      &problems);
  ASSERT_TRUE(problems.empty()) << problems[0].message;
  ASSERT_EQ(rules.size(), 1u);
  const Rule& rule = rules[0];
  EXPECT_EQ(rule.name, "n");
  EXPECT_EQ(rule.verdict, Rule::Verdict::kLog);
  EXPECT_EQ(rule.uids[0].last, 0u);
  EXPECT_EQ(rule.uids[1].first, 1000u);
  EXPECT_EQ(rule.uids[1].last, 1999u);
  EXPECT_EQ(rule.gids[1].first, 5u);
  EXPECT_EQ(rule.cgroups[0], "/a/b");
  EXPECT_EQ(rule.containers[0], "0123456789ab");
  EXPECT_EQ(rule.user_namespaces[1].inode, 42u);
  EXPECT_EQ(rule.executables[0], *ReadFileId("/proc/self/exe"));
  EXPECT_EQ(rule.actions, MaskOf(Action::kConnect) | MaskOf(Action::kRaw));
  EXPECT_EQ(rule.addresses[0].length, 8);
  EXPECT_EQ(rule.ports[0].last, 443);
  EXPECT_EQ(rule.ports[1].first, 1);
  EXPECT_EQ(rule.hosts[0].name, "example.com");
}

TEST(RuleCompilerTest, ARuleWithoutANameIsCalledByItsNumber) {
  std::vector<PolicyProblem> problems;
  const auto rules = CompileRules(
      Parse("rules { verdict: DENY } rules { verdict: DENY }"), &problems);
  EXPECT_EQ(rules[1].name, "rule 2");
  EXPECT_EQ(rules[1].actions, kAllActions);
}

TEST(RuleCompilerTest, AProblemNamesRuleFieldAndWhatWouldBeRight) {
  std::vector<PolicyProblem> problems;
  (void)CompileRules(Parse("rules { verdict: DENY } "
                           "rules { verdict: DENY ports: '1' ports: '9-1' }"),
                     &problems);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].rule, 1);
  EXPECT_EQ(problems[0].field, "ports");
  EXPECT_EQ(problems[0].index, 1);
  EXPECT_THAT(problems[0].message, HasSubstr("is \"9-1\""));
  EXPECT_THAT(problems[0].message, HasSubstr("\"1-1023\""));
}

TEST(RuleCompilerTest, EveryFieldIsChecked) {
  EXPECT_EQ(ProblemOf("name: 'no verdict'").field, "verdict");
  for (const char* wrong : {"uids: 'no-such-user-here'",
                            "uids: '5-'",
                            "uids: '-5'",
                            "uids: ''",
                            "uids: '4294967296'",
                            "gids: 'no-such-group-here'",
                            "gids: '7-6'",
                            "cgroups: 'a'",
                            "cgroups: ''",
                            "containers: '0123456789a'",
                            "containers: '0123456789ag'",
                            "user_namespaces: 'mine'",
                            "executables: 'sh'",
                            "executables: '/nowhere/at/all'",
                            "actions: ACTION_UNSPECIFIED",
                            "actions: 8",
                            "addresses: '10.1.0.0/8'",
                            "addresses: 'localhost'",
                            "ports: '65536'",
                            "ports: '+1'",
                            "ports: ''",
                            "hosts: 'a b'"}) {
    const PolicyProblem problem =
        ProblemOf(std::string("verdict: DENY ") + wrong);
    EXPECT_EQ(problem.rule, 0) << wrong;
    EXPECT_EQ(std::string(wrong).find(problem.field), 0u) << wrong;
    EXPECT_FALSE(problem.message.empty()) << wrong;
  }
  EXPECT_EQ(
      ProblemOf("verdict: DENY name: '" + std::string(65, 'n') + "'").field,
      "name");
}

TEST(RuleCompilerTest, TheEndIsAllowOrDeny) {
  std::vector<PolicyProblem> problems;
  (void)CompileRules(Parse("otherwise: LOG"), &problems);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].rule, -1);
  EXPECT_EQ(problems[0].field, "otherwise");
}

TEST(RuleCompilerTest, HasALimit) {
  Policy policy;
  for (int i = 0; i < kMostRules; ++i) {
    policy.add_rules()->set_verdict(Policy::DENY);
  }
  std::vector<PolicyProblem> problems;
  EXPECT_EQ(CompileRules(policy, &problems).size(), size_t{kMostRules});
  EXPECT_TRUE(problems.empty());
  policy.add_rules()->set_verdict(Policy::DENY);
  (void)CompileRules(policy, &problems);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0].message, HasSubstr("20000"));
}

}  // namespace
}  // namespace wspd
