#ifndef WSPD_DAEMON_POLICY_SUBJECT_H_
#define WSPD_DAEMON_POLICY_SUBJECT_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/identity/peer_identity.h"

namespace wspd {

// Who does something, as rules see it: what the kernel said of the process when
// it attached. A value.
struct PolicySubject {
  uid_t uid = 0;
  // The effective group.
  gid_t gid = 0;
  // The others; none: not known.
  absl::optional<std::vector<gid_t>> groups;
  // Path in the unified hierarchy; empty: not known.
  std::string cgroup;
  // What the cgroup says of a container; empty: none, or not known.
  std::string container;
  // Not known: the process may not be looked at.
  absl::optional<FileId> user_namespace;
  absl::optional<FileId> executable;
  // Whether it has the capability for privileged ports; none: not known.
  absl::optional<bool> binds_low_ports;
};

PolicySubject SubjectOf(const PeerIdentity& identity);

// The id of the container that a cgroup is part of: the 64 hexadecimal digits
// that end the first component that has them, as in
// "/machine.slice/libpod-ID.scope/container" or "/docker/ID". Empty if there
// is none.
std::string ContainerOf(absl::string_view cgroup);

// Whether a cgroup, which is known, is that of `path` or below it. The path has
// no slash at its end: the root's is empty.
bool IsWithinCgroup(absl::string_view cgroup, absl::string_view path);

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_SUBJECT_H_
