#ifndef WSPD_DAEMON_BASE_VERSION_H_
#define WSPD_DAEMON_BASE_VERSION_H_

namespace wspd {

// The release of wspd and wspctl, semantic versioning.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace wspd

#endif  // WSPD_DAEMON_BASE_VERSION_H_
