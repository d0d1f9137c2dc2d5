#ifndef WSPD_DAEMON_RESOLVER_ADDRESS_WITH_PORT_H_
#define WSPD_DAEMON_RESOLVER_ADDRESS_WITH_PORT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/socket/net_address.h"

namespace wspd {

// Reads "192.0.2.1:5353" or "[2001:db8::1]:5353", in numbers; without a port,
// where that may be ("192.0.2.1", "2001:db8::1"), it is `default_port`. An
// empty address if `text` is none of these.
NetAddress ParseAddressWithPort(absl::string_view text,
                                absl::optional<uint16_t> default_port);

// The same the other way round.
std::string AddressWithPortText(const NetAddress& address);

}  // namespace wspd

#endif  // WSPD_DAEMON_RESOLVER_ADDRESS_WITH_PORT_H_
