#ifndef WSPD_DAEMON_POLICY_RULE_H_
#define WSPD_DAEMON_POLICY_RULE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/policy/action.h"
#include "daemon/policy/host_pattern.h"
#include "daemon/policy/ip_prefix.h"
#include "daemon/policy/port_ranks.h"
#include "daemon/policy/subject.h"

namespace wspd {

// Both ends belong to it.
struct IdRange {
  uint32_t first = 0;
  uint32_t last = 0;
};

// A rule of proto/wspd/config.proto, checked. An empty list says nothing; of
// several in one list any may apply, of the lists each has to.
struct Rule {
  enum class Verdict { kAllow, kDeny, kLog };

  // Never empty: "rule 3" if it has none of its own.
  std::string name;
  Verdict verdict = Verdict::kDeny;

  std::vector<IdRange> uids;
  std::vector<IdRange> gids;
  // Without a slash at the end.
  std::vector<std::string> cgroups;
  // The beginnings of ids, in small letters.
  std::vector<std::string> containers;
  std::vector<FileId> user_namespaces;
  std::vector<FileId> executables;

  ActionMask actions = kAllActions;
  std::vector<IpPrefix> addresses;
  std::vector<PortRange> ports;
  std::vector<HostPattern> hosts;
};

// Whether the rule is about what `subject` does. What isn't known of the
// subject speaks against it: a rule that denies is about it then, another
// isn't.
bool AppliesTo(const Rule& rule, const PolicySubject& subject);

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_RULE_H_
