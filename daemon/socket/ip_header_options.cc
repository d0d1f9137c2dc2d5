#include "daemon/socket/ip_header_options.h"

#include <netinet/ip.h>

#include <cstdint>

namespace wspd {
namespace {

bool IsForAnybody(uint8_t type) {
  switch (type) {
    case IPOPT_RR:
    case IPOPT_TIMESTAMP:
    case IPOPT_RA:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool AreForAnybody(absl::string_view options) {
  size_t at = 0;
  while (at < options.size()) {
    const auto type = static_cast<uint8_t>(options[at]);
    if (type == IPOPT_EOL) return true;
    if (type == IPOPT_NOP) {
      ++at;
      continue;
    }
    if (!IsForAnybody(type)) return false;
    // The kernel says what is wrong with a length, and stops there.
    if (at + 1 >= options.size()) return true;
    const auto length = static_cast<uint8_t>(options[at + 1]);
    if (length < 2) return true;
    at += length;
  }
  return true;
}

}  // namespace wspd
