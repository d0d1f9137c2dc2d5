#ifndef WSPD_DAEMON_SOCKET_IP_HEADER_OPTIONS_H_
#define WSPD_DAEMON_SOCKET_IP_HEADER_OPTIONS_H_

#include "absl/strings/string_view.h"

namespace wspd {

// Whether these options of an IPv4 header, as IP_OPTIONS takes them, are such
// as anybody may send (ip_options_compile); the others need CAP_NET_RAW, which
// may be the daemon's. A source route, for one, takes packets to an address
// that the rules aren't asked about, and older kernels don't ask for a
// privilege.
bool AreForAnybody(absl::string_view options);

}  // namespace wspd

#endif  // WSPD_DAEMON_SOCKET_IP_HEADER_OPTIONS_H_
