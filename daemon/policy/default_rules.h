#ifndef WSPD_DAEMON_POLICY_DEFAULT_RULES_H_
#define WSPD_DAEMON_POLICY_DEFAULT_RULES_H_

#include <string>

#include "absl/strings/str_cat.h"

namespace wspd {

// What nobody may whatever the rules say, since the same user couldn't without
// the daemon: by the names that stand in the place of a rule's, whose number is
// 0. At most 63 bytes each.
inline constexpr char kNoRawSockets[] = "wspd makes no raw sockets";
inline constexpr char kUnprivilegedPorts[] =
    "low ports take CAP_NET_BIND_SERVICE";
// The client's groups, and where these are, the daemon's.
inline constexpr char kEchoGroups[] =
    "ICMP echoes take a group in net.ipv4.ping_group_range";
inline constexpr char kDaemonsEchoGroups[] =
    "no group of wspd's is in net.ipv4.ping_group_range";
inline constexpr char kAnotherUsersAddress[] = "another user has the address";
inline constexpr char kPrivilegedControl[] =
    "ancillary data that takes a privilege";
// As setsockopt() has them, of the client.
inline std::string PrivilegedOption(int level, int name) {
  return absl::StrCat("option ", level, "/", name, " takes a privilege");
}

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_DEFAULT_RULES_H_
