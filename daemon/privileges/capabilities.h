#ifndef WSPD_DAEMON_PRIVILEGES_CAPABILITIES_H_
#define WSPD_DAEMON_PRIVILEGES_CAPABILITIES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace wspd {

// Capabilities, 1 << CAP_* each.
using CapabilitySet = uint64_t;

// What the calling thread may use, and may make usable.
absl::StatusOr<CapabilitySet> PermittedCapabilities();

// No program that the calling thread may run gets a capability that isn't in
// `kept`. For who may say so (CAP_SETPCAP); otherwise nothing is done, which
// no-new-privileges makes up for.
absl::Status LimitBoundingSet(CapabilitySet kept);

// Leaves the calling thread, and so those that it starts later, with no
// capability but those of `kept` that it has: effective and permitted, none
// inheritable or ambient.
absl::Status KeepCapabilities(CapabilitySet kept);

// As "cap_net_bind_service,cap_net_admin", "none" for none.
std::string CapabilityNames(CapabilitySet set);

}  // namespace wspd

#endif  // WSPD_DAEMON_PRIVILEGES_CAPABILITIES_H_
