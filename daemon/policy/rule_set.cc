#include "daemon/policy/rule_set.h"

#include <map>
#include <utility>

namespace wspd {
namespace {

// Rules with ports are about nothing that has none.
bool IsAbout(const Rule& rule, Action action) {
  return (rule.actions & MaskOf(action)) != 0 &&
         ((action != Action::kResolve && action != Action::kRaw) ||
          rule.ports.empty());
}

// Whether nothing gets past it.
bool IsAboutEverything(const Rule& rule) {
  return rule.actions == kAllActions && rule.addresses.empty() &&
         rule.ports.empty() && rule.hosts.empty();
}

// Rules of some actions are the same, and so is what finds them.
using Indexes = std::map<std::vector<Rank>, std::shared_ptr<const RuleIndex>>;

std::shared_ptr<const RuleIndex> IndexOf(const std::vector<Rule>& rules,
                                         const std::vector<Rank>& chosen,
                                         Indexes* indexes) {
  if (chosen.empty()) return nullptr;
  std::shared_ptr<const RuleIndex>& index = (*indexes)[chosen];
  if (index == nullptr) {
    index = std::make_shared<const RuleIndex>(rules, chosen);
  }
  return index;
}

}  // namespace

// -------------------------------------------------------------- ClientRules

ClientRules::ClientRules(std::shared_ptr<const RuleSet> rules,
                         const std::vector<Rank>& chosen)
    : rules_(std::move(rules)) {
  const std::vector<Rule>& all = rules_->rules();
  bool passes = true;
  for (const Rank rank : chosen) {
    const Rule& rule = all[rank];
    // Raw sockets are denied to everybody.
    if (rule.verdict == Rule::Verdict::kDeny &&
        rule.actions != MaskOf(Action::kRaw)) {
      unrestricted_ = false;
    }
    if (rule.verdict != Rule::Verdict::kAllow) empty_ = false;
    if (rule.verdict == Rule::Verdict::kAllow && IsAboutEverything(rule)) {
      passes = false;
    }
  }
  if (passes && !rules_->allows_otherwise()) unrestricted_ = empty_ = false;
  Indexes indexes;
  for (int i = 1; i < kRuleActions; ++i) {
    std::vector<Rank> decide;
    std::vector<Rank> log;
    for (const Rank rank : chosen) {
      const Rule& rule = all[rank];
      if (!IsAbout(rule, static_cast<Action>(i))) continue;
      (rule.verdict == Rule::Verdict::kLog ? log : decide).push_back(rank);
    }
    actions_[i].decide = IndexOf(all, decide, &indexes);
    actions_[i].log = IndexOf(all, log, &indexes);
  }
}

Decision ClientRules::Decide(Action action,
                             const RuleIndex::Where& where) const {
  const OfAction& of = actions_[static_cast<int>(action)];
  Decision decision;
  if (of.decide != nullptr) decision.rule = of.decide->Find(where);
  if (decision.rule == kNoRank) {
    decision.allowed = rules_->allows_otherwise();
  } else {
    decision.allowed =
        rules_->rules()[decision.rule].verdict == Rule::Verdict::kAllow;
  }
  if (of.log != nullptr) {
    const Rank log = of.log->Find(where);
    if (log < decision.rule) decision.log = log;
  }
  return decision;
}

bool ClientRules::MayDecide(Action action) const {
  const OfAction& of = actions_[static_cast<int>(action)];
  return of.decide != nullptr || of.log != nullptr ||
         !rules_->allows_otherwise();
}

bool ClientRules::NamesHosts(Action action) const {
  const OfAction& of = actions_[static_cast<int>(action)];
  return (of.decide != nullptr && of.decide->names_hosts()) ||
         (of.log != nullptr && of.log->names_hosts());
}

// ------------------------------------------------------------------ RuleSet

std::shared_ptr<RuleSet> RuleSet::Make(const Policy& policy,
                                       std::vector<PolicyProblem>* problems) {
  const size_t problems_before = problems->size();
  std::vector<Rule> rules = CompileRules(policy, problems);
  if (problems->size() > problems_before) return nullptr;
  return std::shared_ptr<RuleSet>(
      new RuleSet(std::move(rules), policy.otherwise() != Policy::DENY));
}

const std::string& RuleSet::NameOf(Rank rank) const {
  static const auto* const otherwise = new std::string("otherwise");
  return rank < rules_.size() ? rules_[rank].name : *otherwise;
}

std::shared_ptr<const ClientRules> RuleSet::For(
    const PolicySubject& subject) const {
  std::vector<Rank> chosen;
  for (Rank rank = 0; rank < rules_.size(); ++rank) {
    if (!AppliesTo(rules_[rank], subject)) continue;
    chosen.push_back(rank);
    // What is behind it is never come to.
    if (rules_[rank].verdict != Rule::Verdict::kLog &&
        IsAboutEverything(rules_[rank])) {
      break;
    }
  }
  {
    absl::MutexLock lock(&mu_);
    const auto found = clients_.find(chosen);
    if (found != clients_.end()) {
      if (auto shared = found->second.lock()) return shared;
    }
  }
  // Not under the lock: it may take a while. Two that come at once make two.
  std::shared_ptr<const ClientRules> made(
      new ClientRules(shared_from_this(), chosen));
  absl::MutexLock lock(&mu_);
  // Those whose clients have gone. There are never many more than clients.
  for (auto it = clients_.begin(); it != clients_.end();) {
    if (it->second.expired()) {
      clients_.erase(it++);
    } else {
      ++it;
    }
  }
  clients_[std::move(chosen)] = made;
  return made;
}

}  // namespace wspd
