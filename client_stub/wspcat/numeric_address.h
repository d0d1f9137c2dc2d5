#ifndef WSPD_CLIENT_STUB_WSPCAT_NUMERIC_ADDRESS_H_
#define WSPD_CLIENT_STUB_WSPCAT_NUMERIC_ADDRESS_H_

#include <cstdint>
#include <string>

namespace wspd::wspcat {

// An IPv4 or IPv6 address, in network byte order.
struct NumericAddress {
  bool ipv6 = false;
  uint8_t bytes[16] = {};  // the first 4 if not ipv6
  uint32_t scope_id = 0;
};

// "192.0.2.1", "2001:db8::1", "fe80::1%3". False for anything else: names are
// not resolved, and a scope is a number.
bool ParseNumericAddress(const std::string& text, NumericAddress* address);

// "192.0.2.1:80", "[2001:db8::1]:80".
std::string FormatEndpoint(const NumericAddress& address, uint16_t port);

}  // namespace wspd::wspcat

#endif  // WSPD_CLIENT_STUB_WSPCAT_NUMERIC_ADDRESS_H_
