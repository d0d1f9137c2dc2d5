#ifndef WSPD_DAEMON_POLICY_ECHO_GROUPS_H_
#define WSPD_DAEMON_POLICY_ECHO_GROUPS_H_

#include "absl/strings/string_view.h"
#include "daemon/policy/subject.h"

namespace wspd {

// Whether a process may have sockets for ICMP echoes (SOCK_DGRAM of
// IPPROTO_ICMP and IPPROTO_ICMPV6), which the kernel would ask for the daemon's
// groups: whether the effective group that it had when it attached, or one of
// the others, is in net.ipv4.ping_group_range of the daemon's network
// namespace. Others that aren't known aren't. As with the kernel no privilege
// stands in for a group.
bool MayHaveEchoes(const PolicySubject& subject);

// The same by the text of that setting: "FIRST\tLAST\n"; other text is
// nobody's.
bool IsInEchoGroups(const PolicySubject& subject, absl::string_view range);

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_ECHO_GROUPS_H_
