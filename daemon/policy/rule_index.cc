#include "daemon/policy/rule_index.h"

#include <algorithm>
#include <utility>

namespace wspd {
namespace {

using AddressRules = std::vector<AddressIndex::Rule>;

AddressIndex::Rule AddressRuleOf(const std::vector<Rule>& rules, Rank rank) {
  const Rule& rule = rules[rank];
  return {rank, rule.verdict == Rule::Verdict::kDeny, &rule.addresses,
          &rule.ports};
}

std::unique_ptr<const AddressIndex> MakeHostless(
    const std::vector<Rule>& rules, const std::vector<Rank>& chosen) {
  AddressRules hostless;
  for (const Rank rank : chosen) {
    if (rules[rank].hosts.empty()) {
      hostless.push_back(AddressRuleOf(rules, rank));
    }
  }
  return std::make_unique<const AddressIndex>(hostless);
}

Rank FindIn(const AddressIndex& index, const RuleIndex::Where& where) {
  using Kind = RuleIndex::Where::Kind;
  switch (where.kind) {
    case Kind::kOne:
      return index.Find(where.address, where.port);
    case Kind::kAll:
      return index.FindWhole(where.address.v6, where.port);
    case Kind::kNone:
      return index.FindUnaddressed();
  }
  return kNoRank;
}

}  // namespace

RuleIndex::RuleIndex(const std::vector<Rule>& rules,
                     const std::vector<Rank>& chosen)
    : hostless_(MakeHostless(rules, chosen)) {
  AddressRules every;
  absl::flat_hash_map<std::string, AddressRules> exact;
  absl::flat_hash_map<std::string, AddressRules> below;
  for (const Rank rank : chosen) {
    const AddressIndex::Rule rule = AddressRuleOf(rules, rank);
    for (const HostPattern& host : rules[rank].hosts) {
      switch (host.kind) {
        case HostPattern::Kind::kAny:
          every.push_back(rule);
          break;
        case HostPattern::Kind::kExact:
          exact[host.name].push_back(rule);
          break;
        case HostPattern::Kind::kBelow:
          below[host.name].push_back(rule);
          break;
      }
    }
  }
  if (!every.empty()) every_host_ = std::make_unique<AddressIndex>(every);
  for (auto& [name, some] : exact) exact_.emplace(name, some);
  for (auto& [name, some] : below) below_.emplace(name, some);
}

Rank RuleIndex::Find(const Where& where) const {
  Rank best = FindIn(*hostless_, where);
  for (const std::string& host : where.hosts) {
    best = std::min(best, FindByHost(host, where));
  }
  return best;
}

Rank RuleIndex::FindByHost(absl::string_view host, const Where& where) const {
  Rank best = kNoRank;
  if (every_host_ != nullptr) best = FindIn(*every_host_, where);
  if (const auto found = exact_.find(host); found != exact_.end()) {
    best = std::min(best, FindIn(found->second, where));
  }
  if (below_.empty()) return best;
  for (size_t dot = host.find('.'); dot != absl::string_view::npos;
       dot = host.find('.', dot + 1)) {
    const auto found = below_.find(host.substr(dot + 1));
    if (found == below_.end()) continue;
    best = std::min(best, FindIn(found->second, where));
  }
  return best;
}

}  // namespace wspd
