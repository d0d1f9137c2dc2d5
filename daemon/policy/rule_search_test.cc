// The index against the plain meaning of the rules: random policies, random
// questions, and one rule after the other.
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/policy/rule_set.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using Where = RuleIndex::Where;

const char* const kHosts[] = {"example.com", "a.example.com", "b.a.example.com",
                              "example.net", "com"};

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  uint32_t Below(uint32_t bound) { return engine_() % bound; }
  bool OneIn(uint32_t n) { return Below(n) == 0; }

 private:
  std::mt19937 engine_;
};

// Few bits vary, so that much overlaps: at the ends and in the middle.
absl::uint128 AnyBits(bool v6, Random* random) {
  const uint32_t low = random->Below(8);
  const uint32_t high = random->Below(8);
  if (v6) return absl::MakeUint128(uint64_t{high} << 61, low);
  return absl::uint128(high << 29 | random->Below(2) << 12 | low);
}

IpPrefix AnyPrefix(Random* random) {
  IpPrefix prefix;
  prefix.v6 = random->OneIn(2);
  const int bits = prefix.v6 ? 128 : 32;
  prefix.first = AnyBits(prefix.v6, random);
  const int kLengths[] = {0, 1, 2, 3, bits / 2, bits - 2, bits - 1, bits};
  prefix.length = kLengths[random->Below(8)];
  // Without the bits beyond it.
  if (prefix.length == 0) {
    prefix.first = 0;
  } else {
    const int rest = bits - prefix.length;
    prefix.first = prefix.first >> rest << rest;
  }
  return prefix;
}

std::string TextOf(const IpPrefix& prefix) {
  if (!prefix.v6) {
    const auto v4 = static_cast<uint32_t>(prefix.first);
    return absl::StrCat(v4 >> 24, ".", v4 >> 16 & 255, ".", v4 >> 8 & 255, ".",
                        v4 & 255, "/", prefix.length);
  }
  std::string text;
  for (int i = 7; i >= 0; --i) {
    absl::StrAppend(
        &text, absl::Hex(absl::Uint128Low64(prefix.first >> (16 * i)) & 0xffff),
        i == 0 ? "" : ":");
  }
  return absl::StrCat(text, "/", prefix.length);
}

// A rule as the test means it.
struct Meaning {
  Policy::Verdict verdict;
  absl::optional<uint32_t> uid;
  uint32_t actions = 0;  // a mask, 0: all
  std::vector<IpPrefix> addresses;
  std::vector<PortRange> ports;
  std::vector<HostPattern> hosts;
};

Meaning AnyMeaning(Random* random) {
  Meaning rule;
  rule.verdict = static_cast<Policy::Verdict>(1 + random->Below(3));
  if (random->OneIn(2)) rule.uid = random->Below(3);
  if (random->OneIn(2)) rule.actions = random->Below(1 << kRuleActions) & ~1u;
  if (!random->OneIn(3)) {
    for (uint32_t i = random->Below(3) + 1; i > 0; --i) {
      rule.addresses.push_back(AnyPrefix(random));
    }
  }
  if (random->OneIn(2)) {
    for (uint32_t i = random->Below(2) + 1; i > 0; --i) {
      const uint16_t kEnds[] = {0, 1, 80, 81, 1000, 65534, 65535};
      uint16_t first = kEnds[random->Below(7)];
      uint16_t last = kEnds[random->Below(7)];
      if (first > last) std::swap(first, last);
      rule.ports.push_back({first, last});
    }
  }
  if (random->OneIn(4)) {
    const std::string name = kHosts[random->Below(5)];
    const std::string kPatterns[] = {name, "*." + name, "*"};
    rule.hosts.push_back(*ParseHostPattern(kPatterns[random->Below(3)]));
  }
  return rule;
}

Policy::Rule ToProto(const Meaning& rule) {
  Policy::Rule proto;
  proto.set_verdict(rule.verdict);
  if (rule.uid) proto.add_uids(absl::StrCat(*rule.uid));
  for (int i = 1; i < kRuleActions; ++i) {
    if ((rule.actions >> i & 1) != 0) {
      proto.add_actions(static_cast<Policy::Action>(i));
    }
  }
  for (const auto& prefix : rule.addresses) {
    proto.add_addresses(TextOf(prefix));
  }
  for (const auto& range : rule.ports) {
    proto.add_ports(absl::StrCat(range.first, "-", range.last));
  }
  for (const auto& host : rule.hosts) {
    proto.add_hosts(host.kind == HostPattern::Kind::kAny     ? "*"
                    : host.kind == HostPattern::Kind::kBelow ? "*." + host.name
                                                             : host.name);
  }
  return proto;
}

