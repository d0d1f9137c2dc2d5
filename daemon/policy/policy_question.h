#ifndef WSPD_DAEMON_POLICY_POLICY_QUESTION_H_
#define WSPD_DAEMON_POLICY_POLICY_QUESTION_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "daemon/policy/action.h"
#include "daemon/policy/ip_prefix.h"
#include "daemon/policy/rule_set.h"
#include "daemon/socket/net_address.h"

namespace wspd {

// By which names an address is known; what it gives lives as long as itself.
using HostsOf =
    absl::FunctionRef<absl::Span<const std::string>(const IpAddress& address)>;

// What `rules` say of a call with an address, which isn't empty, as Linux takes
// it: 0.0.0.0 and :: are all addresses to bind to, to listen at or to have a
// raw socket of, and the host itself to connect or send to. `port` is the
// address's own but for kAccept.
Decision DecideAddress(const ClientRules& rules, Action action,
                       const NetAddress& address, uint16_t port,
                       HostsOf hosts_of);

// Of a host's name that is to be looked up. Allocates.
Decision DecideHost(const ClientRules& rules, absl::string_view name);

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_POLICY_QUESTION_H_
