#ifndef WSPD_DAEMON_POLICY_RULE_SET_H_
#define WSPD_DAEMON_POLICY_RULE_SET_H_

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "daemon/policy/rule.h"
#include "daemon/policy/rule_compiler.h"
#include "daemon/policy/rule_index.h"
#include "daemon/policy/subject.h"

namespace wspd {

// What a policy says of something.
struct Decision {
  bool allowed = true;
  // The rule that decided; kNoRank: none did.
  Rank rule = kNoRank;
  // The first rule before it that logs; kNoRank: none.
  Rank log = kNoRank;
};

class RuleSet;

// A policy as it is for one subject: the rules that are about it, found by what
// it does and where. Those with the same rules share one. Immutable;
// thread-safe; keeps its RuleSet.
class ClientRules {
 public:
  // Takes no lock and allocates nothing.
  Decision Decide(Action action, const RuleIndex::Where& where) const;

  // Whether nothing that the subject could do is denied.
  bool is_unrestricted() const { return unrestricted_; }
  // Whether nothing is denied or logged, so that Decide() need not be asked.
  bool is_empty() const { return empty_; }
  // Whether anything about the action is denied or logged, perhaps.
  bool MayDecide(Action action) const;
  // Whether any rule about the action names a host.
  bool NamesHosts(Action action) const;

  const RuleSet& rules() const { return *rules_; }

 private:
  friend class RuleSet;

  // Of one action: the rules that decide, and those that log. Null: none.
  struct OfAction {
    std::shared_ptr<const RuleIndex> decide;
    std::shared_ptr<const RuleIndex> log;
  };

  ClientRules(std::shared_ptr<const RuleSet> rules,
              const std::vector<Rank>& chosen);

  const std::shared_ptr<const RuleSet> rules_;
  std::array<OfAction, kRuleActions> actions_;
  bool unrestricted_ = true;
  bool empty_ = true;
};

// A whole policy, checked. Immutable but for what it remembers; thread-safe.
class RuleSet : public std::enable_shared_from_this<RuleSet> {
 public:
  // Of a policy without rules.
  static std::shared_ptr<RuleSet> None() {
    return std::shared_ptr<RuleSet>(new RuleSet({}, true));
  }

  // Null, and `problems` say why, if anything is wrong.
  static std::shared_ptr<RuleSet> Make(const Policy& policy,
                                       std::vector<PolicyProblem>* problems);

  const std::vector<Rule>& rules() const { return rules_; }
  // What happens where no rule decides.
  bool allows_otherwise() const { return allows_otherwise_; }
  // The name of a rule, "otherwise" for kNoRank.
  const std::string& NameOf(Rank rank) const;

  // The policy for `subject`. Looks at every rule, and builds the index if
  // nobody with the same rules has one: about a microsecond a rule.
  std::shared_ptr<const ClientRules> For(const PolicySubject& subject) const;

 private:
  RuleSet(std::vector<Rule> rules, bool allows_otherwise)
      : rules_(std::move(rules)), allows_otherwise_(allows_otherwise) {}

  const std::vector<Rule> rules_;
  const bool allows_otherwise_;
  mutable absl::Mutex mu_;
  // By the rules that were chosen.
  mutable absl::flat_hash_map<std::vector<Rank>,
                              std::weak_ptr<const ClientRules>>
      clients_ ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_RULE_SET_H_