bool FitsAddress(const Meaning& rule, const Where& where) {
  if (rule.addresses.empty()) return true;
  bool v4_any = false;
  bool v6_any = false;
  bool v4_all = false;
  bool v6_all = false;
  for (const IpPrefix& prefix : rule.addresses) {
    if (where.kind == Where::Kind::kOne && prefix.v6 == where.address.v6) {
      const int rest = (prefix.v6 ? 128 : 32) - prefix.length;
      if (prefix.length == 0 ||
          (where.address.bits >> rest) == (prefix.first >> rest)) {
        return true;
      }
    }
    (prefix.v6 ? v6_any : v4_any) = true;
    if (prefix.length == 0) (prefix.v6 ? v6_all : v4_all) = true;
  }
  if (where.kind != Where::Kind::kAll) return false;
  if (rule.verdict == Policy::DENY) {
    return v4_any || (where.address.v6 && v6_any);
  }
  return v4_all && (!where.address.v6 || v6_all);
}

bool Fits(const Meaning& rule, uint32_t uid, Action action,
          const Where& where) {
  if (rule.uid && *rule.uid != uid) return false;
  if (rule.actions != 0 && (rule.actions & MaskOf(action)) == 0) return false;
  if (!FitsAddress(rule, where)) return false;
  if (!rule.ports.empty()) {
    if (action == Action::kResolve || action == Action::kRaw) return false;
    bool fits = false;
    for (const PortRange& range : rule.ports) {
      fits |= where.port >= range.first && where.port <= range.last;
    }
    if (!fits) return false;
  }
  if (rule.hosts.empty()) return true;
  for (const std::string& host : where.hosts) {
    for (const HostPattern& pattern : rule.hosts) {
      if (Matches(pattern, host)) return true;
    }
  }
  return false;
}

Decision Reference(const std::vector<Meaning>& rules, bool otherwise,
                   uint32_t uid, Action action, const Where& where) {
  Decision decision;
  for (Rank rank = 0; rank < rules.size(); ++rank) {
    if (!Fits(rules[rank], uid, action, where)) continue;
    if (rules[rank].verdict == Policy::LOG) {
      if (decision.log == kNoRank) decision.log = rank;
      continue;
    }
    decision.rule = rank;
    decision.allowed = rules[rank].verdict == Policy::ALLOW;
    return decision;
  }
  decision.allowed = otherwise;
  return decision;
}

TEST(RuleSearchTest, FindsWhatReadingThemInOrderFinds) {
  Random random(20261128);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    std::vector<Meaning> rules;
    Policy policy;
    const bool otherwise = random.OneIn(2);
    policy.set_otherwise(otherwise ? Policy::ALLOW : Policy::DENY);
    for (uint32_t i = random.Below(40); i > 0; --i) {
      rules.push_back(AnyMeaning(&random));
      *policy.add_rules() = ToProto(rules.back());
    }
    std::vector<PolicyProblem> problems;
    const auto set = RuleSet::Make(policy, &problems);
    ASSERT_NE(set, nullptr) << problems[0].message << policy.DebugString();
    for (uint32_t uid = 0; uid < 3; ++uid) {
      PolicySubject subject;
      subject.uid = uid;
      const auto client = set->For(subject);
      bool denied = false;
      for (int question = 0; question < 200; ++question) {
        const auto action =
            static_cast<Action>(1 + random.Below(kRuleActions - 1));
        Where where;
        where.kind = static_cast<Where::Kind>(random.Below(3));
        where.address.v6 = random.OneIn(2);
        const uint16_t kPorts[] = {0, 1, 2, 80, 81, 999, 65534, 65535};
        if (where.kind != Where::Kind::kNone) {
          where.port = kPorts[random.Below(8)];
        }
        if (where.kind == Where::Kind::kOne) {
          where.address.bits = AnyBits(where.address.v6, &random);
        }
        // Only names have no address.
        if (where.kind == Where::Kind::kNone && action != Action::kResolve) {
          continue;
        }
        std::vector<std::string> hosts;
        for (uint32_t i = random.Below(3); i > 0; --i) {
          hosts.push_back(kHosts[random.Below(5)]);
        }
        where.hosts = hosts;
        const Decision found = client->Decide(action, where);
        const Decision wanted = Reference(rules, otherwise, uid, action, where);
        ASSERT_EQ(found.rule, wanted.rule)
            << ActionName(action) << " " << where.address.bits << " port "
            << where.port << "\n"
            << policy.DebugString();
        ASSERT_EQ(found.allowed, wanted.allowed);
        ASSERT_EQ(found.log, wanted.log) << policy.DebugString();
        denied |= !found.allowed && action != Action::kRaw;
        if (client->is_empty()) {
          ASSERT_EQ(found.log, kNoRank);
        }
      }
      ASSERT_FALSE(denied && client->is_unrestricted());
    }
  }
}

}  // namespace
}  // namespace wspd
