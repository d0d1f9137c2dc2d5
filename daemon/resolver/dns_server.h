#ifndef WSPD_DAEMON_RESOLVER_DNS_SERVER_H_
#define WSPD_DAEMON_RESOLVER_DNS_SERVER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/socket/net_address.h"

namespace wspd {

// Reads "192.0.2.1", "192.0.2.1:5353", "2001:db8::1" or "[2001:db8::1]:5353";
// the port is 53 unless it is given.
absl::StatusOr<NetAddress> ParseDnsServer(absl::string_view text);

}  // namespace wspd

#endif  // WSPD_DAEMON_RESOLVER_DNS_SERVER_H_
