#include "client_stub/wspcat/numeric_address.h"

// For inet_pton and inet_ntop, and nothing else: the only place that wants the
// system's socket headers and so can't include the SPI's.
#if defined(_WIN32)
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#endif

#include <charconv>

namespace wspd::wspcat {
namespace {

bool ParseScope(const std::string& text, uint32_t* scope_id) {
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *scope_id);
  return result.ec == std::errc() && result.ptr == end;
}

}  // namespace

bool ParseNumericAddress(const std::string& text, NumericAddress* address) {
  *address = {};
  if (inet_pton(AF_INET, text.c_str(), address->bytes) == 1) return true;
  address->ipv6 = true;
  const size_t percent = text.find('%');
  if (percent != std::string::npos &&
      !ParseScope(text.substr(percent + 1), &address->scope_id)) {
    return false;
  }
  return inet_pton(AF_INET6, text.substr(0, percent).c_str(), address->bytes) ==
         1;
}

std::string FormatEndpoint(const NumericAddress& address, uint16_t port) {
  char text[64] = "?";
  inet_ntop(address.ipv6 ? AF_INET6 : AF_INET, address.bytes, text,
            sizeof(text));
  const std::string host =
      address.ipv6 ? "[" + std::string(text) + "]" : std::string(text);
  return host + ":" + std::to_string(port);
}

}  // namespace wspd::wspcat
