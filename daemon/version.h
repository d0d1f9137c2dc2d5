#ifndef WSPD_DAEMON_VERSION_H_
#define WSPD_DAEMON_VERSION_H_

namespace wspd {

// Of the daemon and its tools; CHANGELOG.md says what is in it.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace wspd

#endif  // WSPD_DAEMON_VERSION_H_
