#include "daemon/resolver/dns_server.h"

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "daemon/resolver/address_with_port.h"

namespace wspd {
namespace {

constexpr uint16_t kDnsPort = 53;

}  // namespace

absl::StatusOr<NetAddress> ParseDnsServer(absl::string_view text) {
  const NetAddress address = ParseAddressWithPort(text, kDnsPort);
  if (address.empty() || address.port() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no ADDRESS or ADDRESS:PORT"));
  }
  return address;
}

}  // namespace wspd
