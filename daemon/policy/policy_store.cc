#include "daemon/policy/policy_store.h"

#include <utility>
#include <vector>

#include "daemon/policy/host_pattern.h"
#include "daemon/policy/policy_question.h"

namespace wspd {

std::shared_ptr<PolicyStore> PolicyStore::Create(
    std::shared_ptr<const RuleSet> rules, PolicyObserver* observer) {
  return std::shared_ptr<PolicyStore>(
      new PolicyStore(std::move(rules), observer));
}

// Without a reader's price where the answer is always the same.
void PolicyStore::Apply(const RuleSet& rules, ClientAccess* access) {
  std::shared_ptr<const ClientRules> own = rules.For(access->subject());
  access->rules_.Set(own->is_empty() ? nullptr : std::move(own));
}

std::shared_ptr<const ClientAccess> PolicyStore::AccessOf(
    const PeerIdentity& identity, const ProcessKey& key,
    ClientNumber client_id) {
  std::shared_ptr<ClientAccess> access(
      new ClientAccess(SubjectOf(identity), identity.pid, std::move(client_id),
                       HostsOf(key), observer_),
      [weak = weak_from_this(), key](ClientAccess* raw) {
        const auto self = weak.lock();
        if (self != nullptr) self->Forget(raw);
        delete raw;
        if (self != nullptr) self->ForgetHosts(key);
      });
  for (;;) {
    const std::shared_ptr<const RuleSet> rules = this->rules();
    Apply(*rules, access.get());
    absl::MutexLock lock(&mu_);
    // Others may have come into force meanwhile.
    if (rules_ != rules) continue;
    accesses_.emplace(access.get(), access);
    return access;
  }
}

void PolicyStore::Replace(std::shared_ptr<const RuleSet> rules) {
  std::vector<std::shared_ptr<ClientAccess>> all;
  std::shared_ptr<const RuleSet> old;
  {
    absl::MutexLock lock(&mu_);
    old = std::exchange(rules_, rules);
    all.reserve(accesses_.size());
    for (const auto& [raw, weak] : accesses_) {
      if (auto access = weak.lock()) all.push_back(std::move(access));
    }
  }
  for (const auto& access : all) Apply(*rules, access.get());
}

PolicyStore::Answer PolicyStore::Ask(const PolicySubject& subject,
                                     Action action, const NetAddress& address,
                                     absl::string_view host) const {
  const std::shared_ptr<const RuleSet> rules = this->rules();
  const std::shared_ptr<const ClientRules> own = rules->For(subject);
  Answer answer;
  answer.unrestricted = own->is_unrestricted();
  std::vector<std::string> hosts;
  if (!host.empty()) hosts.push_back(CanonicalHost(host));
  const auto hosts_of = [&hosts](const IpAddress&) {
    return absl::MakeConstSpan(hosts);
  };
  const Decision decision =
      address.empty()
          ? DecideHost(*own, host)
          : DecideAddress(*own, action, address, address.port(), hosts_of);
  answer.allowed = decision.allowed;
  answer.rule = rules->NameOf(decision.rule);
  if (decision.rule != kNoRank) answer.number = decision.rule + 1;
  if (decision.log != kNoRank) answer.log_rule = rules->NameOf(decision.log);
  return answer;
}

std::shared_ptr<const RuleSet> PolicyStore::rules() const {
  absl::MutexLock lock(&mu_);
  return rules_;
}

std::shared_ptr<ResolvedHosts> PolicyStore::HostsOf(const ProcessKey& key) {
  absl::MutexLock lock(&mu_);
  std::weak_ptr<ResolvedHosts>& entry = hosts_[key];
  std::shared_ptr<ResolvedHosts> hosts = entry.lock();
  if (hosts == nullptr) {
    hosts = std::make_shared<ResolvedHosts>();
    entry = hosts;
  }
  return hosts;
}

void PolicyStore::Forget(ClientAccess* access) {
  absl::MutexLock lock(&mu_);
  accesses_.erase(access);
}

void PolicyStore::ForgetHosts(const ProcessKey& key) {
  absl::MutexLock lock(&mu_);
  const auto found = hosts_.find(key);
  if (found != hosts_.end() && found->second.expired()) hosts_.erase(found);
}

}  // namespace wspd
