#ifndef WSPD_DAEMON_POLICY_POLICY_STORE_H_
#define WSPD_DAEMON_POLICY_POLICY_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "daemon/identity/peer_identity.h"
#include "daemon/identity/process_key.h"
#include "daemon/policy/client_access.h"
#include "daemon/policy/policy_observer.h"
#include "daemon/policy/resolved_hosts.h"
#include "daemon/policy/rule_set.h"
#include "daemon/policy/subject.h"
#include "daemon/socket/net_address.h"

namespace wspd {

// The rules in force, and what everybody may do by them.
//
// Thread-safe. No other lock is taken under its own.
class PolicyStore : public std::enable_shared_from_this<PolicyStore> {
 public:
  // `observer` may be null, and outlives what is made here.
  static std::shared_ptr<PolicyStore> Create(
      std::shared_ptr<const RuleSet> rules, PolicyObserver* observer = nullptr);

  // What a process that has just attached may do, from now on by the rules in
  // force at the time. Looks at every rule. All that live at the same time with
  // one `key` know the same host names. `client_id`, which may be null, is for
  // those who are told.
  std::shared_ptr<const ClientAccess> AccessOf(
      const PeerIdentity& identity, const ProcessKey& key,
      ClientNumber client_id = nullptr);

  // Puts other rules in force: for each process at once, and for all when this
  // returns. Not called twice at the same time.
  void Replace(std::shared_ptr<const RuleSet> rules);

  // What the rules in force would say to a subject: to a call with an address
  // that is known as `host`, if that isn't empty; without an address, to
  // looking up `host`. Nobody is told.
  struct Answer {
    bool allowed = true;
    // Its number, from 1, and name; 0 and "otherwise" where none fits.
    uint32_t number = 0;
    std::string rule;
    // The first one before it that logs; may be empty.
    std::string log_rule;
    // Whether nothing at all is denied to the subject.
    bool unrestricted = true;
  };
  Answer Ask(const PolicySubject& subject, Action action,
             const NetAddress& address, absl::string_view host) const;

  std::shared_ptr<const RuleSet> rules() const;

 private:
  explicit PolicyStore(std::shared_ptr<const RuleSet> rules,
                       PolicyObserver* observer)
      : observer_(observer), rules_(std::move(rules)) {}

  static void Apply(const RuleSet& rules, ClientAccess* access);
  std::shared_ptr<ResolvedHosts> HostsOf(const ProcessKey& key);
  void Forget(ClientAccess* access);
  void ForgetHosts(const ProcessKey& key);

  PolicyObserver* const observer_;
  mutable absl::Mutex mu_;
  std::shared_ptr<const RuleSet> rules_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<ClientAccess*, std::weak_ptr<ClientAccess>> accesses_
      ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<ProcessKey, std::weak_ptr<ResolvedHosts>> hosts_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_POLICY_STORE_H_
