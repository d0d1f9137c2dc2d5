#include "daemon/resolver/address_with_port.h"

#include <arpa/inet.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "daemon/resolver/host_table.h"

namespace wspd {
namespace {

// Splits at the colon before the port, if there is one.
void SplitPort(absl::string_view* host,
               absl::optional<absl::string_view>* port) {
  if (absl::ConsumePrefix(host, "[")) {
    const size_t end = host->find(']');
    if (end == absl::string_view::npos) {
      *port = "";
      return;
    }
    absl::string_view rest = host->substr(end + 1);
    *host = host->substr(0, end);
    if (rest.empty()) return;
    *port = absl::ConsumePrefix(&rest, ":") ? rest : "";
    return;
  }
  const size_t colon = host->find(':');
  if (colon == absl::string_view::npos || colon != host->rfind(':')) return;
  *port = host->substr(colon + 1);
  *host = host->substr(0, colon);
}

}  // namespace

NetAddress ParseAddressWithPort(absl::string_view text,
                                absl::optional<uint16_t> default_port) {
  absl::optional<absl::string_view> port_text;
  SplitPort(&text, &port_text);
  const NetAddress address = ParseNumericAddress(text);
  if (address.empty()) return address;
  uint32_t port = 0;
  if (port_text) {
    if (!absl::SimpleAtoi(*port_text, &port) || port > 0xffff) {
      return NetAddress();
    }
  } else if (default_port) {
    port = *default_port;
  } else {
    return NetAddress();
  }
  return address.WithPort(static_cast<uint16_t>(port));
}

std::string AddressWithPortText(const NetAddress& address) {
  char text[INET6_ADDRSTRLEN];
  if (address.family() == AF_INET6) {
    inet_ntop(AF_INET6, &address.v6().sin6_addr, text, sizeof(text));
    return absl::StrCat("[", text, "]:", address.port());
  }
  inet_ntop(AF_INET, &address.v4().sin_addr, text, sizeof(text));
  return absl::StrCat(text, ":", address.port());
}

}  // namespace wspd
