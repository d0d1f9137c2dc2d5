#ifndef WSPD_DAEMON_POLICY_HOST_PATTERN_H_
#define WSPD_DAEMON_POLICY_HOST_PATTERN_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace wspd {

// Host names that a rule is about.
struct HostPattern {
  // "example.com" is that name alone; "*.example.com" (kBelow) all names that
  // end so, at any depth, and not example.com; "*" (kAny) all.
  enum class Kind { kExact, kBelow, kAny };

  Kind kind = Kind::kExact;
  // In small letters, without the "*." and without a dot at the end.
  std::string name;
};

// Nothing if it isn't one of the above, in ASCII, without spaces and of at most
// 253 bytes.
absl::optional<HostPattern> ParseHostPattern(absl::string_view text);

// A host name as patterns are compared with it: in small letters, without dots
// at its end.
std::string CanonicalHost(absl::string_view name);

// Whether `pattern` is about `host`, a CanonicalHost().
bool Matches(const HostPattern& pattern, absl::string_view host);

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_HOST_PATTERN_H_
