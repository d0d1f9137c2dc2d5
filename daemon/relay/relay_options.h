#ifndef WSPD_DAEMON_RELAY_RELAY_OPTIONS_H_
#define WSPD_DAEMON_RELAY_RELAY_OPTIONS_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "daemon/socket/net_address.h"

namespace wspd {

// What becomes of a program's setsockopt() on a relayed socket. The daemon may
// have privileges that the program hasn't, so that only what is known to need
// none gets to the kernel.
enum class OptionRule {
  // ENOPROTOOPT: not known.
  kUnknown,
  // EPERM: would change how the daemon's end works.
  kRefused,
  // EPERM: the kernel would ask for a privilege, which the daemon may have; to
  // bind to a device, before Linux 5.7.
  kPrivileged,
  // The program's end has it: nothing to do here.
  kProgramsOwn,
  // The real socket's.
  kReal,
};

// `value`, `size` bytes, makes a difference to SO_PRIORITY, TCP_CONGESTION and
// IP_OPTIONS.
OptionRule RuleOfSetting(int level, int name, const void* value, size_t size);

// Whether getsockopt() of the real socket may be asked for an option. SO_ERROR
// is none of these: the relay has it.
bool IsReadable(int level, int name);

// The group that an option of this value joins; empty: none, or the value is
// too short for one.
NetAddress JoinedGroup(int level, int name, absl::string_view value);

// The address that datagrams to groups have as their source by IP_MULTICAST_IF
// of this value; empty: another option, or the interface's own.
NetAddress GroupSource(int level, int name, absl::string_view value);

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_RELAY_OPTIONS_H_
