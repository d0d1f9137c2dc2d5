#include "daemon/resolver/dns_server.h"

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "daemon/resolver/host_table.h"

namespace wspd {
namespace {

constexpr uint32_t kDnsPort = 53;

// Splits at the colon before the port, if there is one.
void SplitPort(absl::string_view* host, absl::string_view* port) {
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

absl::StatusOr<NetAddress> ParseDnsServer(absl::string_view text) {
  absl::string_view host = text;
  absl::string_view port_text = "53";
  SplitPort(&host, &port_text);
  uint32_t port = kDnsPort;
  const NetAddress address = ParseNumericAddress(host);
  if (address.empty() || !absl::SimpleAtoi(port_text, &port) || port == 0 ||
      port > 0xffff) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no ADDRESS or ADDRESS:PORT"));
  }
  return address.WithPort(static_cast<uint16_t>(port));
}

}  // namespace wspd
